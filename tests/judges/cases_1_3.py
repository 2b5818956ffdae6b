"""Answers to the exercises of lesson 1.3."""

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support

from .harness import cases


def _split(days, first_test_day, embargo):
    train = [place for place, day in enumerate(days) if day < first_test_day - embargo]
    test = [place for place, day in enumerate(days) if day >= first_test_day]
    return train, test


def _split_in_numpy(days, first_test_day, embargo):
    days = np.array(days)
    return np.flatnonzero(days + embargo < first_test_day), np.flatnonzero(~(days < first_test_day))


def _in_order_only(days, first, embargo):
    start = days.index(first) if first in days else len(days)
    return list(range(max(start - embargo, 0))), list(range(start, len(days)))


def _scores(late, alert):
    p, r, f1, _ = precision_recall_fscore_support(late, alert, average="binary", zero_division=0)
    return {"precision": p, "recall": r, "f1": f1}


def _scores_by_counts(late, alert):
    late, alert = np.array(late, bool), np.array(alert, bool)
    tp, fp, fn = (late & alert).sum(), (~late & alert).sum(), (late & ~alert).sum()
    return {
        "precision": tp / max(tp + fp, 1),
        "recall": tp / max(tp + fn, 1),
        "f1": 2 * tp / max(2 * tp + fp + fn, 1),
        "caught": tp,
    }


def _scores_unguarded(late, alert):
    caught = sum(a * b for a, b in zip(late, alert, strict=True))
    p, r = caught / sum(alert), caught / sum(late)
    return {"precision": p, "recall": r, "f1": 2 * p * r / (p + r)}


def _but(key, how):
    """The right scores, one of which is how(precision, recall, late, alert), of arrays."""

    def scores(late, alert):
        right = _scores(late, alert)
        return right | {key: how(right["precision"], right["recall"], np.array(late), np.array(alert))}

    return scores


def _accuracy(p, r, late, alert):
    return np.mean(late == alert)


def _swapped(late, alert):
    right = _scores(late, alert)
    return right | {"precision": right["recall"], "recall": right["precision"]}


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


def _largest_passing_count(p, rate):
    ranked = np.sort(p)
    return np.isin(p, ranked[: (ranked <= np.arange(1, len(p) + 1) / len(p) * rate).sum()])


def _choose(candidates, largest_gap, most_bytes, slowest):
    table = pd.DataFrame(candidates).set_index("name")
    good = table.query("abs(gap) <= @largest_gap and bytes <= @most_bytes and times <= @slowest")
    return None if good.empty else good.dollars.idxmax()


READ = {"July": "about right", "September": "too high", "December": "too low"}

CASES = {
    "1.3a": cases(
        "split",
        right=[
            _split,
            _split_in_numpy,
            lambda days, first, gap: tuple(set(side) for side in _split(days, first, gap)),
            lambda days, first, gap: [side[::-1] for side in _split(days, first, gap)],
        ],
        wrong={
            "days themselves": lambda days, f, g: (
                {d for d in days if d < f - g},
                {d for d in days if d >= f},
            ),
            "on both sides": lambda days, first, gap: _split(days, first, -2),
            "where the days are in order": _in_order_only,
            "Give back two lists": lambda days, first, gap: _split(days, first, gap)[0],
            "truth values": lambda days, first, gap: (np.array(days) < first - gap, np.array(days) >= first),
            "count up day numbers": lambda days, f, g: (range(f - g), range(f, max(days) + 1)),
            "whole numbers from 0": lambda days, first, gap: ([str(day) for day in days], []),
            "second condition": lambda days, first, gap: (_split(days, first, gap)[0], []),
        },
    ),
    "1.3b": cases(
        "scores",
        right=[_scores, _scores_by_counts],
        wrong={
            "divides by zero": _scores_unguarded,
            "fails": lambda late, alert: {"precision": late["x"]},
            "nothing back": lambda late, alert: _scores(late, alert) if sum(alert) else None,
            "with the keys": lambda late, alert: list(_scores(late, alert).values()),
            "not a number": _but("precision", lambda p, r, late, alert: p if sum(alert) else None),
            "ordinary lists": _but("precision", lambda p, r, late, alert: p if sum(alert) else 1.0),
            "swapped": _swapped,
            "percentages": lambda late, alert: {k: 100 * v for k, v in _scores(late, alert).items()},
            "look rounded": lambda late, alert: {k: round(v, 2) for k, v in _scores(late, alert).items()},
            "left alone": _but("precision", _accuracy),
            "alerts that were false": _but("precision", lambda p, r, late, alert: 1 - p),
            "Of all alerts": _but("precision", lambda p, r, late, alert: p / 2),
            "punctual flights that got": _but(
                "recall", lambda p, r, late, alert: sum(alert > late) / max(sum(late == 0), 1)
            ),
            "precision once more": _but("recall", lambda p, r, late, alert: p),
            "divides by all flights": _but("recall", lambda p, r, late, alert: np.mean(late * alert)),
            "Of all late": _but("recall", lambda p, r, late, alert: r / 3),
            "arithmetic": _but("f1", lambda p, r, late, alert: (p + r) / 2),
            "geometric": _but("f1", lambda p, r, late, alert: (p * r) ** 0.5),
            "`f1` is the accuracy": _but("f1", _accuracy),
            "look at `f1` again": _but("f1", lambda p, r, late, alert: p * r),
        },
    ),
    "1.3c": cases(
        "reading",
        given={
            "July": {"promised": 0.326, "late": 0.315},
            "September": {"promised": 0.224, "late": 0.132},
            "December": {"promised": 0.244, "late": 0.326},
        },
        right=[READ, {month: f" {word.title()} " for month, word in reversed(READ.items())}],
        wrong={
            "turned round": READ | {"September": "too low", "December": "too high"},
            "all three months alike": dict.fromkeys(READ, "too high"),
            "leaves the diagonal on both sides": READ | {"July": "too high"},
            "all but avoid": READ | {"September": "about right"},
            "other side of the diagonal from": READ | {"December": "too high"},
            "More than one month": READ | {"July": "too low", "December": "about right"},
            "weigh how far each is": READ | {"July": "too low"},
            "spelled as in the text": READ | {"July": "fine"},
        },
    ),
    "1.3d": cases(
        "discoveries",
        right=[_bh_in_numpy, _bh_of_a_library, lambda p, rate: _bh_in_numpy(p, rate).astype(int)],
        wrong={
            "stop at the first": _step_down,
            "how many p-values pass": _largest_passing_count,
            "Your ranks count from 0": _rank_from_zero,
            "count from 1": lambda p, rate: _bh_in_numpy(p, rate / sum(1 / k for k in range(1, len(p) + 1))),
            "not as long": lambda p, rate: np.array(p)[_bh_in_numpy(p, rate)],
            "True and False only": lambda p, rate: [v * 2 for v in p],
            "one True or False for each": lambda p, rate: sum(_bh_in_numpy(p, rate)),
        },
    ),
    "1.3e": cases(
        "choose",
        right=[_choose],
        wrong={
            "still choose one": lambda *given: _choose(*given) or "rule",
            "whole candidate": lambda candidates, *bounds: max(candidates, key=lambda c: c["dollars"]),
            "gives a list": lambda candidates, *bounds: [_choose(candidates, *bounds)],
            "a name, or None": lambda candidates, *bounds: max(c["dollars"] for c in candidates),
            "Try one by hand": lambda candidates, *bounds: candidates[-1]["name"],
        },
    ),
}
