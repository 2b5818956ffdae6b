"""Judges of lesson 1.3, Baselines and metrics."""

from __future__ import annotations

import math
from collections.abc import Callable

from helpers.exercises.kit import Function, Mapping, exercise, right, wrong
from helpers.exercises.outputs import number

# ---------------------------------------------------------------------------------------------------- 1.3a

_DAYS = [
    ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 10, 2),
    ([9, 3, 12, 7, 8, 3, 10, 1, 11, 7, 9, 10], 10, 2),
    ([5, 5, 4, 6, 3, 3, 6, 2], 5, 0),
    ([30, 12, 25, 24, 18, 17, 16, 31, 23, 12], 24, 7),
    ([8, 9, 4, 4, 20], 6, 1),
]


def _positions(days: list[int], keep: Callable[[int], bool]) -> list[int]:
    return [place for place, day in enumerate(days) if keep(day)]


@exercise(
    "1.3a",
    split=Function(_DAYS),
    hints=(
        "`enumerate(days)` gives each flight's position together with its day.",
        "Two conditions on the day decide, one for each list; a day in the embargo meets neither.",
        "Go through the example by hand: first test day 10, embargo 2, so days 8 and 9 are in neither list.",
    ),
)
def a_split_by_time_with_an_embargo(split):
    outputs = [r["output"] for r in split]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` both lists?")
    if any(
        type(output) is not list or len(output) != 2 or any(type(side) is not list for side in output)
        for output in outputs
    ):
        return wrong("Give back two lists: `return train, test`.")
    if any(type(item) is bool for output in outputs for side in output for item in side):
        return wrong(
            "Those are truth values, one for each flight. Asked are the positions where they are True."
        )
    if any(not all(number(item) for item in side) for output in outputs for side in output):
        return wrong("The lists should hold positions, which are whole numbers from 0.")
    got = [[sorted(side) for side in output] for output in outputs]

    def same(train: Callable, test: Callable, answer: Callable = _positions) -> bool:
        expected = []
        for days, first, gap in (r["input"] for r in split):
            marks = {day: (train(day, first, gap), test(day, first, gap)) for day in days}
            expected.append([answer(days, lambda d, m=marks, s=side: m[d][s]) for side in (0, 1)])
        return got == [[sorted(side) for side in sides] for sides in expected]

    def train(day, first, gap):
        return day < first - gap

    def test(day, first, gap):
        return day >= first

    def of_days(days, keep):
        return [day for day in days if keep(day)]

    if same(train, test):
        return right(
            "Every test day comes after every training day, and the days whose labels would not be there yet are in neither."
        )
    if same(train, test, of_days) or same(train, test, lambda days, keep: sorted(set(of_days(days, keep)))):
        return wrong("Those are the days themselves. Asked are the positions at which they stand in `days`.")
    if same(lambda d, f, g: d < f, test):
        return wrong("The embargo plays no part: you train on days whose labels are not there yet.")
    if same(lambda d, f, g: d <= f - g, test):
        return wrong(
            "One day too many is trained on. With first test day 10 and embargo 2, where does day 8 go?"
        )
    if same(lambda d, f, g: d < f - g - 1, test):
        return wrong("One day too few is trained on: the embargo covers more days than it should.")
    if same(train, lambda d, f, g: d > f):
        return wrong("`first_test_day` itself is missing from the test side.")
    if same(lambda d, f, g: d < f, lambda d, f, g: d >= f + g):
        return wrong("You cut the embargo out of the test side. The labels are missing on the training side.")
    if same(train, lambda d, f, g: d >= f - g) or same(train, lambda d, f, g: not train(d, f, g)):
        return wrong("You test on the days of the embargo as well. They belong to neither side.")
    if same(test, train):
        return wrong("The two lists are swapped: first `train`, then `test`.")
    if got[0] == [list(range(8)), [10, 11, 12]]:
        return wrong("You count up day numbers. Asked are the places at which such days stand in `days`.")
    if any(set(train) & set(test) for train, test in got):
        return wrong("For some inputs a flight is on both sides.")
    if got[0] == [[0, 1, 2, 3, 4, 5, 6], [9, 10, 11]]:
        return wrong("It works where the days are in order. They may come in any order, and days repeat.")
    return wrong("For some inputs the lists are not those asked for. Try the second condition by hand.")


# ---------------------------------------------------------------------------------------------------- 1.3b

_ALERTS = [
    ([1, 1, 0, 0, 1, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 1, 0, 0, 0, 0]),
    ([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
    ([0, 1, 0, 1, 0, 1], [0, 1, 0, 0, 0, 0]),
    ([0, 0, 1, 0], [0, 0, 0, 0]),
    ([0, 0, 0, 0, 0], [1, 0, 0, 1, 0]),
    ([1, 0, 0, 1], [0, 1, 1, 0]),
    ([0, 0, 0], [0, 0, 0]),
]
_KEYS = ("precision", "recall", "f1")


def _ratio(over: float, under: float) -> float:
    return over / under if under else 0.0


def _measures(late: list[int], alert: list[int]) -> dict[str, float]:
    caught = sum(a * b for a, b in zip(late, alert, strict=True))
    quiet = sum((1 - a) * (1 - b) for a, b in zip(late, alert, strict=True))
    precision, recall = _ratio(caught, sum(alert)), _ratio(caught, sum(late))
    return {
        "precision": precision,
        "recall": recall,
        "f1": _ratio(2 * precision * recall, precision + recall),
        "accuracy": (caught + quiet) / len(late),
        "mean": (precision + recall) / 2,
        "false positive rate": _ratio(sum(alert) - caught, len(late) - sum(late)),
        "one minus": 1 - precision,
        "geometric": math.sqrt(precision * recall),
        "share of all": caught / len(late),
    }


@exercise(
    "1.3b",
    scores=Function(_ALERTS, may_raise=True),
    hints=(
        "Count first: in how many places are both lists 1?",
        "Precision divides the caught ones by all alerts, recall by all late flights.",
        "F1 is 2 · precision · recall / (precision + recall). Three divisions, so three times a denominator that may be 0.",
    ),
)
def precision_recall_and_f1(scores):
    failed = [r for r in scores if "error" in r]
    if failed and all("ZeroDivision" in r["error"] for r in failed):
        return wrong("It divides by zero where there are no alerts, no late flights, or nothing caught.")
    if failed:
        return wrong(
            f"For some lists your function fails: {failed[0]['error'].split(':')[0].removeprefix('raised ')}."
        )
    outputs = [r["output"] for r in scores]
    if any(output is None for output in outputs):
        return wrong("For some lists your function gives nothing back.")
    if any(type(output) is not dict or not set(_KEYS) <= set(output) for output in outputs):
        return wrong("Give back a dict with the keys `precision`, `recall` and `f1`.")
    if any(not number(output[key]) for output in outputs for key in _KEYS):
        return wrong("Some value is not a number. Where there is nothing to divide by, it should be 0.")
    truth = [_measures(*r["input"]) for r in scores]

    def gives(key: str, name: str, rows: slice = slice(None)) -> bool:
        return all(
            math.isclose(output[key], known[name], abs_tol=1e-6)
            for output, known in zip(outputs[rows], truth[rows], strict=True)
        )

    if all(gives(key, key) for key in _KEYS):
        return right(
            "None of the three looks at the flights that were rightly left alone, which is why they still see a rare class."
        )
    usual = slice(0, 3)  # lists in which nothing is empty
    if all(gives(key, key, usual) for key in _KEYS):
        return wrong("It is right for ordinary lists. Look at those without alerts, or without late flights.")
    if gives("precision", "recall", usual) and gives("recall", "precision", usual):
        return wrong(
            "The first two are swapped: one divides by the alerts, the other by the late flights; which is which?"
        )
    if any(
        math.isclose(output[key], 100 * known[key], abs_tol=1e-3) and known[key] > 0
        for output, known in zip(outputs[usual], truth[usual], strict=True)
        for key in _KEYS
    ):
        return wrong("Those are percentages. Give shares between 0 and 1.")
    if all(
        math.isclose(output[key], known[key], abs_tol=0.0051)
        for output, known in zip(outputs[usual], truth[usual], strict=True)
        for key in _KEYS
    ):
        return wrong("Your values look rounded. Give them back as they are; rounding is for showing.")
    if not gives("precision", "precision", usual):
        if gives("precision", "accuracy", usual):
            return wrong("Your `precision` is the accuracy: it counts the punctual flights left alone.")
        if gives("precision", "one minus", usual):
            return wrong("Your `precision` is the share of alerts that were false.")
        return wrong(
            "Your `precision` is off. Of all alerts, what share was for a flight that really was late?"
        )
    if not gives("recall", "recall", usual):
        if gives("recall", "false positive rate", usual):
            return wrong("Your `recall` is the share of punctual flights that got an alert.")
        if gives("recall", "precision", usual):
            return wrong("Your `recall` is the precision once more: it divides by the alerts.")
        if gives("recall", "share of all", usual):
            return wrong("Your `recall` divides by all flights. Only the late ones could be caught.")
        return wrong("Your `recall` is off. Of all late flights, what share got an alert?")
    if gives("f1", "mean", usual):
        return wrong(
            "Your `f1` is the arithmetic mean. The harmonic one is pulled towards the smaller value."
        )
    if gives("f1", "geometric", usual):
        return wrong("Your `f1` is the geometric mean of the two; asked is the harmonic one.")
    if gives("f1", "accuracy", usual):
        return wrong("Your `f1` is the accuracy.")
    return wrong("Precision and recall are right; look at `f1` again.")


# ---------------------------------------------------------------------------------------------------- 1.3c

_WORDS = ("too high", "too low", "about right")


@exercise(
    "1.3c",
    reading=Mapping("July", "September", "December"),
    hints=(
        "The diagonal is a promise kept. A point below it: less happened than was promised.",
        "Look at a month's line as a whole. Does it lie on one side of the diagonal?",
        "Where a line crosses the diagonal, what is above and what is below may cancel in the mean.",
    ),
)
def what_the_reliability_diagram_says(reading, given):
    said = {}
    for month in ("July", "September", "December"):
        word = reading[month]
        if type(word) is not str or word.strip().casefold() not in _WORDS:
            return wrong(f"For {month}, choose one of the three readings, spelled as in the text.")
        said[month] = word.strip().casefold()
    gaps = {month: given[month]["promised"] - given[month]["late"] for month in said}
    truth = {
        m: "too high" if g > 0.03 else "too low" if g < -0.03 else "about right" for m, g in gaps.items()
    }
    if said == truth:
        return right(
            "Below the diagonal the model promises too much, above it too little; and one and the same model does both, "
            "a few months apart."
        )
    turned = {"too high": "too low", "too low": "too high", "about right": "about right"}
    if said == {month: turned[word] for month, word in truth.items()}:
        return wrong(
            "You have the sides turned round. Take one point: read what was promised on the horizontal axis, what happened on the vertical."
        )
    if len(set(said.values())) == 1:
        return wrong("You read all three months alike. Their lines lie on different sides of the diagonal.")
    off = [month for month in said if said[month] != truth[month]]
    if len(off) > 1:
        return wrong(
            "More than one month is misread. For each, ask whether most of its points lie above or below the diagonal."
        )
    month = off[0]
    if truth[month] == "about right" and said[month] == "too low":
        return wrong(f"Don't count {month}'s points on either side: weigh how far each is from the diagonal.")
    if truth[month] == "about right":
        return wrong(
            f"{month}'s line leaves the diagonal on both sides. How far, and what remains of that in the mean?"
        )
    if said[month] == "about right":
        return wrong(
            f"{month}'s points all but avoid the diagonal: they lie on one side of it, and not near."
        )
    return wrong(f"{month} lies on the other side of the diagonal from what you say.")


# ---------------------------------------------------------------------------------------------------- 1.3d

_P_VALUES = [
    ([0.001, 0.8, 0.012, 0.2, 0.03], 0.05),
    ([0.04, 0.03, 0.9, 0.02, 0.045], 0.06),
    ([0.9, 0.6, 0.2, 0.4], 0.05),
    ([0.5, 0.0001, 0.3, 0.019, 0.011, 0.7, 0.032, 0.004], 0.05),
    ([0.011, 0.021, 0.024, 0.026, 0.5, 0.6], 0.05),
    ([0.049, 0.9], 0.05),
    ([0.25, 0.125, 0.75, 1.0], 0.5),
    ([0.02, 0.02, 0.7], 0.1),
]


def _bh(p: list[float], rate: float) -> list[bool]:
    top = max((v for k, v in enumerate(sorted(p), 1) if v <= k / len(p) * rate + 1e-12), default=-1.0)
    return [value <= top for value in p]


def _each_by_its_own_line(p: list[float], rate: float) -> list[bool]:
    order = sorted(range(len(p)), key=p.__getitem__)
    return [p[i] <= (order.index(i) + 1) / len(p) * rate for i in range(len(p))]


def _stops_at_the_first_failure(p: list[float], rate: float) -> list[bool]:
    order, found = sorted(range(len(p)), key=p.__getitem__), [False] * len(p)
    for k, i in enumerate(order, 1):
        if p[i] > k / len(p) * rate:
            break
        found[i] = True
    return found


def _strictly_below(p: list[float], rate: float) -> list[bool]:
    top = max((v for k, v in enumerate(sorted(p), 1) if v < k / len(p) * rate - 1e-12), default=-1.0)
    return [value <= top for value in p]


def _as_many_as_pass(p: list[float], rate: float) -> list[bool]:
    ordered = sorted(p)
    count = sum(v <= k / len(p) * rate for k, v in enumerate(ordered, 1))
    return [value in ordered[:count] for value in p]


def _from_the_largest(p: list[float], rate: float) -> list[bool]:
    top = max((v for k, v in enumerate(sorted(p)[::-1], 1) if v <= k / len(p) * rate), default=-1.0)
    return [value <= top for value in p]


def _smallest_rank(p: list[float], rate: float) -> list[bool]:
    top = min((v for k, v in enumerate(sorted(p), 1) if v <= k / len(p) * rate), default=-1.0)
    return [value <= top for value in p]


@exercise(
    "1.3d",
    discoveries=Function(_P_VALUES),
    hints=(
        "Sort a copy, so that the original order is still there at the end.",
        "For rank k, counted from 1, the line is k / len(p) * rate. Which is the last p-value on or below its line?",
        "All p-values up to that one are findings: compare each of the original list with it.",
    ),
)
def the_rule_of_benjamini_and_hochberg(discoveries):
    outputs = [r["output"] for r in discoveries]
    if any(output is None for output in outputs):
        return wrong("For some lists your function gives nothing back.")
    if any(type(output) is not list for output in outputs):
        return wrong("Asked is a list with one True or False for each p-value.")
    lengths = [len(output) == len(r["input"][0]) for output, r in zip(outputs, discoveries, strict=True)]
    if not all(lengths):
        return wrong("Your list is not as long as `p`: every p-value gets its True or False.")
    if any(type(item) is not bool and item not in (0, 1) for output in outputs for item in output):
        return wrong("The list should hold True and False only.")
    got = [[bool(item) for item in output] for output in outputs]

    def same(rule: Callable) -> bool:
        return got == [rule(*r["input"]) for r in discoveries]

    if same(_bh):
        return right(
            "The largest rank on or below its line decides, and everything before it comes along: that keeps the share of "
            "false findings, not their number, in check."
        )
    mistakes = {
        "That is no correction: every p-value up to the rate is a finding, however many slices were looked at.": lambda p, rate: (
            [v <= rate for v in p]
        ),
        "That is Bonferroni: one line for all. Here the line rises with the rank.": lambda p, rate: (
            [v <= rate / len(p) for v in p]
        ),
        "You hold every p-value to the line of its own rank. A rank may miss its line and still come along.": _each_by_its_own_line,
        "You stop at the first rank that misses its line. A later one may meet its own.": _stops_at_the_first_failure,
        "A p-value that lies exactly on its line counts: *at most*.": _strictly_below,
        "Your list is in sorted order. Each answer belongs where its p-value stands in `p`.": lambda p, rate: (
            _bh(sorted(p), rate)
        ),
        "You take the position in `p` for the rank. The rank is the place in sorted order.": lambda p, rate: (
            [v <= (i + 1) / len(p) * rate for i, v in enumerate(p)]
        ),
        "You count how many p-values pass and take that many. What decides is the largest rank that passes.": _as_many_as_pass,
        "Your ranks start at the largest p-value. Rank 1 is the smallest.": _from_the_largest,
        "You take the smallest rank that passes; the rule asks for the last one.": _smallest_rank,
        "Your answers are turned round: True is for what stands out.": lambda p, rate: (
            [not found for found in _bh(p, rate)]
        ),
    }
    for reason, rule in mistakes.items():
        if same(rule):
            return wrong(reason)
    if not any(any(output) for output in got):
        return wrong("Your function never finds anything.")
    if all(all(output) for output in got):
        return wrong("Your function finds everything, whatever the p-values.")
    return wrong(
        "For some lists the findings are others. Do ranks count from 1, and does the largest one decide?"
    )


# ---------------------------------------------------------------------------------------------------- 1.3e


def _models(*rows: tuple) -> list[dict]:
    return [dict(zip(("name", "dollars", "gap", "bytes", "times"), row, strict=True)) for row in rows]


_SHELF = _models(
    ("rule", 1450.0, 0.01, 4_000, 0.3),
    ("small", 3300.0, 0.017, 7_000, 1.0),
    ("trees", 3470.0, 0.035, 270_000, 0.7),
    ("forest", 3900.0, 0.048, 41_000_000, 5.0),
    ("old", 620.0, -0.149, 7_000, 1.0),
)
_CANDIDATES = [
    (_SHELF, 0.05, 1_000_000, 3),
    (_SHELF, 0.02, 1_000_000, 3),
    (_SHELF, 0.05, 100_000_000, 9),
    (_SHELF, 0.05, 100_000_000, 2),
    (_SHELF, 0.05, 1_000_000, 9),
    (_SHELF, 0.05, 5_000, 0.1),
    (_models(("a", 500.0, -0.2, 10, 1.0), ("b", 100.0, 0.0, 10, 1.0)), 0.05, 100, 2),
    (_models(("a", 500.0, 0.2, 10, 1.0), ("b", 100.0, 0.0, 10, 1.0)), 0.05, 100, 2),
    (_models(("a", 900.0, -0.05, 100, 2.0), ("b", 100.0, 0.0, 10, 1.0)), 0.05, 100, 2),
    (_models(("a", -40.0, 0.01, 10, 1.0), ("b", -300.0, 0.0, 5, 0.5)), 0.05, 100, 2),
    (
        _models(
            ("a", 100.0, 0.02, 80, 1.5),
            ("b", 900.0, 0.03, 90, 1.9),
            ("c", 400.0, 0.001, 70, 1.4),
            ("d", 500.0, 0.02, 60, 0.2),
            ("e", 600.0, 0.025, 5, 1.2),
        ),
        0.05,
        100,
        2,
    ),
]


@exercise(
    "1.3e",
    choose=Function(_CANDIDATES),
    hints=(
        "First keep those that meet all three bounds. Only then look at the dollars.",
        "A gap of −0.15 is as bad as one of +0.15: `abs` drops the sign.",
        "`max` of an empty list raises an error: say what happens when nothing qualifies.",
    ),
)
def the_best_within_the_bounds(choose):
    outputs = [r["output"] for r in choose]
    if any(type(output) is dict for output in outputs):
        return wrong("That is the whole candidate. Give back its name.")
    if any(type(output) is list for output in outputs):
        return wrong("Asked is one name; your function gives a list.")
    if any(output is not None and type(output) is not str for output in outputs):
        return wrong("Asked is a name, or None.")

    def pick(meets: Callable, key: Callable = lambda c: c["dollars"]) -> list[str | None]:
        found = []
        for candidates, *bounds in (r["input"] for r in choose):
            good = [c for c in candidates if meets(c, *bounds)]
            found.append(max(good, key=key)["name"] if good else None)
        return found

    def gap(c, g, b, t):
        return abs(c["gap"]) <= g

    def size(c, g, b, t):
        return c["bytes"] <= b

    def time(c, g, b, t):
        return c["times"] <= t

    def every(*tests: Callable) -> Callable:
        return lambda *args: all(test(*args) for test in tests)

    everything = every(gap, size, time)
    if outputs == pick(everything):
        return right(
            "Bounds first, then one number decides: nobody has to say what a kilobyte is worth in dollars."
        )
    if all(output is None for output in outputs):
        return wrong("Your function never chooses anybody.")
    if [o for o in outputs if o is not None] and outputs == [
        name if name is not None else other for name, other in zip(pick(everything), outputs, strict=True)
    ]:
        return wrong("Where no candidate meets the bounds you still choose one. There the answer is None.")
    mistakes = {
        "You look at the dollars alone; the bounds play no part.": pick(lambda *a: True),
        "Your gap has a sign: a model that predicts far too little passes. It must be small in either direction.": pick(
            every(lambda c, g, b, t: c["gap"] <= g, size, time)
        ),
        "The bound on the gap plays no part.": pick(every(size, time)),
        "The bound on the size plays no part.": pick(every(gap, time)),
        "The bound on the latency plays no part.": pick(every(gap, size)),
        "A candidate that lies exactly on a bound still qualifies: *at most*.": pick(
            lambda c, g, b, t: abs(c["gap"]) < g and c["bytes"] < b and c["times"] < t
        ),
        "One bound that is met is enough for yours. All three have to be.": pick(
            lambda *a: gap(*a) or size(*a) or time(*a)
        ),
        "Among those that qualify you take the one that earns least.": pick(
            everything, lambda c: -c["dollars"]
        ),
        "Among those that qualify you take the best calibrated. Within its bound, the gap no longer counts.": pick(
            everything, lambda c: -abs(c["gap"])
        ),
        "Among those that qualify you take the fastest. Within its bound, more speed is worth nothing.": pick(
            everything, lambda c: -c["times"]
        ),
        "Among those that qualify you take the smallest. Within its bound, fewer bytes are worth nothing.": pick(
            everything, lambda c: -c["bytes"]
        ),
        "You take the first one that qualifies; the list is in no order. Asked is the one that earns most.": pick(
            everything, lambda c: 0
        ),
        "You look for the best earner first and then at its bounds. If it fails them, the next may qualify.": [
            best["name"] if everything(best, *bounds) else None
            for best, bounds in (
                (max(r["input"][0], key=lambda c: c["dollars"]), r["input"][1:]) for r in choose
            )
        ],
        "You refuse candidates that lose money. The best of them is still the answer here.": [
            name
            if name is None or next(c for c in r["input"][0] if c["name"] == name)["dollars"] > 0
            else None
            for name, r in zip(pick(everything), choose, strict=True)
        ],
    }
    for reason, picked in mistakes.items():
        if outputs == picked:
            return wrong(reason)
    if outputs == [r["input"][0][0]["name"] for r in choose]:
        return wrong("You always take the first candidate.")
    return wrong("For some lists another candidate meets all three bounds and earns most. Try one by hand.")
