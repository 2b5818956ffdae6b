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


def _small(slices, least, size=min):
    return [name for name, change, late, on_time in slices if size(late, on_time) < least]


def _gate(slices, allowed, least, size=min):
    small = _small(slices, least, size)
    return [name for name, change, *_ in slices if change < -allowed and name not in small], small


def _gate_by_loop(slices, allowed, least):
    found = {"refuse": set(), "small": set()}
    for name, change, late, on_time in slices:
        if late < least or on_time < least:
            found["small"].add(name)
        elif change + allowed < 0:
            found["refuse"].add(name)
    return list(found.values())


def _lost(lost):
    def gate(slices, allowed, least):
        small = _small(slices, least)
        return [name for name, change, *_ in slices if name not in small and lost(change, allowed)], small

    return gate


def _both(slices, allowed, least):
    return [name for name, change, *_ in slices if change < -allowed], _small(slices, least)


def _strictly_more(slices, allowed, least):
    return _gate(slices, allowed, least + 1)


def _small_and_lost(slices, allowed, least):
    refusing, small = _gate(slices, allowed, least)
    return refusing, [name for name, change, *_ in slices if name in small and change < -allowed]


def _else_small(slices, allowed, least):
    """Whatever does not refuse is called too small."""
    refusing = _gate(slices, allowed, least)[0]
    return refusing, [name for name, *_ in slices if name not in refusing]


def _whole_slices(slices, allowed, least):
    small = [each for each in slices if min(each[2:]) < least]
    return [each for each in slices if each not in small and each[1] < -allowed], small


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
            "something that is no share": {
                "share_across": lambda lr, our, ld, od: lr * od + ld * our / ((lr + ld) * (our + od))
            },
            "must return one number": {"share_across": lambda *counts: [_across(*counts)]},
            "pairs of a rainy and a dry flight": {
                "share_across": lambda lr, our, ld, od: (lr * od + ld * our) / ((lr + our) * (ld + od))
            },
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
        right=[{"gate": _gate}, {"gate": _gate_by_loop}],
        wrong={
            "lists are swapped": {"gate": lambda *given: _gate(*given)[::-1]},
            "counts all flights": {
                "gate": lambda *given: _gate(*given, lambda late, on_time: late + on_time)
            },
            "late flights alone": {"gate": lambda *given: _gate(*given, lambda late, on_time: late)},
            "on time alone": {"gate": lambda *given: _gate(*given, lambda late, on_time: on_time)},
            "more frequent class": {"gate": lambda *given: _gate(*given, max)},
            "includes it": {"gate": _strictly_more},
            "stand in both lists": {"gate": _both},
            "without a loss included": {"gate": _small_and_lost},
            "makes no use of `allowed`": {"gate": _lost(lambda change, allowed: change < 0)},
            "exactly what is allowed": {"gate": _lost(lambda change, allowed: change <= -allowed)},
            "turned round": {"gate": _lost(lambda change, allowed: change < allowed)},
            "slices that gained": {"gate": _lost(lambda change, allowed: change > allowed)},
            "without its sign": {"gate": _lost(lambda change, allowed: abs(change) > allowed)},
            "No slice ever refuses": {"gate": lambda slices, allowed, least: ([], _small(slices, least))},
            "ever too small": {"gate": lambda slices, allowed, least: (_both(slices, allowed, least)[0], [])},
            "in the wrong list, or is missing": {"gate": _else_small},
            "not the whole slices": {"gate": _whole_slices},
            "two lists of names": {"gate": lambda *given: _gate(*given)[0]},
        },
    ),
}
