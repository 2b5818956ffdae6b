"""How the exercises of lesson 3.1, Searching for a model, are judged."""

from __future__ import annotations

import functools
import json
import math
import tempfile
from pathlib import Path

from helpers.exercises.kit import Program, exercise
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, listed, number, unless

_ONE_OF = {"units": [4, 8, 16], "layers": [1, 2], "l2": [0.0, 0.001]}
_DRAWS = 300


# A learner's function runs in a process of its own; the cache serves the tests, which put each to work often
@functools.lru_cache(maxsize=64)
def _drawn(space):
    """What Keras Tuner draws from a space: of the learning rate the share of each
    power of ten, else the values."""
    import keras_tuner as kt

    hp = kt.HyperParameters()
    space(hp)
    names = list(dict.fromkeys(one.name for one in hp.space))
    oracle = kt.oracles.RandomSearchOracle("val_loss", max_trials=_DRAWS, hyperparameters=hp, seed=1)
    # Where all is drawn that there is, no values come
    draws = [draw for draw in (oracle.populate_space(str(i))["values"] for i in range(_DRAWS)) if draw]
    found = {name: sorted({draw[name] for draw in draws if name in draw}, key=str) for name in names}
    if found.get("learning_rate"):
        found["learning_rate"] = _spread([draw.get("learning_rate") for draw in draws])
    return found


def _spread(rates):
    if not all(map(number, rates)):
        return {"numbers": False}
    powers = [sum(10.0**k <= rate < 10.0 ** (k + 1) for rate in rates) / len(rates) for k in range(-4, 1)]
    return {
        "numbers": True,
        "many": len(set(rates)) >= 30,
        "inside": min(rates) > 0.99e-4 and max(rates) < 10.1,
        "ends": min(rates) < 1.5e-4 and max(rates) > 6.7,
        "powers": powers,
    }


@exercise(
    "3.1a",
    space=Program(_drawn),
    said="Keras Tuner drew from your space: each power of ten got its part, and nothing lies outside.",
    hints=(
        "Each hyperparameter is one call on `hp`, with its name first. One is a float, two are choices, "
        "and one is either.",
        'A learning rate acts by factors: `hp.Float(name, low, high, sampling="log")`.',
        '`hp.Choice("units", [4, 8, 16])`, `hp.Int("layers", 1, 2)`, `hp.Choice("l2", [0.0, 0.001])`.',
    ),
)
def draw_the_space(space):
    if not isinstance(space, dict) or not space:
        yield (
            "Nothing was registered. Call `hp.Float`, `hp.Choice` or `hp.Int` on the `hp` that you are given."
        )
        return
    for name in ("learning_rate", *_ONE_OF):
        if name not in space:
            yield f"`{name}` is missing. The names must be exactly those of the task."
    if set(space) - {"learning_rate", *_ONE_OF}:
        yield "There is a hyperparameter too many. The table has only these four."
    rates = space["learning_rate"]
    if not isinstance(rates, dict) or not rates.get("numbers"):
        yield "Some learning rates drawn are no numbers."
        return
    if not rates.get("many"):
        yield "Your learning rate takes only a few values. Asked is any float between the two ends."
    if not rates.get("inside"):
        yield "Some learning rates drawn lie outside the two ends of the task."
    powers = rates.get("powers") or [0]
    if powers[-1] > 0.7:
        yield (
            "Nearly all draws lie in the largest power of ten, as on a linear scale. Each power should get "
            "as many: see `sampling`."
        )
    if not rates.get("ends") or min(powers) < 0.1:
        yield "Your learning rates leave out a part of what lies between the two ends. Are both as asked?"
    for name, allowed in _ONE_OF.items():
        drawn = space[name] if isinstance(space[name], list) else []
        if not all(map(number, drawn)):
            yield f"`{name}` takes values that are no numbers."
            return
        if set(map(float, drawn)) - set(map(float, allowed)):
            yield f"`{name}` takes values that were not asked for. See the task for those it may take."
        if len(drawn) < len(allowed):
            yield f"`{name}` never takes one of the values asked for. (`hp.Int` includes both ends.)"


# ---- 3.1b --------------------------------------------------------------------------------------------------


def _largest(most, factor):
    s = 0
    while factor ** (s + 1) <= most:
        s += 1
    return s


def _plan(most, factor, largest=None, start=None, size=None, epochs=None, reverse=False):
    top = (largest or _largest)(most, factor)
    start = start or (lambda top, s: math.ceil((top + 1) * factor**s / (s + 1)))
    size = size or (lambda n, i: n // factor**i)
    epochs = epochs or (lambda s, i: most * factor**i / factor**s)
    plan = [[[size(start(top, s), i), epochs(s, i)] for i in range(s + 1)] for s in range(top, -1, -1)]
    return plan[::-1] if reverse else plan


def _by(**otherwise):
    return lambda most, factor: _plan(most, factor, **{k: v(most, factor) for k, v in otherwise.items()})


def _pairs(output):
    return type(output) is list and all(
        type(b) is list and all(type(p) is list and len(p) == 2 and all(map(number, p)) for p in b)
        for b in output
    )


function(
    "3.1b", "brackets",
    [(9, 3), (27, 3), (81, 3), (243, 3), (10, 3), (16, 4), (1000, 10), (1, 3), (8, 2), (26, 3)],
    odd={
        "Your function gives nothing back. Does it `return` the brackets?": NOTHING,
        "Asked is a list of brackets, each a list of pairs of numbers: (configurations, epochs).":
            unless(_pairs),
    },
    rule=_plan,
    said="Each bracket costs about the same, from many short starts to a few whole trainings.",
    mistakes={
        "The brackets stand in reverse: first comes the one with the most starters.":
            lambda most, factor: _plan(most, factor, reverse=True),
        "A bracket is missing when `most` is a power of the factor: by floats `math.log(243, 3)` is just "
        "under 5. Count up in whole numbers.":
            lambda most, factor: _plan(most, factor, lambda m, f: int(math.log(m, f))),
        "There is a bracket too many when `most` is no power of the factor: the largest *s* has η^*s* ≤ *R*.":
            lambda most, factor: _plan(most, factor, lambda m, f: _largest(m - 1e-9, f) + (m > 1)),
        "You round the configurations of later rounds up, as Keras Tuner does. The paper rounds them down.":
            _by(size=lambda m, f: lambda n, i: math.ceil(n / f**i)),
        "The last bracket, of whole trainings, is missing: *s* runs down to 0, and includes it.":
            lambda most, factor: _plan(most, factor)[:-1],
        "You start with η^*s* configurations in each bracket. The factor (*s*max + 1) / (*s* + 1) is "
        "missing.":
            _by(start=lambda m, f: lambda top, s: f**s),
        "You round the starters down: 3/2 · 3 is 4.5, and starts with 5.":
            _by(start=lambda m, f: lambda top, s: (top + 1) * f**s // (s + 1)),
        "You round the starters to the nearest number. 4.5 becomes 4 in Python; ⌈…⌉ rounds up.":
            _by(start=lambda m, f: lambda top, s: round((top + 1) * f**s / (s + 1))),
        "(*s*max + 1) / (*s* + 1) is rounded before it is multiplied by η^*s*. Round the product.":
            _by(start=lambda m, f: lambda top, s: math.ceil((top + 1) / (s + 1)) * f**s),
        "The epochs of the rounds are those added, not those a configuration has had in all.":
            lambda most, factor: [
                [[n, r - (b[i - 1][1] if i else 0)] for i, (n, r) in enumerate(b)]
                for b in _plan(most, factor)
            ],
        "You make whole numbers of the epochs. They may be fractions: 10/9.":
            _by(epochs=lambda m, f: lambda s, i: m * f**i // f**s),
        "You make a whole number of a bracket's first epochs. They may be fractions: 10/9.":
            _by(epochs=lambda m, f: lambda s, i: m // f**s * f**i),
        "You round the epochs up. They may be fractions: 10/9.":
            _by(epochs=lambda m, f: lambda s, i: math.ceil(m * f**i / f**s)),
        "The pairs are exchanged: configurations come first, then epochs.":
            lambda most, factor: [[[r, n] for n, r in b] for b in _plan(most, factor)],
        "You give the first rounds only. Each bracket has *s* + 1 rounds.":
            lambda most, factor: [b[:1] for b in _plan(most, factor)],
        "Your function gives the same brackets for all budgets.": CONSTANT,
    },
    otherwise="For some budget the brackets are others. Do (9, 3) by hand.",
    hints=(
        "First the largest *s*: start at 0 and go up while the next power is not above `most`.",
        "Then for *s* downwards: the starters, and for *i* = 0 … *s* a pair.",
        "`math.ceil((largest + 1) * factor**s / (s + 1))` starters; `start // factor**i` are "
        "left in round *i*.",
    ),
)  # fmt: skip


# ---- 3.1c: a search that is killed, played on the learner's function ---------------------------------------


class _Killed(BaseException):
    """Stands in for SIGKILL: Keras Tuner lets it through, as it catches Exceptions alone."""


@functools.lru_cache(maxsize=64)
def _nights(go_on):
    """Four calls: killed in trial 5, gone on, asked again; and a search in another
    folder that nobody disturbs."""
    seen = []
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        for folder, last in ((one, 5), (one, None), (one, None), (other, None)):
            asked = []

            def ask(values, epochs, asked=asked, last=last):
                asked.append({name: values[name] for name in sorted(values) if "/" not in name})
                if len(asked) == last:
                    raise _Killed
                rate = asked[-1].get("learning_rate", 1.0)
                return (math.log10(rate) - 1) ** 2 + 0.001 * asked[-1].get("units", 0)

            try:
                best, killed = go_on(ask, folder), False
            except _Killed:
                best, killed = None, True
            if best is not None and not isinstance(best, dict):
                best = type(best).__name__
            seen.append({"asked": asked, "best": best, "killed": killed, "kept": _kept(folder)})
    return seen


def _kept(folder):
    """What the oracle says of itself in the project's folder: its seed, kind, and each
    hyperparameter's sampling."""
    file = Path(folder, "night", "oracle.json")
    if not file.is_file():
        return None
    state = json.loads(file.read_text())
    sampling = {
        one["config"]["name"]: one["config"].get("sampling") for one in state["hyperparameters"]["space"]
    }
    return {"seed": state["seed"], "guesses": "num_initial_points" in state, "sampling": sampling}


@exercise(
    "3.1c",
    go_on=Program(_nights),
    said="Four trials were kept, the fifth was done again, and the search ended as one that "
    "nobody had disturbed.",
    hints=(
        "Three things: an oracle, a `Search` with it, and `search(verbose=0)`. The state is saved by itself.",
        "`Search(oracle, ask, directory=…, project_name=…)`: what happens to a folder that is "
        "there says `overwrite`.",
        "`kt.oracles.RandomSearchOracle(GOAL, max_trials=12, hyperparameters=hyperparameters(space), "
        "seed=7)`; `tuner.get_best_hyperparameters()[0].values`.",
    ),
)
def goes_on_where_it_was(go_on):
    first, second, third, quiet = (night["asked"] for night in go_on)
    results = [night["best"] for night in go_on]
    if not quiet:
        yield "Your function never asks. Does it call `search`, on a `Search` that was given `ask`?"
    elif len(quiet) != 12:
        yield f"Undisturbed, your search asks {len(quiet)} times. Asked are 12 trials."
    elif not go_on[0]["killed"]:
        yield (
            "In its fifth trial the search is killed, and yours goes on. Catch nothing; a killed "
            "process can't either."
        )
    elif len(second) >= 12:
        yield (
            "The second call begins anew and asks all 12 times. The state lies in the folder: is it "
            "overwritten, or looked for in another place than `folder`?"
        )
    elif len(second) != 8:
        yield f"The second call asks {len(second)} times. Missing are the fifth trial and those after it."
    elif third:
        yield "When all is done, another call must ask nothing and answer from the folder."
    elif first[:4] + second != quiet:
        yield (
            "Gone on, the search tries other values than one that nobody disturbed. Has the oracle the seed "
            "that was asked for?"
        )
    elif results[1] is None:
        yield (
            "The search goes on as it should, and then your function gives nothing back. Does it "
            "`return` the values?"
        )
    elif not isinstance(results[1], dict):
        yield (
            "What is returned is no dict of values. `get_best_hyperparameters()` gives a list; "
            "see its `[0].values`."
        )
    elif results[1] != results[3] or results[2] != results[3]:
        yield (
            "Gone on or asked again, your function returns other values than a search that nobody disturbed."
        )
    elif _cost(results[3]) > min(map(_cost, quiet)) + 1e-9:
        yield "Those are not the best values of the twelve. A loss is the better the smaller it is."
    elif not go_on[3]["kept"]:
        yield 'It goes on, but its state is in no folder "night" of `folder`. See `project_name`.'
    elif go_on[3]["kept"]["guesses"]:
        yield "It goes on, but with Bayesian optimization. Asked is a random search: `RandomSearchOracle`."
    elif go_on[3]["kept"]["sampling"].get("learning_rate") != "log":
        yield "It goes on, but searches another space than yours of 3.1a: `hyperparameters(space)`."
    elif go_on[3]["kept"]["seed"] != 7:
        yield "It goes on, but the oracle has another seed than the task names."


def _cost(values):
    rate, units = values.get("learning_rate", 1.0), values.get("units", 0)
    if not number(rate) or not number(units) or rate <= 0:
        return math.inf
    return (math.log10(rate) - 1) ** 2 + 0.001 * units


# ---- 3.1d --------------------------------------------------------------------------------------------------


def _best_of(first, later, n, won=None, groups=None, out=None):
    won = won or (lambda part, last: max(range(len(part)), key=lambda i: part[i]))
    parts = groups or [range(i, i + n) for i in range(0, len(first) - n + 1, n)]
    winners = [part[won([first[i] for i in part], [later[i] for i in part])] for part in parts]
    if out:
        return out(winners)
    return [sum(first[i] for i in winners) / len(winners), sum(later[i] for i in winners) / len(winners)]


def _cut(count, parts):
    """As numpy's array_split: so many parts, the first ones longer by one where it doesn't come out even."""
    ends = [k * (count // parts) + min(k, count % parts) for k in range(parts + 1)]
    return [range(*pair) for pair in zip(ends, ends[1:], strict=False)]


def _scores():
    import numpy as np

    draw = np.random.default_rng(31)
    told = [
        ([0.81, 0.83, 0.80, 0.80], [0.79, 0.80, 0.78, 0.82], 2),
        ([0.7, 0.9, 0.8, 0.6, 0.95], [0.75, 0.7, 0.72, 0.78, 0.9], 2),
        ([0.5, 0.5, 0.4], [0.1, 0.9, 0.2], 3),
        ([0.5, 0.5, 0.5, 0.4], [0.3, 0.9, 0.2, 0.1], 4),
        ([0.2, 0.6, 0.4], [0.3, 0.5, 0.4], 1),
        ([-0.3, -0.1, -0.2, -0.5], [-0.4, -0.6, -0.1, -0.2], 4),
        *((*draw.random((2, size)).round(2).tolist(), n) for size, n in ((12, 3), (11, 4))),
    ]  # fmt: skip
    return [(np.array(first), np.array(later), n) for first, later, n in told]


function(
    "3.1d", "best_of", _scores,
    odd={
        "Your function gives nothing back. Does it `return` the two means?": NOTHING,
        "Asked are two numbers: the winners' mean `first` and their mean `later`.":
            unless(lambda out: listed(number)(out) and len(out) == 2),
    },
    rule=_best_of,
    said="The winners are chosen by luck as well as by merit; only the second number has no luck in it.",
    mistakes={
        "`n` is how many models a group has, not how many groups there are.":
            lambda first, later, n: _best_of(first, later, n, groups=_cut(len(first), n)),
        "You take the `n` best of all models. Asked is the best one of each group of `n`.":
            lambda first, later, n: _best_of(
                first, later, 1, groups=[[i] for i in sorted(range(len(first)), key=lambda i: -first[i])[:n]]
            ),
        "You look at the first group only. Go on with the next `n` models.":
            lambda first, later, n: _best_of(first, later, n, groups=[range(n)]),
        "The two means are exchanged: `first` comes first.":
            lambda first, later, n: _best_of(first, later, n)[::-1],
        "`later` is the best of each group, whoever won. Asked is the score of the *same* model "
        "that won by `first`.":
            lambda first, later, n: [
                _best_of(first, later, n)[0], _best_of(later, first, n)[0]
            ],
        "You choose the winners by `later`. That is looking at what nobody knew yet.":
            lambda *told: _best_of(*told, won=lambda part,
                last: max(range(len(part)), key=lambda i: last[i])),
        "You choose the lowest of each group. Higher is better here.":
            lambda *told: _best_of(*told, won=lambda part,
                last: min(range(len(part)), key=lambda i: part[i])),
        "In a tie you take the one that does better later. The tie is broken by order, not by "
        "what nobody knew yet.":
            lambda first, later, n: _best_of(
                first, later, n, won = lambda part, last: max(
                    range(len(part)), key=lambda i: (part[i], last[i])
                )
            ),
        "In a tie the later model wins with you. Asked is the earlier one.":
            lambda *told: _best_of(
                *told, won=lambda part, last: max(range(len(part)), key=lambda i: (part[i], i))
            ),
        "What is left over at the end counts for you as a group. It is none.":
            lambda first, later, n: _best_of(
                first, later, n, groups=[range(i, min(i + n, len(first))) for i in range(0, len(first), n)]
            ),
        "That is the one best of all models. Asked is a winner in each group, and their mean.":
            lambda first, later, n: _best_of(first, later, n, groups=[range(len(first))]),
        "Your groups are the first `n`, and overlap or skip. After one group of `n` the next begins.":
            lambda first, later, n: _best_of(
                first, later, n, groups=[range(i, i + n) for i in range(len(first) - n + 1)]
            ),
        "Your groups are every so many-th model. Go through them in order: the first `n`, then the next `n`.":
            lambda first, later, n: _best_of(
                first, later, n, groups = [
                    range(i, len(first) // n * n, len(first) // n) for i in range(len(first) // n)
                ]
            ),
        "You give sums, not means over the groups.":
            lambda first, later, n: _best_of(
                first, later, n, out=lambda w: [sum(first[i] for i in w), sum(later[i] for i in w)]
            ),
        "Your function gives the same for all models.": CONSTANT,
    },
    otherwise="For some models the means are others. Do the four rows of the task by hand.",
    hints=(
        "`len(first) // n` groups are whole. Cut both arrays there.",
        "`np.reshape(…, (groups, n)).argmax(axis=1)` says who won in each group, the earlier one in a tie.",
        "Group *g* begins at `g * n`: the winner's place in the arrays is `g * n` plus its "
        "place in the group.",
    ),
)  # fmt: skip
