"""Compares outputs with recorded ones. A pytest plugin for nbval.

Text exactly, numbers within the tolerance a cell declares by its tags `rtol=0.02` and `atol=0.001` (tolerance.py); what is
compared of each kind of output stands in outputs.py. `clear_output` and updates of a display are followed within a cell,
as recording does; plain nbval leaves them out. An output that a later cell updates differs: let its own cell have it last.
"""

import copy
import itertools
from collections.abc import Container, Iterable
from typing import Any

from helpers.workbook.outputs import WIDGET, parts
from helpers.workbook.tolerance import difference, tolerance

BETTER_HERE = {WIDGET, "image/png", "image/jpeg"}  # nbval skips them, for it could only compare ids and bytes


def outputs_differ(old: list, new: list, tags: Iterable[str] = (), skip: Container[str] = ()) -> str | None:
    """What differs between two lists of a cell's outputs (nbformat v4 dicts); None when nothing does.

    `skip` names kinds (MIME types, "stdout", "error") that are not compared.
    """
    rtol, atol = tolerance(tags)
    nothing = ("nothing", "")
    for (kind, was), (got, is_) in itertools.zip_longest(
        parts(old, skip), parts(new, skip), fillvalue=nothing
    ):
        if kind != got:
            return f"other outputs: expected {kind}, got {got}"
        if said := difference(was, is_, rtol, atol):
            return f"{kind}: {said}"
    return None


# ---- the plugin: `pytest -p helpers.workbook.compare --nbval` ----------------------------------------------------


def pytest_configure(config: Any) -> None:
    """nbval keeps running the cells; what they show and how it is compared is ours."""
    from nbval.plugin import IPyNbCell, IPyNbFile

    next_message = IPyNbFile.get_kernel_message

    def get_kernel_message(self: Any, *args: Any, **kwargs: Any) -> Any:
        message = next_message(self, *args, **kwargs)
        self.__dict__.setdefault("heard", []).append(message)
        return message

    def compare_outputs(self: Any, test: Any, ref: Any, skip_compare: Container[str] | None = None) -> bool:
        heard, self.parent.heard = self.parent.heard, []
        said = outputs_differ(
            self.sanitize_outputs(self.recorded),
            self.sanitize_outputs(replayed(heard)),
            self.cell.metadata.get("tags", []),
            skip_compare or set(self.parent.skip_compare) - BETTER_HERE,
        )
        self.comparison_traceback = [said] if said else []
        return said is None

    IPyNbFile.get_kernel_message, IPyNbCell.compare_outputs = get_kernel_message, compare_outputs


def pytest_itemcollected(item: Any) -> None:
    """Keep the recorded outputs as they are; nbval joins, in place, what a cell prints."""
    if hasattr(item, "cell"):
        item.recorded = copy.deepcopy(item.cell.outputs)


def replayed(messages: list[dict]) -> list[dict]:
    """What the cell that ran last shows in the end, made of its messages, as a notebook keeps it."""
    outputs: list[dict] = []
    clear = False
    for message in messages:
        kind, content = message["msg_type"], message["content"]
        if message["parent_header"].get("msg_id") != messages[-1]["parent_header"]["msg_id"]:
            continue
        if name := (content.get("transient") or {}).get("display_id"):
            for output in outputs:
                if output.get("transient", {}).get("display_id") == name:
                    output["data"] = content["data"]
        if kind == "clear_output":
            clear = content["wait"]
            outputs = outputs if clear else []
        elif kind in ("stream", "display_data", "execute_result", "error"):
            outputs = [] if clear else outputs
            clear = False
            outputs.append({"output_type": kind, **content})
    return outputs
