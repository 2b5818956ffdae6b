"""How the exercises of lesson 1.3, Baselines and metrics, are judged."""

from __future__ import annotations

from helpers.exercises.kit import Function, Mapping, exercise, right, wrong
from helpers.exercises.rules import function
from helpers.exercises.signs import (
    NEVER, NOTHING, close, follows, listed, number, optional, right_but, some, truth, unless, where, whole,
)


def _sides(
    train=lambda day, first, gap: day < first - gap, test=lambda day, first, gap: day >= first,
        themselves=False
):
    """A rule: the positions of the days for which train(day, first, gap) holds, then
    test; or the days `themselves`."""

    def split(days, *at):
        return [
            [day if themselves else i for i, day in enumerate(days) if side(day, *at)]
            for side in (train, test)
        ]

    return split


def _in_order(output):
    return [sorted(side) for side in output]


def _at_first(train, test):
    """A sign: these are the sides of the first probe, whose days are 1 to 12 in order."""
    return whole(lambda outputs, inputs: _in_order(outputs[0]) == [list(train), list(test)])


function(
    "1.3a", "split",
    [
        ([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 10, 2),
        ([9, 3, 12, 7, 8, 3, 10, 1, 11, 7, 9, 10], 10, 2),
        ([5, 5, 4, 6, 3, 3, 6, 2], 5, 0),
        ([30, 12, 25, 24, 18, 17, 16, 31, 23, 12], 24, 7),
        ([8, 9, 4, 4, 20], 6, 1),
    ],
    odd={
        "Your function gives nothing back. Does it `return` both lists?": NOTHING,
        "Give back two lists: `return train, test`.":
            unless(lambda output: listed(lambda side: type(side) is list)(output) and len(output) == 2),
        "Those are truth values, one for each flight. Asked are the positions where they are True.":
            some(lambda output: any(type(item) is bool for side in output for item in side)),
        "The lists should hold positions, which are whole numbers from 0.": unless(listed(listed(number))),
    },
    read=_in_order,
    rule=_sides(),
    said="Every test day comes after every training day, and the days whose labels would not be there "
    "yet are in neither.",
    mistakes={
        "Those are the days themselves. Asked are the positions at which they stand in `days`.":
            follows(_sides(themselves=True), read=lambda output: list(map(set, output))),
        "The embargo plays no part: you train on days whose labels are not there yet.":
            _sides(train=lambda day, first, gap: day < first),
        "One day too many is trained on. With first test day 10 and embargo 2, where does day 8 go?":
            _sides(train=lambda day, first, gap: day <= first - gap),
        "One day too few is trained on: the embargo covers more days than it should.":
            _sides(train=lambda day, first, gap: day < first - gap - 1),
        "`first_test_day` itself is missing from the test side.":
            _sides(test=lambda day, first, gap: day > first),
        "On your test side stands `first_test_day` alone. All days from it on belong there.":
            _sides(test=lambda day, first, gap: day == first),
        "You cut the embargo out of the test side. The labels are missing on the training side.":
            _sides(lambda day, first, gap: day < first, lambda day, first, gap: day >= first + gap),
        "You test on the days of the embargo as well. They belong to neither side.":
            _sides(test=lambda day, first, gap: day >= first - gap),
        "The two lists are swapped: first `train`, then `test`.": lambda *given: _sides()(*given)[::-1],
        "You count up day numbers. Asked are the places at which such days stand in `days`.":
            _at_first(range(8), range(10, 13)),
        "For some inputs a flight is on both sides.": some(lambda output: set(output[0]) & set(output[1])),
        "It works where the days are in order. They may come in any order, and days repeat.":
            _at_first(range(7), range(9, 12)),
    },
    otherwise="For some inputs the lists are not those asked for. Try the second condition by hand.",
    hints=(
        "`enumerate(days)` gives each flight's position together with its day.",
        "Two conditions on the day decide, one for each list; a day in the embargo meets neither.",
        "Go through the example by hand: first test day 10, embargo 2, so days 8 and 9 are in neither list.",
    ),
)


def _ratio(over, under):
    return over / under if under else 0.0


def _counts(late, alert):
    """Alerts that were right, alerts that were false, late flights missed, punctual ones left alone."""
    return [
        sum((a, b) == pair for a, b in zip(late, alert, strict=True))
        for pair in ((1, 1), (0, 1), (1, 0), (0, 0))
    ]


# each a formula of the four counts
_SCORES = {
    "precision": lambda tp, fp, fn, tn: _ratio(tp, tp + fp),
    "recall": lambda tp, fp, fn, tn: _ratio(tp, tp + fn),
    "f1": lambda tp, fp, fn, tn: _ratio(2 * tp, 2 * tp + fp + fn),
}


def _accuracy(tp, fp, fn, tn):
    return (tp + tn) / (tp + fp + fn + tn)


def _of_both(mean):
    return lambda *counts: mean(_SCORES["precision"](*counts), _SCORES["recall"](*counts))


# what may stand in a score's place, by what is said of it; the last reason is for anything else
_INSTEAD = {
    "precision": {
        "Your `precision` is the accuracy: it counts the punctual flights left alone.": _accuracy,
        "Your `precision` is the share of alerts that were false.":
            lambda tp, fp, fn, tn: 1 - _ratio(tp, tp + fp),
        "Your `precision` is off. Of all alerts, what share was for a flight that really was late?": None,
    },
    "recall": {
        "Your `recall` is the share of punctual flights that got an alert.":
            lambda tp, fp, fn, tn: _ratio(fp, fp + tn),
        "Your `recall` is the precision once more: it divides by the alerts.": _SCORES["precision"],
        "Your `recall` divides by all flights. Only the late ones could be caught.":
            lambda tp, fp, fn, tn: tp / (tp + fp + fn + tn),
        "Your `recall` is off. Of all late flights, what share got an alert?": None,
    },
    "f1": {
        "Your `f1` is the arithmetic mean. The harmonic one is pulled towards the smaller value.":
            _of_both(lambda p, r: (p + r) / 2),
        "Your `f1` is the geometric mean of the two; asked is the harmonic one.":
            _of_both(lambda p, r: (p * r) ** 0.5),
        "Your `f1` is the accuracy.": _accuracy,
        "Precision and recall are right; look at `f1` again.": None,
    },
}


@exercise(
    "1.3b",
    scores=Function(
        [
            ([1, 1, 0, 0, 1, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 1, 0, 0, 0, 0]),
            ([1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]),
            ([0, 1, 0, 1, 0, 1], [0, 1, 0, 0, 0, 0]),
            ([0, 0, 1, 0], [0, 0, 0, 0]),
            ([0, 0, 0, 0, 0], [1, 0, 0, 1, 0]),
            ([1, 0, 0, 1], [0, 1, 1, 0]),
            ([0, 0, 0], [0, 0, 0]),
        ],
        may_raise=True,
    ),
    hints=(
        "Count first: in how many places are both lists 1?",
        "Precision divides the caught ones by all alerts, recall by all late flights.",
        "F1 is 2 · precision · recall / (precision + recall). Three divisions, so three times a "
        "denominator that may be 0.",
    ),
)
def precision_recall_and_f1(scores):
    if failed := [r["error"] for r in scores if "error" in r]:
        if all("ZeroDivision" in error for error in failed):
            return wrong("It divides by zero where there are no alerts, no late flights, or nothing caught.")
        return wrong(
            f"For some lists your function fails: {failed[0].split(':')[0].removeprefix('raised ')}."
        )
    outputs = [r["output"] for r in scores]
    if None in outputs:
        return wrong("For some lists your function gives nothing back.")
    if any(type(output) is not dict or not set(_SCORES) <= set(output) for output in outputs):
        return wrong("Give back a dict with the keys `precision`, `recall` and `f1`.")
    if any(not number(output[key]) for output in outputs for key in _SCORES):
        return wrong("Some value is not a number. Where there is nothing to divide by, it should be 0.")
    found = list(zip(outputs, [_counts(*r["input"]) for r in scores], strict=True))
    # the first three lists, in which nothing is empty
    usual = found[:3]

    def gives(key, formula, rows=usual):
        return all(close(output[key], formula(*counts)) for output, counts in rows)

    if all(gives(key, formula, found) for key, formula in _SCORES.items()):
        return right("None of the three looks at the flights that were rightly left alone, which is why they "
        "still see a rare class.")
    if all(gives(key, formula) for key, formula in _SCORES.items()):
        return wrong("It is right for ordinary lists. Look at those without alerts, or without late flights.")
    if gives("precision", _SCORES["recall"]) and gives("recall", _SCORES["precision"]):
        return wrong("The first two are swapped: one divides by the alerts, the other by the late "
        "flights; which is which?")
    pairs = [(output[key], formula(*counts)) for output, counts in usual for key, formula in _SCORES.items()]
    if any(known and close(given, 100 * known, abs_=1e-3) for given, known in pairs):
        return wrong("Those are percentages. Give shares between 0 and 1.")
    if all(close(given, known, abs_=0.0051) for given, known in pairs):
        return wrong("Your values look rounded. Give them back as they are; rounding is for showing.")
    key = next(key for key, formula in _SCORES.items() if not gives(key, formula))
    return wrong(
        next(reason for reason, formula in _INSTEAD[key].items() if formula is None or gives(key, formula))
    )


_WORDS = ("too high", "too low", "about right")


@exercise(
    "1.3c",
    reading=Mapping("July", "September", "December"),
    hints=(
        "The diagonal is a promise kept. A point below it: less happened than was promised.",
        "Look at a month's line as a whole. Does it lie on one side of the diagonal?",
        "Where a line crosses the diagonal, what is above and what is below may cancel in the mean.",
    ),
    said="Below the diagonal the model promises too much, above it too little; and one and the same model "
    "does both, a few months apart.",
)
def what_the_reliability_diagram_says(reading, given):
    said, truth = {}, {}
    for month in ("July", "September", "December"):
        word = reading[month]
        if type(word) is not str or word.strip().casefold() not in _WORDS:
            yield f"For {month}, choose one of the three readings, spelled as in the text."
        said[month] = word.strip().casefold()
        gap = given[month]["promised"] - given[month]["late"]
        truth[month] = "too high" if gap > 0.03 else "too low" if gap < -0.03 else "about right"
    off = [month for month in said if said[month] != truth[month]]
    if not off:
        return
    turned = {"too high": "too low", "too low": "too high", "about right": "about right"}
    if said == {month: turned[word] for month, word in truth.items()}:
        yield ("You have the sides turned round. Take one point: read what was promised on the horizontal "
        "axis, what happened on the vertical.")
    if len(set(said.values())) == 1:
        yield "You read all three months alike. Their lines lie on different sides of the diagonal."
    if len(off) > 1:
        yield ("More than one month is misread. For each, ask whether most of its points lie above or "
        "below the diagonal.")
    (month,) = off
    if truth[month] == "about right" and said[month] == "too low":
        yield f"Don't count {month}'s points on either side: weigh how far each is from the diagonal."
    if truth[month] == "about right":
        yield (f"{month}'s line leaves the diagonal on both sides. How far, and what remains of that in the "
               "mean?")
    if said[month] == "about right":
        yield f"{month}'s points all but avoid the diagonal: they lie on one side of it, and not near."
    yield f"{month} lies on the other side of the diagonal from what you say."


def _up_to(last=max, order=sorted, slack=1e-12, first=1):
    """A rule: findings are the p-values up to the `last` of those that lie on or below
    the line of their rank."""

    def discoveries(p, rate):
        passed = [v for k, v in enumerate(order(p), first) if v <= k / len(p) * rate + slack]
        return [v <= last(passed, default=-1) for v in p]

    return discoveries


def _until_one_fails(p, rate):
    failed = (v for k, v in enumerate(sorted(p), 1) if v > k / len(p) * rate)
    first = next(failed, 2)
    return [v < first for v in p]


def _holm(p, rate):
    failed = (v for k, v in enumerate(sorted(p)) if v > rate / (len(p) - k))
    limit = next(failed, 2)
    return [v < limit for v in p]


def _below_the_last(p, rate):
    found = [v for v, kept in zip(p, _up_to()(p, rate), strict=True) if kept]
    return [v < max(found, default=-1) for v in p]


def _as_many_as_pass(p, rate):
    passed = sum(v <= k / len(p) * rate for k, v in enumerate(sorted(p), 1))
    return [v in sorted(p)[:passed] for v in p]


function(
    "1.3d", "discoveries",
    [
        ([0.001, 0.8, 0.012, 0.2, 0.03], 0.05),
        ([0.04, 0.03, 0.9, 0.02, 0.045], 0.06),
        ([0.9, 0.6, 0.2, 0.4], 0.05),
        ([0.5, 0.0001, 0.3, 0.019, 0.011, 0.7, 0.032, 0.004], 0.05),
        ([0.011, 0.021, 0.024, 0.026, 0.5, 0.6], 0.05),
        ([0.049, 0.9], 0.05),
        ([0.25, 0.125, 0.75, 1.0], 0.5),
        ([0.02, 0.02, 0.7], 0.1),
    ],
    odd={
        "For some lists your function gives nothing back.": NOTHING,
        "Asked is a list with one True or False for each p-value.":
            unless(lambda output: type(output) is list),
        "Your list is not as long as `p`: every p-value gets its True or False.":
            where(lambda output, p, rate: len(output) != len(p)),
        "The list should hold True and False only.": unless(listed(truth)),
    },
    read=lambda output: list(map(bool, output)),
    rule=_up_to(),
    said="The largest rank on or below its line decides, and everything before it comes along: that keeps "
    "the share of false findings, not their number, in check.",
    mistakes={
        "That is no correction: every p-value up to the rate is a finding, however many "
        "slices were looked at.":
            lambda p, rate: [v <= rate for v in p],
        "That is Bonferroni: one line for all. Here the line rises with the rank.":
            lambda p, rate: [v <= rate / len(p) for v in p],
        "You hold every p-value to the line of its own rank. A rank may miss its line and still come along.":
            lambda p, rate: [v <= (sorted(p).index(v) + 1) / len(p) * rate for v in p],
        "You stop at the first rank that misses its line. A later one may meet its own.": _until_one_fails,
        "A p-value that lies exactly on its line counts: *at most*.": _up_to(slack=-1e-12),
        "Your list is in sorted order. Each answer belongs where its p-value stands in `p`.":
            lambda p, rate: _up_to()(sorted(p), rate),
        "You take the position in `p` for the rank. The rank is the place in sorted order.": follows(
            lambda p, rate: [v <= i / len(p) * rate for i, v in enumerate(p, 1)], _up_to(order=list)
        ),
        "You count how many p-values pass and take that many. What decides is the largest rank that passes.":
            _as_many_as_pass,
        "Your ranks start at the largest p-value. Rank 1 is the smallest.":
            _up_to(order=lambda p: sorted(p)[::-1]),
        "You take the smallest rank that passes; the rule asks for the last one.": _up_to(last=min),
        "Your ranks count from 0. The smallest p-value has rank 1.": _up_to(first=0),
        "The p-value that decides is a finding itself: what lies on the last line that is met, comes along.":
            _below_the_last,
        "You divide the rate by the number of slices still left: that is Holm's rule, which is stricter.":
            _holm,
        "Your answers are turned round: True is for what stands out.":
            lambda p, rate: [not found for found in _up_to()(p, rate)],
        "Your function never finds anything.": lambda p, rate: [False] * len(p),
        "Your function finds everything, whatever the p-values.": lambda p, rate: [True] * len(p),
    },
    otherwise="For some lists the findings are others. Do ranks count from 1, and does the "
    "largest one decide?",
    hints=(
        "Sort a copy, so that the original order is still there at the end.",
        "For rank k, counted from 1, the line is k / len(p) * rate. Which is the last p-value on "
        "or below its line?",
        "All p-values up to that one are findings: compare each of the original list with it.",
    ),
)


def _models(*rows):
    return [dict(zip(("name", "dollars", "gap", "bytes", "times"), row, strict=True)) for row in rows]


def _strict(*names):
    """A rule: the named bounds must be passed, not only met; "up" and "down" are the two sides of the gap."""

    def meets(c, gap, size, time):
        bounds = {"up": (c["gap"], gap), "down": (-c["gap"], gap)}
        bounds |= {"bytes": (c["bytes"], size), "times": (c["times"], time)}
        return all(value < most if name in names else value <= most for name, (value, most) in bounds.items())

    return _best(meets)


_SHELF = _models(
    ("rule", 1450.0, 0.01, 4_000, 0.3),
    ("small", 3300.0, 0.017, 7_000, 1.0),
    ("trees", 3470.0, 0.035, 270_000, 0.7),
    ("forest", 3900.0, 0.048, 41_000_000, 5.0),
    ("old", 620.0, -0.149, 7_000, 1.0),
)
_FIVE = _models(
    ("a", 100.0, 0.02, 80, 1.5),
    ("b", 900.0, 0.03, 90, 1.9),
    ("c", 400.0, 0.001, 70, 1.4),
    ("d", 500.0, 0.02, 60, 0.2),
    ("e", 600.0, 0.025, 5, 1.2),
)


def _within(c, gap, size, time):
    return abs(c["gap"]) <= gap and c["bytes"] <= size and c["times"] <= time


def _best(meets=_within, key=lambda c: c["dollars"]):
    """A rule: of the candidates for which meets(candidate, gap, bytes, times) holds
    the one with the highest key."""

    def choose(candidates, *bounds):
        good = [c for c in candidates if meets(c, *bounds)]
        return max(good, key=key)["name"] if good else None

    return choose


def _best_or_nobody(candidates, *bounds):
    best = max(candidates, key=lambda c: c["dollars"])
    return best["name"] if _within(best, *bounds) else None


function(
    "1.3e", "choose",
    [
        (_SHELF, 0.05, 1_000_000, 3),
        (_SHELF, 0.02, 1_000_000, 3),
        (_SHELF, 0.05, 100_000_000, 9),
        (_SHELF, 0.05, 100_000_000, 2),
        (_SHELF, 0.05, 1_000_000, 9),
        (_SHELF, 0.05, 5_000, 0.1),
        (_models(("a", 500.0, -0.2, 10, 1.0), ("b", 100.0, 0.0, 10, 1.0)), 0.05, 100, 2),
        (_models(("a", 500.0, 0.2, 10, 1.0), ("b", 100.0, 0.0, 10, 1.0)), 0.05, 100, 2),
        (_models(("a", 900.0, -0.05, 100, 2.0), ("b", 100.0, 0.0, 10, 1.0)), 0.05, 100, 2),
        (_models(("a", 1200.0, 0.05, 10, 1.0), ("b", 900.0, 0.0, 10, 1.0)), 0.05, 100, 2),
        (_models(("a", 900.0, 0.0, 100, 1.0), ("b", 1200.0, 0.01, 10, 2.0)), 0.05, 100, 2),
        (_models(("a", 1300.0, 0.0, 100, 1.0), ("b", 1200.0, 0.01, 10, 1.0)), 0.05, 100, 2),
        (_models(("a", -40.0, 0.01, 10, 1.0), ("b", -300.0, 0.0, 5, 0.5)), 0.05, 100, 2),
        (_FIVE, 0.05, 100, 2),
    ],
    odd={
        "That is the whole candidate. Give back its name.": some(lambda output: type(output) is dict),
        "Asked is one name; your function gives a list.": some(lambda output: type(output) is list),
        "Asked is a name, or None.": unless(optional(lambda output: type(output) is str)),
    },
    rule=_best(),
    said="Bounds first, then one number decides: nobody has to say what a kilobyte is worth in dollars.",
    mistakes={
        "Your function never chooses anybody.": NEVER,
        "Where no candidate meets the bounds you still choose one. There the answer is None.":
            right_but(on=lambda *given: _best()(*given) is not None),
        "You look at the dollars alone; the bounds play no part.": _best(lambda c, *bounds: True),
        "Your gap has a sign: a model that predicts far too little passes. It must be small "
        "in either direction.":
            _best(lambda c, gap, size, time: c["gap"] <= gap and c["bytes"] <= size and c["times"] <= time),
        "The bound on the gap plays no part.":
            _best(lambda c, gap, size, time: c["bytes"] <= size and c["times"] <= time),
        "The bound on the size plays no part.":
            _best(lambda c, gap, size, time: abs(c["gap"]) <= gap and c["times"] <= time),
        "The bound on the latency plays no part.":
            _best(lambda c, gap, size, time: abs(c["gap"]) <= gap and c["bytes"] <= size),
        "A candidate that lies exactly on a bound still qualifies: *at most*.": follows(
            _strict("up", "down", "bytes", "times"), _strict("up", "down"), _strict("up"), _strict("down"),
            _strict("bytes"), _strict("times"), _strict("bytes", "times"),
        ),
        "One bound that is met is enough for yours. All three have to be.":
            _best(lambda c, gap, size, time: abs(c["gap"]) <= gap or c["bytes"] <= size
                or c["times"] <= time),
        "Among those that qualify you take the one that earns least.": _best(key=lambda c: -c["dollars"]),
        "Among those that qualify you take the best calibrated. Within its bound, the gap no longer counts.":
            _best(key=lambda c: -abs(c["gap"])),
        "Among those that qualify you take the fastest. Within its bound, more speed is worth nothing.":
            _best(key=lambda c: -c["times"]),
        "Among those that qualify you take the smallest. Within its bound, fewer bytes are worth nothing.":
            _best(key=lambda c: -c["bytes"]),
        "You take the first one that qualifies; the list is in no order. Asked is the one that earns most.":
            _best(key=lambda c: 0),
        "You look for the best earner first and then at its bounds. If it fails them, the next may qualify.":
            _best_or_nobody,
        "You refuse candidates that lose money. The best of them is still the answer here.":
            _best(lambda c, *bounds: _within(c, *bounds) and c["dollars"] > 0),
        "You always take the first candidate.": lambda candidates, *bounds: candidates[0]["name"],
    },
    otherwise="For some lists another candidate meets all three bounds and earns most. Try one by hand.",
    hints=(
        "First keep those that meet all three bounds. Only then look at the dollars.",
        "A gap of −0.15 is as bad as one of +0.15: `abs` drops the sign.",
        "`max` of an empty list raises an error: say what happens when nothing qualifies.",
    ),
)
