"""Compares outputs with recorded ones: text exactly, numbers within the tolerance a cell declares. A pytest plugin for nbval.

A cell's tags `rtol=0.02` and `atol=0.001` say how far a number may be from the recorded one:
|new − old| ≤ atol + rtol · |old|, as numpy.isclose has it. An atol of 1 or more is meant for counts: where a number is
printed with decimals, one unit of its last place stands for it. Without a tag everything is exact. Pictures are compared
by their size alone, what they show being said in the text beside them; stderr is not compared.
"""

import base64
import math
import re
import struct
from collections.abc import Iterable

# A number as Python and pandas print it; not a part of a word (v2, x1), a colour (#0072b2), a date or an hour.
NUMBER = re.compile(
    r"(?<![\w.#])(?<!\d[-:/])[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d*)?(?:[eE][-+]?\d+)?(?![\w]|[-:/]\d)"
    r"|(?<![\w.])[-+−]?\.\d+(?!\w)"
)
SPACE = re.compile(r"[ \t]+|[-─═]{3,}")  # columns are padded, rules drawn, as wide as their longest number


def tolerance(tags: Iterable[str]) -> tuple[float, float]:
    """(rtol, atol) from a cell's tags. Raises ValueError for a tolerance that is not a number from 0 to 1 (rtol)."""
    found = {"rtol": 0.0, "atol": 0.0}
    for tag in tags:
        name, equals, text = tag.partition("=")
        if equals and name in found:
            found[name] = float(text)
            if not (math.isfinite(found[name]) and found[name] >= 0 and (name == "atol" or found[name] <= 1)):
                raise ValueError(f"The tag {tag!r} is not a tolerance: rtol goes from 0 to 1, atol from 0.")
    return found["rtol"], found["atol"]


def difference(old: str, new: str, rtol: float = 0.0, atol: float = 0.0) -> str | None:
    """What differs between two texts beyond the tolerance, in one sentence; None when nothing does."""
    if old == new:
        return None
    if not (rtol or atol):
        return f"expected {_around(old, new)}"
    if (a := SPACE.sub(" ", NUMBER.sub("#", old))) != (b := SPACE.sub(" ", NUMBER.sub("#", new))):
        return f"text differs: expected {_around(a, b)}"
    for was, is_ in zip(NUMBER.findall(old), NUMBER.findall(new), strict=True):
        x, y = _float(was), _float(is_)
        if abs(y - x) > _absolute(was, atol) + rtol * abs(x) + 1e-12 * abs(x):
            return f"{is_} is not within rtol={rtol:g}, atol={atol:g} of {was}"
    return None


def outputs_differ(old: list, new: list, tags: Iterable[str] = ()) -> str | None:
    """What differs between two lists of a cell's outputs (nbformat v4 dicts); None when nothing does."""
    rtol, atol = tolerance(tags)
    old, new = list(_parts(old)), list(_parts(new))
    if [kind for kind, _ in old] != [kind for kind, _ in new]:
        return f"other outputs: expected {[kind for kind, _ in old]}, got {[kind for kind, _ in new]}"
    for (kind, was), (_, is_) in zip(old, new, strict=True):
        if said := difference(was, is_, rtol, atol):
            return f"{kind}: {said}"
    return None


def _parts(outputs) -> Iterable[tuple[str, str]]:
    """(kind, text) of all that is compared, adjacent pieces of one stream joined."""
    stream = None
    for output in outputs:
        if output["output_type"] == "stream":
            if output["name"] == "stderr":
                continue
            stream = (stream or "") + output["text"]
            continue
        if stream is not None:
            yield "stdout", stream
            stream = None
        if output["output_type"] == "error":
            yield "error", f"{output['ename']}: {output['evalue']}"
            continue
        for kind in sorted(output.get("data", {})):
            content = output["data"][kind]
            text = content if isinstance(content, str) else repr(content)
            yield kind, _size(text) if kind == "image/png" else text
    if stream is not None:
        yield "stdout", stream


def _size(png: str) -> str:
    width, height = struct.unpack(">II", base64.b64decode(png)[16:24])
    return f"{width}×{height} pixels"


def _absolute(text: str, atol: float) -> float:
    """What atol allows a number printed like this."""
    decimals = re.search(r"\.(\d*)", text)
    return 10.0 ** -len(decimals[1]) if decimals and atol >= 1 else atol


def _float(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-"))


def _around(old: str, new: str) -> str:
    """The first place where two texts part, with a little of what stands there."""
    at = next((i for i, (x, y) in enumerate(zip(old, new, strict=False)) if x != y), min(len(old), len(new)))
    cut = slice(max(0, at - 20), at + 60)
    return f"{old[cut]!r}, got {new[cut]!r}"


# ---- the plugin: `pytest -p helpers.workbook.compare --nbval` ----------------------------------------------------


def pytest_configure(config):
    """nbval keeps running the cells; how their outputs are compared is ours."""
    from nbval.plugin import IPyNbCell

    def compare_outputs(self, test, ref, skip_compare=None):
        said = outputs_differ(ref, test, self.cell.metadata.get("tags", []))
        self.comparison_traceback = [said] if said else []
        return said is None

    IPyNbCell.compare_outputs = compare_outputs
