# %% [markdown]
# # 1.5 A CNN and its errors
#
# The first version of a model is trained in an afternoon. Then comes the question that takes the rest of the
# year: it errs, so what do we work on next? Five colleagues have five ideas, and each has one picture that
# proves it. This lesson trains a small network on real pictures and then turns its errors into a table, in
# which an idea has a price.
#
# The product is a **re-inspection flag**. A line makes solar modules. Each cell is photographed while a
# current makes it glow (electroluminescence): what is broken stays dark. The model looks at the picture and
# flags cells that a person should see again.
#
# **You will be able to**
#
# - decide what counts as defective when the experts themselves were in doubt, and say what that decision
#   costs;
# - split pictures so that neighbours do not flatter the model, and set baselines that a network has to beat;
# - handle imbalance with class weights or with a threshold, and say what each of them really changes;
# - tag errors, and rank what to work on next by headroom × frequency × ease, with intervals;
# - catch another exposure at the camera, which no error message will tell you about.
#
# **Needs** lesson 1.3 and a first Keras model. **Takes** about 105 minutes with its exercises; the computer
# needs under a minute of that.

# %%
from helpers import lesson

lesson.begin("1.5")

# %% [markdown]
# The next cell holds what you may want to change. The unit of cost is one false alarm: a person looks at a
# sound cell for a minute.

# %% tags=["parameters"]
seed = 1
missed = 3  # what a defective cell costs that passes, in false alarms
epochs = 5
exposure = 0.8  # in the last section the camera gets this share of the light

# %% [markdown]
# ## 1 What counts as defective?
#
# The data are 2,624 pictures of single cells from 44 modules (Buerhop-Lutz et al., 2018). We take them at 64
# × 64 pixels. Experts judged each cell and said how sure they were. The source folds both into one number,
# the probability that the cell is defective.

# %%
import pandas as pd

from helpers import datasets, figures

images, frame = datasets.solar_cells(64)
probability = frame.probability.to_numpy()
counts = pd.crosstab(frame.type, frame.probability.round(2))
counts.columns = [f"{value:.2f}" for value in counts.columns]
figures.table(
    counts.assign(cells=counts.sum(axis=1)), caption="Cells by type and by "
                                                     "the experts' probability of a defect"
)

# %% [markdown]
# Here are some of them. `mono` cells are cut from one crystal and look smooth. `poly` cells are cast from
# many, and their grain is dark, too. The horizontal lines are the **busbars**, the wires that collect the
# current: they are meant to be there.

# %%
import matplotlib.pyplot as plt
import numpy as np


def gallery(rows, titles, columns, height):
    """A grid of pictures, all with the same grey scale."""
    fig, axes = plt.subplots(-(-len(rows) // columns), columns, figsize=(9, height))
    for ax in axes.flat:
        ax.axis("off")
    for ax, row, title in zip(axes.flat, rows, titles, strict=False):
        ax.imshow(images[row], cmap="gray", vmin=0, vmax=230)
        ax.set_title(title, fontsize=8, fontweight="normal", loc="center", pad=3)
    return fig


# %%
drawn = frame.groupby(["type", "probability"]).sample(2, random_state=3).index
labels = [f"{frame.type[row]} {probability[row]:.2f}" for row in drawn]
fig = gallery(drawn, labels, 8, 2.9)
figures.show(
    fig,
    alt="Sixteen cells, two of each type and probability: 0, 0.33, 0.67 and 1. Cracks and dark corners at 1; "
    "specks and grain at every probability.",
)

# %% [markdown]
# A classifier needs two classes, and here are four. Where do we cut? Suppose the experts' number means what
# it says: of the cells called 1/3, every third is defective. Then any cut puts some cells on the wrong side,
# and we can count how many to expect.

# %% [markdown] exercise="1.5a"
# ### Exercise 1.5a: Wrong labels to expect (1 point)
#
# Write `mislabelled(probability, cut)`: the share of cells, in expectation, whose label is wrong if cells
# with a probability *above* `cut` are labelled defective and all others sound. `probability` is an array. A
# cell of 1/3 labelled sound is wrong with a chance of 1/3.


# %% tags=["starter"] exercise="1.5a"
def mislabelled(probability, cut):
    """Expected share of wrong labels if everything above `cut` is called defective."""
    ...


# %% tags=["solution"] exercise="1.5a"
def mislabelled(probability, cut):
    """Expected share of wrong labels if everything above `cut` is called defective."""
    return np.where(probability > cut, 1 - probability, probability).mean()


# %% exercise="1.5a"
mislabelled = lesson.check("1.5a", mislabelled=mislabelled)

# %%
cuts = [0.2, 0.5, 0.8]
above = [probability > cut for cut in cuts]
rows = {
    "which are": ["1/3, 2/3, 1", "2/3, 1", "1"],
    "defective": [side.mean() for side in above],
    "expected wrong": [np.where(side, 1 - probability, probability).mean() for side in above],
}
figures.table(
    pd.DataFrame(rows, pd.Index([str(cut) for cut in cuts], name="defective above")),
    formats={"defective": "{:.1%}", "expected wrong": "{:.1%}"},
)

# %% [markdown]
# The cut in the middle is wrong least often, so it makes our training labels: **defective** means 2/3 or 1.
# The last column is also a limit to what these labels can teach and test: a judge who knew the truth would
# seem to err that often, and a model that agreed with every label would really err that often.
#
# For judging *decisions* we need no cut at all. A flagged cell costs one false alarm with probability 1 − p.
# A cell that passes costs `missed` with probability p. This expected cost is the **loss** from here on. A
# perfect expert, who knows p and nothing more, still pays a loss on the doubtful cells. That is our
# human-level reference, and what a model pays beyond it is its **headroom**.


# %%
def loss(probability, flagged):
    """Expected cost of each decision, in false alarms; `probability` is the experts',
    `flagged` is true or false."""
    return np.where(flagged, 1 - probability, missed * probability)


break_even = 1 / (1 + missed)
reference = loss(probability, probability > break_even)
figures.md(
    f"Flagging pays above a chance of **{break_even:.2f}** (the break-even of 1.1). An expert who knows p "
    f"loses **{100 * reference.mean():.1f}** per 100 cells; "
    f"flagging everything loses {100 * loss(probability, True).mean():.0f}, "
    f"flagging nothing {100 * loss(probability, False).mean():.0f}."
)

# %% [markdown]
# ## 2 Split, with the neighbours together
#
# Cells of one module have one maker and one history, and were photographed together. Is that a problem? Take
# the dumbest model there is: a **look-up** gives each cell the mean label of the seven training pictures most
# like it. It knows nothing of defects. We test it twice with five folds: once dealt at random, once with
# whole modules kept together.
#
# The module of a cell is not recorded. But the pictures come in the order of cutting, and counting 60 cells
# from the start of each run of one type gives 18 mono and 26 poly blocks, just as many modules as the source
# names. `solar_cells.folds` deals these blocks out so that each fold has its share of both types and of
# defects.

# %%
from helpers import solar_cells

defective = solar_cells.labels(frame)
block = solar_cells.blocks(frame)
parts = solar_cells.folds(frame, seed)
small = images.reshape(-1, 32, 2, 32, 2).mean((2, 4)).reshape(len(frame), -1)
small = (small - small.mean(1, keepdims=True)) / (small.std(1, keepdims=True) + 1)
alike = small @ small.T  # the higher, the more alike two pictures are


# %%
from sklearn.metrics import roc_auc_score


def look_up(folds):
    """The mean label of the seven most similar pictures from the other folds."""
    chance = np.empty(len(frame))
    for fold in folds:
        rest = np.setdiff1d(np.arange(len(frame)), fold)
        nearest = np.argsort(-alike[np.ix_(fold, rest)], axis=1, kind="stable")[:, :7]
        chance[fold] = defective[rest][nearest].mean(1)
    return chance


at_random = np.array_split(np.random.default_rng(seed).permutation(len(frame)), 5)
kept = {"cells dealt at random": look_up(at_random), "whole modules": look_up(parts)}
rows = [
    (name, roc_auc_score(defective, chance), np.mean((chance > 0.5) != defective))
    for name, chance in kept.items()
]
figures.table(pd.DataFrame(rows, columns=["folds", "ROC-AUC of the look-up", "wrong"]),
              formats={"wrong": "{:.1%}"})

# %% [markdown]
# A tenth of ROC-AUC out of nothing but neighbours. A network has the capacity to be such a look-up, too. So
# modules stay whole from here on.
#
# The first fold is put away as the **test** set: it is used once, in the last section. The other four are for
# development. We want to study errors, and errors are few; so we use all of development for it. Four networks
# are trained, each on three of the folds, and each judges the fold it has not seen. These are **out-of-fold**
# predictions (cross-validation that keeps the predictions instead of a mean).

# %%
test, *rounds = parts
development = np.sort(np.concatenate(rounds))
names = ["test", *(f"development {k}" for k in (1, 2, 3, 4))]
rows = [
    (len(fold), len(set(block[fold])), (frame.type[fold] == "mono").mean(), defective[fold].mean())
    for fold in parts
]
figures.table(
    pd.DataFrame(rows, pd.Index(names, name="fold"), ["cells", "modules", "mono", "defective"]),
    formats={"mono": "{:.0%}", "defective": "{:.0%}"},
)

# %% [markdown]
# ## 3 Baselines
#
# What can be had without a network? Seven numbers can be measured on each picture, with a few lines of numpy.
# They serve three times in this lesson: as a baseline, as tags for the errors, and as an input metric in
# production.


# %%
def measured(images):
    """Image statistics of each picture, without its frame of six pixels."""
    x = images[:, 6:-6, 6:-6].astype("float64")
    middle = np.median(x, axis=(1, 2), keepdims=True) + 1
    quarters = np.stack([np.median(q, axis=(1, 2)) for h in np.split(x, 2, 1) for q in np.split(h, 2, 2)])
    across, down = x[:, 1:-1, 2:] - x[:, 1:-1, :-2], x[:, 2:, 1:-1] - x[:, :-2, 1:-1]
    edge, angle = np.hypot(across, down), np.degrees(np.arctan2(down, across)) % 90
    beside = x / (np.median(x, axis=2, keepdims=True) + 1)  # against its row: busbars drop out
    return pd.DataFrame(
        {
            "brightness": x.mean((1, 2)),  # grey, 0 to 255
            "contrast": (x / middle).std((1, 2)),
            "sharpness": (edge / middle).mean((1, 2)),  # mean slope of grey
            "unevenness": np.ptp(quarters, axis=0) / middle.ravel(),  # between the quarters of the cell
            "dark area": (x < 0.6 * middle).mean((1, 2)),
            "specks": (beside < 0.88).mean((1, 2)),
            "slant": (edge * (abs(angle - 45) < 25)).sum((1, 2)) / (edge.sum((1, 2)) + 1),  # diagonal edges
        }
    )


statistics = measured(images)
figures.table(statistics.groupby(frame.type).median(), caption="Medians by type",
              formats={"brightness": "{:.0f}"})

# %% [markdown]
# Two logistic regressions, each out of fold like the networks to come: on brightness alone, and on all seven
# numbers and the type.

# %%
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


def logistic(columns):
    """Out-of-fold chances of a logistic regression; NaN on the test fold."""
    chance = np.full(len(frame), np.nan)
    for fold in rounds:
        rest = np.setdiff1d(development, fold)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=500))
        chance[fold] = model.fit(columns[rest], defective[rest]).predict_proba(columns[fold])[:, 1]
    return chance


everything = statistics.assign(mono=frame.type == "mono").to_numpy(float)
chances = {
    "no skill": np.full(len(frame), defective[development].mean()),
    "brightness alone": logistic(everything[:, :1]),
    "image statistics": logistic(everything),
}

# %% [markdown]
# ## 4 The network
#
# This is the whole model. It lives in `helpers/solar_cells.py`, because later lessons improve on it, and we
# print it from there.

# %%
import inspect

print(inspect.getsource(solar_cells.build))

# %% [markdown]
# - **Rescaling** brings the grey values to about −4 … 3. Constants, not statistics of a batch: the server
#   will do just the same.
# - **Conv2D** slides small filters over the picture. A stride of 2 halves width and height, so that later
#   layers see larger parts of the cell. The first layer strides by 4 here: most of the time is spent where
#   the picture is large.
# - **BatchNormalization** keeps the outputs of each filter at a similar scale while training; it makes so
#   short a training possible.
# - **GlobalAveragePooling2D** forgets where something was found: a crack is a crack in any corner.
# - **Dense** with a sigmoid turns the filters' averages into a chance.
#
# Before each epoch `solar_cells.turned` turns and mirrors each picture. A cracked cell is cracked from every
# side, so labels stay; 1.6 asks for which other transformations that holds.

# %%
model = solar_cells.build()
rows = [(layer.name.split("_")[0], str(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers]
kept = [row for row in rows if row[0] not in ("re", "batch")]
figures.table(
    pd.DataFrame(kept, columns=["layer", "output", "parameters"]),
    caption=f"{model.count_params():,} parameters, batch normalisation included",
)

# %% [markdown]
# ## 5 Imbalance, handled in two ways
#
# Three in ten cells are defective. That is a mild **imbalance**, and it is often handled by **class
# weights**: defective cells count more in training, so that both classes have the same total. The alternative
# is to train on the cells as they are and to move the threshold. We do both.


# %%
def out_of_fold(weigh):
    """Chances for development from four networks, each for the fold it has not seen, and the networks."""
    chance, models = np.full(len(frame), np.nan), []
    for fold in rounds:
        rest = np.setdiff1d(development, fold)
        weight = solar_cells.balanced(defective[rest]) if weigh else None
        models.append(
            solar_cells.train(
                images[rest], defective[rest], seed, epochs=epochs,
                augment=solar_cells.turned, class_weight=weight
            )
        )
        chance[fold] = solar_cells.chances(models[-1], images[fold])
    return chance, models


chances["CNN"], models = out_of_fold(weigh=False)
chances["CNN, class weights"], _ = out_of_fold(weigh=True)

# %% [markdown]
# First the ranking. **ROC-AUC** is the chance that a defective cell gets the higher number than a sound
# one; **PR-AUC** is the mean precision over all recalls. Neither knows of a threshold. The intervals come
# from drawing whole modules with repetition, because cells of a module err together; they hold the trained
# networks fixed, and say nothing of another seed.


# %%
def resampled(values, groups, resamples=1000):
    """Sums of the columns of `values` over modules drawn with repetition: [resamples, columns]."""
    sums = pd.DataFrame(values).groupby(np.asarray(groups)).sum().to_numpy()
    draws = np.random.default_rng(seed).integers(0, len(sums), (resamples, len(sums)))
    return sums[draws].sum(axis=1)


modules = block[development]
side = pd.get_dummies(modules).to_numpy(float)
times = resampled(np.eye(side.shape[1]), np.arange(side.shape[1]))  # how often each draw holds each module


def area(chance):
    """ROC-AUC in each draw of modules: of the pairs of a defective and a sound cell,
    the share in the right order."""
    bad = defective[development] > 0.5
    one, other = chance[development][bad][:, None], chance[development][~bad]
    won = side[bad].T @ ((one > other) + 0.5 * (one == other)) @ side[~bad]
    pairs = np.outer(side[bad].sum(0), side[~bad].sum(0))
    won, pairs = (np.einsum("di,ij,dj->d", times, count, times) for count in (won, pairs))
    return won / pairs


areas = {name: area(chance) for name, chance in chances.items()}


# %%
def ranking(name):
    """ROC-AUC with its 95 % interval over modules, and PR-AUC, on development."""
    score = solar_cells.scores(defective[development], chances[name][development])
    return score["ROC-AUC"], *np.quantile(areas[name], [0.025, 0.975]), score["PR-AUC"]


# %% tags=["rtol=0.015", "atol=0.003"]
rows = {name: ranking(name) for name in chances}
figures.table(
    pd.DataFrame(rows, ["ROC-AUC", "from", "to", "PR-AUC"]).T.rename_axis("development, out of fold"),
    bars={"ROC-AUC": 1, "PR-AUC": 1},
)

# %% tags=["rtol=0.03", "atol=0.004"]
low, high = np.quantile(np.subtract(areas["CNN"], areas["image statistics"]), [0.025, 0.975])
with_light = pd.Series(chances["CNN"]).corr(statistics.brightness, method="spearman")
figures.md(
    f"ROC-AUC of the CNN less that of the image statistics, on the same modules: from {low:+.3f} to "
    f"{high:+.3f}. Rank correlation of the CNN's chance with brightness: **{with_light:.2f}**."
)

# %% [markdown]
# Read this slowly, because it is the usual fate of a first network. It has learned: its interval lies far
# above no skill. But it does not beat a logistic regression on seven numbers; the interval of the difference
# lies almost wholly below zero. With 27 modules to learn from, it found what is easiest to find. The rank
# correlation says what that is: dim cells get high chances, bright ones low. Brightness is a real hint, since
# damaged cells glow less. It is also the exposure of the camera. Keep this in mind for the last section.
#
# The class weights changed next to nothing: a ranking has no threshold, and weights hardly touch the order.
# What then do they change?
#
# A weight of w on the defective cells does something simple to a well-trained model: it sees w times as many
# defects, so its odds are w times too high. An unweighted chance of 0.25 (odds 1 : 3) becomes odds of w : 3.
# Then the threshold must move along.

# %% [markdown] exercise="1.5b"
# ### Exercise 1.5b: The threshold of a weighted model (1 point)
#
# Write `threshold(weight, missed)`: the chance from which a flag pays, for a model trained with the defective
# class weighted `weight` times as much as the sound one, where a missed defect costs `missed` false alarms.
# With `weight=1` it must give the break-even.


# %% tags=["starter"] exercise="1.5b"
def threshold(weight, missed):
    """The chance, as the weighted model states it, from which flagging pays."""
    ...


# %% tags=["solution"] exercise="1.5b"
def threshold(weight, missed):
    """The chance, as the weighted model states it, from which flagging pays."""
    return weight / (weight + missed)


# %% exercise="1.5b"
threshold = lesson.check("1.5b", threshold=threshold)

# %% [markdown]
# Now the decisions: each model at 0.5, and each at the threshold that follows from the prices.

# %%
weights = solar_cells.balanced(defective[development])
weight = weights[1] / weights[0]
moved = weight / (weight + missed)
truth, doubt = defective[development], probability[development]


def per_100(cost, groups):
    """The mean cost per 100 cells, and its 95 % interval over modules."""
    sums = resampled(np.c_[cost, np.ones(len(cost))], groups)
    return 100 * cost.mean(), *np.quantile(100 * sums[:, 0] / sums[:, 1], [0.025, 0.975])


def decided(chance, at):
    """What comes of flagging from `at` on: shares, and loss per 100 cells with its interval."""
    flagged = chance[development] >= at
    score = solar_cells.scores(truth, chance[development], at)
    cost = per_100(loss(doubt, flagged), modules)
    return at, flagged.mean(), score["recall"], score["false alarms"], *cost


# %% tags=["rtol=0.04", "atol=3"]
cases = {
    "flag every cell": (np.ones(len(frame)), 0.5),
    "image statistics, break-even": (chances["image statistics"], break_even),
    "CNN, 0.5": (chances["CNN"], 0.5),
    "CNN, break-even": (chances["CNN"], break_even),
    "CNN, class weights, 0.5": (chances["CNN, class weights"], 0.5),
    "CNN, class weights, moved": (chances["CNN, class weights"], moved),
}
columns = ["threshold", "flagged", "recall", "false alarms", "loss per 100", "from", "to"]
figures.table(
    pd.DataFrame({name: decided(*case) for name, case in cases.items()}, columns).T.rename_axis("decision"),
    formats={"threshold": "{:.2f}"}
    | dict.fromkeys(["flagged", "recall", "false alarms"], "{:.0%}")
    | dict.fromkeys(["loss per 100", "from", "to"], "{:.0f}"),
    bars=["loss per 100"],
)

# %% [markdown]
# At 0.5 the weights seem to help: more defects are found and the loss falls. But compare the two rows whose
# threshold follows from the prices.

# %% tags=["atol=5"]
plain = chances["CNN"][development] >= break_even
weighted = chances["CNN, class weights"][development] >= moved
saved = {
    "class weights, against none": loss(doubt, plain) - loss(doubt, weighted),
    "CNN, break-even, against flagging every cell": loss(doubt, True) - loss(doubt, plain),
    "CNN, 0.5, against flagging every cell": loss(doubt, True)
    - loss(doubt, chances["CNN"][development] >= 0.5),
}
rows = {name: per_100(cost, modules) for name, cost in saved.items()}
figures.table(
    pd.DataFrame(rows, ["saves per 100", "from", "to"]).T.rename_axis("on the same cells"),
    caption=f"The two with a threshold from the prices agree on "
            f"{np.mean(plain == weighted):.0%} of the cells",
    formats=dict.fromkeys(["saves per 100", "from", "to"], "{:+.0f}"),
)

# %% [markdown]
# First row: the weights had moved the threshold, and little else. Moving it by hand does that without
# training again, and next year's prices need no new model. We keep the unweighted network, whose chances can
# still be read as chances, more or less:

# %% tags=["atol=0.04"]
fifth = pd.qcut(chances["CNN"][development], 5, labels=False) + 1
stated = {name: chances[name][development] for name in ("CNN", "CNN, class weights")}
means = pd.DataFrame(stated | {"share defective": truth}).groupby(fifth).mean()
figures.table(
    means.rename_axis("fifth by the CNN's chance"),
    caption="Mean chance, and what came of it",
    formats=dict.fromkeys(means, "{:.2f}"),
)

# %% [markdown]
# In four of the fifths the CNN's chance is about right; in the lowest it is too sure, and defects pass. The
# weighted network states too much in all but the lowest: its chances are no chances any more, unless one
# undoes the weight. Weights can help where a class is so rare that training gets stuck at "all sound"; with
# three in ten that is not so.
#
# The other two rows of the table before are sobering. At the break-even the CNN is expected to save something
# against flagging every cell, but with 36 modules zero is still inside the interval, just. At 0.5 nothing is
# left of the saving. And it is far from the expert's loss of section 1: there is much to do, and section 6
# asks where.
#
# ## 6 Tags for the errors
#
# We go on with the CNN at the break-even threshold. What is an **error**? A decision that costs more than the
# decision of an expert who knows p. For a cell of 1/3 that is passing it, for a cell of 0 it is flagging it.

# %% tags=["rtol=0.07"]
cells = frame.loc[development].join(statistics)
cells["block"], cells["chance"] = block[development], chances["CNN"][development]
cells["flagged"] = cells.chance >= break_even
cells["loss"] = loss(doubt, cells.flagged)
cells["headroom"] = cells.loss - reference[development]
cells["error"] = cells.headroom > 0
cells["missed"] = cells.error & ~cells.flagged
figures.md(
    f"Of {len(cells):,} cells **{cells.error.sum()}** are decided wrongly: {cells.missed.sum()} missed, "
    f"{(cells.error & cells.flagged).sum()} false alarms. Loss per 100 cells: {100 * cells.loss.mean():.1f}, "
    f"of which the experts' own doubt is {100 * reference[development].mean():.1f} "
    f"and headroom {100 * cells.headroom.mean():.1f}."
)

# %% [markdown]
# First we look. Twenty errors: the ten defective cells (p = 1) that got the lowest chance, and the ten sound
# cells (p = 0) that got the highest.

# %%
worst = pd.concat(
    [
        cells[cells.missed & (cells.probability == 1)].nsmallest(10, "chance"),
        cells[~cells.missed & cells.error & (cells.probability == 0)].nlargest(10, "chance"),
    ]
)
titles = [
    f"{row.type}, {'defect' if row.probability == 1 else 'sound'}: {row.chance:.0%}"
    for row in worst.itertuples()
]

# %% tags=["atol=4"]
fig = gallery(worst.index, titles, 5, 7.6)
sides = worst.groupby("missed")[["chance", "brightness"]].mean()
figures.show(
    fig,
    alt=f"Twenty worst errors. Ten defective cells that pass: mean chance {sides.chance[True]:.0%}, mean "
    f"grey {sides.brightness[True]:.0f}; several show a thin line or a grey fragment. "
    f"Ten sound cells that are flagged: mean chance "
    f"{sides.chance[False]:.0%}, mean grey {sides.brightness[False]:.0f}; most are dim or stained.",
)

# %% [markdown]
# Twenty pictures take two minutes, and they say more than the AUC did. In the recorded run, a person finds a
# thin crack, or a grey fragment with a straight edge, in about half of the missed cells: they are bright, and
# the network is sure. In a few a person finds nothing at 64 pixels either. The false alarms are dim or
# stained all over, with no line in them; the experts called them sound. So the suspicion is: it judges the
# light, not the crack. A picture of all cells confirms or kills it.

# %%
fifth = cells.groupby("type").brightness.rank(pct=True).mul(5).apply(np.ceil).astype(int)
sure = cells[cells.probability.isin([0, 1])]
share = sure.groupby([fifth[sure.index], "probability"]).error.mean().unstack()
share.columns = ["false alarms among sound cells", "missed among defective cells"]

# %% tags=["atol=10"]
fig, ax = plt.subplots()
share.plot(ax=ax, style=["-o", "--s"])
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set(
    title="Dim sound cells are flagged, bright defective ones pass",
    ylabel="wrong decisions",
    ylim=(0, 1),
    xlabel="brightness within the type, in fifths (1 is the dimmest)",
    xticks=range(1, 6),
)
figures.show(
    fig,
    alt="Wrong decisions by fifth of brightness, from dim to bright. "
    + " ".join(f"{name.capitalize()}: {', '.join(f'{value:.0%}' for value in share[name])}."
               for name in share),
)

# %% [markdown]
# Confirmed. The two lines cross: hardly a dim defect is missed, and few bright sound cells are flagged; the
# errors are at the other ends. (It is still a correlation. The last section does the experiment: the same
# cells in another light.)
#
# Looking gives ideas; it does not give numbers. For numbers every idea becomes a **tag** that each cell,
# right or wrong, has or has not. Two tags come from columns: the type, and the doubt of the experts. The
# others come from the measurements: the most extreme fifth of a type has the tag. A cell can have several.


# %% tags=["atol=2"]
def extreme(column, side):
    """The fifth of each type with the highest (+1) or lowest (−1) values."""
    return (side * column).groupby(frame.type).rank(pct=True) > 0.8


tags = pd.DataFrame(
    {
        "mono": frame.type == "mono",
        "poly": frame.type == "poly",
        "experts in doubt": frame.probability.between(0.1, 0.9),
        "dim": extreme(statistics.brightness, -1),
        "bright": extreme(statistics.brightness, 1),
        "blurred": extreme(statistics.sharpness, -1),
        "uneven light": extreme(statistics.unevenness, 1),
        "dark area": extreme(statistics["dark area"], 1),
        "many specks": extreme(statistics.specks, 1),
        "slanted lines": extreme(statistics.slant, 1),
    }
).loc[development]
several = tags.drop(columns=["mono", "poly"])[cells.error].sum(axis=1)
figures.md(
    f"Of the errors, {np.mean(several == 0):.0%} have no tag beyond their type, {np.mean(several == 1):.0%} "
    f"have one and {np.mean(several > 1):.0%} have more."
)

# %% [markdown]
# Per tag: how often it occurs, how often it is decided wrongly (with a 95 % interval over modules), its loss,
# the experts' loss on the same cells, and the difference, its headroom. Frequency × headroom is the number to
# remember: **points**, loss per 100 cells of the whole line that a perfect expert would save on cells with
# this tag.


# %%
def by_tag(tags, cells):
    """A row per tag; the interval comes from drawing modules."""
    has = tags.to_numpy(float)
    counted = {name: has * cells[[name]].to_numpy(float) for name in ("error", "missed", "loss", "headroom")}
    count, total = has.sum(0), {name: values.sum(0) for name, values in counted.items()}
    drawn = np.split(resampled(np.hstack([has, counted["error"]]), cells.block), 2, axis=1)
    low, high = np.quantile(drawn[1] / np.maximum(drawn[0], 1), [0.025, 0.975], axis=0)
    rates = {
        "frequency": count / len(cells),
        "errors": total["error"] / count,
        "from": low,
        "to": high,
        "of them missed": total["missed"] / total["error"],
        "loss": total["loss"] / count,
        "experts": (total["loss"] - total["headroom"]) / count,
        "headroom": total["headroom"] / count,
        "points": 100 * total["headroom"] / len(cells),
    }
    return pd.DataFrame(rates, pd.Index(tags.columns, name="tag"))


table = by_tag(tags.assign(**{"all cells": True}), cells)

# %% tags=["rtol=0.1", "atol=0.1"]
figures.table(
    table,
    formats=dict.fromkeys(table.columns, "{:.2f}") | {"points": "{:.1f}"},
    bars=["points"],
)

# %% [markdown]
# Four things to read off:
#
# - The experts' own doubt is a small part of the loss. Settling their doubts cannot be the answer: most of
#   the headroom is on cells about which they had none.
# - "Experts in doubt" has the highest error rate. (All of it is missed: at these prices the expert flags
#   every doubtful cell, so passing one is the only error there is.) Yet its points are among the lowest: the
#   tag is rare, and passing a cell of 1/3 costs 1 where flagging it costs 0.67. Errors are not worth the
#   same.
# - The error rates of "dim" and "bright" are alike and inconspicuous. What the picture showed is in
#   `of them missed`: the errors of dim cells are false alarms, those of bright ones mostly misses, which cost
#   more.
# - Tags overlap, so points do not add up. Only disjoint tags may be added: mono and poly, or dim and bright.
#
# ## 7 What next?
#
# Points say what a perfect remedy would be worth. A remedy also has to exist. **Ease** is the share of a
# tag's headroom that we expect to win back with one week of work. Unlike everything else in this table it is
# not measured: it is **judgement**, and it is written down so that others can disagree with it.

# %%
judged = {
    "mono": (0.10, "a network of its own for mono cells"),
    "poly": (0.10, "larger pictures, so that grain and crack differ"),
    "experts in doubt": (0.10, "a second reading of the labels"),
    "dim": (0.30, "vary the brightness of pictures in training"),
    "bright": (0.30, "vary the brightness of pictures in training"),
    "blurred": (0.10, "refocus the camera: helps future pictures alone"),
    "uneven light": (0.30, "divide each picture by a smoothed copy of itself"),
    "dark area": (0.20, "paste dark corners on sound cells, as extra pictures"),
    "many specks": (0.10, "collect more modules with much grain"),
    "slanted lines": (0.20, "128 pixels instead of 64, for hairline cracks"),
}
plan = table.drop("all cells")[["frequency", "headroom", "points"]].assign(
    ease=[judged[tag][0] for tag in tags])
figures.table(
    plan[["ease"]].assign(remedy=[judged[tag][1] for tag in tags]),
    caption="Judgement, not measurement",
    formats={"ease": "{:.2f}"},
)

# %% [markdown] exercise="1.5c"
# ### Exercise 1.5c: Where to work first (1 point)
#
# Write `ranked(table)`: the tags in the order in which to work on them, best first, as a list. `table` is a
# DataFrame whose index holds the tags, with columns `frequency`, `headroom` (loss per cell with the tag),
# `points` and `ease`. Look at the product, not at the worst rate.


# %% tags=["starter"] exercise="1.5c"
def ranked(table):
    """Tags by what a week of work on them is expected to save on the whole line, best first."""
    ...


# %% tags=["solution"] exercise="1.5c"
def ranked(table):
    """Tags by what a week of work on them is expected to save on the whole line, best first."""
    worth = table["frequency"] * table["headroom"] * table["ease"]
    return worth.sort_values(ascending=False).index.tolist()


# %% exercise="1.5c"
ranked = lesson.check("1.5c", ranked=ranked)

# %% [markdown]
# The product has two uncertainties. Other modules might have come along: we draw modules again and count how
# often each tag comes out first. And ease is a guess: we also draw the ease of each remedy between half and
# twice what stands above.

# %%
drawn = resampled(tags.to_numpy(float) * cells[["headroom"]].to_numpy(), cells.block) * plan.ease.to_numpy()
remedy = pd.factorize([judged[tag][1] for tag in tags])[0]  # dim and bright share theirs, and so its ease
guess = 2.0 ** np.random.default_rng(seed).uniform(-1, 1, (len(drawn), remedy.max() + 1))[:, remedy]
plan["a week saves"] = plan.points * plan.ease
for name, worth in {"first": drawn, "first, ease unsure": drawn * guess}.items():
    plan[name] = np.bincount(worth.argmax(1), minlength=len(plan)) / len(worth)

# %% tags=["rtol=0.1", "atol=0.11"]
figures.table(
    plan.drop(columns=["frequency", "headroom"]),
    caption="Loss per 100 cells that a week is expected to save, and the share "
            "of draws in which a tag comes first",
    formats=dict.fromkeys(plan.columns[3:], "{:.2f}") | {"points": "{:.1f}"},
    bars={"a week saves": missed},
)

# %% [markdown]
# No tag wins. Several are worth about the same, and the last column says that whoever names one of them with
# confidence is guessing. But look at the remedies: two of the tags have the *same* one, and no cell has both.
# One week of work pays at both ends, so their savings add up.

# %% tags=["rtol=0.04", "atol=0.04"]
pair = plan.index.isin(["dim", "bright"])
shared = {"as judged": drawn, "ease unsure": drawn * guess}
wins = {name: np.mean(worth[:, pair].sum(1) > worth[:, ~pair].max(1)) for name, worth in shared.items()}
figures.md(
    f"Varying the brightness is expected to save **{plan['a week saves'][pair].sum():.1f}** per 100 cells, "
    f"the best other remedy "
    f"{plan['a week saves'][~pair].max():.1f}. The share of draws in which it comes first "
    f"is {wins['as judged']:.2f}, and {wins['ease unsure']:.2f} with the ease unsure."
)

# %% [markdown]
# That is the proposal, with its reason and its risk: work on brightness next. One remedy reaches both ends,
# the picture of the two lines says why they fail, and the estimate rests on an ease that may be wrong by a
# factor of two. The tempting alternatives, the whole of `mono` or `poly`, have the most points, but no remedy
# anybody could finish in a week.

# %% [markdown] exercise="1.5d"
# ### Exercise 1.5d: The loudest and the largest (1 point)
#
# A meeting talks about what is loud, the line pays for what is large. Bind two names to tags from the table
# of section 6, leaving out the two types and "all cells": `loudest`, the tag with the highest error rate, and
# `largest`, the tag with the most points.

# %% tags=["starter"] exercise="1.5d"
loudest = ...
largest = ...

# %% tags=["solution"] exercise="1.5d"
loudest = table.drop(["mono", "poly", "all cells"]).errors.idxmax()
largest = table.drop(["mono", "poly", "all cells"]).points.idxmax()

# %% exercise="1.5d"
loudest, largest = lesson.check("1.5d", loudest=loudest, largest=largest,
                                given={"errors": table.errors.to_dict(), "points": table.points.to_dict()})

# %% [markdown]
# ## What breaks in production
#
# The model goes to the line, and now the test modules arrive: the fold that was put away. Then a technician
# shortens the exposure, so that every picture gets less light. Another week, the lens is a little out of
# focus. No cell has changed. No program stops.

# %%
from scipy.ndimage import gaussian_filter

arrived = images[test]
weeks = {
    "as in development": arrived,
    f"{exposure:.0%} of the light": (arrived * exposure).astype("uint8"),
    f"{1 / exposure:.0%} of the light": np.minimum(arrived / exposure, 255).astype("uint8"),
    "out of focus": gaussian_filter(arrived, (0, 1, 1)),
}
answers = {
    week: np.mean([solar_cells.chances(model, pictures) for model in models], axis=0)
    for week, pictures in weeks.items()
}


# %%
def lived(chance):
    """What the four networks together do in one week: ranking, shares, loss per 100 cells."""
    score = solar_cells.scores(defective[test], chance, break_even)
    flagged = chance >= break_even
    cost = 100 * loss(probability[test], flagged).mean()
    return score["ROC-AUC"], flagged.mean(), score["recall"], score["false alarms"], cost


# %% tags=["rtol=0.07", "atol=0.05"]
outcome = pd.DataFrame(
    {week: lived(chance) for week, chance in answers.items()},
    ["ROC-AUC", "flagged", "recall", "false alarms", "loss per 100"],
).T.rename_axis("test modules")
figures.table(
    outcome,
    formats=dict.fromkeys(outcome.columns, "{:.2f}") | {"loss per 100": "{:.1f}"},
    bars=["loss per 100"],
)

# %% tags=["atol=6"]
costs = {week: loss(probability[test], chance >= break_even) for week, chance in answers.items()}
usual_cost = costs.pop("as in development")
rows = {week: per_100(cost - usual_cost, block[test]) for week, cost in costs.items()}
figures.table(
    pd.DataFrame(rows, ["more per 100", "from", "to"]).T.rename_axis("loss against the first row"),
    formats=dict.fromkeys(["more per 100", "from", "to"], "{:+.0f}"),
)

# %% [markdown]
# The first row is the honest result on modules nobody has touched: about what development promised. With less
# light, nearly every cell is flagged. The ROC-AUC hardly notices, because the order of the cells stays. The
# mean loss proves little either: every interval reaches to zero or across it, because eight modules are few,
# and because with a miss at three false alarms, flagging everything is not much worse than this model. What
# breaks is the work: inspectors were hired for fewer than half of the cells, and now they get nearly all.
# With more light it goes the other way: nearly half of the defective cells pass, in silence. Out of focus,
# about one cell in ten more is flagged, and the loss shows no gain by it.
#
# How is it caught? Labels come weeks later. The **output metric** "share flagged" is there at once and moves
# each time; but it would move in a week of bad cells, too. The **input metrics** look at the pictures
# themselves: brightness and sharpness. Types differ, so each cell is compared with its type's median. Modules
# differ, so we take the mean of each module, and measure how far a week's mean lies from development's, in
# standard errors over modules. The last row is such a week of bad cells: the eight development modules with
# most defects.


# %%
metrics = ["brightness", "sharpness"]
usual = statistics.loc[development, metrics].groupby(frame.type).median()


def by_module(values, rows):
    """Mean over each module of the logarithm of metric / median of the type."""
    relative = np.log((values[metrics].to_numpy() + 1e-3) / usual.loc[frame.type[rows]].to_numpy())
    return pd.DataFrame(relative, columns=metrics).groupby(block[rows]).mean()


def shift(now, before):
    """How many standard errors the mean over the modules `now` lies from that of those `before`."""
    return (now.mean() - before.mean()) / (before.std() * np.sqrt(1 / len(now) + 1 / len(before)))


# %%
known = by_module(statistics.loc[development], development)
moves = {week: shift(by_module(measured(pictures), test), known) for week, pictures in weeks.items()}
quiet = {
    f"development {k}, against the others": shift(known.loc[inside], known.drop(inside))
    for k, inside in enumerate([np.unique(block[fold]) for fold in rounds], 1)
}
worst = pd.Series(truth).groupby(modules).mean().nlargest(8).index
bad = {"the 8 modules with most defects": shift(known.loc[worst], known.drop(worst))}
moves = pd.DataFrame(quiet | moves | bad).T.rename_axis("standard errors from the usual")
figures.table(moves.assign(alarm=(moves.abs() > 3).any(axis=1)), formats=dict.fromkeys(metrics, "{:+.1f}"))

# %% [markdown]
# The alarm at three standard errors is silent on each development fold and on the test modules as they were,
# and rings in all three weeks. It names the metric that moved, light or focus; it needs no label and no
# network, and it costs a mean over pixels. But it rings in the last row, too: damaged cells glow less, so a
# week of bad modules looks like a shorter exposure. The alarm says *that* the pictures have changed, not why.
# One picture decides it: that of a **reference cell**, the same every morning. If that one is darker as well,
# it is the camera.
#
# Does the remedy of section 7, varying the brightness in training, really help? That is a question for an
# experiment with the model held fixed. Lesson 1.6 makes it one of many, and keeps a log.
#
# ## What you did
#
# - You decided what counts as defective at the cut with the fewest expected wrong labels, and judged
#   decisions by a loss that needs no cut.
# - You kept modules whole, measured how much neighbours flatter, and found that the first network does not
#   beat seven numbers and a logistic regression.
# - You handled imbalance twice, and saw that class weights and a moved threshold come to nearly the same
#   decisions.
# - You looked at twenty errors, tagged all cells, and ranked what to do next by headroom × frequency × ease,
#   with the uncertainty of the first place.
# - You changed the light at the camera, watched the flags run away without an error message, and caught it
#   with an input metric; what it cannot tell apart, a reference cell can.
#
# To see how the ranking depends on prices, run the lesson again with another one, from a terminal:
# `workbook run 1.5 -p missed=8`.

# %%
lesson.end()
