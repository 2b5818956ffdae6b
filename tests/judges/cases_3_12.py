"""Answers to the exercises of lesson 3.12 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import itertools
import math

import numpy as np

from .harness import cases


def _by_coalitions(worth):
    """3.12a by the formula with factorials, as a Series."""
    players = sorted(set("".join(worth)))
    total = len(players)
    found = {}
    for player in players:
        found[player] = 0
        for members, earned in worth.items():
            if player not in members:
                size = len(members)
                share = math.factorial(size) * math.factorial(total - size - 1) / math.factorial(total)
                found[player] += share * (worth["".join(sorted(members + player))] - earned)
    return found


def _by_orders(worth):
    players = max(worth, key=len)
    gains = []
    for order in itertools.permutations(players):
        so_far, gain = "", {}
        for player in order:
            after = "".join(sorted([*so_far, player]))
            gain[player] = worth[after] - worth[so_far]
            so_far = after
        gains.append(gain)
    return {player: np.mean([gain[player] for gain in gains]) for player in players}


def _zero_by_zero(coalitions):
    """3.12b by the formula everywhere: with one feature both ends are 0 / 0, not infinite."""
    size, total = np.asarray(coalitions).sum(axis=1), coalitions.shape[1]
    with np.errstate(all="ignore"):
        found = (total - 1) / (np.array([math.comb(total, int(s)) for s in size]) * size * (total - size))
    return np.where(np.isinf(found), 1e9, found)


def _vectorized(coalitions):
    size, total = np.asarray(coalitions).sum(axis=1), coalitions.shape[1]
    ways = np.array([math.comb(total, int(s)) for s in size])
    inside = (size > 0) & (size < total)
    below = np.where(inside, ways * size * (total - size), 1)
    return np.where(inside, (total - 1) / below, 1e9)


EXACT = [[0.1, -0.2, 0.05], [0.3, 0.0, 0.1]]
GIVEN = {
    "exact": EXACT,
    "decided": [0.9, -0.1],
    "odds": [1.5, 2.5],
    "one row": [0.2, 0.6],
}


def _summing_to(*sums):
    return np.array([[total, 0.0, 0.0] for total in sums])


def _turned(rows):
    return np.column_stack([1 - rows[:, 0], rows[:, 1:]])


def _in_a_loop(decide, rows):
    changed = 0
    for row in rows:
        other = row.copy()
        other[0] = 0 if row[0] else 1
        changed += decide(row[None])[0] != decide(other[None])[0]
    return changed / len(rows)


def _steps(places):
    """3.12e by another rule for the steps."""

    def integrated(gradient, x, baseline, steps):
        total = np.zeros(np.shape(x))
        for place in places(steps):
            total += gradient((baseline + place * (x - baseline))[None])[0]
        return (x - baseline) * total / len(places(steps))

    return integrated


def _trapezoid(gradient, x, baseline, steps):
    path = np.stack([baseline + place * (x - baseline) for place in np.linspace(0, 1, steps + 1)])
    found = gradient(path)
    return (x - baseline) * ((found[:-1] + found[1:]) / 2).mean(axis=0)


def _in_place(decide, rows):
    before = decide(rows)
    rows[:, 0] = 1 - rows[:, 0]
    return (decide(rows) != before).mean()


CASES = {
    "3.12a": cases(
        "shapley",
        right=[_by_coalitions, _by_orders],
        wrong={
            "from each player's letter": lambda worth: list(_by_orders(worth).values()),
            "Write its orders down": lambda worth: dict.fromkeys(max(worth, key=len), 1.5 * len(worth)),
        },
    ),
    "3.12b": cases(
        "kernel",
        right=[_vectorized],
        wrong={
            "with one number for each": lambda coalitions: float(_vectorized(coalitions).sum()),
            "by hand": lambda coalitions: _vectorized(coalitions) ** 0.5,
            "no number (NaN)": _zero_by_zero,
        },
        invalid={
            "division by zero": lambda coalitions: [1 / (int(s) * 0) for s in coalitions.sum(axis=1)],
            "an infinite number": lambda coalitions: np.where(_vectorized(coalitions) > 1e8, np.inf, 1.0),
        },
    ),
    "3.12c": cases(
        "values",
        right=[np.array(EXACT), EXACT],
        wrong={
            "both classes": np.stack([EXACT, EXACT], axis=2),
            "lies on its side": np.array(EXACT).T,
            "a column for each of": [[0.1, 0.2], [0.3, 0.1]],
            "a row for each applicant of": np.array(EXACT)[:1],
            "of an *approval*": -np.array(EXACT),
            "You explain the decision": _summing_to(*GIVEN["decided"]),
            "You explain log odds": _summing_to(*GIVEN["odds"]),
            "You compare with one row": _summing_to(*GIVEN["one row"]),
            "some are not exact": _summing_to(*np.sum(EXACT, axis=1)),
            "Which model": np.zeros((2, 3)),
        },
        given=GIVEN,
        invalid={
            "its `.values` is the array": type("Explanation", (), {"values": np.array(EXACT)})(),
            "holds no numbers": "explainer",
            "has the shape": np.array(EXACT)[0],
            "missing or infinite": np.array(EXACT) * np.nan,
        },
    ),
    "3.12d": cases(
        "flips",
        right=[
            _in_a_loop,
            lambda decide, rows: np.mean(decide(_turned(rows)) != decide(rows)),
            lambda decide, rows: np.abs(decide(_turned(rows)) - decide(rows)).mean(),
        ],
        wrong={
            "by hand": lambda decide, rows: 0.21,
            "the share of the rows": lambda decide, rows: decide(_turned(rows)) != decide(rows),
            "others need them": _in_place,
        },
    ),
    "3.12e": cases(
        "integrated",
        right=[
            _steps(lambda steps: np.linspace(0, 1, 2 * steps + 1)[1::2]),
            _steps(lambda steps: 1 - (np.arange(steps) + 0.5) / steps),
        ],
        wrong={
            "shaped as": lambda gradient, x, baseline, steps: 1.0,
            "one step of the path": lambda gradient, x, baseline, steps: x * 0 + 11.5,
            "both included": _steps(lambda steps: np.linspace(0, 1, steps)),
            "one place more": _steps(lambda steps: np.linspace(0, 1, steps + 1)),
            "where each step ends": _steps(lambda steps: np.arange(1, steps + 1) / steps),
            "where each step begins": _steps(lambda steps: np.arange(steps) / steps),
            "trapezoids": _trapezoid,
        },
    ),
}
