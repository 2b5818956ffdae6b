"""What a learner's function gave on the probes, compared with a formula: judges use it to tell one mistake from another."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any


def number(value: Any) -> bool:
    """Whether it is a number; True and False are none."""
    return type(value) in (int, float)


def agrees(records: list[dict], formula: Callable[..., float], rel: float = 1e-6, abs_: float = 1e-6) -> bool:
    """Whether each record's output is the number that `formula` gives for its input; a formula that divides by zero agrees with nothing."""
    try:
        return all(
            number(r["output"]) and math.isclose(r["output"], formula(*r["input"]), rel_tol=rel, abs_tol=abs_)
            for r in records
        )
    except ZeroDivisionError:
        return False


def truths(records: list[dict]) -> list[bool] | None:
    """Each record's output as a truth value, 0 and 1 included; None where one of them is something else."""
    outputs = [record["output"] for record in records]
    if all(type(output) in (bool, int, float) and output in (0, 1) for output in outputs):
        return [bool(output) for output in outputs]
    return None
