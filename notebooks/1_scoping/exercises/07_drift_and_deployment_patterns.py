"""How the exercises of lesson 1.7, Drift and deployment patterns, are judged."""

from __future__ import annotations

import dataclasses

import numpy as np

from helpers.exercises.plain import plain
from helpers.exercises.rules import function
from helpers.exercises.signs import NOTHING, listed, number, some, unless, where
from helpers.exercises.worlds import Worlds


def _share(weight=lambda p: p / (1 - p), over=sum):
    """A rule: late flights count with a weight that follows from their probability,
    over something of all weights."""

    def expected_late(late, q):
        weights = [weight(p) for p in q]
        return sum(w * y for w, y in zip(weights, late, strict=True)) / over(weights)

    return expected_late


function(
    "1.7a",
    "expected_late",
    [
        (np.array(late), np.array(q))
        for late, q in [
            ([1, 0], [0.8, 0.2]),
            ([0, 1, 1, 0], [0.5, 0.5, 0.25, 0.75]),
            ([1, 0, 0, 1, 0], [0.1, 0.3, 0.6, 0.9, 0.2]),
            ([0, 1, 0], [0.05, 0.02, 0.6]),
            ([1, 1, 0, 0], [0.6, 0.6, 0.6, 0.6]),
            ([0, 1, 0, 1], [0.9998, 0.5, 0.004, 0.9]),
        ]
    ],
    odd={
        "Your function gives nothing back, or 0 / 0. Does it `return` the share? And `q / 1 - q` is 0: "
        "it needs brackets.": NOTHING,
        "Asked is one number, a share, for all the flights together.": unless(number),
    },
    rule=_share(),
    said="Odds as weights undo the difference of the inputs; what is left of the difference is the rule.",
    mistakes={
        "You weigh by `q` itself. A probability is a part of the whole; asked is how many times as frequent "
        "such flights are in the month as in training.": _share(lambda p: p),
        "Your weights are turned round: flights that look like the month should count more, "
        "and yours count less.":
            _share(lambda p: (1 - p) / p),
        "Your weights are 1 / (1 − q), one more than the odds. How many flights of the month come "
        "on one of training?":
            _share(lambda p: 1 / (1 - p)),
        "You give weight to flights that look like *training*. The month's kind should count.":
            _share(lambda p: 1 - p),
        "You divide by the number of flights. The weights don't add up to that, so divide by their sum.":
            _share(over=len),
        "That is the plain share of late flights in training. `q` plays no part in it.": _share(lambda p: 1),
        "That is the weighted number of late flights. A share divides by the sum of all weights.":
            _share(over=lambda weights: 1),
        "You divide by how many flights are late. A share divides by the weights of all flights.":
            lambda late, q: _share(over=lambda weights: 1)(late, q) / sum(late),
        "You multiply two means. A flight's own weight goes with its own `late`, before anything is added "
        "up.":
            lambda late, q: sum(late) / len(late) * sum(p / (1 - p) for p in q) / len(q),
        "You divide one sum by another at the end. Each flight gets its own weight, made of its own *q*.":
            lambda late, q: sum(p * y for p, y in zip(q, late, strict=True)) / sum(1 - p for p in q),
        "You cut off very small and very large `q`. The few flights that look most like the month count "
        "most; leave them their weight.":
            _share(lambda p: min(max(p, 0.01), 0.99) / (1 - min(max(p, 0.01), 0.99))),
        "That is the share of flights *on time*: `late` is 1 where a flight was late.":
            lambda late, q: 1 - _share()(late, q),
        "You keep only flights that look more like the month than like training. Weighing keeps all, and "
        "says how much each counts.": _share(lambda p: p >= 0.5),
    },
    otherwise="Try it by hand: two flights, the late one with odds of 4, the other with odds of a quarter. "
    "Which share is late?",
    hints=(
        "The text above the exercise names the weight of a flight: how many times as frequent flights like "
        "it are in the month.",
        "A weighted mean divides by the sum of the weights, not by the number of flights.",
        "`q / (1 - q)` works on all flights at once, and `np.average` takes weights.",
    ),
)


def _from_top(calm, position):
    """The value at a position of the sorted values, the largest first; beyond the ends, the end."""
    return sorted(calm, reverse=True)[min(max(position, 0), len(calm) - 1)]


function(
    "1.7b",
    "limit",
    [
        (np.array(calm), allowed)
        for calm, allowed in [
            ([0.3, 0.1, 0.2, 0.5, 0.4], 1),
            ([0.3, 0.1, 0.2, 0.5, 0.4], 0),
            ([5.0, 1.0, 4.0, 2.0, 9.0, 3.0, 7.0], 2),
            ([2.0, 2.0, 1.0, 3.0, 3.0, 3.0], 1),
            ([2.0, 5.0, 5.0, 1.0, 4.0], 1),
            ([0.7, 0.2, 0.9, 0.1], 2),
            ([0.0, 0.0, 0.1, 0.4, 0.0], 2),
            ([0.6, 0.6], 0),
            ([5.0, 4.0, 4.0, 1.0], 2),
        ]
    ],
    odd={
        "For some inputs your function gives nothing back. Does every path `return` a value?": NOTHING,
        "Asked is one value of the list, a number.": unless(number),
    },
    rule=_from_top,
    said="A promise about days like the calm ones: at most so many ring, and no smaller value keeps it.",
    mistakes={
        "One too many: of the calm values more than `allowed` lie above your limit.":
            lambda calm, allowed: _from_top(calm, allowed + 1),
        "Your limit is higher than it need be: a smaller value of the list still keeps the promise.":
            lambda calm, allowed: _from_top(calm, allowed - 1),
        "You count from the smallest value. The alarms are the days with the largest.":
            lambda calm, allowed: sorted(calm)[allowed],
        "That is the largest value, whatever is allowed. It keeps the promise, and misses more than it must.":
            lambda calm, allowed: max(calm),
        "Off by one: from the largest down, only `allowed - 1` values stand before the one you pick; and "
        "with `allowed=0` you pick the smallest.":
            lambda calm, allowed: sorted(calm, reverse=True)[allowed - 1],
        "You count days *at or above* the limit. A day that is equal to the limit does not ring.":
            lambda calm, allowed: min(
                (v for v in calm if sum(x >= v for x in calm) <= allowed), default=max(calm)
            ),
        "You take the largest value that breaks the promise. The next one up keeps it.":
            lambda calm, allowed: max(
                (v for v in calm if sum(x > v for x in calm) > allowed), default=min(calm)
            ),
        "You have not sorted: the position in time says nothing about the size.":
            lambda calm, allowed: calm[min(allowed, len(calm) - 1)],
        "Equal values stand for days, too. Each of them counts, so don't drop repeats.":
            lambda calm, allowed: _from_top(set(calm), allowed),
        "For some lists your limit is not one of their values. No interpolation, no formula with standard "
        "deviations: pick a day.": where(lambda output, calm, allowed: output not in calm),
    },
    otherwise="Count for some list how many values lie strictly above your limit, and whether a "
    "smaller value would do.",
    hints=(
        "Sort the values from the largest down. How many lie strictly above the first? Above the second?",
        "With `allowed=0` no calm day may ring, so the limit is the largest value.",
        "Python counts from 0: in the sorted list the value at position `allowed` has at most "
        "`allowed` values above it.",
    ),
)


# ---- 1.7c: a controller is judged by what it does in worlds that answer it ---------------------------------


@dataclasses.dataclass(frozen=True)
class World:
    """Days that a rollout meets, each what it shows, or None where nothing could be compared.

    Arms can be compared only while both have flights; a shadow or a glance at the weeks before, and outcomes
    that come late, show something whatever the share: then `always`.
    """

    days: list
    steps: list
    length: int
    always: bool = False

    def __str__(self) -> str:
        days = ", ".join(str(day and day[0]) for day in self.days)
        return f"differences {days}; steps {self.steps}, length {self.length}"


RAMP, QUIET = [0.01, 0.05, 0.25, 0.5, 1.0], (10, 100)
# The short ones first: the first that fails is shown
_WORLDS = {
    "a bad version that is all open": World([(-35, 100)] * 4, [1.0], 1, always=True),
    "a version that is the same": World([(0, 0)] * 5, [0.5, 1.0], 2),
    "a version that gets worse": World([(-15, 100), *[(-50, 100)] * 4], [0.1, 1.0], 4),
    "a loss beside small variances": World([(-2, 4), (-2, 4), (-10, 4), (-60, 4), (-60, 4)], [0.1, 1.0], 6),
    "no comparison at all": World([None] * 6, RAMP, 2),
    "a very good version": World([(90, 100)] * 8, RAMP, 2),
    "a sum just at the line": World([(-30, 100), (30, 100), *[QUIET] * 6], RAMP, 2),
    "one bad day among good ones": World([(40, 100), (40, 100), (-35, 100), *[QUIET] * 6], RAMP, 3),
    "outcomes that come after the stop": World([(-40, 100), *[(30, 100)] * 8], [0.1, 1.0], 3, always=True),
    "a shadow": World([QUIET] * 9, [0.0, 1.0], 3, always=True),
    "a ramp that ends at half": World([QUIET] * 9, [0.1, 0.5], 2),
    "a good version, two steps": World([QUIET] * 12, [0.1, 1.0], 5),
    "a bad version": World([(-16, 100)] * 12, RAMP, 3),
    "a noisy start": World([(-29, 100), (25, 100), *[QUIET] * 10], RAMP, 2),
    "days without a comparison": World([None, QUIET, None, None, *[QUIET] * 8], RAMP, 3),
    "a good version on a ramp": World([QUIET] * 20, RAMP, 3),
}


def _played(controller, world):
    """The shares that a controller gives in a world, morning by morning. What is no share serves nobody."""
    past, shares = [], []
    for shown in world.days:
        share = plain(controller([dict(record) for record in past], list(world.steps), world.length))
        shares.append(share)
        both = number(share) and 0 < share < 1
        difference, variance = shown if shown and (both or world.always) else (None, None)
        past.append({"difference": difference, "variance": variance})
    return shares


def _controller(*, days=None, worse=None, sums=None, back=0.0, at=None, climb=None):
    """The right controller, or one that does one thing otherwise: which days count,
    what is worse, how it climbs."""
    days = days or (lambda past: [record for record in past if record["difference"] is not None])
    sums = sums or _sums
    worse = worse or (lambda path: any(total < -3 * variance**0.5 for total, variance in path))
    climb = climb or (lambda counted, steps, length: steps[min(counted // length, len(steps) - 1)])

    def share_today(past, steps, length):
        counted = [(record["difference"] or 0, record["variance"] or 0) for record in days(past)]
        if worse(sums(counted)):
            return steps[0] if back == "first" else back
        return climb(len(counted), steps, length)

    return share_today


def _sums(counted):
    """Sums of differences and variances, morning by morning."""
    return [
        (sum(d for d, _ in counted[: i + 1]), sum(v for _, v in counted[: i + 1]))
        for i in range(len(counted))
    ]


_right = _controller()


def _each_day(counted):
    return counted


def _spreads(counted):
    """Sums, with the standard deviations added up in place of the variances."""
    return [
        (sum(d for d, _ in counted[: i + 1]), sum(v**0.5 for _, v in counted[: i + 1]) ** 2)
        for i in range(len(counted))
    ]


def _means(counted):
    return [
        (sum(d for d, _ in counted[: i + 1]) / (i + 1), sum(v for _, v in counted[: i + 1]))
        for i in range(len(counted))
    ]


def _last(path):
    return path[-1][0] < -3 * path[-1][1] ** 0.5 if path else False


function(
    "1.7c",
    "share_today",
    form=Worlds(_played, {f"{name} ({world})": (world,) for name, world in _WORLDS.items()}),
    odd={
        "On some mornings your program gives nothing back. A router needs a share every morning.":
            some(lambda shares: None in shares),
        "A share is one number, from nothing for nobody to one for all flights.":
            unless(listed(lambda share: number(share) and 0 <= share <= 1)),
    },
    rule=_right,
    said="It climbs by itself, and what is worse gets nothing, on that morning and all that follow.",
    mistakes={
        "You never stop: the bad versions get all flights in the end.": _controller(worse=lambda path: False),
        "You stop the very good version, too. Only a sum *below* the line is worse.":
            _controller(worse=lambda path: any(abs(total) > 3 * v**0.5 for total, v in path)),
        "You stop what earns *more*. Worse is a sum below zero, and below the line.":
            _controller(worse=lambda path: any(total > 3 * v**0.5 for total, v in path)),
        "A sum just at the line, or a sum of 0 with a line of 0, is no proof: stop strictly below it.":
            _controller(worse=lambda path: any(total <= -3 * v**0.5 for total, v in path)),
        "You judge each day alone. One bad day among good ones is not enough, and many small losses add up.":
            _controller(sums=_each_day),
        "You judge the newest day alone. Add up all days so far.":
            _controller(sums=_each_day, worse=_last),
        "You stop only where the sum was below the line on *all* mornings. Any one is enough.":
            _controller(worse=lambda path: path and all(total < -3 * v**0.5 for total, v in path)),
        "You stop a day late: what yesterday showed stands in `past` this morning.":
            _controller(worse=lambda path: any(total < -3 * v**0.5 for total, v in path[:-1])),
        "Your line is that of the newest day's variance. The sum has the sum of all variances.": _controller(
            sums=lambda counted: [
                (total, v) for (total, _), (_, v) in zip(_sums(counted), counted, strict=True)
            ]
        ),
        "A difference of 0 is a comparison, too, and counts. Leave out None only.":
            _controller(days=lambda past: [record for record in past if record["difference"]]),
        "On a morning after a day without a comparison you serve nobody. Nothing has "
        "changed: go on as before.": (
            lambda past, steps, length: (
                0.0 if past and past[-1]["difference"] is None else _right(past, steps, length)
            )
        ),
        "On the first morning you serve nobody. Nothing is proved yet: begin with the first step.": (
            lambda past, steps, length: _right(past, steps, length) if past else 0.0
        ),
        "You hold or go back while the sum is negative. Only a sum below the line changes anything; "
        "else the days climb.": (
            lambda past, steps, length: min(_right(past, steps, length), steps[0])
            if sum(record["difference"] or 0 for record in past) < 0
            else _right(past, steps, length)
        ),
        "You ask today's sum only. Outcomes that come after the stop look better, and your "
        "rollout begins again.":
            _controller(worse=_last),
        "You add up standard deviations. Variances add up; the root comes after the sum.":
            _controller(sums=_spreads),
        "You compare the *mean* difference with the line of the *sum*: it is too small to cross it.":
            _controller(sums=_means),
        "Your line is three variances, not three standard deviations: take the root.":
            _controller(worse=lambda path: any(total < -3 * v for total, v in path)),
        "You stop on a noisy start. One or two standard deviations come by chance: the line is at three.":
            _controller(worse=lambda path: any(total < -2 * v**0.5 for total, v in path)),
        "You stop as soon as a sum is negative. The line is three standard deviations lower.":
            _controller(worse=lambda path: any(total < 0 for total, _ in path)),
        "The days without a comparison moved your rollout on. They count for nothing, so a step goes on.":
            _controller(days=lambda past: past),
        "Once worse, you go back to the first step. What is proved worse gets nothing.":
            _controller(back="first"),
        "When the steps are used up you stop serving. The last one is for good.":
            _controller(climb=lambda n, steps, length: [*steps, 0][min(n // length, len(steps))]),
        "When the steps are used up you begin again. The last one is for good.":
            _controller(climb=lambda n, steps, length: steps[n // length % len(steps)]),
        "You climb every day. Each step lasts `length` compared days.":
            _controller(climb=lambda n, steps, length: steps[min(n, len(steps) - 1)]),
        "You climb a day late: with a `length` of three, three compared days are a whole step.":
            _controller(climb=lambda n, steps, length: steps[min(max(n - 1, 0) // length, len(steps) - 1)]),
        "Your steps last a day too long: with a `length` of three, three compared days are a whole step.":
            _controller(climb=lambda n, steps, length: steps[min(n // (length + 1), len(steps) - 1)]),
        "You climb a day early: with a `length` of three, two compared days are not a whole step yet.":
            _controller(climb=lambda n, steps, length: steps[min((n + 1) // length, len(steps) - 1)]),
        "You never climb: the share stays on the first step.":
            _controller(climb=lambda n, steps, length: steps[0]),
        "You leave out the last step: a good version never gets all flights.":
            _controller(climb=lambda n, steps, length: steps[min(n // length, max(len(steps) - 2, 0))]),
    },
    otherwise="Go through the mornings of this world by hand.",
    hints=(
        'Begin with the days that count: `[d for d in past if d["difference"] is not None]`. '
        'How many are there?',
        "`np.cumsum` gives the sums of all mornings at once; `(total < line).any()` asks all of them.",
        "`counted // length` is the number of steps that are over; `min(…, len(steps) - 1)` "
        "stays on the last one.",
    ),
)  # fmt: skip

# What a release brings: bold and good, careful and good, bold and bad, careful and bad
function(
    "1.7d",
    "bad_share",
    [
        (9000, 2000, -70000, -2500),
        (100, 10, -100, -5),
        (50, 20, -400, -10),
        (8000, 5000, -60000, -9500),
        (1000, 900, -10, 5),
        (300, -50, 20, 40),
        (500, 500, -900, -100),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the share?": NOTHING,
        "Asked is one number, a share of all releases.": unless(number),
    },
    rule=lambda bg, cg, bb, cb: (bg - cg) / ((bg - cg) + (cb - bb)),
    said="Premium against averted loss: above this share of broken releases the careful pattern earns more.",
    mistakes={
        "That is premium over averted loss: bad releases per *good* one. Asked is their share "
        "of *all* releases.":
            lambda bg, cg, bb, cb: (bg - cg) / (cb - bb),
        "That is the share of *good* releases at which the two are even.":
            lambda bg, cg, bb, cb: (cb - bb) / ((bg - cg) + (cb - bb)),
        "You compare bold with doing nothing. The careful pattern earns and loses something as well.":
            lambda bg, cg, bb, cb: bg / (bg - bb),
        "That is where the *careful* pattern breaks even with doing nothing. Compare it with the bold one.":
            lambda bg, cg, bb, cb: cg / (cg - cb),
        "You take the careful pattern's bad releases as free. They cost something, too.":
            lambda bg, cg, bb, cb: (bg - cg) / ((bg - cg) - bb),
        "You divide the premium by how far the bold pattern swings. The careful one swings, too.":
            lambda bg, cg, bb, cb: (bg - cg) / (bg - bb),
        "A sign: what is averted is the careful result minus the bold one, a positive number.":
            lambda bg, cg, bb, cb: (bg - cg) / ((bg - cg) - (cb - bb)),
        "That is in per cent. A share is at most one.":
            lambda bg, cg, bb, cb: 100 * (bg - cg) / ((bg - cg) + (cb - bb)),
        "Your share is negative. Turn one of the two differences round.":
            lambda bg, cg, bb, cb: -(bg - cg) / ((bg - cg) + (cb - bb)),
    },
    otherwise="At your share the two patterns don't earn the same on average. Put it into (1 − b) · good "
    "+ b · bad for both.",
    hints=(
        "With a share `b` of bad releases a pattern earns (1 − b) · good + b · bad per release, on average.",
        "Write that down for both patterns, set them equal, and solve for `b`.",
        "What care costs on a good release is the premium, what it averts on a bad one the benefit. Where do "
        "(1 − b) premiums equal b benefits?",
    ),
)
