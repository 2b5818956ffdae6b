"""How the exercises of lesson 1.4, Human-level performance, are judged."""

from __future__ import annotations

import functools
from collections import Counter
from types import SimpleNamespace

from helpers.exercises.rules import function, names
from helpers.exercises.signs import (
    NEVER, NOTHING, NO_NAME, STRANGE, close, follows, has, lacks, number, only, optional, some, unless, where,
)


def _mean(values):
    return sum(values) / len(values)


def _count_tables():
    import numpy as np

    fourteen = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]
    small = [[3, 0], [2, 1], [3, 0], [0, 3], [3, 0], [1, 2]]
    at_odds = [[2, 2], [3, 1], [2, 2], [2, 2]]
    perfect = [[5, 0, 0], [0, 5, 0], [5, 0, 0], [0, 0, 5]]
    return [(np.array(table),) for table in (fourteen, small, at_odds, perfect)]


def _pairs(number):
    return number * (number - 1)


def _of_shares(formula):
    """A rule: a formula of what Fleiss' κ is made of, and of what is taken for it."""

    def fleiss(table):
        raters, classes, words = sum(table[0]), len(table[0]), len(table)
        used = [sum(column) / (raters * words) for column in zip(*table, strict=True)]
        return formula(SimpleNamespace(
            raters=raters, classes=classes,
            raw=_mean([sum(n * (n - 1) for n in row) / (raters * (raters - 1)) for row in table]),
            chance=sum(share**2 for share in used),
            # agreement by chance, had the first of two ratings not been put back
            drawn=sum(_pairs(sum(column)) for column in zip(*table, strict=True)) / _pairs(raters * words),
            # agreement, had raters been paired with themselves
            itself=_mean([sum((n / raters) ** 2 for n in row) for row in table]),
            # the share of a word's most frequent class, and of the most frequent class of all
            winner=_mean([max(row) / raters for row in table]),
            favourite=max(used),
        ))

    return fleiss


function(
    "1.4a", "fleiss", _count_tables,
    odd={
        "Your function gives nothing back. Does it `return` the result?": NEVER,
        "Asked is a single number for the whole table, not one for each word or class.":
            unless(optional(number)),
        "You take the chance of agreeing from each word's own shares. Raters who guess don't know the word: "
        "take the shares among all ratings.":
            follows(_of_shares(lambda s: (s.raw - s.itself) / (1 - s.itself) if s.itself < 1 else None)),
        "For one of the tables no number comes out. Do you divide zero by zero?":
            some(lambda output: output is None),
    },
    same=functools.partial(close, rel=1e-4),
    rule=_of_shares(lambda s: (s.raw - s.chance) / (1 - s.chance)),
    said="Zero is what raters reach who know the shares of the classes and nothing else; one is "
    "agreement on every word.",
    mistakes={
        "That is the raw agreement. Take off what chance alone would give, and rescale.":
            _of_shares(lambda s: s.raw),
        "That is the agreement by chance alone: the words play no part in it.":
            _of_shares(lambda s: s.chance),
        "That is the agreement beyond chance, on no scale yet. Two data sets are comparable only when "
        "perfect agreement is 1 in both.": _of_shares(lambda s: s.raw - s.chance),
        "Your κ is rounded. Give it as it comes; rounding is for showing.": follows(*(
            _of_shares(lambda s, digits=digits: round((s.raw - s.chance) / (1 - s.chance), digits))
            for digits in (2, 3, 4)
        )),
        "For chance you take two ratings of the table, and the first is not put back. Asked are "
        "the shares, squared.":
            _of_shares(lambda s: (s.raw - s.drawn) / (1 - s.drawn)),
        "You count pairs of different raters above, and below also each with itself. There "
        "stands `n * (n - 1)`.":
            _of_shares(lambda s: (s.raw * (s.raters - 1) / s.raters - s.chance) / (1 - s.chance)),
        "You pair a rater with itself, which always agrees. Of n raters, each has n − 1 partners.":
            _of_shares(lambda s: (s.itself - s.chance) / (1 - s.chance)),
        "Your chance is 1 / classes, as if all classes were used equally often. Raters prefer some: "
        "take their shares.":
            _of_shares(lambda s: (s.raw - 1 / s.classes) / (1 - 1 / s.classes)),
        "You divide by the chance itself. The scale is what is left above chance.":
            _of_shares(lambda s: (s.raw - s.chance) / s.chance),
        "You divide by the raw agreement. The scale is what is left above chance.":
            _of_shares(lambda s: (s.raw - s.chance) / s.raw),
        "You count each pair once above and twice below. With `c * (c - 1)` above, it is `n * (n - 1)` "
        "below.":
            _of_shares(lambda s: (s.raw / 2 - s.chance) / (1 - s.chance)),
        "You count each pair twice above and once below. With `c * (c - 1)` above, it is `n * (n - 1)` "
        "below.":
            _of_shares(lambda s: (2 * s.raw - s.chance) / (1 - s.chance)),
        "For agreement you take the share of a word's most frequent class. Asked is how many *pairs* of "
        "its ratings agree.": _of_shares(lambda s: (s.winner - s.chance) / (1 - s.chance)),
        "Your chance is the share of the most frequent class. Two who guess can agree on any class: square "
        "all shares, and add up.": _of_shares(lambda s: (s.raw - s.favourite) / (1 - s.favourite)),
        "You take the number of classes for the number of raters, which is the sum of a row.": _of_shares(
            lambda s: (s.raw * s.raters * (s.raters - 1) / (s.classes * (s.classes - 1)) - s.chance)
                / (1 - s.chance)
        ),
        "For one of the tables you get more than 1: more than perfect agreement.":
            some(lambda output: output > 1 + 1e-9),
    },
    otherwise="Check the two parts one after the other on a table with two words: raw agreement "
    "first, then chance.",
    hints=(
        "Of `n` raters, `c` chose the same class: that makes `c * (c - 1)` ordered pairs that "
        "agree, of `n * (n - 1)`.",
        "The chance of agreeing by chance needs no word: only the share of each class among all ratings, "
        "squared and added up.",
        "With both in hand: what was reached beyond chance, `raw - chance`, as a share of what could be "
        "reached, `1 - chance`.",
    ),
)


def _top(ratings):
    counts = Counter(ratings)
    return [name for name, n in counts.items() if n == max(counts.values())]


def _level(score=lambda x, top: (x in top) / len(top), own=False, held_out=None):
    """A rule: the mean of score(rating, the winners among the others); a score of None is left out.

    own: a rating is among the others itself. held_out: only the first so many ratings of a word are scored.
    """

    def human_level(words):
        held = [(row, i) for row in words for i in range(len(row))[:held_out]]
        scores = [score(row[i], _top(row if own else row[:i] + row[i + 1 :])) for row, i in held]
        return _mean([score for score in scores if score is not None])

    return human_level


def _shrinking(words):
    """What comes out when a rating is taken from the word itself and never put back."""
    scores = []
    for row in map(list, words):
        for x in row:
            row.remove(x)
            scores.append((x in _top(row)) / max(len(_top(row)), 1))
    return _mean(scores)


function(
    "1.4b", "human_level",
    [
        ([["a", "a", "a"], ["b", "b", "b"]],),
        ([["a", "a", "b"], ["b", "b", "b"], ["a", "b", "c"]],),
        ([["a", "a", "b", "b"]],),
        ([["b", "a", "a", "a", "b", "c"], ["c", "c", "b", "b", "a", "a"], ["a", "a", "a", "a", "a", "b"]],),
        ([["b", "a", "a", "b", "b"], ["c", "a", "c", "a", "c"], ["a", "a", "b", "c", "b"]],),
        ([["c", "a", "a", "b"], ["a", "b", "a", "a"]],),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the share?": NOTHING,
        "Asked is one number: the mean over all ratings of all words.": unless(number),
    },
    rule=_level(),
    said="Nobody is compared with a majority in which their own vote was counted.",
    mistakes={
        "The rating itself votes in the majority it is compared with. Leave it out first.": _level(own=True),
        "The rating still votes in its own majority, and a tie counts in full for it.":
            _level(lambda x, top: x in top, own=True),
        "When classes tie, you count each of them as a full hit. A tie between two is worth half.":
            _level(lambda x, top: x in top),
        "When classes tie, you count nothing. A tie between two is worth half to each of them.":
            _level(lambda x, top: top == [x]),
        "When classes tie, you take the one that comes first in the row: the order of the "
        "raters then decides.":
            _level(lambda x, top: x == top[0]),
        "When classes tie, you take the first in the alphabet. Share the hit instead.":
            _level(lambda x, top: x == min(top)),
        "A tie counts half for you, however many tie. Each of three winners is the label "
        "only every third time.":
            _level(lambda x, top: (x in top) / min(len(top), 2)),
        "Where classes tie, you credit every rating, also one that is not among the winners.":
            _level(lambda x, top: x in top if len(top) == 1 else 1 / len(top)),
        "Where classes tie, you credit every rating with a half, also one that is not among the winners.":
            _level(lambda x, top: x in top if len(top) == 1 else 0.5),
        "You leave out the ratings that meet a tie. They count, too, each with its share.":
            _level(lambda x, top: x in top if len(top) == 1 else None),
        "You hold out one rating of each word alone. Each rating is held out once.": follows(
            _level(held_out=1), lambda words: _level(held_out=1)([row[::-1] for row in words])
        ),
        "That is the raw agreement of pairs. Asked is one rating against the majority of all others.":
            lambda words: _mean([a == b for row in words for i, a in enumerate(row) for b in row[:i]]),
        "You take ratings out of the word itself and never put them back: the last ones meet hardly any. "
        "Take each out of a copy.": _shrinking,
        "Nobody ever agrees. Do you leave out *all* ratings of the same class? Only the one at "
        "that position goes.":
            lambda words: 0.0,
        "That is the share of misses: the human error, not the human level.":
            lambda words: 1 - _level()(words),
        "That is a sum. Divide by the number of ratings, of all words together.": follows(
            lambda words: _level()(words) * sum(map(len, words)), lambda words: _level()(words) * len(words)
        ),
    },
    otherwise="Work the word a, a, b by hand: three held-out ratings, and two of the three meet a tie.",
    hints=(
        "Two loops: over the words, and over the positions of a word. `others = row[:i] + row[i + "
        "1:]` leaves one out.",
        "`Counter(others)` from `collections` counts. The winners are all classes whose count equals "
        "the largest count.",
        "A rating scores 1 / (number of winners) if it is among the winners, else 0. The human level is the "
        "mean of all scores.",
    ),
)


def _instructions():
    import pandas as pd

    columns = ["instruction", "agreement", "kappa", "smallest"]
    usual = [
        ("p", 0.92, 0.14, 0.02), ("q", 0.83, 0.67, 0.02), ("r", 0.78, 0.63, 0.13), ("s", 0.80, 0.56, 0.12),
        ("t", 0.61, 0.39, 0.25),
    ]
    edge = [
        ("u", 0.70, 0.40, 0.25),
        ("v", 0.71, 0.55, 0.125),
        ("w", 0.90, 0.50, 0.30),
        ("x", 0.95, 0.80, 0.0625),
    ]
    usual, edge = (
        pd.DataFrame(usual, columns=columns),
        pd.DataFrame(edge, columns=columns, index=[4, 9, 2, 7]),
    )
    return [(usual, 0.1), (usual, 0.2), (usual, 0.0), (edge, 0.125), (edge, 0.28), (edge, 0.05)]


def _alone(output):
    return output[0] if type(output) is list and len(output) == 1 else output


def _best(score="kappa", anything=False, misplaced=False):
    """A rule: of the rows with no rarer class than the floor the one of the highest score.

    Or of all with `anything`; `misplaced` looks up its position among those rows in the whole table.
    """

    def best_instruction(rows, floor):
        kept = [row for row in rows if anything or row["smallest"] >= floor]
        scores = [row[score] for row in kept]
        return (rows if misplaced else kept)[scores.index(max(scores))]["instruction"]

    return best_instruction


function(
    "1.4c", "best_instruction", _instructions,
    odd={
        "For some tables your function gives nothing back.": NOTHING,
        "That is a row or a table. Only the name in its column `instruction` is asked for.":
            some(lambda output: type(_alone(output)) in (dict, list)),
        "That is a number: a κ, or the position of a row. The name of the instruction is asked for.":
            some(lambda output: number(_alone(output))),
        "For some table you give a name that is not in its column `instruction`.":
            where(lambda output, rows, floor: _alone(output) not in [row["instruction"] for row in rows]),
    },
    read=_alone,
    rule=_best(),
    said="The product says which classes it needs; among those instructions, agreement beyond chance "
    "decides.",
    mistakes={
        "You take the highest κ whatever the classes. One of them leaves a class that hardly occurs: the "
        "product can't use it.": _best(anything=True),
        "You find the position among the rows that are kept, and then look it up in the whole table. Take "
        "the name from the kept rows.": _best(misplaced=True),
        "You take the highest raw agreement. It is won by putting nearly everything into one class.":
            _best("agreement", anything=True),
        "A class of exactly the floor is enough: *at least*.":
            lambda rows, floor: _best()([row for row in rows if row["smallest"] > floor], floor),
        "Among the usable ones you take the lowest κ.":
            lambda rows, floor: _best()([row | {"kappa": -row["kappa"]} for row in rows], floor),
        "You take the first or the last of the usable ones; the table is in no order.": follows(*(
            lambda rows, floor, end=end: [row["instruction"] for row in rows if row["smallest"] >= floor][end]
            for end in (0, -1)
        )),
        "You keep the usable ones, and then choose by raw agreement. Part of that is chance, more or less by "
        "instruction.": _best("agreement"),
        "You take the most even classes. Even classes on which people disagree teach a model little.":
            _best("smallest"),
        "For some tables your choice has a class that is rarer than `floor`, or a κ that another one beats.":
            where(
            lambda output, rows, floor:
                any(row["instruction"] == _alone(output) and row["smallest"] < floor for row in rows)
        ),
    },
    otherwise="Your choice is always usable, and not always the one with the highest κ.",
    hints=(
        "First throw out what the product can't use: keep the rows whose `smallest` is at least `floor`.",
        'Among those that are left, `kept["kappa"].idxmax()` is the label of the row with the highest κ.',
        '`.loc[row, "instruction"]` then gives its name.',
    ),
)

names(
    "1.4d", "follows",
    belong="ACE",
    others="BDF",
    read=lambda item: item.strip().rstrip(".").upper(),
    reasons={
        "`{}` is no statement of the list. Answer with letters from A to F.": STRANGE,
        "Nothing at all? Then the tables would have told us nothing.": NO_NAME,
        "All six can't follow: some of them contradict each other.": only(*"ABCDEF"),
        "B does not follow: the average hides the class it speaks of. Compare the shares found, class by "
        "class, and then what it costs to find as many, on words of known and of new families.": has("B"),
        "D does not follow: no predictor errs less than the best possible one, and a single rater "
        "errs more, so there is room between. (The bracket of section 3 is for another target: one "
        "rating, not a majority.)": has("D"),
        "F is contradicted by the table: compare the model with the panel on the same target, "
        "the majority of five.":
            has("F"),
        "The plainest of the statements is missing: it repeats what the average says, no more. Misleading is "
        "what people make of it.": lacks("A"),
        "One that follows is missing: read the row in which whole families were held out.": lacks("C"),
        "One that follows is missing: compare three rows of the first table, both of the model's and the one "
        "without any model.": lacks("E"),
    },
    said="It beats single raters on average and on familiar words. None of that speaks of new words, of "
    "panels, or of the rare classes as it stands.",
    hints=(
        "Each statement speaks of other cells of the tables. Find them before you decide.",
        "B is about one class, not the average. F has a target of its own: the column *majority of five*.",
        "The Bayes error is the error of the best possible predictor. Section 3 gave a bracket for it, with "
        "one rating as the label; a single rater's error is not it.",
    ),
)


def _doubts():
    import numpy as np

    third = 1 / 3
    cells = [
        [0, 0, 1, 1],
        [0, third, 2 * third, 1, 0, third],
        [0.5, 0.5],
        [0.9, 0.2, 0.6, 0.45],
        [2 * third, 1, 1],
    ]
    return [(np.array(probabilities),) for probabilities in cells]


def _mean_of(score):
    return lambda ps: _mean(list(map(score, ps)))


function(
    "1.4e", "ceiling", _doubts,
    odd={
        "Your function gives nothing back. Does it `return` the share?": NOTHING,
        "Asked is one number: the mean over all cells.": unless(number),
    },
    same=functools.partial(close, abs_=1e-4),
    rule=_mean_of(lambda p: max(p, 1 - p)),
    said="Nobody can do better on a cell than its more probable answer, and that is still wrong at times.",
    mistakes={
        "That is the expected share of defective cells.": _mean,
        "That is how often the *worse* answer is right, the smallest error possible. The ceiling is the "
        "rest.":
            _mean_of(lambda p: min(p, 1 - p)),
        "You count sure cells alone, and doubtful ones as lost. On those, too, the better answer is right "
        "more often than not.": _mean_of(lambda p: p in (0, 1)),
        "That is how often “fine” is right, said of every cell. On some cells the other answer is better.":
            _mean_of(lambda p: 1 - p),
        "You add up the cells that are called defective, and leave out how often “fine” is "
        "right on the others.":
            _mean_of(lambda p: p if p > 0.5 else 0),
        "You give nothing for a cell of which nothing is known. Even there, an answer is right "
        "every second time.":
            _mean_of(lambda p: abs(2 * p - 1)),
        "You give every cell the same answer. The best answer may differ from cell to cell.":
            lambda ps: max(_mean(ps), 1 - _mean(ps)),
        "That is the share of cells that the cut calls defective. How sure can one be of each?":
            follows(_mean_of(lambda p: p > 0.5), _mean_of(lambda p: p >= 0.5)),
        "Your share is rounded. Give it as it comes.": follows(*(
            lambda ps, digits=digits: round(_mean([max(p, 1 - p) for p in ps]), digits) for digits in (2, 3)
        )),
        "You change sides at another probability than one half. From there on the other answer "
        "is the likelier one.":
            follows(
                _mean_of(lambda p: p if p > 1 / 3 + 1e-9 else 1 - p),
                _mean_of(lambda p: p if p >= 2 / 3 - 1e-9 else 1 - p),
            ),
        "You leave out the cells of which the experts are sure. They count, too.":
            lambda ps: _mean([max(p, 1 - p) for p in ps if 0 < p < 1] or [1]),
        "You toss a coin on every doubtful cell. It leans to one side: use that.":
            _mean_of(lambda p: 1 if p in (0, 1) else 0.5),
        "You answer at random, with the cell's own probability. Always giving the more probable answer "
        "is right more often.": _mean_of(lambda p: p * p + (1 - p) ** 2),
        "Against the labels after the cut everything could be right. Asked is how often the truth behind "
        "them could be met.": _mean_of(lambda p: 1),
        "That is the largest probability of a defect. Asked is a mean, of the better of two answers.": max,
        "For some cells you get more than 1: a share was wanted, not a sum.":
            some(lambda output: output > 1 + 1e-6),
    },
    otherwise="Take a single cell with probability 0.2. Which answer is better there, and how "
    "often is it right?",
    hints=(
        "Take one cell with probability 1/3. Answer “fine” on it: how often would that be "
        "right? And “defective”?",
        "The best answer is the more probable one, and it is right with the larger of the two "
        "probabilities, `p` and `1 - p`.",
        "`np.maximum(a, b)` takes the larger of two arrays, element by element; the ceiling is a mean.",
    ),
)
