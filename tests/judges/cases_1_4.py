"""Answers to the exercises of lesson 1.4."""

from collections import Counter

import numpy as np

from .harness import cases


def _raw(counts):
    n = counts[0].sum()
    return (counts * (counts - 1)).sum(axis=1).mean() / (n * (n - 1))


def _chance(counts):
    return ((counts.sum(axis=0) / counts.sum()) ** 2).sum()


def _by_word(counts):
    return ((counts / counts[0].sum()) ** 2).sum(axis=1).mean()


def _fleiss(raw=_raw, chance=_chance):
    """Fleiss' κ, with another agreement or another chance."""

    def fleiss(counts):
        with np.errstate(invalid="ignore"):
            return np.float64(raw(counts) - chance(counts)) / (1 - chance(counts))

    return fleiss


def _fleiss_in_loops(counts):
    rows = counts.tolist()
    n = sum(rows[0])
    raw = sum((sum(c * c for c in row) - n) / (n * (n - 1)) for row in rows) / len(rows)
    chance = sum((sum(column) / (n * len(rows))) ** 2 for column in zip(*rows, strict=True))
    return 1 - (1 - raw) / (1 - chance)


def _fleiss_of_statsmodels(counts):
    from statsmodels.stats.inter_rater import fleiss_kappa

    return fleiss_kappa(counts)


def _raters_by_columns(counts):
    return (counts * (counts - 1)).sum(axis=1).mean() / (counts.shape[1] * (counts.shape[1] - 1))


def _level(ratings):
    hits = []
    for row in ratings:
        for i, rating in enumerate(row):
            others = Counter(row[:i] + row[i + 1 :])
            winners = [name for name, n in others.items() if n == max(others.values())]
            hits.append((rating in winners) / len(winners))
    return sum(hits) / len(hits)


def _level_of_arrays(ratings):
    names = sorted({name for row in ratings for name in row})
    own = np.array([[[rating == name for name in names] for rating in row] for row in ratings], float)
    others = own.sum(1, keepdims=True) - own
    top = others == others.max(2, keepdims=True)
    return (own * top / top.sum(2, keepdims=True)).sum(2).mean()


def _level_that_shrinks(ratings):
    hits = []
    for row in ratings:
        for rating in row:
            others = row
            others.remove(rating)
            winners = [name for name in set(others) if others.count(name) == max(map(others.count, others))]
            hits.append(1 / len(winners) if rating in winners else 0)
    return sum(hits) / len(hits)


def _most_common(ratings):
    hits = [
        rating == Counter(row[:i] + row[i + 1 :]).most_common(1)[0][0]
        for row in ratings
        for i, rating in enumerate(row)
    ]
    return np.mean(hits)


def _best(table, floor):
    kept = table[table["smallest"] >= floor]
    return kept.loc[kept["kappa"].idxmax(), "instruction"]


CASES = {
    "1.4a": cases(
        "fleiss",
        right=[_fleiss(), _fleiss_in_loops, _fleiss_of_statsmodels],
        wrong={
            "from each word's own shares": _fleiss(chance=_by_word),
            "pair a rater with itself": _fleiss(raw=_by_word),
            "how many *pairs*": _fleiss(raw=lambda counts: counts.max(axis=1).mean() / counts[0].sum()),
            "can agree on any class": _fleiss(chance=lambda counts: counts.sum(axis=0).max() / counts.sum()),
            "number of classes for": _fleiss(raw=_raters_by_columns),
            "zero by zero": lambda counts: np.nan if counts.shape[1] == 3 else 0.2,
            "not one for each word": lambda counts: (counts * (counts - 1)).sum(axis=1),
            "more than perfect": lambda counts: 1 + _raw(counts),
            "one after the other": lambda counts: (_raw(counts) - _chance(counts)) / (1 + _chance(counts)),
        },
    ),
    "1.4b": cases(
        "human_level",
        right=[_level, _level_of_arrays],
        wrong={
            "order of the raters": _most_common,
            "out of the word itself": _level_that_shrinks,
            "Nobody ever agrees": lambda rows: np.mean([x in set(row) - {x} for row in rows for x in row]),
            "one number": lambda rows: [_level([row]) for row in rows],
            "by hand": lambda rows: 0.84,
        },
    ),
    "1.4c": cases(
        "best_instruction",
        right=[
            _best,
            lambda table, floor: (
                table.query("smallest >= @floor").sort_values("kappa")["instruction"].iloc[-1]
            ),
            lambda table, floor: [_best(table, floor)],
        ],
        wrong={
            "among the rows that are kept": lambda t, floor: t["instruction"].iloc[
                np.argmax(t.loc[t.smallest >= floor, "kappa"])
            ],
            "not always the one with the highest": lambda t, floor: (
                t[t.smallest >= floor].nlargest(2, "kappa")["instruction"].iloc[-1]
            ),
            "a row or a table": lambda t, floor: t.loc[t[t.smallest >= floor].kappa.idxmax()],
            "That is a number": lambda t, floor: t[t.smallest >= floor].kappa.max(),
            "not in its column": lambda t, floor: "kappa",
            "another one beats": lambda t, floor: t.loc[t[t.smallest < 0.3].smallest.idxmax(), "instruction"],
        },
    ),
    "1.4d": cases(
        "follows",
        right=[["e", "c", "a"], ("A.", "C.", "E.")],
        wrong={"plainest of the statements": {"C"}, "is no statement": {"A", "G", "g", "?"}},
    ),
    "1.4e": cases(
        "ceiling",
        right=[
            lambda p: np.maximum(p, 1 - p).mean(),
            lambda p: sum(x if x > 0.5 else 1 - x for x in p) / len(p),
            lambda p: (0.5 + abs(p - 0.5)).mean(),
        ],
        wrong={
            "after the cut": lambda p: np.mean((p > 0.5) == (p > 0.5)),
            "not a sum": lambda p: np.maximum(p, 1 - p).sum(),
            "one number": lambda p: np.maximum(p, 1 - p),
            "a single cell": lambda p: 0.949,
        },
    ),
}
