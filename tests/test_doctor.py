"""The doctor: what is wrong is said, however wrong it is."""

import sys
from importlib.metadata import version

from ipykernel.kernelspec import write_kernel_spec

from helpers.workbook import doctor, kernelspec


def test_an_impossible_output_folder_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBOOK_BUILD", str(tmp_path / "file" / "build"))
    assert [line for line in doctor.resources() if "name another in WORKBOOK_BUILD" in line]


def test_a_package_that_cant_be_imported_is_said_and_the_other_checks_still_run(monkeypatch, own_build):
    monkeypatch.setitem(sys.modules, "jupyter_core.paths", None)
    monkeypatch.setattr(doctor, "data", list)  # hashing them takes seconds
    monkeypatch.setattr(doctor, "MEMORY", 1e9)
    said = doctor.problems()
    assert [line for line in said if "jupyter_core.paths can't be imported: run" in line]
    assert "of memory are free" in said[-1]


def test_an_ipykernel_installed_by_hand_is_said_and_so_is_the_kernelspec_it_brings(tmp_path, monkeypatch):
    package = tmp_path / "ipykernel-7.3.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: ipykernel\nVersion: 7.3.0\n")
    monkeypatch.setattr(doctor.sysconfig, "get_path", lambda name: str(tmp_path))
    said = doctor.versions(f"ipykernel=={version('ipykernel')} \\\n    --hash=x")
    assert said == [
        f"ipykernel is 7.3.0, the lock pins {version('ipykernel')}: run `rm .venv/.ready; make setup`."
    ]
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share" / "jupyter"))
    write_kernel_spec(kernelspec.path(tmp_path).parent)
    (problem,) = doctor.kernel()
    assert "ipykernel by hand" in problem and "kernels start cold" in problem
