"""Judges of lesson 1.4, Human-level performance."""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple

from helpers.exercises.kit import Function, Names, exercise, right, wrong
from helpers.exercises.outputs import agrees, number


def _count_tables():
    import numpy as np

    fourteen = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ]
    small = [[3, 0], [2, 1], [3, 0], [0, 3], [3, 0], [1, 2]]
    at_odds = [[2, 2], [3, 1], [2, 2], [2, 2]]
    perfect = [[5, 0, 0], [0, 5, 0], [5, 0, 0], [0, 0, 5]]
    return [(np.array(table),) for table in (fourteen, small, at_odds, perfect)]


class _Shares(NamedTuple):
    """What Fleiss' κ is made of, and what is taken for it: all means over the words, or of all ratings."""

    raw: float
    chance: float
    itself: float  # agreement, had raters been paired with themselves
    winner: float  # share of a word's most frequent class
    favourite: float  # share of the most frequent class of all
    raters: int
    classes: int


def _shares(table):
    raters = sum(table[0])
    pairs = raters * (raters - 1)
    total = sum(map(sum, table))
    return _Shares(
        raw=sum(sum(n * (n - 1) for n in row) / pairs for row in table) / len(table),
        chance=sum((sum(column) / total) ** 2 for column in zip(*table, strict=True)),
        itself=sum(sum((n / raters) ** 2 for n in row) for row in table) / len(table),
        winner=sum(max(row) / raters for row in table) / len(table),
        favourite=max(sum(column) / total for column in zip(*table, strict=True)),
        raters=raters,
        classes=len(table[0]),
    )


@exercise(
    "1.4a",
    fleiss=Function(_count_tables),
    hints=(
        "Of `n` raters, `c` chose the same class: that makes `c * (c - 1)` ordered pairs that agree, of `n * (n - 1)`.",
        "The chance of agreeing by chance needs no word: only the share of each class among all ratings, squared and added up.",
        "With both in hand: what was reached beyond chance, `raw - chance`, as a share of what could be reached, `1 - chance`.",
    ),
)
def what_is_left_of_agreement_after_chance(fleiss):
    known = [r for r in fleiss if r["output"] is not None]  # zero by zero arrives as None, too
    if not known:
        return wrong("Your function gives nothing back. Does it `return` the result?")
    if not all(number(r["output"]) for r in known):
        return wrong("Asked is a single number for the whole table, not one for each word or class.")

    def same(formula):
        return agrees(known, lambda table: formula(_shares(table)), rel=1e-4)

    if len(known) < len(fleiss) and same(lambda s: (s.raw - s.itself) / (1 - s.itself)):
        return wrong(
            "You take the chance of agreeing from each word's own shares. Raters who guess don't know the word: take the shares among all ratings."
        )
    if len(known) < len(fleiss):
        return wrong("For one of the tables no number comes out. Do you divide zero by zero?")

    if same(lambda s: (s.raw - s.chance) / (1 - s.chance)):
        return right(
            "Zero is what raters reach who know the shares of the classes and nothing else; one is agreement on every word."
        )
    mistakes = {
        "That is the raw agreement. Take off what chance alone would give, and rescale.": lambda s: s.raw,
        "That is the agreement by chance alone: the words play no part in it.": lambda s: s.chance,
        "That is the agreement beyond chance, on no scale yet. Two data sets are comparable only when perfect agreement is 1 in both.": (
            lambda s: s.raw - s.chance
        ),
        "You pair a rater with itself, which always agrees. Of n raters, each has n − 1 partners.": (
            lambda s: (s.itself - s.chance) / (1 - s.chance)
        ),
        "Your chance is 1 / classes, as if all classes were used equally often. Raters prefer some: take their shares.": (
            lambda s: (s.raw - 1 / s.classes) / (1 - 1 / s.classes)
        ),
        "You divide by the chance itself. The scale is what is left above chance.": (
            lambda s: (s.raw - s.chance) / s.chance
        ),
        "You divide by the raw agreement. The scale is what is left above chance.": (
            lambda s: (s.raw - s.chance) / s.raw
        ),
        "You count each pair once above and twice below. With `c * (c - 1)` above, it is `n * (n - 1)` below.": (
            lambda s: (s.raw / 2 - s.chance) / (1 - s.chance)
        ),
        "You count each pair twice above and once below. With `c * (c - 1)` above, it is `n * (n - 1)` below.": (
            lambda s: (2 * s.raw - s.chance) / (1 - s.chance)
        ),
        "For agreement you take the share of a word's most frequent class. Asked is how many *pairs* of its ratings agree.": (
            lambda s: (s.winner - s.chance) / (1 - s.chance)
        ),
        "Your chance is the share of the most frequent class. Two who guess can agree on any class: square all shares, and add up.": (
            lambda s: (s.raw - s.favourite) / (1 - s.favourite)
        ),
        "You take the number of classes for the number of raters, which is the sum of a row.": lambda s: (
            (s.raw * s.raters * (s.raters - 1) / (s.classes * (s.classes - 1)) - s.chance) / (1 - s.chance)
        ),
    }
    for reason, formula in mistakes.items():
        if same(formula):
            return wrong(reason)
    if any(r["output"] > 1 + 1e-9 for r in fleiss):
        return wrong("For one of the tables you get more than 1: more than perfect agreement.")
    return wrong(
        "Check the two parts one after the other on a table with two words: raw agreement first, then chance."
    )


_WORDS = [
    [["a", "a", "a"], ["b", "b", "b"]],
    [["a", "a", "b"], ["b", "b", "b"], ["a", "b", "c"]],
    [["a", "a", "b", "b"]],
    [["b", "a", "a", "a", "b", "c"], ["c", "c", "b", "b", "a", "a"], ["a", "a", "a", "a", "a", "b"]],
    [["b", "a", "a", "b", "b"], ["c", "a", "c", "a", "c"], ["a", "a", "b", "c", "b"]],
    [["c", "a", "a", "b"], ["a", "b", "a", "a"]],
]


def _level(words, *, own=False, tie="shared", only=None):
    """The human level, or what comes out with one of the usual mistakes."""
    credits = []
    for row in words:
        for i, rating in enumerate(row):
            if only is not None and i != only:
                continue
            counts = Counter(row if own else row[:i] + row[i + 1 :])
            top = [name for name, n in counts.items() if n == max(counts.values())]
            if tie == "dropped" and len(top) > 1:
                continue
            shares = {
                "shared": (rating in top) / len(top),
                "halved": (rating in top) / min(len(top), 2),
                "given": float(rating in top) if len(top) == 1 else 1 / len(top),
                "given half": float(rating in top) if len(top) == 1 else 0.5,
                "dropped": float(rating in top),
                "won": float(rating in top),
                "lost": float(top == [rating]),
                "first": float(rating == top[0]),
                "alphabet": float(rating == min(top)),
            }
            credits.append(shares[tie])
    return sum(credits) / len(credits)


def _shrinking(words):
    """What comes out when a rating is taken from the word itself and never put back."""
    credits = []
    for row in map(list, words):
        for rating in row:
            row.remove(rating)
            top = [name for name in set(row) if row.count(name) == max(map(row.count, row))]
            credits.append((rating in top) / max(len(top), 1))
    return sum(credits) / len(credits)


def _pairs(words):
    hits = [a == b for row in words for i, a in enumerate(row) for b in row[:i]]
    return sum(hits) / len(hits)


@exercise(
    "1.4b",
    human_level=Function([(words,) for words in _WORDS]),
    hints=(
        "Two loops: over the words, and over the positions of a word. `others = row[:i] + row[i + 1:]` leaves one out.",
        "`Counter(others)` from `collections` counts. The winners are all classes whose count equals the largest count.",
        "A rating scores 1 / (number of winners) if it is among the winners, else 0. The human level is the mean of all scores.",
    ),
)
def how_often_a_rating_meets_the_majority_of_the_others(human_level):
    if any(r["output"] is None for r in human_level):
        return wrong("Your function gives nothing back. Does it `return` the share?")
    if not all(number(r["output"]) for r in human_level):
        return wrong("Asked is one number: the mean over all ratings of all words.")

    def same(**mistake):
        return agrees(human_level, lambda words: _level(words, **mistake))

    if same():
        return right("Nobody is compared with a majority in which their own vote was counted.")
    mistakes = [
        ({"own": True}, "The rating itself votes in the majority it is compared with. Leave it out first."),
        (
            {"own": True, "tie": "won"},
            "The rating still votes in its own majority, and a tie counts in full for it.",
        ),
        (
            {"tie": "won"},
            "When classes tie, you count each of them as a full hit. A tie between two is worth half.",
        ),
        (
            {"tie": "lost"},
            "When classes tie, you count nothing. A tie between two is worth half to each of them.",
        ),
        (
            {"tie": "first"},
            "When classes tie, you take the one that comes first in the row: the order of the raters then decides.",
        ),
        ({"tie": "alphabet"}, "When classes tie, you take the first in the alphabet. Share the hit instead."),
        (
            {"tie": "halved"},
            "A tie counts half for you, however many tie. Each of three winners is the label only every third time.",
        ),
        (
            {"tie": "given"},
            "Where classes tie, you credit every rating, also one that is not among the winners.",
        ),
        (
            {"tie": "given half"},
            "Where classes tie, you credit every rating with a half, also one that is not among the winners.",
        ),
        (
            {"tie": "dropped"},
            "You leave out the ratings that meet a tie. They count, too, each with its share.",
        ),
        ({"only": 0}, "You hold out the first rating alone. Each rating is held out once."),
    ]
    for mistake, reason in mistakes:
        if same(**mistake):
            return wrong(reason)
    if agrees(human_level, _pairs):
        return wrong(
            "That is the raw agreement of pairs. Asked is one rating against the majority of all others."
        )
    if agrees(human_level, _shrinking):
        return wrong(
            "You take ratings out of the word itself and never put them back: the last ones meet hardly any. Take each out of a copy."
        )
    if agrees(human_level, lambda words: 0.0):
        return wrong(
            "Nobody ever agrees. Do you leave out *all* ratings of the same class? Only the one at that position goes."
        )
    if agrees(human_level, lambda words: 1 - _level(words)):
        return wrong("That is the share of misses: the human error, not the human level.")
    if agrees(human_level, lambda words: _level(words) * sum(map(len, words))):
        return wrong("That is a sum of hits. Divide by the number of ratings.")
    return wrong("Work the word a, a, b by hand: three held-out ratings, and two of the three meet a tie.")


def _instructions():
    import pandas as pd

    columns = ["instruction", "agreement", "kappa", "smallest"]
    usual = pd.DataFrame(
        [
            ("p", 0.92, 0.14, 0.02),
            ("q", 0.83, 0.67, 0.02),
            ("r", 0.78, 0.63, 0.13),
            ("s", 0.80, 0.56, 0.12),
            ("t", 0.61, 0.39, 0.25),
        ],
        columns=columns,
    )
    edge = pd.DataFrame(
        [
            ("u", 0.70, 0.40, 0.25),
            ("v", 0.71, 0.55, 0.125),
            ("w", 0.90, 0.50, 0.30),
            ("x", 0.95, 0.80, 0.0625),
        ],
        columns=columns,
        index=[4, 9, 2, 7],
    )
    return [(usual, 0.1), (usual, 0.2), (usual, 0.0), (edge, 0.125), (edge, 0.28), (edge, 0.05)]


def _misplaced(rows, floor):
    """The name at the right position of the wrong table: counted among the kept rows, looked up among all."""
    kept = [row["kappa"] for row in rows if row["smallest"] >= floor]
    return rows[kept.index(max(kept))]["instruction"] if kept else None


@exercise(
    "1.4c",
    best_instruction=Function(_instructions),
    hints=(
        "First throw out what the product can't use: keep the rows whose `smallest` is at least `floor`.",
        'Among those that are left, `kept["kappa"].idxmax()` is the label of the row with the highest κ.',
        '`.loc[row, "instruction"]` then gives its name.',
    ),
)
def the_instruction_people_agree_on_that_the_product_can_use(best_instruction):
    outputs = [r["output"] for r in best_instruction]
    if any(output is None for output in outputs):
        return wrong("For some tables your function gives nothing back.")
    names = [{row["instruction"] for row in r["input"][0]} for r in best_instruction]
    outputs = [output[0] if type(output) is list and len(output) == 1 else output for output in outputs]
    if any(type(output) is dict or type(output) is list for output in outputs):
        return wrong("That is a row or a table. Only the name in its column `instruction` is asked for.")
    if any(number(output) for output in outputs):
        return wrong(
            "That is a number: a κ, or the position of a row. The name of the instruction is asked for."
        )
    if any(output not in known for output, known in zip(outputs, names, strict=True)):
        return wrong("For some table you give a name that is not in its column `instruction`.")

    def same(score, keep):
        chosen = []
        for r in best_instruction:
            rows, floor = r["input"]
            kept = [row for row in rows if keep(row["smallest"], floor)]
            if not kept:
                return False
            chosen.append(max(kept, key=lambda row: row[score])["instruction"])
        return outputs == chosen

    if same("kappa", lambda smallest, floor: smallest >= floor):
        return right(
            "The product says which classes it needs; among those instructions, agreement beyond chance decides."
        )
    if same("kappa", lambda smallest, floor: True):
        return wrong(
            "You take the highest κ whatever the classes. One of them leaves a class that hardly occurs: the product can't use it."
        )
    if outputs == [_misplaced(*r["input"]) for r in best_instruction]:
        return wrong(
            "You find the position among the rows that are kept, and then look it up in the whole table. Take the name from the kept rows."
        )
    if same("agreement", lambda smallest, floor: True):
        return wrong(
            "You take the highest raw agreement. It is won by putting nearly everything into one class."
        )
    if same("agreement", lambda smallest, floor: smallest >= floor):
        return wrong(
            "You keep the usable ones, and then choose by raw agreement. Part of that is chance, more or less by instruction."
        )
    if same("smallest", lambda smallest, floor: True):
        return wrong(
            "You take the most even classes. Even classes on which people disagree teach a model little."
        )
    rows = [{row["instruction"]: row for row in r["input"][0]} for r in best_instruction]
    if all(
        by[output]["smallest"] >= r["input"][1]
        for by, output, r in zip(rows, outputs, best_instruction, strict=True)
    ):
        return wrong(
            "Your choice is always usable, and not always the one with the highest κ. Look at a class of exactly the floor, too: it is enough."
        )
    return wrong(
        "For some tables your choice has a class that is rarer than `floor`, or a κ that another one beats."
    )


_STATEMENTS = {
    "B": "B does not follow: the average hides the class it speaks of. Compare the shares found, class by class, and then what it costs to find as many, on words of known and of new families.",
    "D": "D does not follow: no predictor errs less than the best possible one, and a single rater errs more, so there is room between. (The bracket of section 3 is for another target: one rating, not a majority.)",
    "F": "F is contradicted by the table: compare the model with the panel on the same target, the majority of five.",
}


@exercise(
    "1.4d",
    follows=Names(),
    hints=(
        "Each statement speaks of other cells of the tables. Find them before you decide.",
        "B is about one class, not the average. F has a target of its own: the column *majority of five*.",
        "The Bayes error is the error of the best possible predictor. Section 3 gave a bracket for it, with one rating as the label; a single rater's error is not it.",
    ),
)
def what_follows_from_beating_single_raters(follows):
    given = {item.strip().rstrip(".").upper() for item in follows}
    if unknown := given - set("ABCDEF"):
        return wrong(f"`{min(unknown)}` is no statement of the list. Answer with letters from A to F.")
    if not given:
        return wrong("Nothing at all? Then the tables would have told us nothing.")
    if len(given) == 6:
        return wrong("All six can't follow: some of them contradict each other.")
    for letter, reason in _STATEMENTS.items():
        if letter in given:
            return wrong(reason)
    missing = {"A", "C", "E"} - given
    if not missing:
        return right(
            "It beats single raters on average and on familiar words. None of that speaks of new words, of panels, or of the rare classes as it stands."
        )
    if "A" in missing:
        return wrong(
            "The plainest of the statements is missing: it repeats what the average says, no more. Misleading is what people make of it."
        )
    if "C" in missing:
        return wrong("One that follows is missing: read the row in which whole families were held out.")
    return wrong(
        "One that follows is missing: compare three rows of the first table, both of the model's and the one without any model."
    )


def _doubts():
    import numpy as np

    third = 1 / 3
    return [
        (np.array([0, 0, 1, 1]),),
        (np.array([0, third, 2 * third, 1, 0, third]),),
        (np.array([0.5, 0.5]),),
        (np.array([0.9, 0.2, 0.6, 0.45]),),
        (np.array([2 * third, 1, 1]),),
    ]


@exercise(
    "1.4e",
    ceiling=Function(_doubts),
    hints=(
        "Take one cell with probability 1/3. Answer “fine” on it: how often would that be right? And “defective”?",
        "The best answer is the more probable one, and it is right with the larger of the two probabilities, `p` and `1 - p`.",
        "`np.maximum(a, b)` takes the larger of two arrays, element by element; the ceiling is a mean.",
    ),
)
def how_often_the_best_answer_is_right(ceiling):
    if any(r["output"] is None for r in ceiling):
        return wrong("Your function gives nothing back. Does it `return` the share?")
    if not all(number(r["output"]) for r in ceiling):
        return wrong("Asked is one number: the mean over all cells.")

    def same(formula):
        return agrees(ceiling, formula, abs_=1e-4)

    def mean(score):
        return lambda ps: sum(score(p) for p in ps) / len(ps)

    if same(mean(lambda p: max(p, 1 - p))):
        return right(
            "Nobody can do better on a cell than its more probable answer, and that is still wrong at times."
        )
    mistakes = {
        "That is the expected share of defective cells.": mean(lambda p: p),
        "That is how often the *worse* answer is right, the smallest error possible. The ceiling is the rest.": mean(
            lambda p: min(p, 1 - p)
        ),
        "You count sure cells alone, and doubtful ones as lost. On those, too, the better answer is right more often than not.": mean(
            lambda p: float(p in (0, 1))
        ),
        "That is how often “fine” is right, said of every cell. On some cells the other answer is better.": mean(
            lambda p: 1 - p
        ),
        "You add up the cells that are called defective, and leave out how often “fine” is right on the others.": mean(
            lambda p: p if p > 0.5 else 0.0
        ),
        "You give nothing for a cell of which nothing is known. Even there, an answer is right every second time.": mean(
            lambda p: abs(2 * p - 1)
        ),
        "You give every cell the same answer. The best answer may differ from cell to cell.": lambda ps: (
            max(sum(ps), len(ps) - sum(ps)) / len(ps)
        ),
        "That is the share of cells that the cut calls defective. How sure can one be of each?": mean(
            lambda p: float(p > 0.5)
        ),
        "You toss a coin on every doubtful cell. It leans to one side: use that.": mean(
            lambda p: 1.0 if p in (0, 1) else 0.5
        ),
        "You answer at random, with the cell's own probability. Always giving the more probable answer is right more often.": mean(
            lambda p: p * p + (1 - p) ** 2
        ),
        "Against the labels after the cut everything could be right. Asked is how often the truth behind them could be met.": mean(
            lambda p: 1.0
        ),
        "That is the largest probability of a defect. Asked is a mean, of the better of two answers.": lambda ps: (
            max(ps)
        ),
    }
    for reason, formula in mistakes.items():
        if same(formula):
            return wrong(reason)
    if any(not math.isfinite(r["output"]) or r["output"] > 1 + 1e-6 for r in ceiling):
        return wrong("For some cells you get more than 1: a share was wanted, not a sum.")
    return wrong(
        "Take a single cell with probability 0.2. Which answer is better there, and how often is it right?"
    )
