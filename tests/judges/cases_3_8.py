"""Answers to the exercises of lesson 3.8."""

import math

from .harness import Cases


def _decide(low, high, allowed):
    if high < -allowed:
        return "worse"
    return "fine" if low >= -allowed else "can't tell"


def _decide_by_shift(low, high, allowed):
    low, high = low + allowed, high + allowed
    return {(True, True): "worse", (False, False): "fine"}.get((low < 0, high < 0), "can't tell")


def _by_zero(low, high, allowed):
    return _decide(low, high, 0)


def _turned(low, high, allowed):
    return _decide(low, high, -allowed)


def _by_middle(low, high, allowed):
    return "worse" if (low + high) / 2 < -allowed else "fine"


def _quick_to_refuse(low, high, allowed):
    return "worse" if low < -allowed and high <= 0 else _decide(low, high, allowed)


def _quick_to_pass(low, high, allowed):
    return "fine" if high >= -allowed and low > -0.025 else _decide(low, high, allowed)


def _strict(low, high, allowed):
    return "worse" if high < -allowed else "fine" if low > -allowed else "can't tell"


def _across(late_rain, on_time_rain, late_dry, on_time_dry):
    return (late_rain * on_time_dry + late_dry * on_time_rain) / (
        (late_rain + late_dry) * (on_time_rain + on_time_dry)
    )


def _across_by_rest(late_rain, on_time_rain, late_dry, on_time_dry):
    within = late_rain * on_time_rain + late_dry * on_time_dry
    return 1 - within / (late_rain + late_dry) / (on_time_rain + on_time_dry)


def _nested(late, on_time, least):
    if late < least:
        return False
    return not on_time < least


CASES = {
    "3.8a": Cases(
        right=[{"decide": _decide}, {"decide": _decide_by_shift}],
        wrong={
            "makes no use of what is allowed": {"decide": _by_zero},
            "turned round": {"decide": _turned},
            "knows two answers only": {"decide": _by_middle},
            "never decides": {"decide": lambda low, high, allowed: "can't tell"},
            "to the letter": {"decide": lambda low, high, allowed: _decide(low, high, allowed).upper()},
            "although part of the interval is within": {"decide": _quick_to_refuse},
            "or all of it, is beyond": {"decide": _quick_to_pass},
            "exactly on the limit": {"decide": _strict},
        },
    ),
    "3.8b": Cases(
        right=[{"share_across": _across}, {"share_across": _across_by_rest}],
        wrong={
            "within a slice; you returned": {"share_across": lambda *counts: 1 - _across(*counts)},
            "You count the first only": {
                "share_across": lambda lr, our, ld, od: lr * od / ((lr + ld) * (our + od))
            },
            "only those late in dry": {
                "share_across": lambda lr, our, ld, od: ld * our / ((lr + ld) * (our + od))
            },
            "That is the number of pairs": {"share_across": lambda lr, our, ld, od: lr * od + ld * our},
            "pairs of any two flights": {
                "share_across": lambda lr, our, ld, od: (
                    (lr * od + ld * our) / math.comb(lr + our + ld + od, 2)
                )
            },
            "a percentage": {"share_across": lambda *counts: 100 * _across(*counts)},
            "whatever became of them": {
                "share_across": lambda lr, our, ld, od: (lr + our) * (ld + od) / ((lr + ld) * (our + od))
            },
            "must return one number": {"share_across": lambda *counts: [_across(*counts)]},
            "four flights, one of each kind": {
                "share_across": lambda lr, our, ld, od: our / (our + od + lr + ld)
            },
        },
    ),
    "3.8c": Cases(
        right=[{"way_out": "B"}, {"way_out": "B"}],
        wrong={
            "flatters both models": {"way_out": "A"},
            "moves the pairs across and nothing else": {"way_out": "C"},
            "throws the total away": {"way_out": "D"},
            "a steadier guess": {"way_out": "E"},
        },
    ),
    "3.8d": Cases(
        right=[
            {"judgeable": lambda late, on_time, least: min(late, on_time) >= least},
            {"judgeable": _nested},
        ],
        wrong={
            "counts all flights": {"judgeable": lambda late, on_time, least: late + on_time >= least},
            "late flights alone": {"judgeable": lambda late, on_time, least: late >= least},
            "on time alone": {"judgeable": lambda late, on_time, least: on_time >= least},
            "more frequent class": {"judgeable": lambda late, on_time, least: max(late, on_time) >= least},
            "includes it": {"judgeable": lambda late, on_time, least: min(late, on_time) > least},
            "the opposite": {"judgeable": lambda late, on_time, least: min(late, on_time) < least},
            "same answer": {"judgeable": lambda late, on_time, least: True},
            "nothing else": {"judgeable": lambda late, on_time, least: min(late, on_time)},
        },
    ),
}
