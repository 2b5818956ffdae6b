"""Right and wrong answers to the exercises of lesson 2.3."""

from .harness import Cases

CASES = {}

# ---------------------------------------------------------------------------------------------------- 2.3a


def narrows(old, new):
    listed = new["values"] is not None
    if listed and (
        old["values"] is None or set(old["values"]) - set(new["values"]) or new["mass"] > old["mass"]
    ):
        return True
    if new["low"] is not None and (old["low"] is None or new["low"] > old["low"]):
        return True
    if new["high"] is not None and (old["high"] is None or new["high"] < old["high"]):
        return True
    return new["present"] > old["present"]


def with_infinities(old, new):
    inf = float("inf")

    def limits(terms):
        low = -inf if terms["low"] is None else terms["low"]
        return low, inf if terms["high"] is None else terms["high"]

    (low, high), (new_low, new_high) = limits(old), limits(new)
    listed = new["values"] is not None and (
        old["values"] is None or not set(new["values"]) >= set(old["values"]) or new["mass"] > old["mass"]
    )
    return int(listed or new_low > low or new_high < high or new["present"] > old["present"])


def by_length(old, new):
    if old["values"] is not None and new["values"] is not None and len(old["values"]) == len(new["values"]):
        return narrows({**old, "values": None}, {**new, "values": None}) or new["mass"] > old["mass"]
    return narrows(old, new)


def truthy(old, new):
    if new["low"] and (not old["low"] or new["low"] > old["low"]):
        return True
    return narrows({**old, "low": None}, {**new, "low": None})


def mass_always(old, new):
    return narrows(old, new) or new["mass"] > old["mass"]


def grown_is_wider(old, new):
    if old["values"] and new["values"] and set(old["values"]) < set(new["values"]):
        return narrows({**old, "values": None}, {**new, "values": None})
    return narrows(old, new)


def mass_decides(old, new):
    if old["values"] and new["values"] and new["mass"] < old["mass"]:
        return narrows({**old, "values": None}, {**new, "values": None})
    return narrows(old, new)


def without(term, value):
    return lambda old, new: narrows({**old, term: value}, {**new, term: value})


CASES["2.3a"] = Cases(
    right=[{"narrows": narrows}, {"narrows": with_infinities}],
    wrong={
        "`True` or `False`": {"narrows": lambda old, new: "narrows"},
        "the same of every change": {"narrows": lambda old, new: True},
        "wrong way round": {"narrows": lambda old, new: not narrows(old, new)},
        "A version may change": {
            "narrows": lambda old, new: old != new and sorted(str(old)) != sorted(str(new))
        },
        "Compare members": {"narrows": by_length},
        "0 being false": {"narrows": truthy},
        "its `mass` says nothing": {"narrows": mass_always},
        "closed at the same time": {"narrows": grown_is_wider},
        "nothing but that value": {"narrows": mass_decides},
        "what version 2 of the flights did": {"narrows": without("mass", 1.0)},
        "a batch with gaps may fail": {"narrows": without("present", 1.0)},
        "was taken out of the list": {"narrows": without("values", None)},
        "What lay above it": {"narrows": without("high", None)},
    },
)

# ---------------------------------------------------------------------------------------------------- 2.3b


def by_cost(cost):
    def cheapest(thresholds, false_alarms, misses, false_alarm, missed, faults):
        costs = [cost(a, m, false_alarm, missed, faults) for a, m in zip(false_alarms, misses, strict=True)]
        return thresholds[costs.index(min(costs))]

    return {"cheapest": cheapest}


def numpy_last(thresholds, false_alarms, misses, false_alarm, missed, faults):
    import numpy as np

    costs = np.array(false_alarms) * false_alarm + faults * np.array(misses) * missed
    return np.array(thresholds)[np.flatnonzero(np.isclose(costs, costs.min()))[-1]]


def position(thresholds, false_alarms, misses, false_alarm, missed, faults):
    costs = [a * false_alarm + faults * m * missed for a, m in zip(false_alarms, misses, strict=True)]
    return costs.index(min(costs))


def the_cost(thresholds, false_alarms, misses, false_alarm, missed, faults):
    return min(a * false_alarm + faults * m * missed for a, m in zip(false_alarms, misses, strict=True)) + 0.5


CASES["2.3b"] = Cases(
    right=[by_cost(lambda a, m, f, c, n: a * f + n * m * c), {"cheapest": numpy_last}],
    wrong={
        "must be a number": {"cheapest": lambda *args: "0.01"},
        "position in the list": {"cheapest": position},
        "Is it the cost itself": {"cheapest": the_cost},
        "weigh the misses": by_cost(lambda a, m, f, c, n: a * f + m * c),
        "faults that are caught cost nothing": by_cost(lambda a, m, f, c, n: a * f + n * (1 - m) * c),
        "counted for a month": by_cost(lambda a, m, f, c, n: a / 12 * f + n * m * c),
        "as if both cost the same": by_cost(lambda a, m, f, c, n: a + n * m),
        "prices are exchanged": by_cost(lambda a, m, f, c, n: a * c + n * m * f),
        "the dearest": by_cost(lambda a, m, f, c, n: -(a * f + n * m * c)),
        "Only false alarms count": by_cost(lambda a, m, f, c, n: a),
        "Only misses count": by_cost(lambda a, m, f, c, n: m),
        "another one costs less": {"cheapest": lambda thresholds, *args: thresholds[len(thresholds) // 2]},
    },
)

# ---------------------------------------------------------------------------------------------------- 2.3c

CASES["2.3c"] = Cases(
    right=[{"invisible": {"yesterday", "shuffled"}}, {"invisible": ["Shuffled", "yesterday", "yesterday"]}],
    wrong={
        "each of the five would change": {"invisible": set()},
        "none of the five faults": {"invisible": {"yesterday", "shuffled", "none"}},
        "the other way round": {"invisible": {"utc", "celsius", "kmh"}},
        "All five?": {"invisible": {"utc", "celsius", "kmh", "yesterday", "shuffled"}},
        "times of the night": {"invisible": {"utc", "yesterday"}},
        "second hump": {"invisible": {"celsius", "shuffled", "yesterday"}},
        "stretches the upper end": {"invisible": {"kmh", "shuffled", "yesterday"}},
        "is a feature": {"invisible": {"temp", "wind_speed"}},
        "as the month has, but for a day": {"invisible": {"shuffled"}},
        "it is not alone": {"invisible": {"yesterday"}},
    },
)

# ---------------------------------------------------------------------------------------------------- 2.3d


def gate(verdicts, splits):
    return bool(splits) and all(verdicts.get(split) == 1 for split in splits)


def loop(verdicts, splits):
    if len(splits) == 0:
        return False
    return not any(split not in verdicts or verdicts[split] != 1 for split in splits)


CASES["2.3d"] = Cases(
    right=[{"may_pass": gate}, {"may_pass": loop}],
    wrong={
        "`True` or `False`": {"may_pass": lambda verdicts, splits: "yes"},
        "a wall, or a hole": {"may_pass": lambda verdicts, splits: True},
        "One split has anomalies": {
            "may_pass": lambda verdicts, splits: bool(splits) and verdicts.get(splits[0]) == 1
        },
        "do not let the last one": {
            "may_pass": lambda verdicts, splits: bool(splits) and verdicts.get(splits[-1]) == 1
        },
        "A verdict of 2": {
            "may_pass": lambda verdicts, splits: bool(splits) and all(map(verdicts.get, splits))
        },
        "has no verdict at all": {
            "may_pass": lambda verdicts, splits: (
                bool(verdicts) and all(verdicts[s] == 1 for s in splits if s in verdicts)
            )
        },
        "the validator crashed": {
            "may_pass": lambda verdicts, splits: (
                bool(splits) and (not verdicts or all(verdicts.get(s) == 1 for s in splits))
            )
        },
        "`all([])` is true": {"may_pass": lambda verdicts, splits: all(verdicts.get(s) == 1 for s in splits)},
        "that was not asked for": {
            "may_pass": lambda verdicts, splits: (
                gate(verdicts, splits) and all(v == 1 for v in verdicts.values())
            )
        },
    },
)
