"""What the lessons share: data, figures, the running case, serving, judges, and the workbook's batch side."""

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build() -> Path:
    """Folder for everything that is made at run time: `$WORKBOOK_BUILD`, or `build/` in the project."""
    folder = Path(os.environ.get("WORKBOOK_BUILD") or ROOT / "build")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def learn_folder() -> Path:
    """The learner's folder, copies of the lessons and the ledger in it: `$WORKBOOK_LEARN`, or `learn/` in the project."""
    return Path(os.environ.get("WORKBOOK_LEARN") or ROOT / "learn").resolve()


def sha(*parts: bytes | str) -> str:
    """Sixteen hex digits of these parts, each counted with its length."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(len(data).to_bytes(8, "big") + data)
    return whole.hexdigest()[:16]
