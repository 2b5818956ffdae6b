"""The environment's `python3` kernel: how Papermill, nbval and JupyterLab start one, and with which settings.

`python -m helpers.workbook.kernelspec` writes it into the environment it runs in. Standard library only: the setup
runs it.
"""
import json
import os
import sys
import tempfile
from pathlib import Path

# Every kernel has these before its first import. Nothing else of the machine should show in a lesson's numbers.
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # lessons are written for the CPU, and recorded on one
    "OMP_NUM_THREADS": "2",  # scikit-learn: sums are split by thread, so their number is part of the result
    "OPENBLAS_NUM_THREADS": "1",  # numpy, scipy: likewise; their matrices are small here
    "PYTHONHASHSEED": "0",  # the order of sets of strings
    "PYTHONWARNINGS": "ignore::FutureWarning",  # google packages announce the end of Python 3.10 on import
    "TF_CPP_MIN_LOG_LEVEL": "3",  # or C++ writes to stderr which instructions the machine has
    "TF_ENABLE_ONEDNN_OPTS": "0",  # oneDNN picks another order of summing on each kind of processor
    "TF_NUM_INTEROP_THREADS": "2",  # TensorFlow: as with OMP_NUM_THREADS
    "TF_NUM_INTRAOP_THREADS": "2",
}


def path(prefix: str | Path) -> Path:
    """The kernelspec's file in the environment at `prefix`."""
    return Path(prefix, "share", "jupyter", "kernels", "python3", "kernel.json")


def content(prefix: str | Path) -> dict:
    """The kernelspec of the environment at `prefix`."""
    python = Path(prefix, "Scripts/python.exe" if os.name == "nt" else "bin/python")
    return {
        # History in memory: parallel kernels would wait for each other's locks on the user's database
        "argv": [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.hist_file=:memory:"],
        "display_name": "Python 3 (ipykernel)",  # the standard name, so that notebooks match
        "language": "python",
        "env": ENVIRONMENT,
        "kernel_protocol_version": "5.5",
        "metadata": {
            "debugger": True,
            "supported_encryption": "curve",
            "kernel_provisioner": {"provisioner_name": "workbook-warm"},
        },
    }


def install(prefix: str | Path = sys.prefix) -> Path:
    """Write the kernelspec of the environment at `prefix`, atomically, and return its path."""
    file = path(prefix)
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=file.parent, delete=False) as draft:
        json.dump(content(prefix), draft, indent=1)
        os.fchmod(draft.fileno(), 0o644)
    os.replace(draft.name, file)
    return file


if __name__ == "__main__":
    print(install())
