"""How the exercises of lesson 2.4, Feature engineering with tf.Transform, are judged."""

from __future__ import annotations

import functools
import math

from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    NOTHING, NO_NAME, STRANGE, close, follows, has, lacks, lacks_only, number, only, right_but, some, unless,
)

_OF_THE_ROW = ["route_hashed", "fog", "rain", "spread", "weekend"]

names(
    "2.4a", "needs_pass",
    belong=["distance_capped", "warmth", "carrier_hour", "rare"],
    others=_OF_THE_ROW,
    reasons={
        "`{}` is not in the table of the exercise. Copy the names from it.": STRANGE,
        "None? Then somebody would have to know a percentile without having seen the data.": NO_NAME,
        "Turned round: these are the ones that the row alone decides.": only(*_OF_THE_ROW),
        "The bucket of a hash is computed from the text itself. What has been seen before plays no part.":
            has("route_hashed"),
        "A threshold that a person chose is a constant. Nobody has to find it in the data.": has("fog"),
        "A logarithm is not a scaling by the data: 1 and 100 are constants of the formula.": has("rain"),
        "A difference of two columns of the same row asks for no other row.": has("spread"),
        "A list of two weekdays is known before any flight has been seen.": has("weekend"),
        "One is missing: it is made of arithmetic, but on a row number that somebody had to hand out.":
            lacks_only("carrier_hour"),
        "One that is missing cuts at a value. Who knows that value before the data are read?":
            lacks("distance_capped"),
        "One that is missing compares a flight with other flights of its airport.": lacks("warmth"),
        "All of these are right, and something is missing: counting takes all rows, too.": lacks("rare"),
    },
    said="Each of them holds something that was found in other rows: a percentile, a mean, an order, a "
    "count.",
    hints=(
        "For each feature, ask: handed a single flight and this page, could you compute it?",
        "A number that stands in the table of the exercise is known beforehand. One that has to be counted "
        "or averaged is not.",
        "A feature made of another feature needs whatever the other one needs.",
    ),
)

_TABLE = [600.0, 900.0]
_EDGES = (_TABLE, [0.0], [-5.0, 0.0, 2.5, 10.0], [300.0, 301.0, 302.0])


def _bucket(value, edges):
    return sum(edge <= value for edge in edges)


def _closed_right(value, edges):
    return sum(edge < value for edge in edges)


function(
    "2.4b", "bucket",
    [
        (value, list(edges)) for edges in _EDGES
        for value in sorted({edge + step for edge in edges for step in (-0.25, 0.0, 0.25)} | {-1e6, 1e6})
    ],
    odd={
        "For some values your function gives nothing back. Does every path `return`?": NOTHING,
        "A bucket is a whole number; your function gives something else.": unless(number),
    },
    rule=_bucket,
    said="A bucket is closed on the left: its number is the count of edges at or below the value, so a value "
    "on an edge belongs above.",
    mistakes={
        "A value that equals an edge falls on the other side. Yours is pandas' rule: closed on the right.":
            _closed_right,
        "A value on the last edge falls on the other side in yours. That edge is no exception.":
            lambda value, edges: _bucket(value, edges) - (value == edges[-1]),
        "The rule is right, but the first bucket has the number 0.": lambda *given: 1 + _bucket(*given),
        "Your numbers start one too low: below all edges is bucket 0, not a negative one.":
            lambda *given: _bucket(*given) - 1,
        "Below the first edge and right above it lie two buckets; to yours they are one.":
            lambda value, edges: max(_bucket(value, edges) - 1, 0),
        "That is an edge. Asked is the number of a bucket.":
            follows(lambda value, edges: max([edge for edge in edges if edge <= value], default=0)),
        "There is one more bucket than there are edges: what lies above the last edge has its own.":
            lambda value, edges: min(_bucket(value, edges), len(edges) - 1),
        "You count from the top: the lowest values belong into the first bucket.":
            lambda value, edges: sum(edge > value for edge in edges),
        "You look for the nearest edge. A bucket lies between two edges.":
            lambda value, edges: min(range(len(edges)), key=lambda i: abs(edges[i] - value)),
        "You only tell above from below one edge; there are several.":
            lambda value, edges: int(value >= edges[0]),
        "That is right for the edges of the table, 600 and 900, and not for others. Use `edges`, "
        "however many there are.": right_but(on=lambda value, edges: edges == _TABLE),
        "You know the edges of the table only, and there a value that equals an edge falls on the other "
        "side.":
            follows(_closed_right, on=lambda value, edges: edges == _TABLE),
    },
    otherwise="For some values the bucket is another one. Go through the table of examples "
    "with your function.",
    hints=(
        "Look in the table at the values that equal an edge: on which side do they fall?",
        "The number of the bucket is a count. Of which edges?",
        "Try it with one edge: there are two buckets, below it and the rest.",
    ),
)


def _needed(share: float, sure: float) -> float:
    return math.log(1 - sure) / math.log(1 - share)


function(
    "2.4c", "rows_needed",
    [(0.5, 0.95), (0.01, 0.95), (0.001, 0.99), (0.1, 0.5), (0.0002, 0.9), (0.9, 0.6), (0.03, 0.999),
        (0.5, 0.75),
     (0.9, 0.2)],
    odd={
        "Your function gives nothing back for some inputs. Does it `return` the number?": NOTHING,
        "Asked is one number of rows; your function gives something else.": unless(number),
    },
    rule=lambda share, sure: math.ceil(_needed(share, sure)),
    same=functools.partial(close, rel=0),
    said="The rarer the fault the longer the test, in proportion to 1/share: for 95 % it is "
    "about three times that.",
    mistakes={
        "Almost: rows come whole, and you round down. Then the fault shows a little less often than asked.":
            lambda *given: math.floor(_needed(*given)),
        "Almost: rows come whole, and rounding to the nearest is sometimes too few.":
            lambda *given: round(_needed(*given)),
        "Almost: where the formula gives a whole number, that many rows are enough, and you add one.":
            lambda *given: math.floor(_needed(*given)) + 1,
        "That is not a whole number of rows yet.": _needed,
        "After 1/share rows the fault is *expected* once, but it stays hidden more than one time in three.":
            follows(lambda share, sure: math.ceil(1 / share), lambda share, sure: 1 / share),
        "Expected faults are not a probability: sure/share rows show it less often than asked.":
            follows(lambda share, sure: math.ceil(sure / share), lambda share, sure: sure / share),
        "Three rows for each 1/share is the rule of thumb for 95 % and rare faults. Here `sure` counts, too.":
            follows(lambda share, sure: math.ceil(3 / share), lambda share, sure: 3 / share),
        "That is the shortcut for rare faults, −log(1 − sure) / share. A frequent fault shows sooner: solve "
        "the formula itself.": lambda share, sure: math.ceil(-math.log(1 - sure) / share),
        "You divided the chances. The chance to miss the fault n times in a row is a power; a "
        "logarithm brings n down.":
            lambda share, sure: math.ceil((1 - sure) / (1 - share)),
        "A number of rows is not negative. Both logarithms are: what is one divided by the other?":
            some(lambda rows: rows < 0),
        "The fraction is upside down: the rarer the fault, the more rows.":
            lambda share, sure: math.ceil(math.log(1 - share) / math.log(1 - sure)),
        "Both chances are the wrong ones: a row is clean with the rest of `share`, and all are with "
        "the rest of `sure`.": lambda share, sure: math.ceil(math.log(sure) / math.log(share)),
        "You solved for the fault to stay hidden with probability `sure`. It must show with that.":
            lambda share, sure: math.ceil(math.log(sure) / math.log(1 - share)),
        "You solved with `share` as the chance that a row is clean. That chance is the complement.":
            lambda share, sure: math.ceil(math.log(1 - sure) / math.log(share)),
        "One row too many: where the formula gives a fraction, rounding up is enough.":
            lambda *given: math.floor(_needed(*given)) + 2,
    },
    otherwise="For some inputs the number differs. Test it: with your n, is 1 − (1 − share)ⁿ at least "
    "`sure`, and with n − 1 not?",
    hints=(
        "The fault stays hidden with probability (1 − share)ⁿ. It shows with the rest.",
        "You look for the smallest n with (1 − share)ⁿ ≤ 1 − sure. A logarithm brings n down.",
        "`math.log(1 - sure) / math.log(1 - share)`, and then to a whole number that is large enough.",
    ),
)


def _sharing(n, m):
    return n * (1 - (1 - 1 / m) ** (n - 1))


function(
    "2.4d", "expected_sharing",
    [(2, 2), (1, 64), (105, 64), (105, 512), (4000, 4096), (10, 1000), (365, 365), (5, 1)],
    odd={
        "Your function gives nothing back for some inputs. Does it `return` the number?": NOTHING,
        "Asked is one number; your function gives something else.": unless(number),
    },
    rule=_sharing,
    same=functools.partial(close, rel=1e-4),
    said="Each value is alone only if all others miss it, so with as many buckets as values nearly "
    "two in three share.",
    mistakes={
        "That is the probability for one value. Asked is how many of all values.":
            follows(lambda n, m: _sharing(n, m) / n, lambda n, m: 100 * _sharing(n, m) / n),
        "That is how many are expected to be alone. Asked are the others.":
            lambda n, m: n * (1 - 1 / m) ** (n - 1),
        "A value can't collide with itself: count the *other* values in the power.":
            lambda n, m: n * (1 - (1 - 1 / m) ** n),
        "That counts pairs that collide. Three values in one bucket are three pairs, but also three values; "
        "in general they differ.": lambda n, m: n * (n - 1) / (2 * m),
        "That adds the chances of each pair as if they excluded one another; with many values it "
        "exceeds their number.":
            lambda n, m: n * (n - 1) / m,
        "That is how many values a bucket holds on average. Asked is how many values are not alone in "
        "theirs.":
            lambda n, m: n / m,
        "That is values minus buckets: it supposes that the values fill every bucket before two share one.":
            lambda n, m: max(0, n - m),
        "That is the expected number of buckets in use, not of values that share one.":
            lambda n, m: m * (1 - (1 - 1 / m) ** n),
        "That is how many values arrive in a bucket that is taken already. The first one there shares it "
        "too.":
            lambda n, m: n - m * (1 - (1 - 1 / m) ** n),
        "That is the birthday question: the chance that *any* two share. Asked is how many values do.":
            lambda n, m: 1 - math.prod(max(0, 1 - i / m) for i in range(n)),
        "That counts the values that share with exactly one other. Two or more others are sharing, too.":
            lambda n, m: n * (n - 1) / m * (1 - 1 / m) ** (n - 2) if n > 1 else 0,
        "That is how many *buckets* hold two values or more. Asked is how many values lie in such buckets.":
            lambda n, m: m * (1 - (1 - 1 / m) ** n) - n * (1 - 1 / m) ** (n - 1),
        "You swapped `values` and `buckets`.": lambda n, m: _sharing(m, n),
        "You add up over the buckets. It is each *value* that has this chance.":
            lambda n, m: m * _sharing(n, m) / n,
        "1/buckets is the chance that another value hits the bucket. What is that of a miss?":
            follows(lambda n, m: n * (1 - (1 / m) ** (n - 1)), lambda n, m: n * (1 / m) ** (n - 1)),
        "That is the approximation by e for many values and buckets. With few it is off: "
        "take the power itself.":
            follows(lambda n, m: n * (1 - math.exp(-(n - 1) / m)), lambda n, m: n * (1 - math.exp(-n / m))),
        "Almost. An expected count is a mean and need not be whole: don't round it, and don't draw it.":
            right_but(
                lambda right: lambda n, m: round(right(n, m)), same=functools.partial(close, rel=0, abs_=1)
            ),
    },
    otherwise="For some inputs the number differs. With 2 values and 2 buckets, draw the four cases "
    "and count by hand.",
    hints=(
        "One other value misses the bucket with probability 1 − 1/buckets. All the others miss it "
        "with that to a power.",
        "A value shares its bucket if not all others miss it. That is one minus the above.",
        "An expected count is a sum of probabilities, here the same one for each of the values.",
    ),
)
