"""Answers to the exercises of lesson 2.9."""

import numpy as np

from .harness import Cases


def _label(due, arrived, now):
    if arrived <= now:
        return int(arrived - due > 15)
    return 1 if now - due > 15 else None


def _label_from_the_deadline(due, arrived, now):
    deadline = due + 15
    seen = min(arrived, now)
    if seen > deadline:
        return True
    return False if arrived <= now else None


def _label_as_numpy(due, arrived, now):
    known = np.array([arrived <= now, now > due + 15])
    return np.int64(min(arrived, now) > due + 15) if known.any() else None


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


def _by(key):
    return lambda chances, k: np.argsort([key(row) for row in chances], kind="stable")[:k]


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


def _without_silence(fired, on_late, on_time, prior):
    late, time = prior, 1 - prior
    for f, a, b in zip(fired, on_late, on_time, strict=True):
        if f:
            late, time = late * a, time * b
    return late / (late + time)


def _joint(fired, on_late, on_time, prior):
    for f, a in zip(fired, on_late, strict=True):
        prior *= a if f else 1 - a
    return prior


def _silence_as_fired(fired, on_late, on_time, prior):
    late, time = prior * np.prod(on_late), (1 - prior) * np.prod(on_time)
    return late / (late + time)


def _prior_each_time(fired, on_late, on_time, prior):
    late = np.prod([prior * (a if f else 1 - a) for f, a in zip(fired, on_late, strict=True)])
    time = np.prod([(1 - prior) * (b if f else 1 - b) for f, b in zip(fired, on_time, strict=True)])
    return late / (late + time)


def _added(fired, on_late, on_time, prior):
    late = prior * sum(a if f else 1 - a for f, a in zip(fired, on_late, strict=True))
    time = (1 - prior) * sum(b if f else 1 - b for f, b in zip(fired, on_time, strict=True))
    return late / (late + time)


PLAN = {
    "returns": "wait",
    "loans": "explore",
    "parts": "spread",
    "scans": "margin",
    "invoices": "functions",
}

CASES = {
    "2.9a": Cases(
        right=[
            {"label_now": _label},
            {"label_now": _label_from_the_deadline},
            {"label_now": _label_as_numpy},
            {  # not there at the deadline: it can only land after it
                "label_now": lambda due, arrived, now: (
                    int(arrived - due > 15) if arrived <= now else 1 if now >= due + 15 else None
                )
            },
        ],
        wrong={
            "before it has happened": {"label_now": lambda due, arrived, now: int(arrived - due > 15)},
            "You wait for the landing": {
                "label_now": lambda due, arrived, now: int(arrived - due > 15) if arrived <= now else None
            },
            "Absence of news": {
                "label_now": lambda due, arrived, now: int(arrived - due > 15) if arrived <= now else 0
            },
            "neither 0 nor 1": {
                "label_now": lambda due, arrived, now: (
                    int(arrived - due > 15) if arrived <= now else int(now - due > 15)
                )
            },
            "Some of them still have time": {
                "label_now": lambda due, arrived, now: int(arrived - due > 15) if arrived <= now else 1
            },
            "wait for the deadline even": {
                "label_now": lambda due, arrived, now: int(arrived - due > 15) if now - due > 15 else None
            },
            "It has 15 minutes more": {
                "label_now": lambda due, arrived, now: (
                    int(arrived - due > 15) if arrived <= now else 1 if now > due else None
                )
            },
            "Exactly 15 minutes": {
                "label_now": lambda due, arrived, now: (
                    int(arrived - due >= 15) if arrived <= now else 1 if now - due > 15 else None
                )
            },
            "turned 0 and 1 round": {
                "label_now": lambda due, arrived, now: {0: 1, 1: 0}.get(_label(due, arrived, now))
            },
            "at the first minute": {
                "label_now": lambda due, arrived, now: (
                    int(arrived > due) if arrived <= now else 1 if now - due > 15 else None
                )
            },
            "stays on time": {
                "label_now": lambda due, arrived, now: (
                    1 if now > due + 15 else int(arrived - due > 15) if arrived <= now else None
                )
            },
            "arrived` of late flights": {
                "label_now": lambda due, arrived, now: (
                    1 if arrived - due > 15 else 0 if arrived <= now else None
                )
            },
            "by the clock alone": {"label_now": lambda due, arrived, now: int(now - due > 15)},
            "a flight can land late": {
                "label_now": lambda due, arrived, now: 0 if arrived <= now else 1 if now > due + 15 else None
            },
            "only the landing tells": {
                "label_now": lambda due, arrived, now: (
                    int(arrived - due > 15)
                    if arrived <= now
                    else 1
                    if now > due + 15
                    else 0
                    if now <= due
                    else None
                )
            },
            "the planned time has come": {
                "label_now": lambda due, arrived, now: int(arrived - due > 15) if now >= due else None
            },
            "yours gives something else": {
                "label_now": lambda due, arrived, now: "late" if arrived - due > 15 else "on time"
            },
            "Does every path": {"label_now": lambda due, arrived, now: print(end="")},
            "Draw a line of time": {"label_now": lambda due, arrived, now: 1},
        },
    ),
    "2.9b": Cases(
        right=[
            {"most_doubtful": _margin},
            {"most_doubtful": _margin_in_a_loop},
            {"most_doubtful": _margin_as_a_set},
        ],
        wrong={
            "surest about": {"most_doubtful": _by(lambda row: np.sort(row)[-2] - np.sort(row)[-1])},
            "least confident": {"most_doubtful": _by(max)},
            "That is entropy": {
                "most_doubtful": _by(lambda row: (row * np.log(np.maximum(row, 1e-12))).sum())
            },
            "first two columns": {"most_doubtful": _by(lambda row: abs(row[0] - row[1]))},
            "You subtract the smallest": {"most_doubtful": _by(lambda row: max(row) - min(row))},
            "two smallest": {"most_doubtful": _by(lambda row: np.sort(row)[1] - np.sort(row)[0])},
            "first rows of the pool": {"most_doubtful": lambda chances, k: list(range(k))},
            "near one half": {"most_doubtful": _by(lambda row: abs(max(row) - 0.5))},
            "between any two": {"most_doubtful": _by(lambda row: np.diff(np.sort(row)).min())},
            "columns as they stand": {"most_doubtful": _by(lambda row: row[-1] - row[-2])},
            "down the columns": {
                "most_doubtful": lambda chances, k: np.argsort(
                    np.diff(np.sort(chances, axis=0)[:, -2:]).ravel()
                )[:k]
            },
            "gives ranks": {
                "most_doubtful": lambda chances, k: np.argsort(_margin(chances, len(chances)))[:k],
            },
            "list within a list": {
                "most_doubtful": lambda chances, k: np.where(
                    np.isin(np.arange(len(chances)), _margin(chances, k))
                )
            },
            "You give pairs": {
                "most_doubtful": lambda chances, k: [(int(i), chances[i].max()) for i in _margin(chances, k)]
            },
            "numbers of columns": {"most_doubtful": lambda chances, k: np.argsort(chances, axis=1)[:k]},
            "is not `k`": {"most_doubtful": lambda chances, k: _margin(chances, len(chances))},
            "not row numbers but values": {
                "most_doubtful": lambda chances, k: (
                    np.diff(np.sort(chances, axis=1)[:, -2:]).ravel()[:k] + 0.01
                )
            },
            "probabilities themselves": {"most_doubtful": lambda chances, k: chances[_margin(chances, k)]},
            "A mask is": {"most_doubtful": lambda chances, k: np.sort(chances, axis=1)[:, -1] < 0.5},
            "a single number": {"most_doubtful": lambda chances, k: _margin(chances, 1)[0]},
            "gives nothing back": {"most_doubtful": lambda chances, k: print(end="")},
            "three rows by hand": {"most_doubtful": lambda chances, k: list(range(len(chances)))[-k:]},
        },
    ),
    "2.9c": Cases(
        right=[{"chance_late": _chance}, {"chance_late": _chance_in_logarithms}],
        wrong={
            "leave silence out": {"chance_late": _without_silence},
            "from even odds": {"chance_late": lambda f, a, b, p: _chance(f, a, b, 0.5)},
            "whatever the truth": {"chance_late": _joint},
            "odds of 1": {"chance_late": lambda f, a, b, p: _chance(f, a, b, p) / (1 - _chance(f, a, b, p))},
            "of being on time": {"chance_late": lambda f, a, b, p: 1 - _chance(f, a, b, p)},
            "swapped the two rates": {"chance_late": lambda f, a, b, p: _chance(f, b, a, p)},
            "prior was turned round": {"chance_late": lambda f, a, b, p: _chance(f, a, b, 1 - p)},
            "counts votes": {"chance_late": lambda f, a, b, p: sum(f) / len(f)},
            "rate of firing as well": {"chance_late": _silence_as_fired},
            "without the prior and without": {
                "chance_late": lambda f, a, b, p: _without_silence(f, a, b, 0.5)
            },
            "ratio multiplies the odds": {
                "chance_late": lambda f, a, b, p: p * _joint(f, a, b, 1) / _joint(f, b, a, 1)
            },
            "a prior of its own": {
                "chance_late": lambda f, a, b, p: (
                    _joint(f, a, b, p) / (_joint(f, a, b, p) + _joint(f, b, a, 1))
                )
            },
            "the other way round": {"chance_late": lambda f, a, b, p: _joint(f, a, b, 1)},
            "not once for each function": {"chance_late": _prior_each_time},
            "You add where": {"chance_late": _added},
            "logarithm of the odds": {
                "chance_late": lambda f, a, b, p: np.log(_chance(f, a, b, p) / (1 - _chance(f, a, b, p)))
            },
            "That is a decision": {"chance_late": lambda f, a, b, p: int(_chance(f, a, b, p) > 0.5)},
            "but rounded": {"chance_late": lambda f, a, b, p: round(_chance(f, a, b, p), 2)},
            "one number for one flight": {"chance_late": lambda f, a, b, p: [p]},
            "nothing back": {"chance_late": lambda f, a, b, p: print(end="")},
            "between 0 and 1": {"chance_late": lambda f, a, b, p: p + sum(f)},
            "by hand": {"chance_late": lambda f, a, b, p: p},
        },
    ),
    "2.9d": Cases(
        right=[
            {"plan": PLAN},
            {"plan": {case: f" {word.upper()}" for case, word in reversed(PLAN.items())}},
        ],
        wrong={
            "every parcel's label comes": {"plan": PLAN | {"returns": "explore"}},
            "what the calendar brings": {"plan": PLAN | {"returns": "margin"}},
            "spreads the bias": {"plan": PLAN | {"returns": "spread"}},
            "a weaker label": {"plan": PLAN | {"returns": "functions"}},
            "look at the calendar": {"plan": PLAN | {"loans": "wait"}},
            "never paid out": {"plan": PLAN | {"loans": "margin"}},
            "because they are not": {"plan": PLAN | {"loans": "spread"}},
            "made you refuse them": {"plan": PLAN | {"loans": "functions"}},
            "No clock labels": {"plan": PLAN | {"parts": "wait"}},
            "no money left": {"plan": PLAN | {"parts": "margin"}},
            "rules for pixels": {"plan": PLAN | {"parts": "functions"}},
            "a part's label": {"plan": PLAN | {"parts": "explore"}},
            "scan comes by itself": {"plan": PLAN | {"scans": "wait"}},
            "most scans are easy": {"plan": PLAN | {"scans": "explore"}},
            "scans' neighbours": {"plan": PLAN | {"scans": "spread"}},
            "rules for scans": {"plan": PLAN | {"scans": "functions"}},
            "which invoice was wrong": {"plan": PLAN | {"invoices": "wait"}},
            "an invoice's label": {"plan": PLAN | {"invoices": "explore"}},
            "one query at a time": {"plan": PLAN | {"invoices": "margin"}},
            "invoices' neighbours": {"plan": PLAN | {"invoices": "spread"}},
            "five words in quotation marks": {"plan": PLAN | {"invoices": "label model"}},
            "no case called": {"plan": PLAN | {"claims": "wait"}},
        },
    ),
}
