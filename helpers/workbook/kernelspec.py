"""The environment's `python3` kernel: how Papermill, nbval and JupyterLab start one, and with which settings.

`python -m helpers.workbook.kernelspec` writes it into the environment it runs in. Standard library only, because the
setup runs it.
"""

import importlib.metadata
import json
import os
import sys
from pathlib import Path

from helpers import files
from helpers.environment import ENVIRONMENT

PROVISIONER = "workbook-warm"


def path(prefix: str | Path = sys.prefix) -> Path:
    """Where the environment at `prefix` has its kernelspec."""
    return Path(prefix, "share", "jupyter", "kernels", "python3", "kernel.json")


def content(prefix: str | Path = sys.prefix) -> dict:
    """What the kernelspec of the environment at `prefix` says."""
    python = str(Path(prefix, "Scripts/python.exe" if os.name == "nt" else "bin/python"))
    # Kernels that run side by side would wait for each other's lock on the history in the user's home
    history = "--HistoryManager.enabled=False"
    return {
        "argv": [python, "-m", "ipykernel_launcher", "-f", "{connection_file}", history],
        "display_name": "Python 3 (ipykernel)",  # ipykernel's own name, which notebooks carry
        "language": "python",
        "env": ENVIRONMENT,
        "kernel_protocol_version": "5.5",
        "metadata": {
            "debugger": True,
            "supported_encryption": "curve",
            "kernel_provisioner": {"provisioner_name": PROVISIONER},
        },
    }


def install(prefix: str | Path = sys.prefix) -> Path:
    """Write the kernelspec of the environment at `prefix`, whole or not at all; returns its path."""
    file = path(prefix)
    file.parent.mkdir(parents=True, exist_ok=True)
    files.write(file, _text(prefix))
    file.chmod(0o644)
    return file


def overwritten(prefix: str | Path = sys.prefix) -> bool:
    """Whether the environment at `prefix` has no kernelspec of the workbook's: an ipykernel installed by hand brings its own."""
    try:
        return PROVISIONER not in path(prefix).read_text(errors="replace")
    except OSError:  # none, or not to be read
        return True


def heal(prefix: str | Path = sys.prefix) -> list[str]:
    """Write an overwritten kernelspec again; returns what to tell, a line each: that, or why kernels will be cold.

    Cheap enough for every start. A kernelspec of the workbook's that somebody altered is left: only the doctor speaks of it.
    """
    if not overwritten(prefix):
        return shadows(path(prefix))
    if found := undeclared():  # this is another project's environment: its kernels would not start
        return found
    try:
        install(prefix)
    except OSError as error:
        return [f"Kernels are cold: {_overwritten(prefix)} It can't be written here: {error.strerror}."]
    return [
        "The kernelspec was not the workbook's, as after an installation of ipykernel by hand; it is now, and kernels "
        "are warm. See `workbook doctor`.",
        *shadows(path(prefix)),
    ]


def problems(prefix: str | Path = sys.prefix) -> list[str]:
    """What keeps kernels of the environment at `prefix` from being as above, one sentence or two each."""
    file, found = path(prefix), []
    if overwritten(prefix):
        found.append(_overwritten(prefix))
    elif file.read_text(errors="replace") != _text(prefix):
        found.append(f"The kernelspec {file} was altered. {_mend(prefix)}")
    return found + undeclared() + shadows(file)


def undeclared() -> list[str]:
    """That the running environment has no provisioner for the kernelspec to name, as a problem."""
    if PROVISIONER in importlib.metadata.entry_points(group="jupyter_client.kernel_provisioners").names:
        return []
    return [f"The package does not declare the provisioner {PROVISIONER}. Install the project again."]


def shadows(file: Path) -> list[str]:
    """The kernelspec that Jupyter finds in place of the environment's, as a problem."""
    from jupyter_core.paths import jupyter_path

    folders = [Path(folder, "python3") for folder in jupyter_path("kernels")]
    first = next((folder for folder in folders if (folder / "kernel.json").exists()), file.parent)
    if not file.exists() or first.resolve() == file.parent.resolve():
        return []
    return [
        f"Kernels may be cold: Jupyter finds another python3 kernel first, {first}. Remove it, or unset JUPYTER_PATH if "
        "that names it."
    ]


def _text(prefix: str | Path) -> str:
    return json.dumps(content(prefix), indent=1)


def _overwritten(prefix: str | Path) -> str:
    file = path(prefix)
    if not file.exists():
        return f"The environment has no kernelspec {file}. {_mend(prefix)}"
    return (
        f"The kernelspec {file} is not the workbook's, as after an installation of ipykernel by hand: kernels start "
        f"cold, in 10 s, and compute with other settings. {_mend(prefix)}"
    )


def _mend(prefix: str | Path) -> str:
    return f"Run `{content(prefix)['argv'][0]} -m helpers.workbook.kernelspec`."


if __name__ == "__main__":
    print(install())
