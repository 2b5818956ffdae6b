# %% [markdown]
# # 3.1 Searching for a model
#
# A colleague trains a network with the learning rate that stands in every tutorial. Another one lets a
# tuner try a hundred, over the weekend, and reports the best score. Is that model better, or was it asked
# often enough? And what did the weekend buy that an hour would not have?
#
# You will be able to
#
# - draw a **search space**, and say what a wrong scale costs;
# - use **early stopping as a lower fidelity**, and compute Hyperband's brackets;
# - compare random search, Hyperband, Bayesian optimization and a guess by hand on **one budget**;
# - make a search that is **killed** go on where it was;
# - say how much of a winner's score is luck, and what is left of it in the months after.
#
# *Needs: lesson 1.3. Time: about 70 minutes, and 5 more for "Deeper".*

# %%
from helpers import lesson

lesson.begin("3.1")

# %% tags=["parameters"]
seed = 2013
rows = 4_096  # flights in training; one pass over them is an epoch
epochs = 27  # what a whole training takes
searches = 12  # how often each tuner searches, with seeds of its own

# %% tags=["folded"]
from helpers import figures

figures.overview(
    "A tuner proposes, training answers, and fresh months have the last word",
    [
        ["search space", "tuner", "best so far", "months after"],
        [None, "training", "budget", None],
    ],
    [
        ("search space", "tuner"),
        ("tuner", "training", "values, epochs"),
        ("training", "tuner", "validation loss"),
        ("training", "budget", "epochs paid"),
        ("tuner", "best so far"),
        ("best so far", "months after", "once"),
    ],
    new=["search space", "tuner", "budget"],
)

# %% [markdown]
# ## 1 What is searched
#
# **Parameters** are what training finds: weights. **Hyperparameters** are what somebody has to say before:
# learning rate, number of units, layers, penalty. Gradient descent doesn't find them, so they are tried.
#
# The case is small, so that we can try *everything* once and know the true best: a network with one or
# two layers, which learns on a few thousand flights of January to April. Validation is 2,000 flights of
# May. The other flights of May and all of June are kept for the end.

# %% tags=["folded"]
# Flights as numbers
import numpy as np
import pandas as pd

from helpers.flights import examples

flights = examples.table(range(1, 7))
known = flights[flights.month <= 4]
NUMBERS = [*examples.WEATHER, "distance"]


def design(table):
    """A float64 array, one row per flight; scales and categories are those of January to April."""
    scaled = (table[NUMBERS] - known[NUMBERS].mean()) / known[NUMBERS].std()
    turn = table.day_minute.to_numpy() * (2 * np.pi / 1440)
    hour = [wave(k * turn)[:, None] for wave in (np.sin, np.cos) for k in (1, 2)]
    flags = [
        table[name].to_numpy()[:, None] == np.sort(known[name].unique())
        for name in ("carrier", "origin", "weekday")
    ]
    return np.concatenate([scaled.clip(-4, 4).fillna(0), *hour, *flags], axis=1).astype("float64")


train = known.sample(rows, random_state=seed)
may = flights[flights.month == 5]
validation = may.sample(2000, random_state=seed)
unseen = {
    "validation": validation,
    "other flights of May": may.drop(validation.index),
    "June": flights[flights.month == 6],
}
inputs = {name: design(table) for name, table in unseen.items()}
late = {name: table.late.to_numpy() for name, table in unseen.items()}
days = {
    name: table.time_hour.dt.tz_convert("America/New_York").dt.dayofyear.to_numpy()
    for name, table in unseen.items()
}
x, y = design(train), train.late.to_numpy("float64")

# %% [markdown]
# Keras builds such a model from four values. Training keeps the weights of the best epoch
# (**early stopping**), so a model's score after *e* epochs is the lowest validation log loss until then.

# %%
import keras

BATCH = 256
RATES = 10 ** np.arange(-4, 1.1, 0.5)  # the eleven learning rates of the table below, 0.0001 to 10
UNITS, LAYERS, PENALTIES = (4, 8, 16), (1, 2), (0.0, 1e-3)


def build(learning_rate, units, layers, l2):
    """A Keras model with these hyperparameters; it gives out the logit of being late."""
    penalty = {"kernel_regularizer": keras.regularizers.L2(l2)}
    hidden = [keras.layers.Dense(units, "relu", **penalty) for _ in range(layers)]
    model = keras.Sequential([keras.Input([x.shape[1]]), *hidden, keras.layers.Dense(1, **penalty)])
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(learning_rate), loss)
    return model


# %% tags=["folded"]
# Many such models side by side. Adam works weight by weight, so none of them knows of the others.
import tensorflow as tf


def first_weights(units, layers, draw):
    """Glorot's uniform first weights, and biases of zero."""
    sizes = [x.shape[1], *[units] * layers, 1]
    pairs = list(zip(sizes, sizes[1:], strict=False))
    return [
        part for i, o in pairs for part in (draw.uniform(-1, 1, (i, o)) * np.sqrt(6 / (i + o)), np.zeros(o))
    ]


class SideBySide:
    """`size` models of `build`, trained in float64 by the same batches; smaller ones are masked."""

    def __init__(self, size):
        def new(*shape):
            return tf.Variable(tf.zeros((size, *shape), tf.float64))

        n, most = x.shape[1], max(UNITS)
        shapes = [(n, most), (1, most), (most, most), (1, most), (most, 1), (1, 1)]
        self.weights, self.m, self.v = ([new(*shape) for shape in shapes] for _ in range(3))
        self.rate, self.l2, self.deep, self.mask = new(1, 1), new(1, 1), new(1, 1), new(1, most)
        self.t = tf.Variable(0.0, dtype=tf.float64)

    def load(self, configurations, seeds):
        """Give each model its hyperparameters and the first weights of its seed."""
        weights, mask = [np.zeros(w.shape) for w in self.weights], np.zeros(self.mask.shape)
        for k, (values, number) in enumerate(zip(configurations, seeds, strict=True)):
            units, layers = values["units"], values["layers"]
            first = first_weights(units, layers, np.random.default_rng(number))
            mask[k, :, :units] = 1
            weights[0][k, :, :units], weights[4][k, :units] = first[0], first[-2]
            if layers == 2:
                weights[2][k, :units, :units] = first[2]
        zeros = [np.zeros(w.shape) for w in self.weights]
        for variables, arrays in ((self.weights, weights), (self.m, zeros), (self.v, zeros)):
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
        self.mask.assign(mask)
        self.t.assign(0.0)
        for variable, name in ((self.rate, "learning_rate"), (self.l2, "l2"), (self.deep, "layers")):
            variable.assign(np.reshape([float(c[name]) for c in configurations], variable.shape))

    def logits(self, batch):
        w = self.weights
        one = tf.nn.relu(tf.matmul(batch, w[0]) + w[1]) * self.mask
        two = tf.nn.relu(tf.matmul(one, w[2]) + w[3]) * self.mask
        return (tf.matmul(tf.where(self.deep > 1, two, one), w[4]) + w[5])[..., 0]

    @tf.function(autograph=False)
    def step(self, batch, target):
        with tf.GradientTape() as tape:
            out = self.logits(batch)
            losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.broadcast_to(target, tf.shape(out)), out)
            loss = tf.reduce_sum(losses) / BATCH
            loss += sum(tf.reduce_sum(self.l2 * w**2) for w in self.weights[::2])
        self.t.assign_add(1.0)
        pace = self.rate * tf.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        gradients = tape.gradient(loss, self.weights)
        for w, m, v, g in zip(self.weights, self.m, self.v, gradients, strict=True):
            m.assign(0.9 * m + 0.1 * g)
            v.assign(0.999 * v + 0.001 * g * g)
            w.assign_sub(pace * m / (tf.sqrt(v) + 1e-7))

    @tf.function(autograph=False)
    def chances(self, batch):
        return tf.sigmoid(self.logits(batch))


def losses_of(chances, outcomes):
    """Log loss of each flight."""
    return -np.log(np.clip(np.where(outcomes == 1, chances, 1 - chances), 1e-7, 1))


def trained(side, configurations, seeds, epochs):
    """Validation loss by model and epoch; each model's chances for the unseen flights, at its best epoch."""
    side.load(configurations, seeds)
    kept, best, curve = [w.numpy() for w in side.weights], np.full(len(seeds), np.inf), []
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        for batch in order.permutation(rows)[: rows // BATCH * BATCH].reshape(-1, BATCH):
            side.step(x[batch], y[batch])
        loss = losses_of(side.chances(inputs["validation"]).numpy(), late["validation"]).mean(axis=1)
        curve.append(loss)
        better = loss < best
        best = np.minimum(loss, best)
        for mine, w in zip(kept, side.weights, strict=True):
            mine[better] = w.numpy()[better]
    for w, mine in zip(side.weights, kept, strict=True):
        w.assign(mine)
    chances = {
        name: np.concatenate([side.chances(part).numpy() for part in np.array_split(array, 30)], axis=1)
        for name, array in inputs.items()
    }
    return np.array(curve).T, chances


# %% [markdown]
# Now the trick that makes this lesson possible in a minute. A tuner's trial of such a network costs
# seconds, for building and tracing alone. So all configurations of a grid are trained once, side by side,
# and whoever asks later looks the answer up. Such a **tabular benchmark** (Klein and Hutter, 2019) lets
# tuners be compared as often as one likes, and the best is known.

# %%
import itertools

grid = [
    dict(zip(("learning_rate", "units", "layers", "l2"), values, strict=True))
    for values in itertools.product(RATES, UNITS, LAYERS, PENALTIES)
]
side = SideBySide(len(grid) // 2)

# %% tags=["folded"]
# Half of the grid at a time


def train_all(configurations, seeds, epochs):
    """As `trained`, for any number of configurations that is a multiple of the side's size."""
    size = len(grid) // 2
    parts = [
        trained(side, configurations[i : i + size], seeds[i : i + size], epochs)
        for i in range(0, len(seeds), size)
    ]
    curves, chances = zip(*parts, strict=True)
    return np.concatenate(curves), {name: np.concatenate([c[name] for c in chances]) for name in inputs}


# %%
curves, chances = train_all(grid, [seed] * len(grid), epochs)
scores = np.minimum.accumulate(curves, axis=1)  # by configuration and epoch: the best so far
table = pd.DataFrame(grid).assign(loss=scores[:, -1])
best = table.loss.min()

# %% tags=["folded", "rtol=0.001"]
# One of them again, by Keras alone
plain = build(**grid[60])
plain.set_weights(first_weights(grid[60]["units"], grid[60]["layers"], np.random.default_rng(seed)))
order = np.random.default_rng(seed).permutation(rows)[: rows // BATCH * BATCH].reshape(-1, BATCH)
for batch in order:
    plain.train_on_batch(x[batch], y[batch])
logit = plain.predict_on_batch(inputs["validation"])[:, 0]
by_keras = losses_of(1 / (1 + np.exp(-logit)), late["validation"]).mean()
figures.md(
    f"{len(grid)} configurations, {len(grid) * epochs:,} epochs. One of them, trained for an epoch by Keras "
    f"alone: {by_keras:.4f}; in the table: {curves[60, 0]:.4f}."
)

# %% tags=["claim"]
assert abs(by_keras - curves[60, 0]) < 1e-4, "the table holds what Keras would have given"

# %% tags=["folded"]
# The picture of learning rates
above = 1000 * (table.loss - best)
by_rate = above.groupby(table.learning_rate).agg(["min", "median", "max"])
by_rate.index = pd.Index([f"{rate:.1g}" if rate < 0.1 else f"{rate:.2g}" for rate in RATES], name="rate")
by_rate.columns = ["best of 12", "median", "worst of 12"]

# %% tags=["atol=1", "folded"]
figures.lines(
    by_rate[["best of 12", "median"]],
    "The learning rate decides: too small and too large both lose",
    x="learning rate (each step is a factor of about 3)",
    y="log loss above the best, × 1,000",
    form="{:.0f}",
)

# %% tags=["folded", "atol=1"]
# How much of the variance of all scores each hyperparameter explains by itself
capped = above.clip(upper=above.quantile(0.75))
names = ["learning_rate", "units", "layers", "l2"]
share = pd.Series(
    {name: capped.groupby(table[name]).transform("mean").var() / capped.var() for name in names}
)
architectures = above.groupby([table.layers, table.units]).agg(["min", "median"])
n = x.shape[1]
architectures.insert(
    0, "weights", [(n + 1) * u + (k - 1) * (u + 1) * u + u + 1 for k, u in architectures.index]
)
figures.md(
    "Of the scores' variance (capped at their upper quartile, as some diverge) each alone explains: "
    f"{', '.join(f'{name} {part:.0%}' for name, part in share.items())}."
)
figures.table(
    architectures.rename(columns={"min": "best above the winner", "median": "median above"}),
    caption="A small architecture search: six architectures, each with 22 settings (log loss × 1,000)",
    formats={"best above the winner": "{:.0f}", "median above": "{:.0f}"},
)

# %% tags=["claim"]
assert by_rate["median"].idxmin() not in by_rate.index[[0, 1, -1, -2]], "both ends of the scale lose"
assert share.learning_rate > 5 * share.drop("learning_rate").max(), (
    "the learning rate explains more than five times what any other does"
)
assert architectures["min"].max() < by_rate["best of 12"].iloc[[0, 1, -1]].min(), (
    "the worst architecture, well set, beats each architecture at either end of the scale"
)

# %% [markdown]
# The **architecture search** is no other kind of search: layers and units are hyperparameters, too. Here
# each of the six architectures comes near the winner when it is set well, and none does at either end of
# the learning rates. Taken alone, the learning rate explains more than five times as much of the scores'
# variance as any of the others.
#
# A search space says from where to draw. Keras Tuner asks a function, which names hyperparameters on `hp`:
# `hp.Int("batch", 32, 256, step=32)`, `hp.Choice("activation", ["relu", "tanh"])`,
# `hp.Float("momentum", 0.1, 0.9)`. What acts by factors is drawn by factors (`sampling="log"`): then each
# power of ten gets as many draws. Four draws between 0.0001 and 10:
#
# | share of the way | linear | log |
# | ---: | ---: | ---: |
# | 0 % | 0.0001 | 0.0001 |
# | 20 % | 2.0 | 0.001 |
# | 60 % | 6.0 | 0.1 |
# | 100 % | 10 | 10 |

# %% [markdown] exercise="3.1a"
# ### Exercise 3.1a: Draw the space (2 points)
#
# Write `space(hp)`, a search space for Keras Tuner. It registers four hyperparameters on `hp`, by these
# names: `learning_rate`, a float from 0.0001 to 10, as many draws in each power of ten; `units`, one of
# 4, 8, 16; `layers`, 1 or 2; `l2`, one of 0.0 and 0.001. Nothing needs to be returned. All searches below
# use your space.


# %% tags=["starter"] exercise="3.1a"
def space(hp):
    """Register learning_rate, units, layers and l2 on a kt.HyperParameters."""
    ...


# %% tags=["solution"] exercise="3.1a"
def space(hp):
    """Register learning_rate, units, layers and l2 on a kt.HyperParameters."""
    hp.Float("learning_rate", 1e-4, 10.0, sampling="log")
    hp.Choice("units", [4, 8, 16])
    hp.Int("layers", 1, 2)
    hp.Choice("l2", [0.0, 1e-3])


# %% exercise="3.1a"
space = lesson.check("3.1a", space=space)

# %% [markdown]
# A tuner has two halves. The **oracle** proposes values and remembers results; the **tuner** builds and
# trains. `kt.RandomSearch`, `kt.Hyperband` and `kt.BayesianOptimization` are both in one. We take their
# oracles and a training of our own: the table. A proposed learning rate is looked up at the nearest of the
# table's eleven, by its logarithm.

# %%
import contextlib
import io
import tempfile

import keras_tuner as kt


class Search(kt.Tuner):
    """Keras Tuner's search with ask(values, epochs) in place of a training; it returns a loss."""

    def __init__(self, oracle, ask, **folder):
        self.ask = ask
        with contextlib.redirect_stdout(io.StringIO()):  # it prints the folder it reloads
            super().__init__(oracle=oracle, **folder)

    def run_trial(self, trial, **options):
        values = trial.hyperparameters.values
        return self.ask(values, values.get("tuner/epochs", epochs))


# %%
rank = {tuple(values.values()): number for number, values in enumerate(grid)}


def nearest(values):
    """The number of the grid's configuration that is nearest to the proposed values."""
    step = np.abs(np.log(RATES) - np.log(values["learning_rate"])).argmin()
    return rank[RATES[step], values["units"], values["layers"], values["l2"]]


def look_up(values, epochs):
    """The lowest validation loss of these hyperparameters within so many epochs."""
    return float(scores[nearest(values), epochs - 1])


# %% [markdown]
# What the wrong scale costs: random search, 13 trials, from your space and from the same space drawn
# linearly. Each search has a seed of its own, and the seeds lie far apart on purpose: Keras Tuner draws
# its *n*-th proposal with seed + *n*, so that seeds 1 and 2 search nearly the same configurations. (And
# `seed=0` counts as none.)

# %%
GOAL = kt.Objective("val_loss", "min")


def hyperparameters(space):
    """The HyperParameters that a space function registers."""
    hp = kt.HyperParameters()
    space(hp)
    return hp


def linear(hp):
    """The same space with a linear learning rate."""
    hp.Float("learning_rate", 1e-4, 10.0)
    hp.Choice("units", UNITS)
    hp.Int("layers", 1, 2)
    hp.Choice("l2", PENALTIES)


# %% tags=["folded"]
# One search on the table, and what it paid
def search(oracle):
    """Search the table. By trial: epochs paid so far, lowest loss so far, and which configuration had it."""
    with tempfile.TemporaryDirectory() as folder:
        Search(oracle, look_up, directory=folder, project_name="search").search(verbose=0)
    trials = [oracle.trials[name] for name in oracle.end_order]
    told = [trial.hyperparameters.values for trial in trials]
    paid = [v.get("tuner/epochs", epochs) - v.get("tuner/initial_epoch", 0) for v in told]
    losses = np.array([trial.score for trial in trials])
    first = [int(losses[: i + 1].argmin()) for i in range(len(losses))]
    return pd.DataFrame(
        {"epochs": np.cumsum(paid), "loss": losses[first], "found": [nearest(told[i]) for i in first]}
    )


# %%
def random_search(number, space=space, trials=13):
    return search(
        kt.oracles.RandomSearchOracle(
            GOAL, max_trials=trials, hyperparameters=hyperparameters(space), seed=1000 * number + seed
        )
    )


scales = {"log": space, "linear": linear}
ends = pd.DataFrame(
    {
        name: [random_search(i, scale).loss.iloc[-1] for i in range(1, 2 * searches + 1)]
        for name, scale in scales.items()
    }
)
regret = 1000 * (ends - best)


# %% tags=["folded"]
def mean_interval(values):
    """Mean with a 95 % interval (Student's t) down the rows."""
    from scipy.stats import t

    half = t.ppf(0.975, len(values) - 1) * values.std(axis=0, ddof=1) / len(values) ** 0.5
    return values.mean(axis=0), values.mean(axis=0) - half, values.mean(axis=0) + half


# %% tags=["folded", "atol=1"]
mean, low, high = mean_interval(regret)
figures.bars(
    mean,
    "Drawn linearly, the same search with the same budget ends far from the best",
    x=f"log loss above the best, × 1,000: mean of {2 * searches} searches, 95 % interval",
    errors={None: (low, high)},
    form="{:.0f}",
)

# %% tags=["claim"]
assert by_rate["best of 12"].iloc[-3:].min() > 50, "from 1 upwards no model is good"
assert low["linear"] > 2 * high["log"], "linear sampling loses more than twice as much"

# %% [markdown]
# On a linear scale 94 of 100 draws are nearest to 1 or more, where the table has no good model. The budget
# was spent there: the regret is more than twice that of the log scale. How much it costs hangs on the range.
# Ours, up to 10, was chosen after we had seen a neighbouring grid: wide enough for the mistake to show.
#
# **On Monday:** look through your search spaces for a `Float` that spans several powers of ten without
# `sampling="log"`.

# %% [markdown]
# ## 2 Early stopping as a lower fidelity
#
# Most configurations show early that they are bad. If few epochs tell nearly what all would, one can ask
# many configurations briefly and only the best of them for long.

# %% tags=["folded", "atol=0.02"]
# How well the order after a few epochs tells the order after all
from scipy.stats import spearmanr

fidelity = pd.Series({e: spearmanr(scores[:, e - 1], scores[:, -1]).statistic for e in (1, 3, 9)})
figures.lines(
    fidelity.to_frame("rank correlation"),
    f"Ranks after one epoch correlate by {fidelity[1]:.1f} with the last, after nine by {fidelity[9]:.1f}",
    x="epochs",
    y="rank correlation with the final loss",
    form="{:.2f}",
)

# %% tags=["claim"]
assert fidelity.is_monotonic_increasing, "the longer, the better told"
assert 0.4 < fidelity[1] < 0.9 < fidelity[9], "told in part after one epoch, nearly all after nine"

# %% [markdown]
# **Successive halving** does so in rounds: train *n* configurations for *r* epochs, keep the best third,
# give those three times as many epochs in all, and so on. How many should start? Many starters have
# little time each, and a slow one is thrown out wrongly. **Hyperband** (Li et al., 2018) plays several
# **brackets**, from many short starts to a few long ones. With *R* epochs at most and a factor η, bracket
# *s* = *s*max … 0, where *s*max is the largest *s* with η^*s* ≤ *R*:
#
# - starts with *n* = ⌈(*s*max + 1) / (*s* + 1) · η^*s*⌉ configurations, at *R* / η^*s* epochs;
# - round *i* = 0 … *s* has ⌊*n* / η^*i*⌋ configurations, at η^*i* times the first epochs.
#
# For *R* = 9 and η = 3, *s*max is 2. By hand:
#
# | bracket | round 0 | round 1 | round 2 |
# | --- | --- | --- | --- |
# | *s* = 2 | ⌈3/3 · 9⌉ = 9 at 1 | ⌊9/3⌋ = 3 at 3 | ⌊9/9⌋ = 1 at 9 |
# | *s* = 1 | ⌈3/2 · 3⌉ = 5 at 3 | ⌊5/3⌋ = 1 at 9 | |
# | *s* = 0 | ⌈3/1 · 1⌉ = 3 at 9 | | |

# %% [markdown] exercise="3.1b"
# ### Exercise 3.1b: Hyperband's brackets (1 point)
#
# Write `brackets(most, factor)`: the brackets, first the one with the most starters; each a list of pairs
# (configurations, epochs), one per round. For `brackets(9, 3)` that is
# `[[(9, 1), (3, 3), (1, 9)], [(5, 3), (1, 9)], [(3, 9)]]`. Epochs may be fractions (`most` 10, factor 3:
# 10/9). Beware of logarithms: `math.log(243, 3)` is 4.999….


# %% tags=["starter"] exercise="3.1b"
def brackets(most, factor):
    """Hyperband's rounds by bracket: lists of (configurations, epochs)."""
    ...


# %% tags=["solution"] exercise="3.1b"
import math


def brackets(most, factor):
    """Hyperband's rounds by bracket: lists of (configurations, epochs)."""
    largest = 0
    while factor ** (largest + 1) <= most:
        largest += 1
    plan = []
    for s in range(largest, -1, -1):
        start = math.ceil((largest + 1) * factor**s / (s + 1))
        plan.append([(start // factor**i, most * factor**i / factor**s) for i in range(s + 1)])
    return plan


# %% exercise="3.1b"
brackets = lesson.check("3.1b", brackets=brackets)

# %% [markdown]
# Against the paper's table for *R* = 81, and against what Keras Tuner really does: we let it search, and
# count its trials by bracket and round.

# %%
import collections


def hyperband(number, most=epochs, ask=look_up):
    oracle = kt.oracles.HyperbandOracle(
        GOAL, max_epochs=most, factor=3, hyperparameters=hyperparameters(space), seed=1000 * number + seed
    )
    return oracle, search(oracle)


oracle, first_hyperband = hyperband(1)
done = collections.Counter(
    (t.hyperparameters.values["tuner/bracket"], t.hyperparameters.values["tuner/round"])
    for t in oracle.trials.values()
)
plan = brackets(epochs, 3)

# %% tags=["folded"]
rounds = pd.DataFrame(
    [
        (len(bracket) - 1, i, f"{at:.0f}", count, done[len(bracket) - 1, i])
        for bracket in plan
        for i, (count, at) in enumerate(bracket)
    ],
    columns=["bracket", "round", "epochs", "by the paper", "by Keras Tuner"],
)
starts = [bracket[0] for bracket in brackets(81, 3)]
figures.md(
    f"*R* = 81: {', '.join(f'{n} at {at:.0f}' for n, at in starts)} epochs, as in the paper. "
    f"Keras Tuner's search with *R* = {epochs} paid {first_hyperband.epochs.iloc[-1]} epochs."
)
figures.table(rounds)

# %% tags=["claim"]
assert [n for n, _ in starts] == [81, 34, 15, 8, 5], "81, 34, 15, 8, 5 configurations"
assert [round(at) for _, at in starts] == [1, 3, 9, 27, 81], "at 1, 3, 9, 27, 81 epochs"
first_rounds = rounds[rounds["round"] == 0]
assert (first_rounds["by the paper"] == first_rounds["by Keras Tuner"]).all(), "the starts agree"
more = rounds[rounds["by the paper"] != rounds["by Keras Tuner"]]
assert len(more) == 1 and (more["by Keras Tuner"] > more["by the paper"]).all(), "one round keeps one more"

# %% [markdown]
# All brackets start as the paper says. One round keeps one configuration more: Keras Tuner rounds up
# where the paper rounds down. And it goes on from the saved weights, so that a promoted configuration
# pays only for the epochs it hasn't had; the count of epochs above says so.
#
# **On Monday:** compute what a Hyperband run will cost before you start it.

# %% [markdown]
# ## 3 One budget for all
#
# Who compares tuners by trials compares nothing: a trial of Hyperband may be one epoch. All get what one
# Hyperband takes, counted in epochs: 13 whole trainings fit in.
#
# - **Random search** (Bergstra and Bengio, 2012) ignores what it has seen.
# - **Bayesian optimization** fits a Gaussian process to the losses so far and proposes where a low loss is
#   likely or little is known. It begins with random trials: by default three for each hyperparameter. With
#   four that is 12 of our 13, so it would be random search under another name. We say 5. And to save minutes
#   we change the tuner: before each proposal Keras Tuner fits its process from 21 starts, ours from 3. From
#   the sixth trial on it may propose others than the library's own; "Bayesian" below is this variant.
# - **By hand:** colleagues start at Keras's default learning rate, 0.001, with the largest network and no
#   penalty. They change one thing at a time, learning rates by tens, and keep what helps. Each goes through
#   the four in an order of his own.

# %% tags=["folded"]
# Keras Tuner's Gaussian process is scikit-learn's, asked thousands of times for one point: this is faster
import warnings

from scipy.linalg import cho_solve
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor

# A length scale at its lower bound: the first few points say little
warnings.filterwarnings("ignore", category=ConvergenceWarning, module="sklearn.gaussian_process")


class QuickProcess(GaussianProcessRegressor):
    """The same regressor, predicting one point with the Matérn 5/2 kernel written out."""

    def fit(self, X, y):
        super().fit(X, y)
        self.inverse_ = cho_solve((self.L_, True), np.eye(len(X)))
        return self

    def predict(self, X, return_std=False):
        far = np.sqrt(5 * ((self.X_train_ - X) ** 2).sum(axis=1)) / self.kernel_.length_scale
        near = (1 + far + far**2 / 3) * np.exp(-far)
        spread = max(1 - near @ self.inverse_ @ near, 0) ** 0.5 * self._y_train_std
        return np.array([near @ self.alpha_ * self._y_train_std + self._y_train_mean]), np.array([spread])


def quicker(oracle):
    """The oracle with the quick process, fitted from three starts in place of 21."""
    oracle.gpr = QuickProcess(
        oracle.gpr.kernel, alpha=oracle.alpha, normalize_y=True, n_restarts_optimizer=2, random_state=seed
    )
    return oracle


# %%
def bayesian(number):
    oracle = kt.oracles.BayesianOptimizationOracle(
        GOAL,
        max_trials=13,
        num_initial_points=5,
        hyperparameters=hyperparameters(space),
        seed=1000 * number + seed,
    )
    return search(quicker(oracle))


# %% tags=["folded"]
# Colleagues who search by hand
def by_hand(number):
    """One thing at a time from the tutorial's values, in an order of one's own; what helps is kept."""
    draw = np.random.default_rng(1000 * number + seed)
    now = {"learning_rate": 1e-3, "units": 16, "layers": 2, "l2": 0.0}
    asked = [nearest(now)]
    for name in np.concatenate([draw.permutation(list(now)) for _ in range(4)]):
        tens = [now["learning_rate"] * 10, now["learning_rate"] / 10]
        for value in {"learning_rate": tens, "units": UNITS, "layers": LAYERS, "l2": PENALTIES}[name]:
            other = nearest(now | {name: value})
            if other not in asked and len(asked) < 13:
                asked.append(other)
            if scores[other, -1] < scores[nearest(now), -1] and other in asked:
                now = grid[other]
    losses = scores[asked, -1]
    found = [asked[losses[: i + 1].argmin()] for i in range(len(asked))]
    paid = epochs * np.arange(1, len(asked) + 1)
    return pd.DataFrame({"epochs": paid, "loss": scores[found, -1], "found": found})


# %% [markdown]
# Before they run: which of the tuners will be nearest to the best when the budget is spent, on average over
# twelve searches each?

# %% prediction="3.1p1"
guess = ...  # "random", "Hyperband" or "Bayesian"
lesson.predict("3.1p1", guess, among=("random", "Hyperband", "Bayesian"))

# %%
numbers = range(1, searches + 1)
runs = {
    "random": [random_search(i) for i in numbers],
    "Hyperband": [hyperband(i)[1] for i in numbers],
    "Bayesian": [bayesian(i) for i in numbers],
    "by hand": [by_hand(i) for i in numbers],
}

# %% tags=["folded", "atol=1"]
# Regret at each budget
spent = epochs * np.arange(1, 14)
paths = {
    name: np.array([[1000 * (run.loss[run.epochs <= e].min() - best) for e in spent] for run in several])
    for name, several in runs.items()
}
middle = pd.DataFrame({name: path.mean(axis=0) for name, path in paths.items()}, spent)
bands = {name: mean_interval(path)[1:] for name, path in paths.items()}
figures.lines(
    middle.loc[81:],
    "With the same epochs paid, Hyperband is on average nearer to the best than the others",
    x="epochs paid, from three whole trainings on",
    y="log loss above the best, × 1,000",
    form="{:.0f}",
    bands={name: (low[2:], high[2:]) for name, (low, high) in bands.items()},
)


# %% tags=["folded"]
def difference(one, other):
    """Mean of one minus mean of the other, with a 95 % interval (Welch)."""
    from scipy.stats import ttest_ind

    test = ttest_ind(one, other, equal_var=False)
    interval = test.confidence_interval(0.95)
    return one.mean() - other.mean(), interval.low, interval.high


# %% tags=["atol=1"]
last = {name: path[:, -1] for name, path in paths.items()}
against = pd.DataFrame(
    {name: difference(last[name], last["random"]) for name in ("Hyperband", "Bayesian", "by hand")},
    ["against random search", "from", "to"],
).T.rename_axis("at the end of the budget")
lesson.reveal("3.1p1", min(("random", "Hyperband", "Bayesian"), key=lambda name: last[name].mean()))
figures.table(against, formats=dict.fromkeys(against, "{:+.0f}"))

# %% tags=["claim"]
assert (middle["Hyperband"] < middle.drop(columns="Hyperband").min(axis=1)).all(), "nearer with each budget"
assert np.allclose(paths["random"][:, :5], paths["Bayesian"][:, :5]), "the first five trials are the same"
assert -3 < against.to["Hyperband"] < 0, "Hyperband's interval just leaves out zero"
_, from_hand, to_hand = difference(last["Hyperband"], last["by hand"])
assert from_hand < 0 < to_hand, "Hyperband and the colleagues can't be told apart"
assert against["from"]["by hand"] < 0 < against.to["by hand"], "by hand and random can't be told apart"
assert against["from"]["Bayesian"] < 0 < against.to["Bayesian"], "Bayesian and random can't be told apart"

# %% [markdown]
# Hyperband is ahead of random search by an interval that just leaves out zero; as one of three comparisons
# that is weak evidence. Bayesian optimization and random search can't be told apart. Nor can the colleagues,
# who know the scale from tutorials, and either random search or Hyperband. (Random and Bayesian share their
# first five trials: same space, same seeds.) The intervals are over searches of this one table, where one
# hyperparameter decides and a bad one shows early. Elsewhere the order may be another.
#
# What does the search cost? 351 epochs are 13 trainings: a model that took an hour takes half a day. The
# bill is paid again at each retraining, if the search is repeated. What it bought, section 5 says. (A
# tuner thinks, too: the Gaussian process is fitted anew before each proposal. That is not counted here.)
#
# **On Monday:** write beside each tuned model how many epochs its search has paid, and how many
# configurations it has asked: that is the *n* of section 6.

# %% [markdown]
# ## 4 A search that is killed
#
# A search runs for hours on a machine that may be taken away. Keras Tuner writes each trial and the
# oracle's state to `directory/project_name`, before and after the trial. Whether the next process goes on
# from there, or throws all away, is one argument: `overwrite`.

# %% [markdown] exercise="3.1c"
# ### Exercise 3.1c: Go on (2 points)
#
# Write `go_on(ask, folder)`: a random search with `Search` (above) for the objective `GOAL`, 12 trials in
# your `space` with seed 7, which keeps its state in `folder` under the project name `"night"`. It runs
# the search, and returns the best values, a dict (`tuner.get_best_hyperparameters()` is a list, the best
# first; each has `.values`). It may be killed at any moment and called again with the same folder, by a
# new process that knows nothing: then it asks only for what is missing, and ends as if nothing had
# happened. (`search(verbose=0)` is quiet.) Calls in a row on one folder:
#
# | call | killed in trial | asks | returns |
# | --- | --- | --- | --- |
# | first | 5 | 5 times | – |
# | second | – | 8 times: the 5th again, 6 to 12 | the best of 12 |
# | third | – | never | the same |


# %% tags=["starter"] exercise="3.1c"
def go_on(ask, folder):
    """Search, or go on with the search in this folder; the best values as a dict."""
    ...


# %% tags=["solution"] exercise="3.1c"
def go_on(ask, folder):
    """Search, or go on with the search in this folder; the best values as a dict."""
    oracle = kt.oracles.RandomSearchOracle(
        GOAL, max_trials=12, hyperparameters=hyperparameters(space), seed=7
    )
    tuner = Search(oracle, ask, directory=folder, project_name="night", overwrite=False)
    tuner.search(verbose=0)
    return tuner.get_best_hyperparameters()[0].values


# %% exercise="3.1c"
go_on = lesson.check("3.1c", go_on=go_on)

# %% [markdown]
# Now for real: a process of its own runs your search and is killed by the system in its fifth trial
# (`SIGKILL`, which no program can catch). Then this process goes on, and a third search is never disturbed.

# %% tags=["folded"]
# Questions that are noted in a file, as their process may be killed
import multiprocessing
import os
import pathlib
import signal


def asking(log, killed_in=None):
    """An ask that notes each question in a file, and gets its process killed in one of them."""

    def ask(values, epochs):
        with open(log, "a") as notes:
            notes.write(f"{nearest(values)}\n")
        if len(log.read_text().split()) == killed_in:
            os.kill(os.getpid(), signal.SIGKILL)
        return look_up(values, epochs)

    return ask


# %%
with tempfile.TemporaryDirectory() as place:
    night, quiet = pathlib.Path(place, "night"), pathlib.Path(place, "quiet")
    logs = [pathlib.Path(place, name) for name in ("first", "second", "undisturbed")]
    process = multiprocessing.get_context("fork").Process(target=go_on, args=(asking(logs[0], 5), str(night)))
    process.start()
    process.join()
    resumed = go_on(asking(logs[1]), str(night))
    undisturbed = go_on(asking(logs[2]), str(quiet))
    first, second, whole = (log.read_text().split() for log in logs)

# %% tags=["folded"]
figures.table(
    pd.DataFrame(
        {
            "ended by": [f"signal {-process.exitcode}", "itself", "itself"],
            "trials asked": [len(first), len(second), len(whole)],
            "their numbers in the table": [" ".join(asked) for asked in (first, second, whole)],
        },
        pd.Index(["killed", "gone on", "undisturbed"], name="process"),
    )
)

# %% tags=["claim"]
assert process.exitcode == -signal.SIGKILL and len(first) == 5, "killed in its fifth trial"
assert first[:4] + second == whole and resumed == undisturbed, "as if nothing had happened"

# %% [markdown]
# Only the trial that was under way is done again. The sequence of configurations is that of the undisturbed
# search, because the oracle's seed is saved with it.
#
# **On Monday:** kill your tuner once on purpose, and look whether it goes on.

# %% [markdown]
# ## 5 What was found, in months not seen
#
# All this was measured on 2,000 flights of May, which every trial was allowed to see. What is the found
# model worth against the tutorial's values (0.001, 16 units, two layers, no penalty)? First the winner,
# the best of all 132, then what each tuner found. The same models on three sets: the flights that chose,
# other flights of the same days, and the month after. Intervals draw days, as flights of one day share
# their weather. Dollars are those of lesson 1.1: an alert costs 30, and saves 100 if the flight is late.


# %% tags=["folded"]
def by_day(values, when):
    """Mean over flights, with a 95 % interval from drawing days."""
    sums = pd.Series(values).groupby(when).agg(["sum", "count"]).to_numpy()
    picks = np.random.default_rng(seed).integers(0, len(sums), (2000, len(sums)))
    total, count = sums[picks].sum(axis=1).T
    return [values.mean(), *np.quantile(total / count, [0.025, 0.975])]


def earned(chances, outcomes):
    """Dollars each flight earns with an alert from a chance of 0.3 upwards."""
    return (chances >= 0.3) * (100 * outcomes - 30)


# %%
winner = int(scores[:, -1].argmin())
tutorial = nearest({"learning_rate": 1e-3, "units": 16, "layers": 2, "l2": 0.0})
losses = {name: losses_of(chances[name], late[name]) for name in inputs}

# %% tags=["folded"]
# Gain in log loss and in dollars, and the ranks, on each set
gain, dollars, ranks = {}, {}, {}
for name in inputs:
    gain[name] = by_day(1000 * (losses[name][tutorial] - losses[name][winner]), days[name])
    money = earned(chances[name][[winner, tutorial]], late[name])
    dollars[name] = by_day(1000 * (money[0] - money[1]), days[name])
    order = losses[name].mean(axis=1)
    ranks[name] = (
        int((order < order[winner]).sum()) + 1,
        spearmanr(order, losses["validation"].mean(axis=1)).statistic,
    )
ends_as = ["gain", "from", "to"]
gain, dollars = pd.DataFrame(gain, ends_as).T, pd.DataFrame(dollars, ends_as).T
ranks = pd.DataFrame(ranks, [f"winner's rank of {len(grid)}", "rank correlation with validation"]).T

# %% tags=["atol=1", "folded"]
figures.bars(
    gain.gain,
    "The winner's lead over the tutorial's values shrinks on other flights; in June there is none to be told",
    x="lower log loss than the tutorial's model, × 1,000; 95 % interval over days",
    errors={None: (gain["from"], gain.to)},
    form="{:+.0f}",
)

# %% tags=["folded", "atol=1"]
# How much of a lead is the luck of the best: choose by other 2,000 flights of May, many times
pool = np.concatenate([losses["validation"], losses["other flights of May"]], axis=1)
picker, luck = np.random.default_rng(seed), []
for _ in range(200):
    picked = picker.permutation(pool.shape[1])[:2000]
    on_picked, total = pool[:, picked].mean(axis=1), pool.sum(axis=1)
    on_rest = (total - 2000 * on_picked) / (pool.shape[1] - 2000)
    chosen = on_picked.argmin()
    leads = [(part[tutorial] - part[chosen]) * 1000 for part in (on_picked, on_rest)]
    luck.append([*leads, leads[0] - leads[1]])
average, low, high = mean_interval(np.array(luck))
gone = average[2], low[2], high[2]
figures.md(
    f"Chosen by other 2,000 flights of May, 200 times: the best of {len(grid)} leads on them by "
    f"{average[0]:.0f} on average, on the rest by {average[1]:.0f}. The difference is {gone[0]:.0f} "
    f"({gone[1]:.0f} to {gone[2]:.0f})."
)

# %% tags=["folded", "atol=1"]
# The same for what each tuner found: the mean of its twelve finds
finds = pd.DataFrame(
    {
        name: {
            where: 1000
            * (losses[where][tutorial].mean() - losses[where][[r.found.iloc[-1] for r in several]].mean())
            for where in inputs
        }
        for name, several in runs.items()
    }
).T
figures.table(
    finds.rename_axis("lower log loss than the tutorial's, × 1,000"), formats=dict.fromkeys(finds, "{:+.0f}")
)

# %% tags=["folded", "atol=60"]
figures.table(
    dollars.round(-1).join(ranks).rename_axis("flights"),
    caption="Dollars gained per 1,000 flights by the winner over the tutorial's model",
    formats=dict.fromkeys(ends_as, "{:+,.0f}") | {ranks.columns[0]: "{:.0f}", ranks.columns[1]: "{:.2f}"},
)

# %% tags=["claim"]
assert gain["from"]["validation"] > 0 and gain["from"]["other flights of May"] > 0, "a gain in May"
assert gain.gain["other flights of May"] < gain.gain["validation"], "the lead shrinks on other flights"
assert gone[1] > 0, "a part of the lead is the luck of the best"
assert (finds["validation"] > finds["other flights of May"]).all() and (finds["June"] < 0).all(), "all tuners"
assert late["June"].mean() > late["other flights of May"].mean() + 0.05, "in June more were late"
assert gain["from"]["June"] < 0 < gain.to["June"], "in June it can't be told"
assert dollars.gain["June"] < -1000 and abs(dollars.to["June"]) < 500, "June's dollars: less, to near zero"
for several in runs.values():
    mine = losses["June"][[run.found.iloc[-1] for run in several]].mean(axis=0)
    lead, _, most = by_day(1000 * (losses["June"][tutorial] - mine), days["June"])
    assert lead < -10 and abs(most) < 10, "each tuner's finds lose in June, by an interval to near zero"
assert ranks.iloc[1, 0] <= 5 and ranks.iloc[2, 0] > 20, "among the first in May, not in June"
assert ranks.iloc[2, 1] < 0.8 < 0.9 < ranks.iloc[1, 1], "May's order holds in May, less in June"

# %% [markdown]
# On other flights of the same days the lead shrinks. A part of that is the luck of the best of 132;
# choosing again by other flights shows how much on average. (The best epoch was chosen by the validation
# flights as well; that luck is not in this number.) What is left of the winner's lead is real, in May.
#
# In June the log loss can't tell the two apart. In dollars the winner earns less than the tutorial, by an
# interval that ends near zero. What each tuner found has a higher log loss there, too, with intervals that
# end near zero. May's order of configurations holds on other flights of May, and less in June: another
# month, with more late flights (lesson 1.7). No search on May can know that.
#
# **On Monday:** put two numbers beside the tuned model's score: the same on rows no trial has seen, and
# on a later month.

# %% [markdown]
# ## 6 What breaks in production: a test month asked two hundred times
#
# The best of *n* scores is too good, even where all *n* models are equal: it has picked its luck. The
# more are asked, the more luck. This **winner's curse** can be measured: choose by one score, then look
# at another of the same model.

# %% [markdown] exercise="3.1d"
# ### Exercise 3.1d: The best of n (1 point)
#
# Write `best_of(first, later, n)`. `first` and `later` are arrays with a score for each model, higher is
# better. Go through the models in order, in groups of `n`; what is left over at the end is no group. In
# each group the model with the highest `first` wins, the earlier one in a tie. Return two numbers: the
# winners' mean `first`, and the same winners' mean `later`. With `n` = 2:
#
# | model | first | later | |
# | --- | ---: | ---: | --- |
# | 1 | 0.81 | 0.79 | |
# | 2 | 0.83 | 0.80 | wins |
# | 3 | 0.80 | 0.78 | wins the tie |
# | 4 | 0.80 | 0.82 | |
#
# That is `(0.815, 0.79)`.


# %% tags=["starter"] exercise="3.1d"
def best_of(first, later, n):
    """Winners' mean score where they won, and later."""
    ...


# %% tags=["solution"] exercise="3.1d"
def best_of(first, later, n):
    """Winners' mean score where they won, and later."""
    groups = len(first) // n
    won = np.arange(groups) * n + np.reshape(first[: groups * n], (groups, n)).argmax(axis=1)
    return float(first[won].mean()), float(later[won].mean())


# %% exercise="3.1d"
best_of = lesson.check("3.1d", best_of=best_of)

# %% [markdown]
# First on models that differ by nothing but luck: each is right in 80 % of the cases, and asked for 2,000
# flights of its own. Then on real ones: the winning configuration trained from 132 seeds, six epochs
# each, judged on 2,000 flights of June and on the others, forty times with other flights.

# %%
draw = np.random.default_rng(seed)
coins = draw.binomial(2000, 0.8, (2, 400_000)) / 20

# %% tags=["folded"]
# Real models, and forty exams of 2,000 flights each
_, again = train_all([grid[winner]] * len(grid), range(len(grid)), 6)
hits = ((again["June"] >= 0.5) == late["June"]).astype(np.float32)
exams = []
for _ in range(40):
    asked = draw.permutation(hits.shape[1])[:2000]
    on_exam, in_all = hits[:, asked].mean(axis=1), hits.mean(axis=1)
    others = (in_all * hits.shape[1] - on_exam * 2000) / (hits.shape[1] - 2000)
    exams.append(100 * np.array([on_exam - on_exam.mean(), others - others.mean()]))

# %%
curse = pd.DataFrame(
    {
        n: {
            "equal models": np.subtract(*best_of(*coins, n)),
            "one model, 132 seeds": np.mean([np.subtract(*best_of(*exam, n)) for exam in exams]),
        }
        for n in (10, 50, 132)
    }
).T.rename_axis("best of")
of_200 = np.subtract(*best_of(*coins, 200))
together = np.corrcoef(hits[:, :2000])[np.triu_indices(len(grid), 1)].mean()

# %% tags=["folded", "atol=0.1"]
figures.bars(
    curse,
    "The best of 132 equal models looks more than two points better than it is; real ones share their luck",
    x="points of accuracy that are gone on other flights",
    form="{:.1f}",
)

# %% tags=["claim"]
found = [*curse["equal models"][[10, 50]], of_200]
assert np.allclose(found, [1.35, 1.98, 2.42], atol=0.06), "10, 50, 200: the values computed elsewhere"
assert curse["equal models"][132] > 2, "more than two points"
wins = np.array([np.subtract(*best_of(*exam, len(grid))) for exam in exams])
assert mean_interval(wins)[2] < 0.5 * curse["equal models"][132], "real ones: less than half"
assert together > 0.5, "the real models' errors go together"

# %% [markdown]
# For equal models the curse is as in theory, and 200 of them make it 2.4 points. Of the real ones less
# than half is found, if any. They are judged by the same flights and are wrong on the same ones (their
# errors correlate above one half): luck that all share can't be chosen among them.
#
# So is it safe to ask a test month two hundred times? Not if each question learns from the answers
# before. A colleague keeps the model and adds rules on top: he picks one of a hundred groups of flight
# numbers at random (their last two digits), and moves its chances a little up or down. What helps on the
# exam, 2,000 flights of June, he keeps.

# %%
exam = draw.permutation(len(late["June"]))
exam, others = exam[:2000], exam[2000:]
group = unseen["June"].flight.to_numpy() % 100
logit = np.log(chances["June"][winner] / (1 - chances["June"][winner]))


def worth(logit, flights):
    """Dollars per 1,000 of these flights."""
    return 1000 * earned(1 / (1 + np.exp(-logit[flights])), late["June"][flights]).mean()


history = [(worth(logit, exam), worth(logit, others))]
for _ in range(200):
    tweaked = logit + (group == draw.integers(100)) * draw.choice([-1, 1])
    if worth(tweaked, exam) > worth(logit, exam):
        logit = tweaked
    history.append((worth(logit, exam), worth(logit, others)))

# %% tags=["folded"]
before = earned(chances["June"][winner][others], late["June"][others])
after = earned(1 / (1 + np.exp(-logit[others])), late["June"][others])
left = by_day(1000 * (after - before), days["June"][others])
history = pd.DataFrame(history, columns=["the exam", "other flights of June"]) - history[0]

# %% [markdown]
# On the exam his rules gain more than a thousand dollars per 1,000 flights. What do they gain on the other
# flights of June?

# %% prediction="3.1p2"
guess = ...  # dollars per 1,000 flights
lesson.predict("3.1p2", guess)

# %% tags=["atol=60", "folded"]
figures.lines(
    history.round(-1),
    "Two hundred questions make the exam better; elsewhere no gain can be told",
    x="questions asked",
    y="dollars per 1,000 flights, gained",
    form="{:+,.0f}",
)
lesson.reveal("3.1p2", float(history.iloc[-1, 1].round(-2)), within=200, form="{:+,.0f} dollars")

# %% tags=["claim"]
assert history.iloc[-1, 0] > 1000, "more than a thousand dollars on the exam"
assert left[1] < 0 < left[2], "on the other flights no gain can be told"
assert left[2] < history.iloc[-1, 0] / 4, "at most a quarter of the exam's gain"

# %% [markdown]
# The exam believes in rules about flight numbers, as they were chosen by it. On the other flights of the
# very same month no gain can be told; at most it is a quarter of the exam's (95 %, days drawn). Nobody
# cheated; each step was a fair comparison. In 2015 a team had sent its models to ImageNet's test server
# some two hundred times; the organizers asked it to stay away for a year.
#
# What catches it is a set of rows that nobody has asked: locked away, with a count of each look. In
# production the next month is such a set, so compare with it before you promote.
#
# **On Monday:** find out how often your test set was asked, and by how many people. If nobody knows, it is
# a validation set.

# %% [markdown]
# ## What you did
#
# - You drew a **search space**, and saw a linear scale lose with the same budget.
# - You measured **early stopping as a lower fidelity**, and your **brackets** agree with the paper's and, but
#   for one round, with Keras Tuner's.
# - You gave four ways of searching **one budget**, and can say which of them could be told apart.
# - You wrote a search that was **killed** and went on.
# - You saw the **winner's luck** in May and in June, and a test month asked until it said yes.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# The same with Keras's own training in place of the table, as you would write it at work; about 5 minutes.
# `kt.RandomSearch` builds a model from `hp`, fits it, and keeps its weights.


# %%
def tunable(hp):
    """A model for a tuner: your space, built by `build`; repeatable."""
    keras.utils.set_random_seed(seed)
    space(hp)
    return build(**{name: hp.get(name) for name in ("learning_rate", "units", "layers", "l2")})


tf.config.experimental.enable_op_determinism()
with tempfile.TemporaryDirectory() as folder:
    tuner = kt.RandomSearch(tunable, GOAL, max_trials=2, seed=seed, directory=folder, project_name="keras")
    tuner.search(
        x,
        y,
        validation_data=(inputs["validation"], late["validation"]),
        epochs=2,
        batch_size=BATCH,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=1)],
    )
    trials = [tuner.oracle.trials[name] for name in tuner.oracle.end_order]

# %% tags=["rtol=0.02"]
figures.table(
    pd.DataFrame(
        [
            [nearest(t.hyperparameters.values), f"{t.hyperparameters.values['learning_rate']:.1g}", t.score]
            for t in trials
        ],
        columns=["nearest in the table", "learning rate", "validation loss"],
    ),
    caption="Two trials of two epochs with Keras's fit",
    formats={"validation loss": "{:.2f}"},
)

# %% [markdown]
# Early stopping here is a callback, and the tuner keeps the weights of an epoch as a file beside its state.
