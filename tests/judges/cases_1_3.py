"""Answers to the exercises of lesson 1.3."""

import numpy as np

from .harness import Cases


def _split(days, first_test_day, embargo):
    train = [place for place, day in enumerate(days) if day < first_test_day - embargo]
    test = [place for place, day in enumerate(days) if day >= first_test_day]
    return train, test


def _split_in_numpy(days, first_test_day, embargo):
    days = np.array(days)
    return np.flatnonzero(days + embargo < first_test_day), np.flatnonzero(~(days < first_test_day))


def _sides(train, test):
    return {
        "split": lambda days, f, e: (
            [i for i, d in enumerate(days) if train(d, f, e)],
            [i for i, d in enumerate(days) if test(d, f, e)],
        )
    }


def _in_order_only(days, first, embargo):
    start = days.index(first) if first in days else len(days)
    return list(range(max(start - embargo, 0))), list(range(start, len(days)))


def _usual(day, first, embargo):
    return day < first - embargo


def _from(day, first, embargo):
    return day >= first


def _scores(late, alert):
    caught = sum(one and other for one, other in zip(late, alert, strict=True))
    precision = caught / sum(alert) if sum(alert) else 0
    recall = caught / sum(late) if sum(late) else 0
    total = precision + recall
    return {"precision": precision, "recall": recall, "f1": 2 * precision * recall / total if total else 0}


def _scores_by_counts(late, alert):
    late, alert = np.array(late, bool), np.array(alert, bool)
    tp, fp, fn = (late & alert).sum(), (~late & alert).sum(), (late & ~alert).sum()
    return {
        "precision": tp / max(tp + fp, 1),
        "recall": tp / max(tp + fn, 1),
        "f1": 2 * tp / max(2 * tp + fp + fn, 1),
        "caught": tp,
    }


def _but(**changed):
    """The right scores, with some of them computed otherwise from (late, alert, right)."""
    return {
        "scores": lambda late, alert: (
            _scores(late, alert)
            | {key: how(late, alert, _scores(late, alert)) for key, how in changed.items()}
        )
    }


def _accuracy(late, alert, known):
    return sum(a == b for a, b in zip(late, alert, strict=True)) / len(late)


def _unguarded(late, alert):
    caught = sum(a * b for a, b in zip(late, alert, strict=True))
    p, r = caught / sum(alert), caught / sum(late)
    return {"precision": p, "recall": r, "f1": 2 * p * r / (p + r)}


def _ones_for_nothing(late, alert):
    found = _scores(late, alert)
    return found if sum(alert) else found | {"precision": 1.0}


def _bh(p, rate):
    ordered = sorted(p)
    passed = [value for rank, value in enumerate(ordered, start=1) if value <= rank / len(p) * rate]
    return [value <= max(passed, default=-1) for value in p]


def _bh_in_numpy(p, rate):
    p = np.array(p)
    order = np.argsort(p)
    under = np.flatnonzero(p[order] <= rate * np.arange(1, len(p) + 1) / len(p))
    found = np.zeros(len(p), bool)
    if len(under):
        found[order[: under[-1] + 1]] = True
    return found


def _bh_of_a_library(p, rate):
    from statsmodels.stats.multitest import multipletests

    return multipletests(p, rate, method="fdr_bh")[0]


def _own_line(p, rate):
    order = sorted(p)
    return [v <= (order.index(v) + 1) / len(p) * rate for v in p]


def _step_down(p, rate):
    found = [False] * len(p)
    for k, i in enumerate(np.argsort(p, kind="stable"), 1):
        if p[i] > k / len(p) * rate:
            break
        found[i] = True
    return found


def _rank_from_zero(p, rate):
    passed = [v for k, v in enumerate(sorted(p)) if v <= k / len(p) * rate]
    return [v <= max(passed, default=-1) for v in p]


def _as_many_as_pass(p, rate):
    passed = [v for k, v in enumerate(sorted(p), 1) if v <= k / len(p) * rate]
    return [v in sorted(p)[: len(passed)] for v in p]


def _from_the_largest(p, rate):
    passed = [v for k, v in enumerate(sorted(p, reverse=True), 1) if v <= k / len(p) * rate]
    return [v <= max(passed, default=-1) for v in p]


def _smallest(p, rate):
    passed = [v for k, v in enumerate(sorted(p), 1) if v <= k / len(p) * rate]
    return [v <= min(passed, default=-1) for v in p]


def _strict(p, rate):
    passed = [v for k, v in enumerate(sorted(p), 1) if v < k / len(p) * rate - 1e-12]
    return [v <= max(passed, default=-1) for v in p]


def _choose(candidates, largest_gap, most_bytes, slowest):
    good = [
        one
        for one in candidates
        if abs(one["gap"]) <= largest_gap and one["bytes"] <= most_bytes and one["times"] <= slowest
    ]
    return max(good, key=lambda one: one["dollars"])["name"] if good else None


def _choose_with_pandas(candidates, largest_gap, most_bytes, slowest):
    import pandas as pd

    table = pd.DataFrame(candidates).set_index("name")
    good = table[
        table.gap.between(-largest_gap, largest_gap) & (table.bytes <= most_bytes) & (table.times <= slowest)
    ]
    return None if good.empty else good.dollars.idxmax()


def _by(meets=None, key=lambda c: c["dollars"], empty=None):
    """A choice among those that meet `meets(candidate, gap, bytes, times)`, by `key`."""

    def choose(candidates, g, b, t):
        good = [c for c in candidates if (meets or _within)(c, g, b, t)]
        return max(good, key=key)["name"] if good else empty

    return {"choose": choose}


def _within(c, g, b, t):
    return abs(c["gap"]) <= g and c["bytes"] <= b and c["times"] <= t


def _best_or_nobody(candidates, g, b, t):
    best = max(candidates, key=lambda c: c["dollars"])
    return best["name"] if _within(best, g, b, t) else None


READ = {"July": "about right", "September": "too high", "December": "too low"}

CASES = {
    "1.3a": Cases(
        right=[
            {"split": _split},
            {"split": _split_in_numpy},
            {"split": lambda d, f, e: tuple(set(side) for side in _split(d, f, e))},
            {"split": lambda d, f, e: [side[::-1] for side in _split(d, f, e)]},
        ],
        wrong={
            "embargo plays no part": _sides(lambda d, f, e: d < f, _from),
            "day too many": _sides(lambda d, f, e: d <= f - e, _from),
            "day too few": _sides(lambda d, f, e: d < f - e - 1, _from),
            "itself is missing": _sides(_usual, lambda d, f, e: d > f),
            "out of the test side": _sides(lambda d, f, e: d < f, lambda d, f, e: d >= f + e),
            "belong to neither side": _sides(_usual, lambda d, f, e: d >= f - e),
            "swapped": _sides(_from, _usual),
            "days themselves": {
                "split": lambda days, f, e: ([d for d in days if d < f - e], [d for d in days if d >= f])
            },
            "on both sides": _sides(lambda d, f, e: d <= f + 1, _from),
            "where the days are in order": {"split": _in_order_only},
            "Give back two lists": {"split": lambda d, f, e: _split(d, f, e)[0]},
            "truth values": {
                "split": lambda d, f, e: (np.array(d) < f - e, np.array(d) >= f),
            },
            "count up day numbers": {
                "split": lambda d, f, e: (list(range(f - e)), list(range(f, max(d) + 1))),
            },
            "whole numbers from 0": {"split": lambda d, f, e: ([str(x) for x in d], [])},
            "nothing back": {"split": lambda d, f, e: print(end="")},
            "second condition": {"split": lambda d, f, e: (_split(d, f, e)[0], [])},
        },
    ),
    "1.3b": Cases(
        right=[{"scores": _scores}, {"scores": _scores_by_counts}],
        wrong={
            "divides by zero": {"scores": _unguarded},
            "fails": {"scores": lambda late, alert: {"precision": late["x"]}},
            "ordinary lists": {"scores": _ones_for_nothing},
            "swapped": _but(precision=lambda a, b, k: k["recall"], recall=lambda a, b, k: k["precision"]),
            "percentages": {"scores": lambda a, b: {k: 100 * v for k, v in _scores(a, b).items()}},
            "left alone": _but(precision=_accuracy),
            "alerts that were false": _but(precision=lambda a, b, k: 1 - k["precision"]),
            "Of all alerts": _but(precision=lambda a, b, k: k["precision"] / 2),
            "punctual flights that got": _but(
                recall=lambda a, b, k: (
                    sum(y and not x for x, y in zip(a, b, strict=True)) / max(len(a) - sum(a), 1)
                )
            ),
            "divides by all flights": _but(
                recall=lambda a, b, k: sum(x * y for x, y in zip(a, b, strict=True)) / len(a)
            ),
            "look rounded": {"scores": lambda a, b: {k: round(v, 2) for k, v in _scores(a, b).items()}},
            "precision once more": _but(recall=lambda a, b, k: k["precision"]),
            "Of all late": _but(recall=lambda a, b, k: k["recall"] / 3),
            "arithmetic": _but(f1=lambda a, b, k: (k["precision"] + k["recall"]) / 2),
            "geometric": _but(f1=lambda a, b, k: (k["precision"] * k["recall"]) ** 0.5),
            "`f1` is the accuracy": _but(f1=_accuracy),
            "look at `f1` again": _but(
                f1=lambda a, b, k: k["precision"] * k["recall"] / max(k["precision"] + k["recall"], 1e-9)
            ),
            "with the keys": {"scores": lambda a, b: list(_scores(a, b).values())},
            "nothing back": {"scores": lambda a, b: _scores(a, b) if sum(b) else None},
            "not a number": _but(precision=lambda a, b, k: k["precision"] if sum(b) else None),
        },
    ),
    "1.3c": Cases(
        given={
            "July": {"promised": 0.326, "late": 0.315},
            "September": {"promised": 0.224, "late": 0.132},
            "December": {"promised": 0.244, "late": 0.326},
        },
        right=[{"reading": READ}, {"reading": {k: f" {v.title()} " for k, v in reversed(READ.items())}}],
        wrong={
            "turned round": {"reading": READ | {"September": "too low", "December": "too high"}},
            "all three months alike": {"reading": dict.fromkeys(READ, "too high")},
            "leaves the diagonal on both sides": {"reading": READ | {"July": "too high"}},
            "all but avoid": {"reading": READ | {"September": "about right"}},
            "other side of the diagonal from": {"reading": READ | {"December": "too high"}},
            "More than one month": {"reading": READ | {"July": "too low", "December": "about right"}},
            "weigh how far each is": {"reading": READ | {"July": "too low"}},
            "spelled as in the text": {"reading": READ | {"July": "fine"}},
        },
    ),
    "1.3d": Cases(
        right=[
            {"discoveries": _bh},
            {"discoveries": _bh_in_numpy},
            {"discoveries": _bh_of_a_library},
            {"discoveries": lambda p, rate: [int(found) for found in _bh(p, rate)]},
        ],
        wrong={
            "no correction": {"discoveries": lambda p, rate: [v <= rate for v in p]},
            "Bonferroni": {"discoveries": lambda p, rate: [v <= rate / len(p) for v in p]},
            "its own rank": {"discoveries": lambda p, rate: _own_line(p, rate)},
            "stop at the first": {"discoveries": _step_down},
            "exactly on its line": {"discoveries": _strict},
            "Your list is in sorted order": {"discoveries": lambda p, rate: _bh(sorted(p), rate)},
            "position in `p` for the rank": {
                "discoveries": lambda p, rate: [v <= (i + 1) / len(p) * rate for i, v in enumerate(p)]
            },
            "turned round": {"discoveries": lambda p, rate: [not f for f in _bh(p, rate)]},
            "never finds": {"discoveries": lambda p, rate: [False] * len(p)},
            "finds everything": {"discoveries": lambda p, rate: [True] * len(p)},
            "how many p-values pass": {"discoveries": _as_many_as_pass},
            "start at the largest p-value": {"discoveries": _from_the_largest},
            "take the smallest rank": {"discoveries": _smallest},
            "count from 1": {"discoveries": _rank_from_zero},
            "not as long": {
                "discoveries": lambda p, rate: [v for v, f in zip(p, _bh(p, rate), strict=True) if f]
            },
            "True and False only": {"discoveries": lambda p, rate: [v * 2 for v in p]},
            "one True or False for each": {"discoveries": lambda p, rate: sum(_bh(p, rate))},
            "nothing back": {"discoveries": lambda p, rate: print(end="")},
        },
    ),
    "1.3e": Cases(
        right=[
            {"choose": _choose},
            {"choose": _choose_with_pandas},
            {
                "choose": lambda c, g, b, t: next(
                    (x["name"] for x in sorted(c, key=lambda x: -x["dollars"]) if _within(x, g, b, t)), None
                )
            },
        ],
        wrong={
            "bounds play no part": _by(lambda *a: True),
            "has a sign": _by(lambda c, g, b, t: c["gap"] <= g and c["bytes"] <= b and c["times"] <= t),
            "on the gap plays": _by(lambda c, g, b, t: c["bytes"] <= b and c["times"] <= t),
            "on the size plays": _by(lambda c, g, b, t: abs(c["gap"]) <= g and c["times"] <= t),
            "on the latency plays": _by(lambda c, g, b, t: abs(c["gap"]) <= g and c["bytes"] <= b),
            "exactly on a bound": _by(
                lambda c, g, b, t: abs(c["gap"]) < g and c["bytes"] < b and c["times"] < t
            ),
            "met is enough": _by(lambda c, g, b, t: abs(c["gap"]) <= g or c["bytes"] <= b or c["times"] <= t),
            "earns least": _by(key=lambda c: -c["dollars"]),
            "best calibrated": _by(key=lambda c: -abs(c["gap"])),
            "the fastest": _by(key=lambda c: -c["times"]),
            "the smallest": _by(key=lambda c: -c["bytes"]),
            "still choose one": _by(empty="rule"),
            "refuse candidates": _by(lambda c, g, b, t: _within(c, g, b, t) and c["dollars"] > 0),
            "always take the first": {"choose": lambda c, g, b, t: c[0]["name"]},
            "first one that qualifies": _by(key=lambda c: 0),
            "best earner first": {"choose": _best_or_nobody},
            "never chooses": {"choose": lambda c, g, b, t: print(end="")},
            "whole candidate": {"choose": lambda c, g, b, t: max(c, key=lambda x: x["dollars"])},
            "gives a list": {"choose": lambda c, g, b, t: [x["name"] for x in c if _within(x, g, b, t)]},
            "a name, or None": {"choose": lambda c, g, b, t: max(x["dollars"] for x in c)},
            "Try one by hand": {"choose": lambda c, g, b, t: c[-1]["name"]},
        },
    ),
}
