"""The environment's `python3` kernel: how Papermill, nbval and JupyterLab start one, and with which settings.

`python -m helpers.workbook.kernelspec` writes it into the environment it runs in. Standard library only, because the
setup runs it.
"""

import importlib.metadata
import json
import os
import sys
import tempfile
from pathlib import Path

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
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as draft:
        json.dump(content(prefix), draft, indent=1)
    os.chmod(draft.name, 0o644)
    os.replace(draft.name, file)
    return file


def problems(prefix: str | Path = sys.prefix) -> list[str]:
    """What keeps kernels of the environment at `prefix` from being as above, one sentence or two each."""
    file, mend = path(prefix), "Run `python -m helpers.workbook.kernelspec`."
    found = []
    try:
        if json.loads(file.read_text()) != content(prefix):
            found.append(f"The kernelspec {file} was altered. {mend}")
    except FileNotFoundError:
        found.append(f"The environment has no kernelspec {file}. {mend}")
    except ValueError:
        found.append(f"The kernelspec {file} is not JSON. {mend}")
    if PROVISIONER not in importlib.metadata.entry_points(group="jupyter_client.kernel_provisioners").names:
        found.append(
            f"The package does not declare the provisioner {PROVISIONER}. Install the project again."
        )
    return found + shadows(file)


def shadows(file: Path) -> list[str]:
    """The kernelspec that Jupyter finds in place of the environment's, as a problem."""
    from jupyter_client.kernelspec import KernelSpecManager

    finds = KernelSpecManager().find_kernel_specs().get("python3")
    if not file.exists() or finds is None or Path(finds).resolve() == file.parent.resolve():
        return []
    return [
        f"Jupyter finds another python3 kernel first, {finds}. Remove it, or unset JUPYTER_PATH if that names it."
    ]


if __name__ == "__main__":
    print(install())
