"""The set-up: a lock in step with what is asked for, and what is missing said before minutes are spent."""

import ast
import collections
import json
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
import tomli
import yaml
from packaging.requirements import Requirement

from helpers import ROOT, syllabus
from helpers.workbook import bootstrap, doctor

LOCK = (ROOT / "requirements.lock").read_text()
PINS = dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", LOCK, re.M))
ASKED = tomli.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]


def test_the_lock_is_in_step_with_what_pyproject_asks_for():
    pins = {name.lower().replace("_", "-"): pin for name, pin in PINS.items()}
    for requirement in map(Requirement, ASKED):
        assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement
    via = re.findall(r"#\s+(?:via )?mlops-workbook \(pyproject.toml\)", LOCK)
    assert len(via) == len(ASKED), "a dependency was added or dropped: `make lock`"


def test_every_direct_dependency_says_why_it_is_there():
    block = re.search(r"^dependencies = \[(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)[1]
    lines = [line for line in block.splitlines() if line.strip().startswith('"')]
    assert len(lines) == len(ASKED)
    assert not [line for line in lines if not re.search(r'",\s+# \w+', line)]


def test_the_lock_has_hashes_for_everything_and_no_address():
    entries = re.split(r"\n(?=\S)", LOCK)
    assert all("--hash=sha256:" in entry for entry in entries if "==" in entry and not entry.startswith("#"))
    assert "://" not in LOCK and "--index" not in LOCK


def test_what_is_installed_is_what_the_lock_pins_and_fits_together():
    assert doctor.versions() == []
    done = subprocess.run(
        [bootstrap.find_uv(), "pip", "check", "--python", sys.executable], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_version_off_the_lock_and_a_missing_package_are_named():
    said = doctor.versions(f"numpy==1.0 \\\n    --hash=x\nnot-there==2.0\npandas=={version('pandas')}")
    assert [line.split(":")[0] for line in said] == [
        "not-there 2.0 is missing",
        f"numpy is {version('numpy')}, the lock pins 1.0",
    ]


def test_conda_users_get_the_same_python_and_the_same_lock():
    tree = yaml.safe_load((ROOT / "environment.yml").read_text())
    assert f"python={(ROOT / '.python-version').read_text().strip()}" in tree["dependencies"]
    assert {"pip": ["-r requirements.lock"]} in tree["dependencies"]
    assert "cxx-compiler" in tree["dependencies"]


def test_the_container_and_the_editor_run_the_same_commands():
    text = (ROOT / ".devcontainer/devcontainer.json").read_text()
    tree = json.loads(re.sub(r"^//.*\n", "", text))
    assert tree["postCreateCommand"] == "make setup"
    assert (ROOT / ".devcontainer" / tree["build"]["dockerfile"]).resolve() == ROOT / "Dockerfile"
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "RUN make setup" in dockerfile and 'CMD ["make", "run"]' in dockerfile
    assert '-v "$PWD/build/report:/workbook/build/report" mlops-workbook make run' in dockerfile


def test_the_runs_the_readme_shows_set_parameters_their_lessons_have():
    lines = re.findall(r"^ +\.venv/bin/workbook run (.* -p .*)$", (ROOT / "README.md").read_text(), re.M)
    assert lines
    for line in lines:
        names, *settings = [part.split() for part in line.split("#")[0].split(" -p ")]
        for lesson in map(syllabus.load().lesson, names):
            assert {s.split("=")[0] for [s] in settings} <= set(lesson.parameters), f"{lesson.id}: {line}"


def test_the_setup_script_is_python_3_8():
    for name in ("bootstrap.py",):
        ast.parse((ROOT / "helpers/workbook" / name).read_text(), feature_version=(3, 8))


# ---- what is missing ------------------------------------------------------------------------------------------------


def test_a_missing_compiler_is_said_with_the_package_to_install(monkeypatch):
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    with pytest.raises(bootstrap.Missing, match=r"C\+\+ compiler is missing.*apt-get install g\+\+"):
        bootstrap.preflight()


def test_too_little_disk_is_said_with_how_much_a_first_or_a_later_setup_needs(monkeypatch, tmp_path):
    usage = collections.namedtuple("usage", "total used free")
    free = [3_000_000_000, 3_000_000_000, 1_000_000_000]
    monkeypatch.setattr(bootstrap.shutil, "disk_usage", lambda path: usage(0, 0, free.pop(0)))
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    with pytest.raises(bootstrap.Missing, match="3.0 GB of disk are free, the set-up needs 8"):
        bootstrap.preflight()
    (tmp_path / "lib/python3.10/site-packages/tensorflow").mkdir(parents=True)
    bootstrap.preflight()
    with pytest.raises(bootstrap.Missing, match="1.0 GB of disk are free, the set-up needs 2"):
        bootstrap.preflight()


@pytest.mark.parametrize(
    ("body", "said"), [("echo Python 3.9", "has Python 3.9"), ("exit 1", "has a Python that doesn't start")]
)
def test_an_environment_of_another_python_is_refused_with_what_to_do(monkeypatch, tmp_path, body, said):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").write_text(f"#!/bin/sh\n{body}\n")
    (tmp_path / "bin/python").chmod(0o755)
    with pytest.raises(bootstrap.Missing, match=rf"{said}, the workbook needs 3\.10: `rm -rf \.venv`"):
        bootstrap.preflight()


def test_a_processor_without_avx2_is_refused_and_one_that_does_not_say_is_not(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "CPUINFO", tmp_path / "cpuinfo")
    bootstrap.CPUINFO.write_text("processor : 0\nFeatures : fp asimd\n")
    bootstrap.preflight()
    bootstrap.CPUINFO.write_text("flags\t\t: fpu avx sse4_2\nvmx flags\t: avx2\n")
    with pytest.raises(bootstrap.Missing, match="no AVX2"):
        bootstrap.preflight()


@pytest.mark.parametrize("machine", [("Windows", "AMD64"), ("Darwin", "arm64"), ("Linux", "aarch64")])
def test_a_machine_without_tfx_packages_is_sent_to_the_container(monkeypatch, machine):
    monkeypatch.setattr(bootstrap.platform, "system", lambda: machine[0])
    monkeypatch.setattr(bootstrap.platform, "machine", lambda: machine[1])
    with pytest.raises(bootstrap.Missing, match="Dockerfile"):
        bootstrap.preflight()


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("error: Failed to fetch: `https://x`\n  Caused by: dns error", "index can't be reached"),
        ("ERROR: No matching distribution found for uv", "index can't be reached"),
        ("OSError: [Errno 28] No space left on device", "disk is full"),
        (
            "error: Failed to download `https://x/20240107/cpython-3.10.1-linux.tar.gz`\n  error sending request",
            "Python 3.10 is missing and can't be fetched",
        ),
        ("Failed to download and build `x`\n  gcc -I/uv/python/cpython-3.10/include", "The set-up failed"),
        ("error: hash mismatch for numpy", "hash mismatch for numpy"),
        ("", "no message"),
    ],
)
def test_what_an_installer_says_becomes_one_line_with_a_remedy(said, remedy):
    line = bootstrap.explain(said)
    assert remedy in line and "\n" not in line


def test_a_missing_interpreter_is_said(monkeypatch, tmp_path):
    """The real uv, asked for a Python nobody has."""
    with pytest.raises(bootstrap.Missing, match="Python 3.10 is missing"):
        bootstrap.step(
            "x", bootstrap.find_uv(), "venv", "--no-python-downloads", "--python", "3.99", str(tmp_path / "v")
        )


def test_a_setup_that_was_cut_off_or_whose_lock_changed_is_not_ready(monkeypatch, tmp_path):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    monkeypatch.setattr(bootstrap, "READY", tmp_path / ".ready")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").touch()
    assert not bootstrap.ready(), "cut off: nothing was written last"
    (tmp_path / ".ready").write_text(bootstrap.digest())
    assert bootstrap.ready()
    (tmp_path / ".ready").write_text("digest of another lock")
    assert not bootstrap.ready()


def test_no_file_names_a_registry_or_a_folder_of_one_machine():
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
    hosts = re.compile(r"(pypi|pythonhosted|npmjs|debian)\.(org|com)|registry\.npm|deb\.debian")
    here = re.compile(rf"{re.escape(str(ROOT))}|/home/\w+/|/Users/\w+/")
    for name in files:
        if name.endswith((".png", ".gif")) or name == "tests/test_setup.py" or not (ROOT / name).exists():
            continue
        text = (ROOT / name).read_text(encoding="utf8")
        assert not hosts.search(text), f"{name} names a registry"
        assert not here.search(text), f"{name} bears a folder of this machine"


def test_without_tensorflow_js_the_setup_goes_on_and_says_which_lesson_misses_it(
    monkeypatch, tmp_path, capfd
):
    monkeypatch.setattr(bootstrap, "VENV", tmp_path)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/npm").write_text(
        "#!/bin/sh\necho 'npm error code ENETUNREACH connection refused'\nexit 1\n"
    )
    (tmp_path / "bin/npm").chmod(0o755)
    bootstrap.install_tfjs()
    assert "Lesson 4.4 goes without TensorFlow.js; to try again" in capfd.readouterr().err
