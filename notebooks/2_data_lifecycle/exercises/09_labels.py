"""How the exercises of lesson 2.9, Labels, are judged."""

from __future__ import annotations

import math
from functools import partial

from helpers.exercises.rules import choices, function
from helpers.exercises.signs import (
    NEVER, NOTHING, close, each, follows, listed, number, optional, right_but, some, truth, unless, where,
)


def _late(due, moment):
    """Whether it is late to land at this moment, or not to have landed yet."""
    return moment - due > 15


def _deadline(due, now):
    return 1 if _late(due, now) else None


def _far(due, moment):
    return abs(moment - due) > 15


def _label(landed=_late, flying=_deadline):
    """A rule: what is said of a flight that has landed, by due and arrived, and of one
    that has not, by due and now."""
    return lambda due, arrived, now: landed(due, arrived) if arrived <= now else flying(due, now)


function(
    "2.9a", "label_now",
    [
        (600, 590, 640), (600, 590, 595), (600, 640, 660), (600, 640, 620), (600, 640, 610), (600, 590, 580),
        (600, 615, 640), (600, 616, 700), (600, 608, 603), (600, 700, 630), (600, 611, 612), (600, 655, 614),
        (0, 40, 30), (0, -20, 300), (600, 605, 605),
    ],
    odd={
        "The function gives 1, 0 or None; yours gives something else.": unless(optional(truth)),
        "Your function gives nothing back. Does every path `return` its answer?": NEVER,
    },
    rule=_label(),
    said="A flight that is 16 minutes over and not there is late, whenever it lands: "
    "on-time labels come with the landing, late ones with the deadline.",
    mistakes={
        "Your function reads `arrived` before it has happened. At `now` nobody knows it yet.":
            lambda due, arrived, now: _late(due, arrived),
        "You wait for the landing. A flight that is far over its time "
        "has no landing yet, and its label is known all the same.": _label(flying=lambda due, now: None),
        "You call a flight that has not landed on time. Absence of news is not a label.":
            _label(flying=lambda due, now: 0),
        "On time as long as the deadline has not passed? It may "
        "still come late: that is not known, and neither 0 nor 1.": _label(flying=_late),
        "You call every flight that has not landed late. Some of them still have time.":
            _label(flying=lambda due, now: 1),
        "You wait for the deadline even when the flight has landed. Its label was known from then on.":
            lambda due, arrived, now: _late(due, arrived) if _late(due, now) else None,
        "A flight that has not landed is late to you as soon as its planned time has passed. It "
        "has 15 minutes more.":
            _label(flying=lambda due, now: 1 if now > due else None),
        "Exactly 15 minutes behind schedule is not late: late is *more than* 15.":
            _label(landed=lambda due, arrived: arrived - due >= 15),
        "A flight that lands at `now` has landed: its label is known.": lambda due, arrived, now:
            _late(due, arrived) if arrived < now else _deadline(due, now),
        "You turned 0 and 1 round: 1 is late.":
            _label(
                lambda due, arrived: not _late(due, arrived), lambda due, now: 0 if _late(due, now) else None
            ),
        "Late begins 15 minutes behind schedule, not at the first minute.":
            _label(landed=lambda due, arrived: arrived > due),
        "Late is *more than 15 minutes* behind schedule, before and after the landing; to you "
        "it begins earlier.":
            _label(lambda due, arrived: arrived > due, lambda due, now: 1 if now > due else None),
        "A flight that is far ahead of schedule is not late: the sign counts.":
            follows(
                _label(_far), _label(_far, _far), _label(_far, lambda due, now: 1 if _far(due, now) else None)
            ),
        "Your difference is turned round: late is to arrive after `due`.":
            _label(lambda due, arrived: due - arrived > 15, lambda due, now: 1 if due - now > 15 else None),
        "A flight that has landed in time is known to be on time. You give `None`.":
            _label(lambda due, arrived: _deadline(due, arrived)),
        "You look at the clock before you look for the landing. A flight "
        "that landed on time stays on time, long after its deadline.":
            lambda due, arrived, now: (
                1 if _late(due, now) else _late(due, arrived) if arrived <= now else None
            ),
        "You use `arrived` of late flights before they have landed. Until the deadline nobody knows that "
        "they will be late.":
            lambda due, arrived, now: 1 if _late(due, arrived) else 0 if arrived <= now else None,
        "You use `arrived` of flights that come in time before they have landed. Until then they "
        "may still be late.":
            lambda due, arrived, now: (
                1 if _late(due, min(arrived, now)) else None if _late(due, arrived) else 0
            ),
        "You never look for the landing: by the clock alone every flight is late in the end.":
            lambda due, arrived, now: _late(due, now),
        "Landed is not yet on time: a flight can land late.": _label(landed=lambda due, arrived: 0),
        "Before its planned arrival a flight is not late, and not on time either: only the landing tells.":
            _label(flying=lambda due, now: 0 if now <= due else _deadline(due, now)),
        "You use `arrived` as soon as the planned time has come. It is known from the landing on.":
            lambda due, arrived, now: _late(due, arrived) if now >= due else None,
    },
    otherwise="For some flights the answer is another. Draw a line of time with `due`, "
    "`arrived` and `now` on it.",
    hints=(
        "Ask first: has it landed by `now`? `arrived` may lie in the future, and then you must not use it.",
        "If it has landed, the answer is final. If not: is there a minute from which on only "
        "one answer is left?",
        "Three ways out of the function: landed by `now`; not landed "
        "and more than 15 minutes over; not landed, still in time.",
    ),
)


def _pools():
    import numpy as np

    three = np.array([
        [0.50, 0.48, 0.02], [0.40, 0.31, 0.29], [0.90, 0.06, 0.04], [0.02, 0.46, 0.52], [0.34, 0.36, 0.30],
        [0.39, 0.22, 0.39], [0.10, 0.15, 0.75],
    ])
    two = np.array([[0.10, 0.90], [0.55, 0.45], [0.72, 0.28], [0.49, 0.51]])
    ten = np.random.default_rng(7).dirichlet(np.full(10, 0.4), size=30).round(4)
    # Two rows of one margin, both among the smallest
    twins = np.array([
        [0.500, 0.375, 0.125], [0.750, 0.125, 0.125], [0.375, 0.125, 0.500], [0.250, 0.625, 0.125],
        [0.125, 0.125, 0.750],
    ])
    return [(three, 2), (two, 2), (ten, 5), (three, 3), (ten, 1), (twins, 2), (twins, 3)]


def _smallest(key):
    """A rule: the k rows with the smallest key."""
    return lambda chances, k: sorted(range(len(chances)), key=lambda i: key(chances[i]))[:k]


def _margin(row):
    *_, second, first = sorted(row)
    return first - second


def _down_the_columns(chances, k):
    mixed = zip(*(sorted(column) for column in zip(*chances, strict=True)), strict=True)
    return _smallest(lambda row: row[-1] - row[-2])(list(mixed), k)


def _ranks(chances, k):
    order = _smallest(_margin)(chances, len(chances))
    return [order.index(i) for i in range(k)]


def _columns_for_rows(chances, k):
    """Sorts down the columns and subtracts along them: a margin for each column."""
    return _smallest(_margin)(list(zip(*chances, strict=True)), k)


def _one_row_a_margin(chances, k):
    """What a dict with the margins as keys holds."""
    rows = {_margin(row): i for i, row in enumerate(chances)}
    return [rows[margin] for margin in sorted(rows)[:k]]


def _order_of_columns(row):
    return listed(number)(row) and sorted(row) == list(range(len(row)))


function(
    "2.9b", "most_doubtful", _pools,
    odd={
        "Your function gives nothing back. Does it `return` the row numbers?": NOTHING,
        "Asked are `k` row numbers, as a list or an array; yours is a single number.": each(number),
        "Asked are `k` row numbers, as a list or an array.": unless(listed(lambda item: True)),
        "Your row numbers lie in a list within a list, as `np.where` gives them. Take them out with `[0]`.":
            each(lambda output: len(output) == 1 and type(output[0]) is list),
        "You give pairs. Asked are the row numbers alone, without the margins.":
            each(listed(lambda item: type(item) is list and len(item) == 2)),
        "You sort within each row, which gives numbers of columns. Sort the margins, one per row.":
            each(listed(_order_of_columns)),
        "You give the rows of probabilities themselves. Asked are their numbers, to look them up in the "
        "pool.":
            some(lambda output: list in map(type, output)),
        "A mask is as long as the pool. Asked are the numbers of `k` rows.":
            some(lambda output: bool in map(type, output)),
        "Those are not row numbers but values. `np.argsort` gives the numbers of the rows.":
            unless(listed(lambda item: number(item) and item == int(item))),
        "The number of rows is not `k`. Each query is a label to pay for, so it has to be that many.":
            where(lambda output, chances, k: len(output) != k),
    },
    read=set,
    rule=_smallest(_margin),
    said="The two best guesses nearly tie there: a label decides "
    "between them, and the border between two classes moves.",
    mistakes={
        "Those are the rows the model is surest about. Their labels would tell it what it knows.":
            _smallest(lambda row: -_margin(row)),
        "That is *least confident* sampling: it looks at the largest "
        "probability alone. The margin also needs the runner-up.": _smallest(max),
        "That is entropy: it looks at all classes. The margin is about the best two.":
            _smallest(lambda row: sum(p * math.log(p) for p in row if p > 0)),
        "You compare the first two columns. The two *largest* probabilities stand in other "
        "columns from row to row.":
            _smallest(lambda row: abs(row[0] - row[1])),
        "You subtract the smallest probability. The margin is the distance to the second largest.":
            _smallest(lambda row: max(row) - min(row)),
        "You take the *two smallest* probabilities of each row: sorted upwards, the largest come last.":
            _smallest(lambda row: sorted(row)[1] - sorted(row)[0]),
        "You look for a largest probability near one half. With three classes or more, two can "
        "tie far below that.":
            _smallest(lambda row: abs(max(row) - 0.5)),
        "That is the smallest gap between any two neighbours in the sorted row. Two classes that are both "
        "unlikely may tie, too.":
            _smallest(lambda row: min(b - a for a, b in zip(sorted(row), sorted(row)[1:], strict=False))),
        "You subtract columns as they stand. Sort each row first: only then are the largest in the last two.":
            _smallest(lambda row: row[-1] - row[-2]),
        "You sort down the columns, which mixes the items. Sort each row: `axis=1`.":
            follows(_down_the_columns, _columns_for_rows),
        "Two rows may have one margin: a dict with margins as keys keeps the last of them.":
            _one_row_a_margin,
        "Rows are counted from 0.": lambda *given: [i + 1 for i in _smallest(_margin)(*given)],
        "You look at the runner-up alone. The margin is how far it lies behind the first.":
            _smallest(lambda row: -sorted(row)[-2]),
        "You look at how far all classes lie apart. The margin is about the best two.":
            _smallest(lambda row: sum(p * p for p in row)),
        "Two equal probabilities are a margin of 0. Made a set, a row loses one of them.":
            _smallest(lambda row: max(row) - max({*row} - {max(row)}, default=max(row))),
        "You take the column of the runner-up to be the same one in every row.":
            follows(*(_smallest(lambda row, i=i: max(row) - row[i]) for i in (0, 1, -1, -2))),
        "Sorted twice, `argsort` gives ranks. Once, it gives the numbers of the rows in order.": _ranks,
        "Those are the first rows of the pool. Sort by the margin before you cut.":
            lambda chances, k: list(range(k)),
    },
    otherwise="For some pools these are not the rows with the smallest margin. Try one of three rows by "
    "hand.",
    hints=(
        "`np.sort(chances, axis=1)` sorts each row upwards: the two largest are then in the last two "
        "columns.",
        "The margin is the largest minus the second largest. A small margin is a large doubt.",
        "`np.argsort(margin)[:k]` gives the row numbers of the k smallest.",
    ),
)


def _pattern(fired, rates, silent=lambda rate: 1 - rate, join=math.prod):
    """The chance of what the functions did, at these rates of firing."""
    return join(rate if f else silent(rate) for f, rate in zip(fired, rates, strict=True))


def _share(late, time):
    return late / (late + time)


def _bayes(fired, on_late, on_time, prior, **pattern):
    late, time = (
        prior * _pattern(fired, on_late, **pattern),
        (1 - prior) * _pattern(fired, on_time, **pattern),
    )
    return _share(late, time)


def _odds(*given):
    return _bayes(*given) / (1 - _bayes(*given))


_RATES = [0.5, 0.3, 0.2], [0.3, 0.1, 0.4]

function(
    "2.9c", "chance_late",
    [
        ([1, 0, 0], *_RATES, 0.25),
        ([1, 1, 0], *_RATES, 0.25),
        ([0, 0, 1], *_RATES, 0.25),
        ([0, 0, 0], *_RATES, 0.4),
        ([1], [0.6], [0.2], 0.1),
        ([1, 0, 1, 1, 0], [0.4, 0.2, 0.7, 0.1, 0.3], [0.2, 0.25, 0.5, 0.05, 0.6], 0.3),
    ],
    odd={
        "For some inputs your function gives nothing back. Does every path `return` a number?": NOTHING,
        "Your function should give one number for one flight.": unless(number),
    },
    rule=_bayes,
    said="Each function multiplies the odds, by what it says and by "
    "its silence: that is naive Bayes, and the E step of EM.",
    mistakes={
        "You leave silence out. A function that usually fires on late flights and is silent now "
        "has said something.":
            partial(_bayes, silent=lambda rate: 1),
        "You start from even odds. Late flights are the rarer ones: the prior goes in first.":
            lambda f, a, b, p: _bayes(f, a, b, 0.5),
        "That is the chance of *late and this pattern*. Divide it by the chance of the pattern, "
        "whatever the truth.":
            lambda f, a, b, p: p * _pattern(f, a),
        "That is the odds, not the chance: odds of 1 are a chance of one half.": _odds,
        "That is the chance of being on time.": lambda *given: 1 - _bayes(*given),
        "You swapped the two rates: `on_late` belongs to the late flights.":
            lambda f, a, b, p: _bayes(f, b, a, p),
        "The prior was turned round: it is the share of late flights.":
            lambda f, a, b, p: _bayes(f, a, b, 1 - p),
        "That counts votes. A function that fires three times as often "
        "on late flights should weigh more than one that hardly tells.":
            follows(lambda f, a, b, p: sum(f) / len(f), lambda f, a, b, p: float(2 * sum(f) > len(f))),
        "For silence you take the rate of firing as well. Silence has the chance 1 minus that.":
            partial(_bayes, silent=lambda rate: rate),
        "You compare the rates without the prior and without silence.":
            lambda f, a, b, p: _bayes(f, a, b, 0.5, silent=lambda rate: 1),
        "That is how many times as often this happens on late flights. The odds of the prior are missing.":
            lambda f, a, b, p: _pattern(f, a) / _pattern(f, b),
        "The rates' ratio multiplies the odds of late, `prior / (1 - prior)`, and not the prior itself.":
            lambda f, a, b, p: p * _pattern(f, a) / _pattern(f, b),
        "The product for *on time* starts with a prior of its own: the share of the flights "
        "that are not late.":
            lambda f, a, b, p: p * _pattern(f, a) / (p * _pattern(f, a) + _pattern(f, b)),
        "That is the chance of this pattern on a late flight. Asked is "
        "the other way round: of a late flight, given the pattern.": lambda f, a, b, p: _pattern(f, a),
        "The prior goes in once for the flight, not once for each function.":
            lambda f, a, b, p: _bayes(f, a, b, p ** len(f) / (p ** len(f) + (1 - p) ** len(f))),
        "You add where independent events multiply.": partial(_bayes, join=sum),
        "That is the logarithm of the odds. The logistic function makes a probability of it.":
            lambda *given: math.log(_odds(*given)),
        "The prior went in at the start; in the end you multiply by it once more.":
            lambda f, a, b, p: p * _bayes(f, a, b, p),
        "You average what each function says by itself. Where several agree, they are surer than one.":
            lambda f, a, b, p: sum(_bayes([x], [y], [z], p) for x, y,
                z in zip(f, a, b, strict=True)) / len(f),
        "A function that is silent does not fire: its chance is 1 minus *its* rate on the same flights, "
        "not the other rate.": lambda f, a, b, p: _share(
            p * math.prod(x if fire else y for fire, x, y in zip(f, a, b, strict=True)),
            (1 - p) * math.prod(y if fire else x for fire, x, y in zip(f, a, b, strict=True)),
        ),
        "Silence goes into both products, that of the late flights and that of the others.": follows(
            lambda f, a, b, p: _share(p * _pattern(f, a), (1 - p) * _pattern(f, b, lambda rate: 1)),
            lambda f, a, b, p: _share(p * _pattern(f, a, lambda rate: 1), (1 - p) * _pattern(f, b)),
        ),
        "`on_time` is how often a function fires on flights that are on time, not how often it "
        "is right about them.":
            lambda f, a, b, p: _bayes(f, a, [1 - rate for rate in b], p),
        "That is a decision. Asked is the probability behind it.": lambda *given: float(_bayes(*given) > 0.5),
        "Close, but rounded. Give the probability as it is.":
            right_but(lambda right: lambda *given: round(right(*given), 2), same=partial(close, abs_=0.051)),
        "A chance lies between 0 and 1; for some inputs yours does not.":
            unless(lambda output: 0 <= output <= 1),
    },
    otherwise="Take the first function alone, by hand: prior times rate, "
    "for late and for on time; then the share of the first.",
    hints=(
        "Two products, one for each answer: the prior of the answer, "
        "times, for every function, the chance of what it did.",
        "A function that is silent did something, too: on a late flight that has chance 1 − `on_late`.",
        "Divide the product for *late* by the sum of both products.",
    ),
)

choices(
    "2.9d", "plan",
    {
        "returns": ("wait", {
            "explore": "Of the returns nothing is hidden by an action of "
            "yours: every parcel's label comes, only later.",
            "margin": "The returns cost nothing to label: why query a person for what the calendar brings?",
            "spread": "The returns have few labels *today*, and they are "
            "a biased few: spreading them spreads the bias.",
            "functions": "Rules for the returns would be a weaker label than the one that comes by itself.",
        }),
        "loans": ("explore", {
            "wait": "The refused loans' labels never come, however long you look at the calendar.",
            "margin": "Nobody can be asked how a loan would have gone that was never paid out.",
            "spread": "Spreading labels from paid loans to refused ones assumes that "
            "they are alike. They were refused because they are not.",
            "functions": "Rules about loans repeat what made you refuse them; "
            "the outcome of a refused loan stays unseen.",
        }),
        "parts": ("spread", {
            "wait": "No clock labels the parts: a label comes from a person or not at all.",
            "explore": "No action of yours hides a part's label.",
            "margin": "There is no money left to ask about another part.",
            "functions":
                "Look at the parts' neighbours: there is structure to use, and nobody has rules for pixels.",
        }),
        "scans": ("margin", {
            "wait": "No label of a scan comes by itself.",
            "explore":
                "Random scans are the control here. But the doctor's time is short, and most scans are easy.",
            "spread": "Look at the scans' neighbours: they agree little more than strangers do.",
            "functions": "Nobody has written rules for scans, and there is a person who can be asked.",
        }),
        "invoices": ("functions", {
            "wait": "Nobody comes back to say which invoice was wrong.",
            "explore": "No action of yours hides an invoice's label.",
            "margin":
                "Forty labels are all the invoices' budget: one query at a time changes little with so few.",
            "spread": "Look at the invoices' neighbours: they agree little more than strangers do.",
        }),
    },
    unknown="There is no case called `{}`. Use the five names of the table.",
    odd="For `{}` choose one of the five words in quotation marks.",
    said="First what comes by itself, then what an action hides, then what "
    "structure gives, and money where a person can still be asked.",
    hints=(
        "Ask in this order: does the label come by itself? Does an action of ours hide it? Can "
        "more of it be bought?",
        "For `spread` compare how often neighbours agree with how "
        "often strangers do, as in the table of digits and flights.",
        "Each of the five words is used once.",
    ),
)
