"""Answers to the exercises of lesson 3.8."""

import math

from .harness import cases


def _decide(low, high, allowed):
    if high < -allowed:
        return "worse"
    return "fine" if low >= -allowed else "can't tell"


def _decide_by_shift(low, high, allowed):
    low, high = low + allowed, high + allowed
    return {(True, True): "worse", (False, False): "fine"}.get((low < 0, high < 0), "can't tell")


def _by_middle(low, high, allowed):
    return "worse" if (low + high) / 2 < -allowed else "fine"


def _by_width(low, high, allowed):
    return "can't tell" if high - low > 0.02 else _by_middle(low, high, allowed)


def _quick_to_refuse(low, high, allowed):
    return "worse" if low < -allowed and high <= 0 else _decide(low, high, allowed)


def _quick_to_pass(low, high, allowed):
    return "fine" if high >= -allowed and low > -0.025 else _decide(low, high, allowed)


def _strict(low, high, allowed):
    return "worse" if high < -allowed else "fine" if low > -allowed else "can't tell"


def _across_by_rest(late_rain, on_time_rain, late_dry, on_time_dry):
    within = late_rain * on_time_rain + late_dry * on_time_dry
    return 1 - within / (late_rain + late_dry) / (on_time_rain + on_time_dry)


def _gate(slices, allowed, least):
    small = [name for name, _, *sizes in slices if min(sizes) < least]
    return [name for name, change, *_ in slices if change < -allowed and name not in small], small


def _gate_by_loop(slices, allowed, least):
    found = {"refuse": set(), "small": set()}
    for name, change, late, on_time in slices:
        if late < least or on_time < least:
            found["small"].add(name)
        elif change + allowed < 0:
            found["refuse"].add(name)
    return list(found.values())


def _else_small(slices, allowed, least):
    """Whatever does not refuse is called too small."""
    refusing = _gate(slices, allowed, least)[0]
    return refusing, [name for name, *_ in slices if name not in refusing]


def _by_class(slices, allowed, least):
    """A slice in which both classes are rare is named for each."""
    refusing = _gate(slices, allowed, least)[0]
    return refusing, [one[0] for number in (2, 3) for one in slices if one[number] < least]


def _whole_slices(slices, allowed, least):
    small = [each for each in slices if min(each[2:]) < least]
    return [each for each in slices if each not in small and each[1] < -allowed], small


CASES = {
    "3.8a": cases(
        "decide",
        right=[_decide, _decide_by_shift],
        wrong={
            "to the letter": lambda *interval: _decide(*interval).upper(),
            "knows two answers only": _by_middle,
            "never decides": lambda *interval: "can't tell",
            "makes no use of what is allowed": lambda low, high, allowed: _decide(low, high, 0),
            "turned round": lambda low, high, allowed: _decide(low, high, -allowed),
            "although part of the interval is within": _quick_to_refuse,
            "or all of it, is beyond": _quick_to_pass,
            "exactly on the limit": _strict,
            "have changed places": lambda *interval: {"fine": "worse", "worse": "fine"}.get(
                _decide(*interval), "can't tell"
            ),
            "a gain is never too large": lambda low, high, allowed: (
                "worse"
                if high < -allowed
                else "fine"
                if max(abs(low), abs(high)) <= allowed
                else "can't tell"
            ),
            "read as a positive number": lambda low, high, allowed: (
                "worse" if low > allowed else "fine" if high <= allowed else "can't tell"
            ),
            "zero decides": lambda low, high, allowed: (
                "can't tell" if low <= 0 <= high else "worse" if high < -allowed else "fine"
            ),
            "need not be a gain": lambda low, high, allowed: (
                "worse" if high < -allowed else "fine" if low > 0 else "can't tell"
            ),
            "which does not follow": _by_width,
        },
    ),
    "3.8b": cases(
        "share_across",
        right=[_across_by_rest],
        wrong={
            "within a slice; you returned": lambda *counts: 1 - _across_by_rest(*counts),
            "must return one number": lambda *counts: [_across_by_rest(*counts)],
            "something that is no share": lambda lr, our, ld, od: (
                lr * od + ld * our / ((lr + ld) * (our + od))
            ),
            "late flights by late ones": lambda lr, our, ld, od: (
                (lr * ld + our * od) / ((lr + ld) * (our + od))
            ),
            "don't round": lambda *counts: round(_across_by_rest(*counts), 2),
            "whatever became of them": lambda lr, our, ld, od: (
                (lr + our) * (ld + od) / math.comb(lr + our + ld + od, 2)
            ),
            "four flights, one of each kind": lambda lr, our, ld, od: our / (our + od + lr + ld),
        },
    ),
    "3.8c": cases(
        "way_out",
        right=["B", " b"],
        wrong={
            "flatters both models": "A",
            "moves the pairs across and nothing else": "C",
            "throws the total away": "D",
            "a steadier guess": "E",
        },
    ),
    "3.8d": cases(
        "gate",
        right=[_gate, _gate_by_loop],
        wrong={
            "not the whole slices": _whole_slices,
            "two lists of names": lambda *given: _gate(*given)[0],
            "No slice ever refuses": lambda *given: ([], _gate(*given)[1]),
            "ever too small": lambda slices, allowed, least: _gate(slices, allowed, 0),
            "or one more than once": _by_class,
            "can be judged. Asked": _else_small,
            "Go on after the first": lambda *given: (_gate(*given)[0][:1], _gate(*given)[1]),
            "in the wrong list, or is missing": lambda *given: (
                _gate(*given)[0],
                [name for name in _gate(*given)[1] if name != "HA"],
            ),
        },
    ),
}
