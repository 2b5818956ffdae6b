"""Judges of lesson 2.6, Feature selection."""

import itertools

from helpers.exercises.kit import Function, Names, Verdict, exercise, right, wrong
from helpers.exercises.outputs import agrees, number

_SEARCHES = [
    ("forward", 10, 1, 1),
    ("forward", 10, 3, 1),
    ("backward", 10, 3, 1),
    ("forward", 27, 6, 3),
    ("backward", 27, 6, 3),
    ("backward", 10, 9, 5),
    ("forward", 40, 8, 5),
    ("backward", 40, 8, 5),
]


def _forward(columns: int, keep: int) -> int:
    return sum(columns - step for step in range(keep))


def _backward(columns: int, keep: int) -> int:
    return sum(range(keep + 1, columns + 1))


@exercise(
    "2.6a",
    fits=Function(_SEARCHES),
    hints=(
        "Ten columns, forward: how many models compete for the first place? How many for the second?",
        "Backward starts with all columns. How many ways are there to leave one out? And then?",
        "Each competing model is fitted once per fold. `sum(range(a, b))` adds up a, a + 1, … to b − 1.",
    ),
)
def how_many_models_a_search_fits(fits: list[dict]) -> Verdict:
    if any(r["output"] is None for r in fits):
        return wrong("For some inputs your function gives nothing back. Does every path `return` a number?")
    if not all(number(r["output"]) for r in fits):
        return wrong("Asked is one number of fits for each search.")

    def same(forward, backward) -> bool:
        return agrees(
            fits,
            lambda direction, columns, keep, folds: (forward if direction == "forward" else backward)(
                columns, keep, folds
            ),
        )

    def honest_forward(c, k, f):
        return f * _forward(c, k)

    def honest_backward(c, k, f):
        return f * _backward(c, k)

    if same(honest_forward, honest_backward):
        return right(
            "Each step fits one model per column still in question and fold: forward is cheap when few are kept, backward when few are dropped."
        )
    mistakes = [
        (
            "You count a model once. Its score is a mean over the folds, and each fold needs a fit of its own.",
            lambda c, k, f: _forward(c, k),
            lambda c, k, f: _backward(c, k),
        ),
        (
            "Your backward search does the steps of a forward one. It starts with all columns and drops one at each step until `keep` are left.",
            honest_forward,
            honest_forward,
        ),
        (
            "You fit every subset that there is. Both searches are greedy: what is chosen stays chosen.",
            lambda c, k, f: f * 2**c,
            lambda c, k, f: f * 2**c,
        ),
        (
            "You fit one model per step. At each step the columns compete, and each competitor is a model.",
            lambda c, k, f: f * k,
            lambda c, k, f: f * (c - k),
        ),
        (
            "You let all columns compete at each step. Those already chosen, or already dropped, are out of the race.",
            lambda c, k, f: f * c * k,
            lambda c, k, f: f * c * (c - k),
        ),
        (
            "You let all columns compete `keep` times, both ways. Those already chosen are not tried again, and a backward search drops `columns − keep`.",
            lambda c, k, f: f * c * k,
            lambda c, k, f: f * c * k,
        ),
        (
            "Forward is right. Your backward search is RFE: a single model at each step. Here each column that may go is a model, the one without it.",
            honest_forward,
            lambda c, k, f: f * (c - k),
        ),
        *(
            (
                "Forward is right, and your backward search is off at its ends. How many columns are there at its first step, and how many when the last one is dropped?",
                honest_forward,
                lambda c, k, f, first=first, last=last: f * sum(range(k + last, c + first)),
            )
            for first, last in ((0, 0), (1, 0), (0, 1))
        ),
        (
            "One step too few: count the steps by hand for ten columns of which one is kept, or nine.",
            lambda c, k, f: f * _forward(c, k - 1),
            lambda c, k, f: f * _backward(c, k + 1),
        ),
        (
            "One step too many: count the steps by hand for ten columns of which one is kept, or nine.",
            lambda c, k, f: f * _forward(c, k + 1),
            lambda c, k, f: f * _backward(c, k - 1),
        ),
    ]
    for reason, forward, backward in mistakes:
        if same(forward, backward):
            return wrong(reason)
    if agrees([r for r in fits if r["input"][0] == "forward"], lambda d, *sizes: honest_forward(*sizes)):
        return wrong("Forward is right. Follow the backward search with three columns, one of them kept.")
    if agrees([r for r in fits if r["input"][0] == "backward"], lambda d, *sizes: honest_backward(*sizes)):
        return wrong("Backward is right. Follow the forward search with three columns, two of them kept.")
    return wrong("Write the steps down for three columns: how many models compete at each?")


_CHOSEN = [
    [[1, 1, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0]],
    [[1, 1, 0, 0], [0, 0, 1, 1]],
    [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [1, 1, 0, 0, 0]],
    [[1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 0, 0], [1, 0, 1, 1, 0, 0, 0, 0], [0, 1, 1, 0, 0, 0, 0, 1]],
    [[1, 1, 1, 1, 0], [1, 1, 1, 0, 1], [1, 1, 0, 1, 1]],
]


def _nogueira(chosen: list[list[int]], spread: int = 1, chance: bool = True) -> float:
    runs, columns = len(chosen), len(chosen[0])
    share = [sum(column) / runs for column in zip(*chosen, strict=True)]
    observed = sum(runs / (runs - spread) * p * (1 - p) for p in share) / columns
    kept = sum(share) / columns
    return 1 - observed / (kept * (1 - kept)) if chance else 1 - observed


def _fraction(chosen: list[list[int]], above: float = 1, below: float = 1) -> float:
    """The formula with a factor too many above the line, or at k̄ below it."""
    kept = sum(map(sum, chosen)) / len(chosen) / len(chosen[0])
    observed = (1 - _nogueira(chosen)) * kept * (1 - kept)
    return 1 - observed * above / (kept * below * (1 - kept * below))


def _pairs(chosen: list[list[int]], of) -> float:
    sets = [{place for place, bit in enumerate(row) if bit} for row in chosen]
    values = [of(a, b) for a, b in itertools.combinations(sets, 2)]
    return sum(values) / len(values)


@exercise(
    "2.6b",
    stability=Function([(chosen,) for chosen in _CHOSEN]),
    hints=(
        "`np.array(chosen)` has a row per run and a column per feature. `.mean(axis=0)` gives how often each feature was chosen.",
        "`np.var(…, axis=0, ddof=1)` divides by M − 1, as the formula asks.",
        "Without the division by the variance of chance, two draws at random would get a high score.",
    ),
)
def agreement_beyond_chance(stability: list[dict]) -> Verdict:
    if all(r["output"] is None for r in stability):
        return wrong("Your function gives nothing back. Does it `return` the number?")
    if any(r["output"] is None for r in stability):
        return wrong(
            "For some tables no number comes out. Do you divide column by column? One that all runs chose has no variance: take the means first, above and below, then divide once."
        )
    if not all(number(r["output"]) for r in stability):
        return wrong("Asked is a single number for each table of choices.")
    if agrees(stability, _nogueira):
        return right(
            "1 is the same choice every time, 0 is what drawing at random would give: tables of any size can be compared."
        )
    mistakes = {
        "Your variance divides by M. The formula asks for the unbiased one, which divides by M − 1.": lambda c: (
            _nogueira(c, spread=0)
        ),
        "Chance is missing: choosing almost nothing, or almost everything, would look stable by itself.": lambda c: (
            _nogueira(c, chance=False)
        ),
        "Chance is missing, and your variance divides by M.": lambda c: _nogueira(c, spread=0, chance=False),
        "k̄ is a number of columns. The formula needs the share of them, k̄/p.": lambda c: _fraction(
            c, below=len(c[0])
        ),
        "You divide k̄ by p twice: the mean of the whole table is k̄/p already.": lambda c: _fraction(
            c, below=1 / len(c[0])
        ),
        "Above the line you add up the columns. Asked is their mean.": lambda c: _fraction(
            c, above=len(c[0])
        ),
        "That is the mean Jaccard index of all pairs. Two random choices of many columns would get a high one.": lambda c: (
            _pairs(c, lambda a, b: len(a & b) / len(a | b))
        ),
        "That is the mean overlap of all pairs as a share. What chance would give is not subtracted.": lambda c: (
            _pairs(c, lambda a, b: len(a & b) / min(len(a), len(b)))
        ),
        "That is the instability: the fraction itself. Stability is what is missing from it to 1.": lambda c: (
            1 - _nogueira(c)
        ),
        "You look along the wrong axis: a row is a run, a column is a feature.": lambda c: _nogueira(
            [list(column) for column in zip(*c, strict=True)]
        ),
        "You compare standard deviations. The formula compares variances.": lambda c: (
            1 - (1 - _nogueira(c)) ** 0.5 if _nogueira(c) <= 1 else 1.0
        ),
    }
    for reason, formula in mistakes.items():
        if agrees(stability, formula):
            return wrong(reason)
    if any(r["output"] > 1.001 for r in stability):
        return wrong(
            "A stability can't be larger than 1. Is the mean over the columns there, above and below?"
        )
    return wrong(
        "For some tables another number comes out. Work out one by hand: two runs, four columns, two of them chosen in each."
    )


_PLANS = {
    "A": "It ranks the columns with the labels of the months it is tested on.",
    "D": "It picks the size by the score that it then reports: the best of many scores is partly luck.",
    "E": "The best of many cross-validated scores was picked for being the best. That needs months which had no say.",
}


@exercise(
    "2.6c",
    honest=Names(),
    hints=(
        "For each plan ask: which labels had a say in what was chosen, columns and their number? Are those of the reported score among them?",
        "A choice made anew inside each fold sees the labels of the training folds alone.",
        "Two plans pass.",
    ),
)
def plans_whose_score_is_honest(honest: list[str]) -> Verdict:
    chosen = {name.strip().upper() for name in honest}
    if unknown := chosen - set("ABCDE"):
        return wrong(f"`{min(unknown)[:20]}` is not one of the five plans. Give their letters.")
    if not chosen:
        return wrong("None? Then no score could ever be reported. Look for the plan whose test had no say.")
    if chosen == set("ABCDE"):
        return wrong("All five? Then the trap of this section would not exist.")
    for letter in "ADE":
        if letter in chosen:
            return wrong(f"{letter} is not among them. {_PLANS[letter]}")
    if chosen == set("BC"):
        return right(
            "In both, no label that counts in the score had a say in the choice: of the columns, and of how many."
        )
    if "B" not in chosen:
        return wrong(
            "What you name is honest, and another one is, too: there is a plan that keeps a second period back."
        )
    return wrong(
        "What you name is honest, and another one is, too: cross-validation is not wrong in itself, if the choice is made anew in each fold."
    )


_TABLES = [
    [(27, 0.0, 0.0, 0.0), (12, -0.001, -0.004, 0.002), (6, -0.006, -0.011, -0.001), (3, -0.03, -0.04, -0.02)],
    [(3, -0.004, -0.020, 0.012), (6, -0.003, -0.008, 0.002), (12, 0.001, -0.002, 0.004), (27, 0.0, 0.0, 0.0)],
    [(8, -0.002, -0.005, 0.001), (27, 0.0, 0.0, 0.0), (4, -0.002, -0.006, 0.002)],
    [(2, 0.004, 0.001, 0.007), (27, 0.0, 0.0, 0.0), (5, 0.002, -0.012, 0.016)],
    [(4, -0.02, -0.03, -0.01), (9, -0.015, -0.022, -0.008)],
    [(3, 0.015, 0.011, 0.02), (27, 0.0, 0.0, 0.0), (1, -0.004, -0.009, 0.001)],
    [(5, -0.0035, -0.0045, -0.0025), (10, -0.001, -0.002, 0.001), (27, 0.0, 0.0, 0.0)],
]
_MARGINS = (0.005, 0.01)


@exercise(
    "2.6d",
    leanest=Function([(table, margin) for table in _TABLES for margin in _MARGINS]),
    hints=(
        "A set is good enough if even the pessimistic end of its interval loses no more than the margin.",
        "A loss is negative and the margin is positive: compare `low` with `-margin`.",
        "`min(…, default=None)` copes with a table in which no set is good enough.",
    ),
)
def the_smallest_set_that_is_not_worse(leanest: list[dict]) -> Verdict:
    outputs = [record["output"] for record in leanest]
    if all(output is None for output in outputs):
        return wrong("Your function never gives a number. Does it `return` one?")
    if any(type(output) in (list, dict) for output in outputs):
        return wrong("You return a whole row. Asked is its number of columns.")
    if any(output is not None and not number(output) for output in outputs):
        return wrong("Asked is a number of columns, or `None`.")

    def picks(passes, choose=min) -> list:
        return [
            choose((row[0] for row in table if passes(*row[1:], margin)), default=None)
            for table, margin in (record["input"] for record in leanest)
        ]

    right_ones = picks(lambda middle, low, high, margin: low >= -margin)
    if outputs == right_ones:
        return right(
            "That is a test of non-inferiority: a wide interval fails it, so whoever measured too little can't claim that nothing was lost."
        )
    mistakes = [
        (
            "You look at the difference alone. A set measured on a few days may lie there by luck; its interval says how far down it could be.",
            lambda d, lo, hi, m: d >= -m,
            min,
        ),
        (
            "“Not significantly worse” is what you test: an interval that reaches zero. The wider it is, the easier it passes.",
            lambda d, lo, hi, m: hi >= 0,
            min,
        ),
        (
            "“The interval holds zero” is what you test. The wider it is, the easier it passes; and a set that is better than all columns fails.",
            lambda d, lo, hi, m: lo <= 0 <= hi,
            min,
        ),
        (
            "You ask for a set that is *better* than all columns beyond luck. Equal within the margin is enough.",
            lambda d, lo, hi, m: lo > 0,
            min,
        ),
        ("You take the largest set that passes. Asked is the smallest.", lambda d, lo, hi, m: lo >= -m, max),
        (
            "You compare with the optimistic end. The lower one is the loss that can't be excluded.",
            lambda d, lo, hi, m: hi >= -m,
            min,
        ),
        (
            "A lower end of exactly −margin still passes: only what lies below it fails.",
            lambda d, lo, hi, m: lo > -m,
            min,
        ),
        (
            "A loss is a negative number and `margin` is a positive one: compare with its negative.",
            lambda d, lo, hi, m: lo >= m,
            min,
        ),
        (
            "You ask that the interval stays within the margin on both sides. A set may be better by more than that.",
            lambda d, lo, hi, m: lo >= -m and hi <= m,
            min,
        ),
        (
            "Your comparison is turned round: the sets that you keep are those which may lose more than the margin.",
            lambda d, lo, hi, m: lo < -m,
            min,
        ),
        (
            "You compare the size of `low` without its sign. A set that is better by more than the margin would fail.",
            lambda d, lo, hi, m: abs(lo) <= m,
            min,
        ),
    ]
    for reason, passes, choose in mistakes:
        if outputs == picks(passes, choose):
            return wrong(reason)
    nearest = [
        max(((row[1], row[0]) for row in table if row[2] >= -margin), default=(0, None))[1]
        for table, margin in (record["input"] for record in leanest)
    ]
    if outputs == nearest:
        return wrong(
            "You take the best of the sets that pass. They are all good enough: the smaller one saves more."
        )
    if all(output == value for output, value in zip(outputs, right_ones, strict=True) if value is not None):
        return wrong("Where no set is good enough the answer is `None`.")
    return wrong(
        "For some tables another set is the smallest that passes. They are in no particular order; try one by hand."
    )
