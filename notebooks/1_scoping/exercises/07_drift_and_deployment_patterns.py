"""How the exercises of lesson 1.7, Drift and deployment patterns, are judged."""

from __future__ import annotations

from helpers.exercises.rules import function
from helpers.exercises.signs import NOTHING, number, unless, where


def _share(weight=lambda p: p / (1 - p), over=sum):
    """A rule: late flights count with a weight that follows from their probability, over something of all weights."""

    def expected_late(late, q):
        weights = [weight(p) for p in q]
        return sum(w * y for w, y in zip(weights, late, strict=True)) / over(weights)

    return expected_late


function(
    "1.7a", "expected_late",
    [
        ([1, 0], [0.8, 0.2]),
        ([0, 1, 1, 0], [0.5, 0.5, 0.25, 0.75]),
        ([1, 0, 0, 1, 0], [0.1, 0.3, 0.6, 0.9, 0.2]),
        ([0, 1, 0], [0.05, 0.02, 0.6]),
        ([1, 1, 0, 0], [0.6, 0.6, 0.6, 0.6]),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the share?": NOTHING,
        "Asked is one number, a share, for all the flights together.": unless(number),
    },
    rule=_share(),
    said="Odds as weights undo the difference of the inputs; what is left of the difference is the rule.",
    mistakes={
        "You weigh by `q` itself. A probability is a part of the whole; asked is how many times as frequent such "
        "flights are in the month as in training.": _share(lambda p: p),
        "Your weights are turned round: flights that look like the month should count more, and yours count less.":
            _share(lambda p: (1 - p) / p),
        "Your weights are 1 / (1 − q), one more than the odds. How many flights of the month come on one of training?":
            _share(lambda p: 1 / (1 - p)),
        "You give weight to flights that look like *training*. The month's kind should count.": _share(lambda p: 1 - p),
        "You divide by the number of flights. The weights don't add up to that, so divide by their sum.":
            _share(over=len),
        "That is the plain share of late flights in training. `q` plays no part in it.": _share(lambda p: 1),
        "That is the weighted number of late flights. A share divides by the sum of all weights.":
            _share(over=lambda weights: 1),
        "You keep only flights that look more like the month than like training. Weighing keeps all, and says how much "
        "each counts.": _share(lambda p: p >= 0.5),
    },
    otherwise="Try it by hand: two flights, the late one with odds of 4, the other with odds of a quarter. Which share "
    "is late?",
    hints=(
        "The text above the exercise names the weight of a flight: how many times as frequent flights like it are in "
        "the month.",
        "A weighted mean divides by the sum of the weights, not by the number of flights.",
        "`np.asarray(q)` makes the list an array, so that `q / (1 - q)` works on all flights at once. `np.average` "
        "takes weights.",
    ),
)


def _from_top(calm, position):
    """The value at a position of the sorted values, the largest first; beyond the ends, the end."""
    return sorted(calm, reverse=True)[min(max(position, 0), len(calm) - 1)]


function(
    "1.7b", "limit",
    [
        ([0.3, 0.1, 0.2, 0.5, 0.4], 1),
        ([0.3, 0.1, 0.2, 0.5, 0.4], 0),
        ([5.0, 1.0, 4.0, 2.0, 9.0, 3.0, 7.0], 2),
        ([2.0, 2.0, 1.0, 3.0, 3.0, 3.0], 1),
        ([0.7, 0.2, 0.9], 2),
    ],
    odd={
        "For some inputs your function gives nothing back. Does every path `return` a value?": NOTHING,
        "Asked is one value of the list, a number.": unless(number),
    },
    rule=_from_top,
    said="Now the limit is a promise about calm days: this many alarms, and no more.",
    mistakes={
        "One too many: of the calm values more than `allowed` lie above your limit.":
            lambda calm, allowed: _from_top(calm, allowed + 1),
        "Your limit is higher than it need be: a smaller value of the list still keeps the promise.":
            lambda calm, allowed: _from_top(calm, allowed - 1),
        "You count from the smallest value. The alarms are the days with the largest.":
            lambda calm, allowed: sorted(calm)[allowed],
        "That is the largest value, whatever is allowed. It keeps the promise, and misses more than it must.":
            lambda calm, allowed: max(calm),
        "With `allowed=0` your index is `-0`, and that is the first value, the smallest. Count from the largest down.":
            lambda calm, allowed: sorted(calm)[-allowed],
        "You have not sorted: the position in time says nothing about the size.": lambda calm, allowed: calm[allowed],
        "Equal values stand for days, too. Each of them counts, so don't drop repeats.":
            lambda calm, allowed: _from_top(set(calm), allowed),
        "For some lists your limit is not one of their values. No interpolation, no formula with standard deviations: "
        "pick a day.": where(lambda output, calm, allowed: output not in calm),
    },
    otherwise="Count for some list how many values lie strictly above your limit, and whether a smaller value would "
    "do.",
    hints=(
        "Sort the values from the largest down. How many lie strictly above the first? Above the second?",
        "With `allowed=0` no calm day may ring, so the limit is the largest value.",
        "Python counts from 0: in the sorted list the value at position `allowed` has at most `allowed` values above "
        "it.",
    ),
)


def _climb(day, steps, length):
    return steps[min(day // length, len(steps) - 1)]


def _ramp(back=lambda day, worse: worse is not None and day > worse, climb=_climb, fallen=lambda steps: 0):
    """A rule: the share to which the plan has climbed, and once it has to be taken back, the one to which it falls."""
    return lambda day, worse, steps, length: fallen(steps) if back(day, worse) else climb(day, steps, length)


_STEPS = [0.01, 0.05, 0.25, 0.5, 1.0]

function(
    "1.7c", "share_today",
    [
        *[(day, None, _STEPS, 3) for day in (0, 2, 3, 7, 11, 12, 40)],
        *[(day, 4, _STEPS, 3) for day in (3, 4, 5, 20)],
        (1, 0, [0.1, 1.0], 7),
        (0, 0, [0.1, 1.0], 7),
        *[(day, None, [0.1, 1.0], 7) for day in (6, 7, 30)],
    ],
    odd={
        "For some days your function gives nothing back. A router needs a share every morning.": NOTHING,
        "A share is one number from 0 to 1.": unless(number),
    },
    rule=_ramp(),
    said="A plan that needs no one to be awake: it climbs by itself, and falls to nothing by itself.",
    mistakes={
        "You never roll back: `worse` plays no part.": _ramp(lambda day, worse: False),
        "You roll back on the very day that shows it. That day's outcomes are known only the next morning.":
            _ramp(lambda day, worse: worse is not None and day >= worse),
        "You roll back a day late: what day 4 showed is known on the morning of day 5, and day 5 gets nothing.":
            _ramp(lambda day, worse: worse is not None and day > worse + 1),
        "You roll back from the start wherever `worse` is known. The days before were served, and can't be taken back.":
            _ramp(lambda day, worse: worse is not None),
        "`worse` may be 0, the first day, and 0 counts as false in `if worse`. Compare with `None`.":
            _ramp(lambda day, worse: worse and day > worse),
        "You climb every day. Each step lasts `length` days.":
            _ramp(climb=lambda day, steps, length: _climb(day, steps, 1)),
        "On rollback you fall to the first step. What is proved worse gets nothing.":
            _ramp(fallen=lambda steps: steps[0]),
        "When the list is used up you stop serving. Its last share is for good.":
            _ramp(climb=lambda day, steps, length: _climb(day, [*steps, 0], length)),
        "When the list is used up you start again from its beginning. Its last share is for good.":
            _ramp(climb=lambda day, steps, length: steps[day // length % len(steps)]),
        "You climb a day late: a step that lasts three days covers days 0, 1 and 2.":
            _ramp(climb=lambda day, steps, length: _climb(max(day - 1, 0), steps, length)),
    },
    otherwise="Write down the shares of the first two weeks on paper, with and without a `worse`, and compare.",
    hints=(
        "`day // length` is the number of steps that are over. Test it for the last day of a step and the first of the "
        "next.",
        "The list ends, the days go on: `min(…, len(steps) - 1)` stays on the last step.",
        "What day 4 showed is known on the morning of day 5. So on day 4 itself the new version still gets its share.",
    ),
)

# What a release brings: bold and good, careful and good, bold and bad, careful and bad
function(
    "1.7d", "bad_share",
    [
        (9000, 2000, -70000, -2500), (100, 10, -100, -5), (50, 20, -400, -10), (8000, 5000, -60000, -9500),
        (1000, 900, -10, 5), (300, -50, 20, 40),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the share?": NOTHING,
        "Asked is one number, a share of all releases.": unless(number),
    },
    rule=lambda bg, cg, bb, cb: (bg - cg) / ((bg - cg) + (cb - bb)),
    said="Premium against averted loss: above this share of broken releases the careful pattern earns more.",
    mistakes={
        "That is premium over averted loss: bad releases per *good* one. Asked is their share of *all* releases.":
            lambda bg, cg, bb, cb: (bg - cg) / (cb - bb),
        "That is the share of *good* releases at which the two are even.":
            lambda bg, cg, bb, cb: (cb - bb) / ((bg - cg) + (cb - bb)),
        "You compare bold with doing nothing. The careful pattern earns and loses something as well.":
            lambda bg, cg, bb, cb: bg / (bg - bb),
        "That is where the *careful* pattern breaks even with doing nothing. Compare it with the bold one.":
            lambda bg, cg, bb, cb: cg / (cg - cb),
        "You take the careful pattern's bad releases as free. They cost something, too.":
            lambda bg, cg, bb, cb: (bg - cg) / ((bg - cg) - bb),
        "A sign: what is averted is the careful result minus the bold one, a positive number.":
            lambda bg, cg, bb, cb: (bg - cg) / ((bg - cg) - (cb - bb)),
        "That is in per cent. A share is at most one.":
            lambda bg, cg, bb, cb: 100 * (bg - cg) / ((bg - cg) + (cb - bb)),
        "Your share is negative. Turn one of the two differences round.":
            lambda bg, cg, bb, cb: -(bg - cg) / ((bg - cg) + (cb - bb)),
    },
    otherwise="At your share the two patterns don't earn the same on average. Put it into (1 − b) · good + b · bad for "
    "both.",
    hints=(
        "With a share `b` of bad releases a pattern earns (1 − b) · good + b · bad per release, on average.",
        "Write that down for both patterns, set them equal, and solve for `b`.",
        "What care costs on a good release is the premium, what it averts on a bad one the benefit. Where do (1 − b) "
        "premiums equal b benefits?",
    ),
)
