"""Answers to the exercises of lesson 1.4."""

from collections import Counter

import numpy as np

from .harness import Cases


def _fleiss(counts):
    raters = counts[0].sum()
    raw = (counts * (counts - 1)).sum(axis=1).mean() / (raters * (raters - 1))
    chance = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return (raw - chance) / (1 - chance)


def _fleiss_in_loops(counts):
    rows = counts.tolist()
    n = sum(rows[0])
    raw = sum((sum(c * c for c in row) - n) / (n * (n - 1)) for row in rows) / len(rows)
    chance = sum((sum(column) / (n * len(rows))) ** 2 for column in zip(*rows, strict=True))
    return 1 - (1 - raw) / (1 - chance)


def _fleiss_of_statsmodels(counts):
    from statsmodels.stats.inter_rater import fleiss_kappa

    return fleiss_kappa(counts)


def _raw(counts):
    n = counts[0].sum()
    return (counts * (counts - 1)).sum(axis=1).mean() / (n * (n - 1))


def _chance(counts):
    return ((counts.sum(axis=0) / counts.sum()) ** 2).sum()


def _with_itself(counts):
    raw, chance = ((counts / counts[0].sum()) ** 2).sum(axis=1).mean(), _chance(counts)
    return (raw - chance) / (1 - chance)


def _fleiss_with(raw, chance):
    return lambda counts: (raw(counts) - chance(counts)) / (1 - chance(counts))


def _by_word(counts):
    return ((counts / counts[0].sum()) ** 2).sum(axis=1).mean()


def _by_word_quietly(counts):
    with np.errstate(invalid="ignore"):
        return np.float64(_raw(counts) - _by_word(counts)) / (1 - _by_word(counts))


def _raters_by_columns(counts):
    return (counts * (counts - 1)).sum(axis=1).mean() / (counts.shape[1] * (counts.shape[1] - 1))


def _level_that_shrinks(ratings):
    hits = []
    for row in ratings:
        for rating in row:
            others = row
            others.remove(rating)
            hits.append((rating in _top(Counter(others))) / len(_top(Counter(others))))
    return sum(hits) / len(hits)


def _level_without_ties(ratings):
    rows = [(x, _top(Counter(row[:i] + row[i + 1 :]))) for row in ratings for i, x in enumerate(row)]
    return np.mean([x in top for x, top in rows if len(top) == 1])


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


def _scored(score):
    """A human level with another scoring: `score(rating, counts of the others, counts of all)`."""

    def level(ratings):
        hits = [
            score(rating, Counter(row[:i] + row[i + 1 :]), Counter(row))
            for row in ratings
            for i, rating in enumerate(row)
        ]
        return sum(hits) / len(hits)

    return level


def _top(counts):
    return [name for name, n in counts.items() if n == max(counts.values())]


def _best(table, floor):
    kept = table[table["smallest"] >= floor]
    return kept.loc[kept["kappa"].idxmax(), "instruction"]


def _best_sorted(table, floor):
    return table.query("smallest >= @floor").sort_values("kappa")["instruction"].iloc[-1]


def _ceiling(probabilities):
    return np.maximum(probabilities, 1 - probabilities).mean()


CASES = {
    "1.4a": Cases(
        right=[{"fleiss": _fleiss}, {"fleiss": _fleiss_in_loops}, {"fleiss": _fleiss_of_statsmodels}],
        wrong={
            "That is the raw agreement": {"fleiss": _raw},
            "agreement by chance alone": {"fleiss": _chance},
            "on no scale yet": {"fleiss": lambda c: _raw(c) - _chance(c)},
            "pair a rater with itself": {"fleiss": _with_itself},
            "used equally often": {"fleiss": lambda c: (_raw(c) - 1 / c.shape[1]) / (1 - 1 / c.shape[1])},
            "divide by the chance itself": {"fleiss": lambda c: (_raw(c) - _chance(c)) / _chance(c)},
            "divide by the raw agreement": {"fleiss": lambda c: (_raw(c) - _chance(c)) / _raw(c)},
            "from each word's own shares": {"fleiss": _by_word_quietly},
            "zero by zero": {"fleiss": lambda c: np.nan if c.shape[1] == 3 else 0.2},
            "once above and twice below": {"fleiss": _fleiss_with(lambda c: _raw(c) / 2, _chance)},
            "twice above and once below": {"fleiss": _fleiss_with(lambda c: _raw(c) * 2, _chance)},
            "how many *pairs*": {
                "fleiss": _fleiss_with(lambda c: c.max(axis=1).mean() / c[0].sum(), _chance)
            },
            "can agree on any class": {"fleiss": _fleiss_with(_raw, lambda c: c.sum(axis=0).max() / c.sum())},
            "number of classes for": {"fleiss": _fleiss_with(_raters_by_columns, _chance)},
            "not one for each word": {"fleiss": lambda c: (c * (c - 1)).sum(axis=1)},
            "gives nothing back": {"fleiss": lambda c: print(end="")},
            "more than perfect": {"fleiss": lambda c: 1 + _raw(c)},
            "one after the other": {"fleiss": lambda c: (_raw(c) - _chance(c)) / (1 + _chance(c))},
        },
    ),
    "1.4b": Cases(
        right=[{"human_level": _level}, {"human_level": _level_of_arrays}],
        wrong={
            "Leave it out first": {
                "human_level": _scored(lambda x, others, all_: (x in _top(all_)) / len(_top(all_)))
            },
            "still votes in its own": {"human_level": _scored(lambda x, others, all_: x in _top(all_))},
            "as a full hit": {"human_level": _scored(lambda x, others, all_: x in _top(others))},
            "you count nothing": {"human_level": _scored(lambda x, others, all_: [x] == _top(others))},
            "order of the raters": {
                "human_level": _scored(lambda x, others, all_: x == others.most_common(1)[0][0])
            },
            "first in the alphabet": {"human_level": _scored(lambda x, others, all_: x == min(_top(others)))},
            "however many tie": {
                "human_level": _scored(
                    lambda x, others, all_: (x in _top(others)) / min(len(_top(others)), 2)
                )
            },
            "credit every rating, also": {
                "human_level": _scored(
                    lambda x, others, all_: (
                        x in _top(others) if len(_top(others)) == 1 else 1 / len(_top(others))
                    )
                )
            },
            "with a half, also": {
                "human_level": _scored(
                    lambda x, others, all_: x in _top(others) if len(_top(others)) == 1 else 0.5
                )
            },
            "leave out the ratings": {"human_level": _level_without_ties},
            "out of the word itself": {"human_level": _level_that_shrinks},
            "Nobody ever agrees": {
                "human_level": lambda rows: np.mean(
                    [x in [y for y in row if y != x] for row in rows for x in row]
                )
            },
            "first rating alone": {
                "human_level": lambda rows: float(
                    np.mean(
                        [(row[0] in _top(Counter(row[1:]))) / len(_top(Counter(row[1:]))) for row in rows]
                    )
                )
            },
            "raw agreement of pairs": {
                "human_level": _scored(lambda x, others, all_: others[x] / sum(others.values()))
            },
            "share of misses": {"human_level": lambda rows: 1 - _level(rows)},
            "a sum of hits": {"human_level": lambda rows: _level(rows) * sum(map(len, rows))},
            "one number": {"human_level": lambda rows: [_level([row]) for row in rows]},
            "gives nothing back": {"human_level": lambda rows: print(end="")},
            "by hand": {"human_level": lambda rows: 0.84},
        },
    ),
    "1.4c": Cases(
        right=[
            {"best_instruction": _best},
            {"best_instruction": _best_sorted},
            {
                "best_instruction": lambda table, floor: (
                    max(
                        (row for row in table.itertuples() if row.smallest >= floor),
                        key=lambda row: row.kappa,
                    ).instruction
                )
            },
            {"best_instruction": lambda table, floor: [_best(table, floor)]},
        ],
        wrong={
            "whatever the classes": {"best_instruction": lambda t, f: t.loc[t.kappa.idxmax(), "instruction"]},
            "into one class": {"best_instruction": lambda t, f: t.loc[t.agreement.idxmax(), "instruction"]},
            "by raw agreement": {
                "best_instruction": lambda t, f: t.loc[t[t.smallest >= f].agreement.idxmax(), "instruction"]
            },
            "among the rows that are kept": {
                "best_instruction": lambda t, f: t["instruction"].iloc[
                    np.argmax(t.loc[t.smallest >= f, "kappa"])
                ]
            },
            "most even classes": {"best_instruction": lambda t, f: t.loc[t.smallest.idxmax(), "instruction"]},
            "it is enough": {
                "best_instruction": lambda t, f: t.loc[t[t.smallest > f].kappa.idxmax(), "instruction"]
            },
            "a row or a table": {"best_instruction": lambda t, f: t.loc[t[t.smallest >= f].kappa.idxmax()]},
            "That is a number": {"best_instruction": lambda t, f: t[t.smallest >= f].kappa.max()},
            "gives nothing back": {"best_instruction": lambda t, f: print(end="")},
            "not in its column": {"best_instruction": lambda t, f: "kappa"},
            "another one beats": {
                "best_instruction": lambda t, f: (
                    t.loc[t[t.smallest <= f + 0.05].index[-1:], "instruction"].tolist()
                    or t.instruction.tolist()[:1]
                )
            },
        },
    ),
    "1.4d": Cases(
        right=[{"follows": {"A", "C", "E"}}, {"follows": ["e", "c", "a"]}, {"follows": ("A.", "C.", "E.")}],
        wrong={
            "class by class": {"follows": {"A", "B", "C", "E"}},
            "room between": {"follows": {"A", "C", "D", "E"}},
            "on the same target": {"follows": {"A", "C", "E", "F"}},
            "plainest of the statements": {"follows": {"C", "E"}},
            "whole families were held out": {"follows": {"A", "E"}},
            "compare three rows": {"follows": {"A", "C"}},
            "is no statement": {"follows": {"A", "G"}},
            "told us nothing": {"follows": set()},
            "contradict each other": {"follows": set("ABCDEF")},
        },
    ),
    "1.4e": Cases(
        right=[
            {"ceiling": _ceiling},
            {"ceiling": lambda p: 1 - np.minimum(p, 1 - p).mean()},
            {"ceiling": lambda p: sum(x if x > 0.5 else 1 - x for x in p) / len(p)},
            {"ceiling": lambda p: (0.5 + abs(p - 0.5)).mean()},
        ],
        wrong={
            "share of defective cells": {"ceiling": lambda p: p.mean()},
            "smallest error possible": {"ceiling": lambda p: np.minimum(p, 1 - p).mean()},
            "count sure cells alone": {"ceiling": lambda p: np.isin(p, [0, 1]).mean()},
            "said of every cell": {"ceiling": lambda p: 1 - p.mean()},
            "on the others": {"ceiling": lambda p: np.where(p > 0.5, p, 0).mean()},
            "every second time": {"ceiling": lambda p: np.abs(2 * p - 1).mean()},
            "every cell the same answer": {"ceiling": lambda p: max(p.mean(), 1 - p.mean())},
            "the cut calls defective": {"ceiling": lambda p: (p > 0.5).mean()},
            "toss a coin": {"ceiling": lambda p: np.where(np.isin(p, [0, 1]), 1, 0.5).mean()},
            "with the cell's own probability": {"ceiling": lambda p: (p * p + (1 - p) ** 2).mean()},
            "after the cut": {"ceiling": lambda p: np.mean((p > 0.5) == (p > 0.5))},
            "largest probability of a defect": {"ceiling": lambda p: p.max()},
            "not a sum": {"ceiling": lambda p: np.maximum(p, 1 - p).sum()},
            "one number": {"ceiling": lambda p: np.maximum(p, 1 - p)},
            "gives nothing back": {"ceiling": lambda p: print(end="")},
            "a single cell": {"ceiling": lambda p: 0.949},
        },
    ),
}
