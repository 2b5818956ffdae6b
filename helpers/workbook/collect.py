"""Papermill's client as it collects what a kernel sends: no more than is of use, and only what is of the type it says."""

import base64
import json
from collections import Counter
from typing import Any

from papermill.clientwrap import PapermillNotebookClient

from helpers.workbook.guard import Guard
from helpers.workbook.outcomes import CELL_ERROR, Limits

# Characters of a cell's output: of each kind of text, and of all it displays, so many are kept; more than the last are no end
TEXT, DISPLAYS, ENDLESS = 1_000_000, 10_000_000, 100_000_000
MORE = "[The rest is not kept: the cell has more output than is of use.]"
BEGINS = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8"}


class Left(Exception):
    """A cell called `exit()` or `quit()`, which end the kernel."""


class Collector(PapermillNotebookClient):
    """Collects the outputs of a notebook; its guard watches from when the kernel is there."""

    def __init__(self, nb_man: Any, limits: Limits, guard: Guard):
        super().__init__(
            nb_man,
            kernel_name="python3",
            timeout=limits.cell,
            startup_timeout=120,
            iopub_timeout=60,  # seconds for what a cell has sent to arrive after its reply, on a busy machine
            record_timing=False,
            on_notebook_start=lambda notebook: guard.watch(self.km.provisioner),
            on_cell_execute=lambda **_: self.sizes.clear(),
            on_cell_executed=self.see_whether_it_left,
        )
        self.guard = guard
        self.sizes: Counter[str] = Counter()  # characters of the cell's output by kind, kept or not

    def see_whether_it_left(self, cell: Any, cell_index: int, execute_reply: dict) -> None:
        for payload in execute_reply["content"].get("payload", []):
            if payload.get("source") == "ask_exit" and not payload.get("keepkernel"):
                raise Left

    @property
    def not_run(self) -> int:
        """How many cells come after the one that ran last. (`code_cells_executed` is that one's number, as its prompt has it.)"""
        code = [
            cell
            for cell in self.nb.cells
            if cell.cell_type == "code"
            and cell.source.strip()
            and self.skip_cells_with_tag not in cell.metadata.get("tags", [])
        ]
        return len(code) - self.code_cells_executed

    @property
    def is_cut(self) -> bool:
        """Whether it had more output than is kept."""
        return any(size > (DISPLAYS if kind == "display" else TEXT) for kind, size in self.sizes.items())

    def process_message(self, msg: dict, cell: Any, cell_index: int) -> Any:
        kind, content = msg["msg_type"], msg["content"]
        if kind == "clear_output":
            self.sizes.clear()
        elif kind == "stream":
            content["text"] = self.cut(content["name"], content["text"])
            if not content["text"] or self.joined(cell.outputs, msg):
                return None
        elif kind == "error":
            content["evalue"] = short(content["evalue"])
            content["traceback"] = [short(line) for line in content["traceback"]]
        elif kind in ("display_data", "execute_result", "update_display_data"):
            content["data"] = self.bundle(content["data"], kind == "update_display_data")
            if not content["data"]:
                return None
        return super().process_message(msg, cell, cell_index)

    def room(self, kind: str, size: int, limit: int) -> int:
        """Characters there are left for output of this kind, before it takes so many; less than none where none were."""
        before = self.sizes[kind]
        self.sizes[kind] += size
        if sum(self.sizes.values()) > ENDLESS:
            self.guard.end(
                CELL_ERROR,
                f"Cell {self.code_cells_executed} has output without end. Its first {limit / 1e6:.0f} MB is kept.",
            )
        return limit - before

    def cut(self, kind: str, text: str) -> str:
        """As much of the text as there is room for, and a line that says so where the room ends."""
        room = self.room(kind, len(text), TEXT)
        return short(text, room) if room >= 0 else ""

    def joined(self, outputs: list, msg: dict) -> bool:
        """Whether this piece of a stream was joined to the one before it; a million pieces would take a gigabyte."""
        content, last = msg["content"], outputs[-1] if outputs else {}
        hooked = self.output_hook_stack[msg["parent_header"].get("msg_id")]
        if hooked or self.clear_before_next_output or last.get("name") != content["name"]:
            return False
        last["text"] += content["text"]
        return True

    def bundle(self, data: Any, update: bool) -> dict:
        """What is kept of a display. One that updates another takes its place, and so its room."""
        kept = honest(data)
        if update:
            return kept if len(json.dumps(kept)) <= TEXT else {"text/plain": MORE}
        if isinstance(text := kept.get("text/plain"), str):
            kept["text/plain"] = self.cut("text/plain", text)
        size = len(json.dumps(kept))
        room = self.room("display", size, DISPLAYS)
        if size <= room:
            return kept
        return {"text/plain": MORE} if room >= 0 else {}


def short(text: str, room: int = TEXT) -> str:
    """The text, or its beginning and a line that says so."""
    return text if len(text) <= room else f"{text[:room]}\n{MORE}\n"


def honest(data: Any) -> dict:
    """A MIME bundle without what is not of the type it says, and with a line that names it."""
    kept, wrong = {}, []
    for kind, value in data.items() if isinstance(data, dict) else [("a bundle", data)]:
        if isinstance(data, dict) and is_of(kind, value):
            kept[kind] = value
        else:
            wrong.append(kind)
    if wrong:
        said = f"[not kept, since it is not of that type: {', '.join(wrong)}]"
        kept["text/plain"] = "\n".join(filter(None, [kept.get("text/plain"), said]))
    return kept


def is_of(kind: str, value: Any) -> bool:
    """Whether a value is of this MIME type, as far as a notebook has to rely on it."""
    if kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")):
        return True
    if not isinstance(value, str):
        return False
    if kind not in BEGINS:
        return True
    try:
        return base64.b64decode("".join(value.split()), validate=True).startswith(BEGINS[kind])
    except ValueError:
        return False
