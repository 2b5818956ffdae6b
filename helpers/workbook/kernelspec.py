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

PROVISIONER = "workbook-warm"
# Set in every kernel before its first import, so that a lesson prints the same numbers on any x86-64 machine with AVX2.
ENVIRONMENT = {
    "CUDA_VISIBLE_DEVICES": "-1",  # lessons are written for the CPU and recorded on one
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL",
    # ^ with AVX-512, numpy's exp, log and power differ in the last digit, and argsort in the order of ties
    "OMP_NUM_THREADS": "2",  # scikit-learn adds up by thread: how many there are is part of the result
    "OPENBLAS_CORETYPE": "Haswell",  # numpy, scipy: the kernels for AVX2, also where there are later ones
    "OPENBLAS_NUM_THREADS": "1",  # their matrices are small here
    "PYTHONHASHSEED": "0",  # the order of sets of strings
    "PYTHONWARNINGS": "ignore::FutureWarning",  # google packages announce the end of Python 3.10 on import
    "TF_CPP_MIN_LOG_LEVEL": "3",  # else C++ writes to stderr which instructions the machine has
    "TF_ENABLE_ONEDNN_OPTS": "0",  # oneDNN sums in another order on each kind of processor, and is no faster here
    "TF_NUM_INTEROP_THREADS": "2",  # TensorFlow splits matrix products and sums by thread, too
    "TF_NUM_INTRAOP_THREADS": "2",
    "TF_USE_LEGACY_KERAS": "0",  # tf.keras is Keras 3; unset, it is Keras 2 if TensorFlow Transform is imported first
}


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
