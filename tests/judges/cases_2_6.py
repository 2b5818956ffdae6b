"""Answers to the exercises of lesson 2.6 that their own examples can't have."""

import numpy as np

from .harness import cases


def fits(direction, columns, keep, folds):
    if direction == "forward":
        return folds * sum(columns - step for step in range(keep))
    return folds * sum(range(keep + 1, columns + 1))


def fits_in_closed_form(direction, columns, keep, folds):
    if direction == "forward":
        return folds * keep * (2 * columns - keep + 1) / 2
    return folds * (columns * (columns + 1) - keep * (keep + 1)) / 2


def fits_step_by_step(direction, columns, keep, folds):
    chosen, total = (0 if direction == "forward" else columns), 0
    while chosen != keep:
        total += folds * (columns - chosen if direction == "forward" else chosen)
        chosen += 1 if direction == "forward" else -1
    return total


def stability(chosen):
    chosen = np.array(chosen)
    kept = chosen.mean()
    return 1 - chosen.var(axis=0, ddof=1).mean() / (kept * (1 - kept))


def stability_in_loops(chosen):
    runs, columns = len(chosen), len(chosen[0])
    total, kept = 0, 0
    for place in range(columns):
        share = sum(row[place] for row in chosen) / runs
        total += runs / (runs - 1) * share * (1 - share)
        kept += sum(row[place] for row in chosen)
    kept = kept / runs
    return 1 - (total / columns) / (kept / columns * (1 - kept / columns))


def by_column(chosen):
    share = np.mean(chosen, axis=0)
    with np.errstate(all="ignore"):
        return 1 - np.mean(np.var(chosen, axis=0, ddof=1) / (share * (1 - share)))


def jaccard(chosen):
    sets = [set(np.flatnonzero(row)) for row in chosen]
    pairs = [(a, b) for i, a in enumerate(sets) for b in sets[i + 1 :]]
    return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs)


def number_kept(chosen):
    kept = np.sum(chosen, axis=1).mean()
    return 1 - np.var(chosen, axis=0, ddof=1).mean() / (kept * (1 - kept))


def leanest_by_sorting(table, margin):
    for columns, _difference, low, _high in sorted(table):
        if low >= -margin:
            return float(columns)
    return None


CASES = {
    "2.6a": cases(
        "fits",
        right=[fits, fits_in_closed_form, fits_step_by_step],
        wrong={
            "Forward is right. Follow": lambda d, c, k, f: fits(d, c, k, f) + f * (d == "backward"),
            "Backward is right.": lambda d, c, k, f: (
                f * sum(range(k, c)) if d == "forward" else fits(d, c, k, f)
            ),
            "off at its ends": lambda d, c, k, f: fits(d, c, k, f) + (f * k if d == "backward" else 0),
            "gives nothing back": lambda d, c, k, f: fits(d, c, k, f) if d == "forward" else None,
            "one number of fits": lambda *given: [fits(*given)],
            "once per fold: the number": lambda d, c, k, f: fits(d, c, k, 1) ** f,
            "Write the steps down": lambda d, c, k, f: f * (c - k) + 7,
        },
    ),
    "2.6b": cases(
        "stability",
        right=[stability, stability_in_loops],
        wrong={
            "divide column by column": by_column,
            "mean Jaccard index": jaccard,
            "needs the share of them": number_kept,
            "wrong axis": lambda chosen: stability(np.transpose(chosen)),
            "larger than 1": lambda chosen: 1 + np.mean(chosen),
            "a single number": lambda chosen: np.var(chosen, axis=0).tolist(),
            "by hand": lambda chosen: float(np.mean(chosen)),
            "less than what chance": lambda chosen: max(0.0, stability(chosen)),
            "mean over all the runs": lambda chosen: (
                1 - np.var(chosen, axis=0, ddof=1).mean() / np.var(chosen, axis=1).mean()
            ),
            "don't round": lambda chosen: round(stability(chosen), 2),
        },
    ),
    "2.6c": cases("honest", right=[["c", "b"]], wrong={}),
    "2.6d": cases(
        "leanest",
        right=[leanest_by_sorting],
        wrong={
            "a whole row": lambda table, margin: min(table),
            "or `None`": lambda table, margin: "none",
            "no particular order; try": lambda table, margin: table[0][0],
            "several sets that pass": lambda table, margin: [row[0] for row in table if row[2] >= -margin],
            "keeps the last of them": lambda table, margin: min(
                (size for size, low in {row[0]: row[2] for row in table}.items() if low >= -margin),
                default=None,
            ),
        },
    ),
}
