"""Judges of lesson 2.9, Labels."""

from __future__ import annotations

import math

from helpers.exercises.kit import Function, Mapping, exercise, right, wrong
from helpers.exercises.outputs import agrees, number

LATE_AFTER = 15


@exercise(
    "2.9a",
    label_now=Function(
        [
            (600, 590, 640),
            (600, 590, 595),
            (600, 640, 660),
            (600, 640, 620),
            (600, 640, 610),
            (600, 590, 580),
            (600, 615, 640),
            (600, 616, 700),
            (600, 608, 603),
            (600, 700, 630),
            (600, 611, 612),
            (600, 655, 614),
            (0, 40, 30),
            (0, -20, 300),
        ]
    ),
    hints=(
        "Ask first: has it landed by `now`? `arrived` may lie in the future, and then you must not use it.",
        "If it has landed, the answer is final. If not: is there a minute from which on only one answer is left?",
        "Three ways out of the function: landed by `now`; not landed and more than 15 minutes over; not landed, still in time.",
    ),
)
def what_is_known_of_the_label_now(label_now):
    outputs = [r["output"] for r in label_now]
    given = [int(output) if type(output) is bool else output for output in outputs]
    if any(output is not None and not (number(output) and output in (0, 1)) for output in given):
        return wrong("The function gives 1, 0 or None; yours gives something else.")

    def same(rule) -> bool:
        return given == [rule(*r["input"]) for r in label_now]

    def late(due, arrived):
        return int(arrived - due > LATE_AFTER)

    def over(due, now):
        return now - due > LATE_AFTER

    if same(
        lambda due, arrived, now: late(due, arrived) if arrived <= now else 1 if over(due, now) else None
    ):
        return right(
            "A flight that is 16 minutes over and not there is late, whenever it lands: on-time labels come with the landing, "
            "late ones with the deadline."
        )
    if all(output is None for output in given):
        return wrong("Your function gives nothing back. Does every path `return` its answer?")
    mistakes = {
        "Your function reads `arrived` before it has happened. At `now` nobody knows it yet.": lambda due, arrived, now: (
            late(due, arrived)
        ),
        "You wait for the landing. A flight that is far over its time has no landing yet, and its label is known all the same.": lambda due, arrived, now: (
            late(due, arrived) if arrived <= now else None
        ),
        "You call a flight that has not landed on time. Absence of news is not a label.": lambda due, arrived, now: (
            late(due, arrived) if arrived <= now else 0
        ),
        "On time as long as the deadline has not passed? It may still come late: that is not known, and neither 0 nor 1.": lambda due, arrived, now: (
            late(due, arrived) if arrived <= now else int(over(due, now))
        ),
        "You call every flight that has not landed late. Some of them still have time.": lambda due, arrived, now: (
            late(due, arrived) if arrived <= now else 1
        ),
        "You wait for the deadline even when the flight has landed. Its label was known from then on.": lambda due, arrived, now: (
            late(due, arrived) if over(due, now) else None
        ),
        "A flight that has not landed is late to you as soon as its planned time has passed. It has 15 minutes more.": lambda due, arrived, now: (
            late(due, arrived) if arrived <= now else 1 if now > due else None
        ),
        "Exactly 15 minutes behind schedule is not late: late is *more than* 15.": lambda due, arrived, now: (
            int(arrived - due >= LATE_AFTER) if arrived <= now else 1 if over(due, now) else None
        ),
        "You turned 0 and 1 round: 1 is late.": lambda due, arrived, now: (
            1 - late(due, arrived) if arrived <= now else 0 if over(due, now) else None
        ),
        "Late begins 15 minutes behind schedule, not at the first minute.": lambda due, arrived, now: (
            int(arrived > due) if arrived <= now else 1 if over(due, now) else None
        ),
        "You look at the clock before you look for the landing. A flight that landed on time stays on time, long after its deadline.": lambda due, arrived, now: (
            1 if over(due, now) else late(due, arrived) if arrived <= now else None
        ),
        "You use `arrived` of late flights before they have landed. Until the deadline nobody knows that they will be late.": lambda due, arrived, now: (
            1 if late(due, arrived) else 0 if arrived <= now else None
        ),
        "You never look for the landing: by the clock alone every flight is late in the end.": lambda due, arrived, now: (
            int(over(due, now))
        ),
        "Landed is not yet on time: a flight can land late.": lambda due, arrived, now: (
            0 if arrived <= now else 1 if over(due, now) else None
        ),
        "Before its planned arrival a flight is not late, and not on time either: only the landing tells.": lambda due, arrived, now: (
            late(due, arrived) if arrived <= now else 1 if over(due, now) else 0 if now <= due else None
        ),
        "You use `arrived` as soon as the planned time has come. It is known from the landing on.": lambda due, arrived, now: (
            late(due, arrived) if now >= due else None
        ),
    }
    for reason, rule in mistakes.items():
        if same(rule):
            return wrong(reason)
    return wrong(
        "For some flights the answer is another. Draw a line of time with `due`, `arrived` and `now` on it."
    )


def _pools():
    import numpy as np

    three = np.array(
        [
            [0.50, 0.48, 0.02],
            [0.40, 0.31, 0.29],
            [0.90, 0.06, 0.04],
            [0.02, 0.46, 0.52],
            [0.34, 0.36, 0.30],
            [0.39, 0.22, 0.39],
            [0.10, 0.15, 0.75],
        ]
    )
    two = np.array([[0.10, 0.90], [0.55, 0.45], [0.72, 0.28], [0.49, 0.51]])
    ten = np.random.default_rng(7).dirichlet(np.full(10, 0.4), size=30).round(4)
    return [(three, 2), (two, 2), (ten, 5), (three, 3), (ten, 1)]


def _ranked(key, reverse=False):
    """A rule: the k rows with the smallest (or largest) key of their probabilities, as a set."""

    def rule(chances, k):
        order = sorted(range(len(chances)), key=lambda i: key(chances[i]), reverse=reverse)
        return set(order[:k])

    return rule


def _gap(row):
    first, second = sorted(row)[-1], sorted(row)[-2]
    return first - second


def _down_the_columns(chances, k):
    """The rule of one who sorts along the wrong axis."""
    columns = list(zip(*(sorted(column) for column in zip(*chances, strict=True)), strict=True))
    order = sorted(range(len(chances)), key=lambda i: columns[i][-1] - columns[i][-2])
    return set(order[:k])


def _ranks(chances, k):
    """The rule of one who takes the ranks of the first k rows for the numbers of the best k."""
    order = sorted(range(len(chances)), key=lambda i: _gap(chances[i]))
    return {order.index(i) for i in range(k)}


def _entropy(row):
    return -sum(p * math.log(p) for p in row if p > 0)


@exercise(
    "2.9b",
    most_doubtful=Function(_pools),
    hints=(
        "`np.sort(chances, axis=1)` sorts each row upwards: the two largest are then in the last two columns.",
        "The margin is the largest minus the second largest. A small margin is a large doubt.",
        "`np.argsort(margin)[:k]` gives the row numbers of the k smallest.",
    ),
)
def the_rows_with_the_smallest_margin(most_doubtful):
    outputs = [r["output"] for r in most_doubtful]
    if any(output is None for output in outputs):
        return wrong("Your function gives nothing back. Does it `return` the row numbers?")
    if all(number(output) for output in outputs):
        return wrong("Asked are `k` row numbers, as a list or an array; yours is a single number.")
    if any(type(output) is not list for output in outputs):
        return wrong("Asked are `k` row numbers, as a list or an array.")
    if all(len(output) == 1 and type(output[0]) is list for output in outputs):
        return wrong(
            "Your row numbers lie in a list within a list, as `np.where` gives them. Take them out with `[0]`."
        )
    if all(type(item) is list and len(item) == 2 for output in outputs for item in output):
        return wrong("You give pairs. Asked are the row numbers alone, without the margins.")
    if all(
        type(item) is list and all(map(number, item)) and sorted(item) == list(range(len(item)))
        for output in outputs
        for item in output
    ):
        return wrong(
            "You sort within each row, which gives numbers of columns. Sort the margins, one per row."
        )
    if any(type(item) is list for output in outputs for item in output):
        return wrong(
            "You give the rows of probabilities themselves. Asked are their numbers, to look them up in the pool."
        )
    if any(type(item) is bool for output in outputs for item in output):
        return wrong("A mask is as long as the pool. Asked are the numbers of `k` rows.")
    if not all(number(item) and item == int(item) for output in outputs for item in output):
        return wrong("Those are not row numbers but values. `np.argsort` gives the numbers of the rows.")
    sets = [{int(item) for item in output} for output in outputs]

    def same(rule) -> bool:
        return sets == [rule(*r["input"]) for r in most_doubtful]

    if any(len(output) != r["input"][1] for output, r in zip(outputs, most_doubtful, strict=True)):
        return wrong(
            "The number of rows is not `k`. Each query is a label to pay for, so it has to be that many."
        )
    if same(_ranked(_gap)):
        return right(
            "The two best guesses nearly tie there: a label decides between them, and the border between two classes moves."
        )
    mistakes = {
        "Those are the rows the model is surest about. Their labels would tell it what it knows.": _ranked(
            _gap, reverse=True
        ),
        "That is *least confident* sampling: it looks at the largest probability alone. The margin also needs the runner-up.": _ranked(
            max
        ),
        "That is entropy: it looks at all classes. The margin is about the best two.": _ranked(
            _entropy, reverse=True
        ),
        "You compare the first two columns. The two *largest* probabilities stand in other columns from row to row.": _ranked(
            lambda row: abs(row[0] - row[1])
        ),
        "You subtract the smallest probability. The margin is the distance to the second largest.": _ranked(
            lambda row: max(row) - min(row)
        ),
        "You take the *two smallest* probabilities of each row: sorted upwards, the largest come last.": _ranked(
            lambda row: sorted(row)[1] - sorted(row)[0]
        ),
        "You look for a largest probability near one half. With three classes or more, two can tie far below that.": _ranked(
            lambda row: abs(max(row) - 0.5)
        ),
        "That is the smallest gap between any two neighbours in the sorted row. Two classes that are both unlikely may tie, too.": _ranked(
            lambda row: min(b - a for a, b in zip(sorted(row), sorted(row)[1:], strict=False))
        ),
        "You subtract columns as they stand. Sort each row first: only then are the largest in the last two.": _ranked(
            lambda row: row[-1] - row[-2]
        ),
        "You sort down the columns, which mixes the items. Sort each row: `axis=1`.": _down_the_columns,
        "Sorted twice, `argsort` gives ranks. Once, it gives the numbers of the rows in order.": _ranks,
        "Those are the first rows of the pool. Sort by the margin before you cut.": lambda chances, k: set(
            range(k)
        ),
    }
    for reason, rule in mistakes.items():
        if same(rule):
            return wrong(reason)
    return wrong(
        "For some pools these are not the rows with the smallest margin. Try one of three rows by hand."
    )


def _odds(pairs, prior):
    ratio = prior / (1 - prior)
    for numerator, denominator in pairs:
        ratio *= numerator / denominator
    return ratio / (1 + ratio)


def _bayes(fired, on_late, on_time, prior):
    return _odds(
        [(a, b) if f else (1 - a, 1 - b) for f, a, b in zip(fired, on_late, on_time, strict=True)], prior
    )


def _pattern(fired, rates):
    """Chance of this pattern of votes at these rates."""
    return math.prod(a if f else 1 - a for f, a in zip(fired, rates, strict=True))


def _sums(fired, on_late, on_time, prior):
    """The rule of one who adds the chances where they multiply."""
    late, time = (
        sum(a if f else 1 - a for f, a in zip(fired, rates, strict=True)) for rates in (on_late, on_time)
    )
    return prior * late / (prior * late + (1 - prior) * time)


def _late_joint(fired, on_late, prior):
    value = prior
    for f, a in zip(fired, on_late, strict=True):
        value *= a if f else 1 - a
    return value


@exercise(
    "2.9c",
    chance_late=Function(
        [
            ([1, 0, 0], [0.5, 0.3, 0.2], [0.3, 0.1, 0.4], 0.25),
            ([1, 1, 0], [0.5, 0.3, 0.2], [0.3, 0.1, 0.4], 0.25),
            ([0, 0, 1], [0.5, 0.3, 0.2], [0.3, 0.1, 0.4], 0.25),
            ([0, 0, 0], [0.5, 0.3, 0.2], [0.3, 0.1, 0.4], 0.4),
            ([1], [0.6], [0.2], 0.1),
            ([1, 0, 1, 1, 0], [0.4, 0.2, 0.7, 0.1, 0.3], [0.2, 0.25, 0.5, 0.05, 0.6], 0.3),
        ]
    ),
    hints=(
        "Two products, one for each answer: the prior of the answer, times, for every function, the chance of what it did.",
        "A function that is silent did something, too: on a late flight that has chance 1 − `on_late`.",
        "Divide the product for *late* by the sum of both products.",
    ),
)
def how_likely_late_given_what_fired(chance_late):
    if any(r["output"] is None for r in chance_late):
        return wrong("For some inputs your function gives nothing back. Does every path `return` a number?")
    if not all(number(r["output"]) for r in chance_late):
        return wrong("Your function should give one number for one flight.")
    if agrees(chance_late, _bayes):
        return right(
            "Each function multiplies the odds, by what it says and by its silence: that is naive Bayes, and the E step of EM."
        )
    mistakes = {
        "You leave silence out. A function that usually fires on late flights and is silent now has said something.": lambda f, a, b, p: (
            _odds([(x, y) for g, x, y in zip(f, a, b, strict=True) if g], p)
        ),
        "You start from even odds. Late flights are the rarer ones: the prior goes in first.": lambda f, a, b, p: (
            _bayes(f, a, b, 0.5)
        ),
        "That is the chance of *late and this pattern*. Divide it by the chance of the pattern, whatever the truth.": lambda f, a, b, p: (
            _late_joint(f, a, p)
        ),
        "That is the odds, not the chance: odds of 1 are a chance of one half.": lambda f, a, b, p: (
            _bayes(f, a, b, p) / (1 - _bayes(f, a, b, p))
        ),
        "That is the chance of being on time.": lambda f, a, b, p: 1 - _bayes(f, a, b, p),
        "You swapped the two rates: `on_late` belongs to the late flights.": lambda f, a, b, p: _bayes(
            f, b, a, p
        ),
        "The prior was turned round: it is the share of late flights.": lambda f, a, b, p: _bayes(
            f, a, b, 1 - p
        ),
        "That counts votes. A function that fires three times as often on late flights should weigh more than one that hardly tells.": lambda f, a, b, p: (
            sum(f) / len(f)
        ),
        "For silence you take the rate of firing as well. Silence has the chance 1 minus that.": lambda f, a, b, p: (
            _odds(zip(a, b, strict=True), p)
        ),
        "You compare the rates without the prior and without silence.": lambda f, a, b, p: _odds(
            [(x, y) for g, x, y in zip(f, a, b, strict=True) if g], 0.5
        ),
        "The rates' ratio multiplies the odds of late, `prior / (1 - prior)`, and not the prior itself.": lambda f, a, b, p: (
            p * _pattern(f, a) / _pattern(f, b)
        ),
        "The product for *on time* starts with a prior of its own: the share of the flights that are not late.": lambda f, a, b, p: (
            p * _pattern(f, a) / (p * _pattern(f, a) + _pattern(f, b))
        ),
        "That is the chance of this pattern on a late flight. Asked is the other way round: of a late flight, given the pattern.": lambda f, a, b, p: (
            _pattern(f, a)
        ),
        "The prior goes in once for the flight, not once for each function.": lambda f, a, b, p: _bayes(
            f, a, b, p ** len(f) / (p ** len(f) + (1 - p) ** len(f))
        ),
        "You add where independent events multiply.": _sums,
        "That is the logarithm of the odds. The logistic function makes a probability of it.": lambda f, a, b, p: (
            math.log(_bayes(f, a, b, p) / (1 - _bayes(f, a, b, p)))
        ),
        "That is a decision. Asked is the probability behind it.": lambda f, a, b, p: float(
            _bayes(f, a, b, p) > 0.5
        ),
    }
    for reason, formula in mistakes.items():
        if agrees(chance_late, formula):
            return wrong(reason)
    if agrees(chance_late, _bayes, abs_=6e-3):
        return wrong("Close, but rounded. Give the probability as it is.")
    if any(not 0 <= r["output"] <= 1 for r in chance_late):
        return wrong("A chance lies between 0 and 1; for some inputs yours does not.")
    return wrong(
        "Take the first function alone, by hand: prior times rate, for late and for on time; then the share of the first."
    )


_METHODS = ("wait", "explore", "margin", "spread", "functions")
_PLAN = {
    "returns": (
        "wait",
        {
            "explore": "Of the returns nothing is hidden by an action of yours: every parcel's label comes, only later.",
            "margin": "The returns cost nothing to label: why query a person for what the calendar brings?",
            "spread": "The returns have few labels *today*, and they are a biased few: spreading them spreads the bias.",
            "functions": "Rules for the returns would be a weaker label than the one that comes by itself.",
        },
    ),
    "loans": (
        "explore",
        {
            "wait": "The refused loans' labels never come, however long you look at the calendar.",
            "margin": "Nobody can be asked how a loan would have gone that was never paid out.",
            "spread": "Spreading labels from paid loans to refused ones assumes that they are alike. They were refused because they are not.",
            "functions": "Rules about loans repeat what made you refuse them; the outcome of a refused loan stays unseen.",
        },
    ),
    "parts": (
        "spread",
        {
            "wait": "No clock labels the parts: a label comes from a person or not at all.",
            "explore": "No action of yours hides a part's label.",
            "margin": "There is no money left to ask about another part.",
            "functions": "Look at the parts' neighbours: there is structure to use, and nobody has rules for pixels.",
        },
    ),
    "scans": (
        "margin",
        {
            "wait": "No label of a scan comes by itself.",
            "explore": "Random scans are the control here. But the doctor's time is short, and most scans are easy.",
            "spread": "Look at the scans' neighbours: they agree little more than strangers do.",
            "functions": "Nobody has written rules for scans, and there is a person who can be asked.",
        },
    ),
    "invoices": (
        "functions",
        {
            "wait": "Nobody comes back to say which invoice was wrong.",
            "explore": "No action of yours hides an invoice's label.",
            "margin": "Forty labels are all the invoices' budget: one query at a time changes little with so few.",
            "spread": "Look at the invoices' neighbours: they agree little more than strangers do.",
        },
    ),
}


@exercise(
    "2.9d",
    plan=Mapping(*_PLAN),
    hints=(
        "Ask in this order: does the label come by itself? Does an action of ours hide it? Can more of it be bought?",
        "For `spread` compare how often neighbours agree with how often strangers do, as in the table of digits and flights.",
        "Each of the five words is used once.",
    ),
)
def which_way_to_labels(plan):
    if unknown := sorted(set(plan) - set(_PLAN)):
        return wrong(f"There is no case called `{unknown[0][:40]}`. Use the five names of the table.")
    for case, (best, reasons) in _PLAN.items():
        word = plan[case]
        word = word.strip().lower() if type(word) is str else word
        if type(word) is not str or word not in _METHODS:
            return wrong(f"For `{case}` choose one of the five words in quotation marks.")
        if word != best:
            return wrong(reasons[word])
    return right(
        "First what comes by itself, then what an action hides, then what structure gives, and money where a person can still be asked."
    )
