"""Answers to the exercises of lesson 2.9."""

import numpy as np

from .harness import cases


def _label_from_the_deadline(due, arrived, now):
    deadline = due + 15
    seen = min(arrived, now)
    if seen > deadline:
        return True
    return False if arrived <= now else None


def _label_as_numpy(due, arrived, now):
    known = np.array([arrived <= now, now > due + 15])
    return np.int64(min(arrived, now) > due + 15) if known.any() else None


def _label_at_the_deadline(due, arrived, now):
    """Not there at the deadline: it can only land after it."""
    if arrived <= now:
        return int(arrived - due > 15)
    return 1 if now >= due + 15 else None


def _margin(chances, k):
    top = np.sort(chances, axis=1)[:, -2:]
    return np.argsort(top[:, 1] - top[:, 0])[:k]


def _margin_in_a_loop(chances, k):
    gaps = []
    for number, row in enumerate(chances):
        second, first = sorted(row)[-2:]
        gaps.append((first - second, number))
    return [number for _, number in sorted(gaps, reverse=True)[-k:]]


def _margin_as_a_set(chances, k):
    top = -np.partition(-np.asarray(chances), 1, axis=1)[:, :2]
    return set(np.argpartition(top[:, 0] - top[:, 1], k - 1)[:k].tolist())


def _chance(fired, on_late, on_time, prior):
    late, time = prior, 1 - prior
    for f, a, b in zip(fired, on_late, on_time, strict=True):
        late *= a if f else 1 - a
        time *= b if f else 1 - b
    return late / (late + time)


def _chance_in_logarithms(fired, on_late, on_time, prior):
    f, a, b = (np.array(values, float) for values in (fired, on_late, on_time))
    logit = np.log(prior / (1 - prior)) + f @ np.log(a / b) + (1 - f) @ np.log((1 - a) / (1 - b))
    return 1 / (1 + np.exp(-logit))


def _prior_each_time(fired, on_late, on_time, prior):
    late = np.prod([prior * (a if f else 1 - a) for f, a in zip(fired, on_late, strict=True)])
    time = np.prod([(1 - prior) * (b if f else 1 - b) for f, b in zip(fired, on_time, strict=True)])
    return late / (late + time)


PLAN = {"returns": "wait", "loans": "explore", "parts": "spread", "scans": "margin", "invoices": "functions"}

CASES = {
    "2.9a": cases(
        "label_now",
        right=[_label_from_the_deadline, _label_as_numpy, _label_at_the_deadline],
        wrong={
            "yours gives something else": lambda due, arrived, now: (
                "late" if arrived - due > 15 else "on time"
            ),
            "to you it begins earlier": lambda due, arrived, now: (
                (arrived - due > 0.25) if arrived <= now else (1 if now - due > 0.25 else None)
            ),
            "You give `None`": lambda due, arrived, now: 1 if min(arrived, now) - due > 15 else None,
            "Draw a line of time": lambda due, arrived, now: 1,
        },
    ),
    "2.9b": cases(
        "most_doubtful",
        right=[_margin, _margin_in_a_loop, _margin_as_a_set],
        wrong={
            "That is entropy": lambda chances, k: np.argsort(
                (chances * np.log(np.maximum(chances, 1e-12))).sum(axis=1)
            )[:k],
            "between any two": lambda chances, k: np.argsort(
                np.diff(np.sort(chances)).min(axis=1), kind="stable"
            )[:k],
            "down the columns": lambda chances, k: np.argsort(
                np.diff(np.sort(chances, axis=0)[:, -2:]).ravel()
            )[:k],
            "gives ranks": lambda chances, k: np.argsort(_margin(chances, len(chances)))[:k],
            "list within a list": lambda chances, k: np.where(
                np.isin(np.arange(len(chances)), _margin(chances, k))
            ),
            "You give pairs": lambda chances, k: [(int(i), chances[i].max()) for i in _margin(chances, k)],
            "numbers of columns": lambda chances, k: np.argsort(chances, axis=1)[:k],
            "is not `k`": lambda chances, k: _margin(chances, len(chances)),
            "not row numbers but values": lambda chances, k: (
                np.diff(np.sort(chances)[:, -2:]).ravel()[:k] + 0.01
            ),
            "probabilities themselves": lambda chances, k: chances[_margin(chances, k)],
            "A mask is": lambda chances, k: chances.max(axis=1) < 0.5,
            "a single number": lambda chances, k: _margin(chances, 1)[0],
            "as a list or an array.": lambda chances, k: dict(enumerate(_margin(chances, k))),
            "keeps the last of them": lambda chances, k: [
                number
                for _, number in sorted(
                    {float(np.diff(np.sort(row)[-2:])[0]): i for i, row in enumerate(chances)}.items()
                )
            ][:k],
            "all classes lie apart": lambda chances, k: np.argsort(chances.var(axis=1))[:k],
            "three rows by hand": lambda chances, k: list(range(len(chances)))[-k:],
        },
    ),
    "2.9c": cases(
        "chance_late",
        right=[_chance, _chance_in_logarithms],
        wrong={
            "not once for each function": _prior_each_time,
            "one number for one flight": lambda fired, on_late, on_time, prior: [prior],
            "between 0 and 1": lambda fired, on_late, on_time, prior: prior + sum(fired),
            "by hand": lambda fired, on_late, on_time, prior: prior,
            "but rounded": lambda *given: round(_chance(*given), 1),
            "That is a decision": lambda *given: int(_chance(*given) > 0.5),
            "surer than one": lambda fired, on_late, on_time, prior: np.mean(
                [_chance([f], [a], [b], prior) for f, a, b in zip(fired, on_late, on_time, strict=True)]
            ),
        },
    ),
    "2.9d": cases(
        "plan", right=[{case: f" {word.upper()}" for case, word in reversed(PLAN.items())}], wrong={}
    ),
}
