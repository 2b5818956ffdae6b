"""The doctor: what is wrong is said, however wrong it is."""

import sys

from helpers.workbook import doctor


def test_an_impossible_output_folder_is_said(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("WORKBOOK_BUILD", str(tmp_path / "file" / "build"))
    assert [line for line in doctor.resources() if "name another in WORKBOOK_BUILD" in line]


def test_a_package_that_cant_be_imported_is_said_and_the_other_checks_still_run(monkeypatch, own_build):
    monkeypatch.setitem(sys.modules, "jupyter_client.kernelspec", None)
    monkeypatch.setattr(doctor, "data", list)  # hashing them takes seconds
    monkeypatch.setattr(doctor, "MEMORY", 1e9)
    said = doctor.problems()
    assert [line for line in said if "jupyter_client.kernelspec can't be imported: run" in line]
    assert "of memory are free" in said[-1]
