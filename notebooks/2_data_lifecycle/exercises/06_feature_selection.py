"""How the exercises of lesson 2.6, Feature selection, are judged."""

from __future__ import annotations

import itertools
from statistics import mean, pstdev, pvariance, stdev, variance

from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    NEVER, NOTHING, NO_NAME, STRANGE, close, each, follows, has, lacks, listed, number, only, optional,
    right_but,
    some, unless,
)


def _forward(c, k, f):
    return f * sum(range(c - k + 1, c + 1))


def _backward(c, k, f):
    return f * sum(range(k + 1, c + 1))


def _search(forward, backward):
    """A rule: a count of fits for each direction, from columns, keep, folds."""
    return lambda direction, *sizes: (forward if direction == "forward" else backward)(*sizes)


def _right_when(direction):
    """A sign: each search in this direction has its right number of fits."""
    return right_but(on=lambda searched, *sizes: searched == direction)


function(
    "2.6a", "fits",
    [
        ("forward", 10, 1, 1), ("forward", 10, 3, 1), ("backward", 10, 3, 1), ("forward", 27, 6, 3),
        ("backward", 27, 6, 3), ("backward", 10, 9, 5), ("forward", 40, 8, 5), ("backward", 40, 8, 5),
        ("forward", 7, 7, 2), ("backward", 7, 7, 2),
    ],
    odd={
        "For some inputs your function gives nothing back. Does every path `return` a number?": NOTHING,
        "Asked is one number of fits for each search.": unless(number),
    },
    rule=_search(_forward, _backward),
    said="Each step fits one model per column still in question and fold: forward is cheap when few are "
    "kept, backward when few are dropped.",
    mistakes={
        "You count a model once. Its score is a mean over the folds, and each fold needs a fit of its own.":
            _search(lambda c, k, f: _forward(c, k, 1), lambda c, k, f: _backward(c, k, 1)),
        "The two directions have changed places.": _search(_backward, _forward),
        "Each model is fitted once per fold: the number of folds multiplies.": follows(
            lambda *given: _search(_forward, _backward)(*given[:3], 1) + given[3],
            lambda *given: _search(_forward, _backward)(*given[:3], 1) ** given[3],
        ),
        "The fit of the set that was found comes after the search; asked is the search alone.":
            lambda *given: _search(_forward, _backward)(*given) + 1,
        "Your search goes on until no column is left to choose, or to drop: `keep` plays no part.":
            lambda d, c, k, f: _backward(c, 0, f),
        "Your backward search does the steps of a forward one. It starts with all columns and drops one at "
        "each step until `keep` are left.": _search(_forward, _forward),
        "You fit every subset that there is. Both searches are greedy: what is chosen stays chosen.":
            lambda d, c, k, f: f * 2**c,
        "You fit one model per step. At each step the columns compete, and each competitor is a model.":
            _search(lambda c, k, f: f * k, lambda c, k, f: f * (c - k)),
        "You let all columns compete at each step. Those already chosen, or already dropped, "
        "are out of the race.":
            _search(lambda c, k, f: f * c * k, lambda c, k, f: f * c * (c - k)),
        "You let all columns compete `keep` times, both ways. Those already chosen are not tried again, and "
        "a backward search drops `columns − keep`.": lambda d, c, k, f: f * c * k,
        "Forward is right. Your backward search is RFE: a single model at each step. Here each column that "
        "may go is a model, the one without it.": _search(_forward, lambda c, k, f: f * (c - k)),
        "Forward is right, and your backward search is off at its ends. How many columns are there at its "
        "first step, and how many when the last one is dropped?": follows(
            _search(_forward, lambda c, k, f: f * sum(range(k, c))),
            _search(_forward, lambda c, k, f: f * sum(range(k, c + 1))),
            _search(_forward, lambda c, k, f: f * sum(range(k + 1, c))),
        ),
        "One step too few: count the steps by hand for ten columns of which one is kept, or nine.":
            _search(lambda c, k, f: _forward(c, k - 1, f), lambda c, k, f: _backward(c, k + 1, f)),
        "One step too many: count the steps by hand for ten columns of which one is kept, or nine.":
            _search(lambda c, k, f: _forward(c, k + 1, f), lambda c, k, f: _backward(c, k - 1, f)),
        "Forward is right. Follow the backward search with three columns, one of them kept.":
            _right_when("forward"),
        "Backward is right. Follow the forward search with three columns, two of them kept.":
            _right_when("backward"),
    },
    otherwise="Write the steps down for three columns: how many models compete at each?",
    hints=(
        "Ten columns, forward: how many models compete for the first place? How many for the second?",
        "Backward starts with all columns. How many ways are there to leave one out? And then?",
        "Each competing model is fitted once per fold. `sum(range(a, b))` adds up a, a + 1, … to b − 1.",
    ),
)


def _phi(
    spread=variance, over=mean, share=lambda kept, columns: kept, finish=lambda found,
    chance: 1 - found / chance
):
    """A rule: the measure of Nogueira et al., or what comes out if one of its parts is another."""

    def stability(chosen):
        kept = share(mean(itertools.chain(*chosen)), len(chosen[0]))
        return finish(over(map(spread, zip(*chosen, strict=True))), kept * (1 - kept))

    return stability


def _without_chance(found, chance):
    return 1 - found


def _by_pairs(of):
    """A rule: the mean over all pairs of runs of what `of` gives for their two sets of columns."""

    def stability(chosen):
        sets = [{place for place, bit in enumerate(row) if bit} for row in chosen]
        return mean(of(*pair) for pair in itertools.combinations(sets, 2))

    return stability


function(
    "2.6b", "stability",
    [(chosen,) for chosen in (
        [[1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]],
        [[1, 1, 0, 0], [0, 0, 1, 1]],
        [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]],
        [
            [1, 1, 1, 0, 0, 0, 0, 0],
            [1, 1, 0, 0, 0, 0, 0, 0],
            [1, 0, 1, 1, 0, 0, 0, 0],
            [0, 1, 1, 0, 0, 0, 0, 1],
        ],
        [[1, 1, 1, 1, 0], [1, 1, 1, 0, 1], [1, 1, 0, 1, 1]],
    )],
    odd={
        "Your function gives nothing back. Does it `return` the number?": NEVER,
        "For some tables no number comes out. Do you divide column by column? One that all runs chose has no "
        "variance: take the means first, above and below, then divide once.": some(lambda out: out is None),
        "Asked is a single number for each table of choices.": unless(number),
    },
    rule=_phi(),
    said="1 is the same choice every time, 0 is what drawing at random would give: tables of any "
    "size can be compared.",
    mistakes={
        "Your variance divides by M. The formula asks for the unbiased one, which divides by M − 1.":
            _phi(pvariance),
        "Chance is missing: choosing almost nothing, or almost everything, would look stable by itself.":
            _phi(finish=_without_chance),
        "Chance is missing, and your variance divides by M.": _phi(pvariance, finish=_without_chance),
        "k̄ is a number of columns. The formula needs the share of them, k̄/p.":
            _phi(share=lambda kept, columns: kept * columns),
        "You divide k̄ by p twice: the mean of the whole table is k̄/p already.":
            _phi(share=lambda kept, columns: kept / columns),
        "Above the line you add up the columns. Asked is their mean.": _phi(over=sum),
        "That is the mean Jaccard index of all pairs. Two random choices of many columns "
        "would get a high one.":
            _by_pairs(lambda a, b: len(a & b) / len(a | b)),
        "That is the mean overlap of all pairs as a share. What chance would give is not subtracted.":
            _by_pairs(lambda a, b: len(a & b) / min(len(a), len(b))),
        "That is the instability: the fraction itself. Stability is what is missing from it to 1.":
            _phi(finish=lambda found, chance: found / chance),
        "You look along the wrong axis: a row is a run, a column is a feature.":
            lambda chosen: _phi()(list(zip(*chosen, strict=True))),
        "You compare standard deviations. The formula compares variances.": follows(
            *(_phi(spread, finish=lambda found, chance: 1 - found / chance**0.5)
                for spread in (stdev, pstdev)),
            _phi(finish=lambda found, chance: 1 - (found / chance) ** 0.5),
        ),
        "Agreement can be less than what chance gives: a number below 0 is no mistake.":
            _phi(finish=lambda found, chance: max(0, 1 - found / chance)),
        "The factor is turned round: M / (M − 1) makes the variance larger.":
            _phi(lambda column: pvariance(column) * (len(column) - 1) / len(column)),
        "M is the number of runs. You took that of the columns.":
            lambda chosen: _phi(lambda column: pvariance(column) * len(chosen[0]) / (len(chosen[0]) - 1))(
                chosen
            ),
        "Below the line stands a product of two: the share that is kept on average, and the rest.":
            lambda chosen: 1 - mean(map(variance,
                zip(*chosen, strict=True))) / mean(itertools.chain(*chosen)),
        "k̄ is a mean over all the runs, taken before it goes into the formula.": follows(
            lambda chosen: 1 - mean(map(variance, zip(*chosen, strict=True))) / pvariance(chosen[0]),
            lambda chosen: 1 - mean(map(variance, zip(*chosen, strict=True))) / mean(map(pvariance, chosen)),
        ),
        "That is the share of the columns on which all runs agree. What chance would give is not subtracted.":
            lambda chosen: mean(float(len(set(column)) == 1) for column in zip(*chosen, strict=True)),
        "Almost: don't round.":
            right_but(
                lambda right: lambda *given: round(right(*given), 2), same=lambda a, b: close(a, b, 0, 0.0051)
            ),
        "A stability can't be larger than 1. Is the mean over the columns there, above and below?":
            some(lambda out: out > 1.001),
    },
    otherwise="For some tables another number comes out. Work out one by hand: two runs, four columns, two "
    "of them chosen in each.",
    hints=(
        "`np.array(chosen)` has a row per run and a column per feature. `.mean(axis=0)` gives how often each "
        "feature was chosen.",
        "`np.var(…, axis=0, ddof=1)` divides by M − 1, as the formula asks.",
        "Without the division by the variance of chance, two draws at random would get a high score.",
    ),
)

names(
    "2.6c", "honest",
    belong="BC",
    others="ADE",
    read=lambda letter: letter.strip().upper(),
    reasons={
        "`{}` is not one of the five plans. Give their letters.": STRANGE,
        "None? Then no score could ever be reported. Look for the plan whose test had no say.": NO_NAME,
        "All five? Then the trap of this section would not exist.": only(*"ABCDE"),
        "A is not among them. It ranks the columns with the labels of the months it is tested on.": has("A"),
        "D is not among them. It picks the size by the score that it then reports: the best of many "
        "scores is partly luck.": has("D"),
        "E is not among them. The best of many cross-validated scores was picked for being the best. That "
        "needs months which had no say.": has("E"),
        "What you name is honest, and another one is, too: there is a plan that keeps a second period back.":
            lacks("B"),
        "What you name is honest, and another one is, too: cross-validation is not wrong in itself, if the "
        "choice is made anew in each fold.": lacks("C"),
    },
    said="In both, no label that counts in the score had a say in the choice: of the "
    "columns, and of how many.",
    hints=(
        "For each plan ask: which labels had a say in what was chosen, columns and their number? Are those "
        "of the reported score among them?",
        "A choice made anew inside each fold sees the labels of the training folds alone.",
        "Two plans pass.",
    ),
)

_TABLES = [
    [(27, 0.0, 0.0, 0.0), (12, -0.001, -0.004, 0.002), (6, -0.006, -0.011, -0.001), (3, -0.03, -0.04, -0.02)],
    [(3, -0.004, -0.020, 0.012), (6, -0.003, -0.008, 0.002), (12, 0.001, -0.002, 0.004), (27, 0.0, 0.0, 0.0)],
    [(8, -0.002, -0.005, 0.001), (27, 0.0, 0.0, 0.0), (4, -0.002, -0.006, 0.002)],
    [(2, 0.004, 0.001, 0.007), (27, 0.0, 0.0, 0.0), (5, 0.002, -0.012, 0.016)],
    [(4, -0.02, -0.03, -0.01), (9, -0.015, -0.022, -0.008)],
    [(3, 0.015, 0.011, 0.02), (27, 0.0, 0.0, 0.0), (1, -0.004, -0.009, 0.001)],
    [(5, -0.0035, -0.0045, -0.0025), (10, -0.001, -0.002, 0.001), (27, 0.0, 0.0, 0.0)],
    [(27, 0.0, 0.0, 0.0), (4, -0.02, -0.03, -0.01)],
    [(6, -0.001, -0.003, 0.001), (10, 0.0, -0.002, 0.002), (6, -0.01, -0.02, 0.0), (10, -0.01, -0.03, 0.01)],
    [(6, -0.01, -0.02, 0.0), (10, -0.01, -0.03, 0.01), (6, -0.001, -0.003, 0.001), (10, 0.0, -0.002, 0.002)],
]


def _passing(passes=lambda d, low, high, margin: low >= -margin, choose=min, of=list):
    """A rule: of the sets that pass the one that is chosen, by default the smallest;
    `of` changes the table first."""

    def leanest(table, margin):
        table = of(table)
        rows = [row for row in table if passes(*row[1:], margin)]
        return choose(rows)[0] if rows else None

    return leanest


def _down(table, margin):
    """From the largest set down, as long as they pass."""
    passed = itertools.takewhile(lambda row: row[2] >= -margin, sorted(table)[::-1])
    return min((row[0] for row in passed), default=None)


def _smallest_alone(table, margin):
    return _passing()([min(table)], margin)


function(
    "2.6d", "leanest",
    [(table, margin) for table in _TABLES for margin in (0.005, 0.01)],
    odd={
        "Your function never gives a number. Does it `return` one?": NEVER,
        "You return the numbers of several sets that pass, in a list. Asked is one number.":
            each(lambda out: out is None or listed(number)(out) and all(size == int(size) for size in out)),
        "You return a whole row. Asked is its number of columns.":
            some(lambda out: type(out) in (list, dict)),
        "Asked is a number of columns, or `None`.": unless(optional(number)),
    },
    rule=_passing(),
    said="That is a test of non-inferiority: a wide interval fails it, so whoever measured too little can't "
    "claim that nothing was lost.",
    mistakes={
        "You look at the difference alone. A set measured on a few days may lie there by luck; its interval "
        "says how far down it could be.": _passing(lambda d, low, high, margin: d >= -margin),
        "All columns are a set as well. Where no smaller one passes, theirs is the number.":
            _passing(lambda d, low, high, margin: low >= -margin and (d, low, high) != (0, 0, 0)),
        "“Not significantly worse” is what you test: an interval that reaches zero. The wider it is, "
        "the easier it passes.": _passing(lambda d, low, high, margin: high >= 0),
        "“The interval holds zero” is what you test. The wider it is, the easier it passes; and a set that "
        "is better than all columns fails.": _passing(lambda d, low, high, margin: low <= 0 <= high),
        "You ask for a set that is *better* than all columns beyond luck. Equal within the margin is enough.":
            _passing(lambda d, low, high, margin: low > 0),
        "You take the largest set that passes. Asked is the smallest.": _passing(choose=max),
        "You compare with the optimistic end. The lower one is the loss that can't be excluded.":
            _passing(lambda d, low, high, margin: high >= -margin),
        "A lower end of exactly −margin still passes: only what lies below it fails.":
            _passing(lambda d, low, high, margin: low > -margin),
        "A loss is a negative number and `margin` is a positive one: compare with its negative.":
            _passing(lambda d, low, high, margin: low >= margin),
        "You ask that the interval stays within the margin on both sides. A set may be better "
        "by more than that.":
            _passing(lambda d, low, high, margin: low >= -margin and high <= margin),
        "Your comparison is turned round: the sets that you keep are those which may lose "
        "more than the margin.":
            _passing(lambda d, low, high, margin: low < -margin),
        "You compare the size of `low` without its sign. A set that is better by more than the "
        "margin would fail.":
            _passing(lambda d, low, high, margin: abs(low) <= margin),
        "You take the best of the sets that pass. They are all good enough: the smaller one saves more.":
            _passing(choose=lambda rows: max(rows, key=lambda row: row[1])),
        "You take the first row that passes. The table is in no particular order.":
            _passing(choose=lambda rows: rows[0]),
        "You stop at the first set that fails. A smaller one, or a larger one, may pass.":
            follows(_down, _smallest_alone),
        "Two sets may have the same number of columns, and one of them pass. A dict keeps the "
        "last of them alone.":
            _passing(
                of=lambda table: [[size, *rest] for size, rest in {row[0]: row[1:] for row in table}.items()]
            ),
        "Two sets may have the same number of columns. It is enough that one of them passes.":
            _passing(of=lambda table: [min((r for r in table if r[0] == row[0]), key=lambda r: r[2])
                for row in table]),
        "Where no set is good enough the answer is `None`.":
            right_but(lambda right: lambda *given: right(*given) or 27, on=lambda *given: _passing()(*given)),
    },
    otherwise="For some tables another set is the smallest that passes. They are in no particular "
    "order; try one by hand.",
    hints=(
        "A set is good enough if even the pessimistic end of its interval loses no more than the margin.",
        "A loss is negative and the margin is positive: compare `low` with `-margin`.",
        "`min(…, default=None)` copes with a table in which no set is good enough.",
    ),
)
