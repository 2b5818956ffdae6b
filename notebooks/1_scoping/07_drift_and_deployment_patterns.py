# %% [markdown]
# # 1.7 Drift and deployment patterns
#
# A model is trained on one quarter and used in the next. In between the world moves, a feed breaks, and
# somebody wants to release a better version. Which of the three is it when the money goes down? And how do
# you put a new version in front of 900 flights a day without betting the month on it?
#
# This lesson replays 2013 day by day. The model learns on January to March; everything after that comes in
# order, as it came then.
#
# **You will be able to**
#
# - split a change in outcomes into **data drift** and **concept drift** by measurement, and say when the data
#   can't tell;
# - set thresholds for software, input and output metrics from calm days, and measure false alarms and delay
#   of detection;
# - compare a streaming detector with a control chart, and explain why one of them never sleeps;
# - run big bang, shadow, canary, blue-green and ramp-up on the same traffic, and compare them in money,
#   exposure and days;
# - choose a degree of automation from the price of a person's look.
#
# **Needs** lessons 1.1 and 1.3. **Takes** 60 minutes with its exercises; the computer needs about half a
# minute of that.

# %%
from helpers import lesson

lesson.begin("1.7")

# %% [markdown]
# Money is in dollars. The first two prices are those of 1.1; the others are invented like them, and yours to
# change.

# %% tags=["parameters"]
seed = 2013
saved = 100  # what an alert saves when the flight is late
spent = 30  # what acting on an alert costs, late or not
look = 2.0  # what it costs to have a person look at one flight
hosting = 150  # what a second environment costs per day
redeploy = 2  # days to bring an old version back where it is not kept running
canary_share = 0.1  # share of flights that a canary gets
repeats = 20  # how often the random part of a rollout is drawn again

# %% [markdown]
# ## 1 A year, replayed
#
# The model must be quick, because we will fit it dozens of times: a logistic regression on binned features.
# `binned` turns numbers into bins with fixed edges (a gap is a bin of its own). We will use the same bins to
# measure drift, so that what we call a change is a change in what the model sees.

# %%
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from helpers.flights import examples

# %%
EDGES = {
    "day_minute": range(360, 1380, 60),
    "distance": [250, 500, 750, 1000, 1250, 1500, 2000, 2500],
    "temp": range(20, 100, 10),
    "humid": range(30, 100, 10),
    "wind_speed": [5, 10, 15, 20, 25, 30],
    "precip": [0.005, 0.05, 0.1],
    "visib": [0.5, 1, 2, 3, 5, 7, 9.9],
}
NAMES = ["carrier", "origin", "dest"]
INPUTS = [*EDGES, *NAMES, "weekday"]
weather = ["temp", "humid", "wind_speed", "precip", "visib"]


# %%
def binned(rows, edges):
    """Every input as a whole number: bins of numbers (-1 where missing), codes of names,
    the weekday as it is."""
    codes = {
        name: np.where(rows[name].isna(), -1, np.digitize(rows[name], cut)) for name, cut in edges.items()
    }
    codes |= {name: rows[name].cat.codes.to_numpy(dtype=int) for name in NAMES}
    return pd.DataFrame({**codes, "weekday": rows.weekday.to_numpy()})


# %%
def fit(rows, edges=EDGES):
    """A logistic regression of `late` on the binned inputs."""
    model = make_pipeline(
        FunctionTransformer(binned, kw_args={"edges": edges}),
        OneHotEncoder(handle_unknown="ignore"),
        LogisticRegression(max_iter=300),
    )
    return model.fit(rows, rows.late)


# %%
def chances(model, rows):
    return model.predict_proba(rows)[:, 1]


# %%
flights = examples.table()
flights[NAMES] = flights[NAMES].astype("category")
flights["day"] = flights.time_hour.dt.tz_convert("America/New_York").dt.dayofyear  # 1 is 1 January
late, day, month = (flights[name].to_numpy() for name in ("late", "day", "month"))
train = month <= 3

version_1 = fit(flights[train])
chance = chances(version_1, flights)

# %% [markdown]
# The scope of 1.1 in two lines, and the year in one table. January to March are the rows the model has
# learned on.

# %%
from helpers import figures

threshold = spent / saved


def earned(late, chance):
    """Dollars per flight when every chance from the break-even upwards is an alert."""
    return (chance >= threshold) * (saved * late - spent)


def dollars(late, chance):
    """Dollars per 1,000 flights."""
    return 1000 * earned(late, chance).mean()


# %%
def year(chance):
    """Month by month: what happened, what was predicted, and what it earned."""
    rows = {
        m: {
            "late": late[month == m].mean(),
            "predicted": chance[month == m].mean(),
            "alerts": (chance[month == m] >= threshold).mean(),
            "dollars": dollars(late[month == m], chance[month == m]),
        }
        for m in range(1, 13)
    }
    return pd.DataFrame(rows).T.rename_axis("month").assign(gap=lambda table: table.late - table.predicted)


# %% tags=["atol=1"]
percent = dict.fromkeys(["late", "predicted", "alerts"], "{:.1%}") | {"gap": "{:+.1%}", "dollars": "{:,.0f}"}
figures.table(year(chance), caption="Version 1; dollars per 1,000 flights", formats=percent, bars=["dollars"])

# %% [markdown]
# The `gap` is what matters to a model that must be calibrated: observed minus predicted. Over the training
# months together it is nil, by construction. Then it is large and positive in April, June, July and December,
# and negative in autumn. Months hide what days show.

# %%
import matplotlib.pyplot as plt

gap = pd.Series(late - chance).groupby(day).mean()
smooth = gap.rolling(7, center=True).mean()

# %%
fig, ax = plt.subplots(figsize=(9, 3.6))
ax.axvspan(1, 90.5, color="#EEEEEE", lw=0)
ax.bar(gap.index, gap, width=1, color=figures.SKY, label="each day")
ax.plot(smooth.index, smooth, marker="", color=figures.BLUE, label="mean of seven days")
ax.axvspan(111, 117, ymin=0, ymax=0.03, color=figures.RED, lw=0)
ax.text(119, -0.225, "21 to 27 April", color=figures.RED, fontsize=9)
ax.yaxis.set_major_formatter("{x:+.0%}")
ax.set_xticks([1, 91, 182, 274, 365], ["1 Jan", "1 Apr", "1 Jul", "1 Oct", "31 Dec"])
ax.set(
    title="A slow swell through the summer, and sudden days on top of it",
    ylabel="late − predicted",
    xlabel="day of 2013",
)
ax.legend(loc="upper left", ncols=1)
figures.show(
    fig,
    alt="Gap between observed and predicted lateness per day; training shaded. "
    f"The weekly mean runs from {smooth.min():+.0%} to {smooth.max():+.0%}; "
    f"the largest day is day {gap.idxmax()} with {gap.max():+.0%}.",
)

# %% [markdown]
# Drift comes in two shapes. **Gradual** drift is the swell: weeks of small change, as the seasons bring
# it. **Sudden** drift is a step, from one day to the next. Look at one step closely.

# %%
week = flights[(day >= 110) & (day <= 118)]
look_at = week.groupby("day").agg(
    flights=("late", "size"),
    late=("late", "mean"),
    wind=("wind_speed", "mean"),
    visib=("visib", "mean"),
    rain=("precip", lambda hours: (hours > 0).mean()),
)
look_at.insert(2, "predicted", pd.Series(chance[week.index]).groupby(week.day.to_numpy()).mean())
look_at.index = [f"{number - 90} April" for number in look_at.index]

# %%
figures.table(
    look_at.rename_axis("day"),
    caption="Wind in mph, visibility in miles, rain as the share of flights with rain in the hour before",
    formats={"late": "{:.1%}", "predicted": "{:.1%}", "rain": "{:.0%}", "wind": "{:.1f}", "visib": "{:.1f}"},
)

# %% [markdown]
# On Monday the 22nd and Thursday the 25th more than half of all flights were late, without rain, in clear
# air. The model predicts a good day, and from its inputs it is right to. On Saturday the 27th it is over. The
# dates fit a cause outside our table: from 21 April the aviation authority (FAA) put its air traffic
# controllers on unpaid leave by turns, to meet the US budget cuts (the "sequester"). Congress passed the
# Reducing Flight Delays Act on the 26th, and on the 27th the FAA suspended the leave (Reuters, 27 April
# 2013). We can't prove that this was the cause, but no column of ours knows of it. The same inputs meant
# something else for one week. Keep this week in mind; it is the pure case of what comes next.
#
# ## 2 Data drift or concept drift?
#
# Write *x* for the inputs and *y* for the outcome. **Data drift** (covariate shift): the inputs P(*x*) move,
# what follows from them stays. **Concept drift**: P(*y* given *x*) moves. The difference matters for what to
# do. Data drift asks whether the model was trained on enough kinds of days. Concept drift asks for new
# labels: no amount of old data knows the new rule.
#
# Data drift can be seen without labels. Per input, the **Jensen–Shannon divergence** compares the shares of
# the bins in a month with those in training: 0 bits if equal, 1 bit if no bin is shared. What is large? The
# training months tell, each against the two others.

# %%
from scipy.spatial.distance import jensenshannon

codes = binned(flights, EDGES)


def shares(codes, groups):
    """Per input, counts [groups, bins]: how often each bin occurs in each group of flights."""
    return {name: pd.crosstab(groups, codes[name]).to_numpy() for name in codes}


def divergence(one, other):
    """Jensen–Shannon divergence in bits, row by row."""
    return jensenshannon(one, other, base=2, axis=1) ** 2


# %%
counts = shares(codes, month)
drift = {}
for name in INPUTS:
    table = counts[name]
    total = table[:3].sum(axis=0)
    reference = np.array([total - table[m] if m < 3 else total for m in range(12)])
    drift[name] = divergence(table, reference)
drift = pd.DataFrame(drift, index=range(1, 13)).T

# %%
fig, ax = plt.subplots(figsize=(9, 4))
ax.imshow(np.sqrt(drift), cmap="cividis_r", aspect="auto", vmin=0, vmax=1)
for (row, column), value in np.ndenumerate(drift.to_numpy()):
    ax.text(
        column,
        row,
        f"{value:.2f}",
        ha="center",
        va="center",
        fontsize=8,
        color="white" if value > 0.25 else "black",
    )
ax.set_xticks(range(12), drift.columns)
ax.set_yticks(range(len(drift)), drift.index)
ax.grid(visible=False)
ax.axvline(2.5, color="black", lw=1)
ax.set(
    title="Temperature leaves the training data by June; the schedule hardly moves",
    xlabel="month (1 to 3: training)",
)
figures.show(
    fig,
    alt="Jensen–Shannon divergence in bits of each input and month against training. July: "
    + ", ".join(f"{name} {drift.loc[name, 7]:.2f}" for name in INPUTS)
    + ".",
)

# %% [markdown]
# The same comparison is often done with the **population stability index** (PSI), Σ (*p* − *q*) ln (*p*
# / *q*) over the bins: zero if equal too, but without an upper end, and infinite where one share is nil, so
# that small shares must be padded. The usual limits, 0.1 for "look" and 0.25 for "act", come from credit
# scoring (Siddiqi, 2006) and know nothing of *your* calm months.


# %%
def stability(now, then, pad=0.5):
    """Population stability index of two rows of counts, half a flight added to each bin."""
    p, q = ((row + pad) / (row + pad).sum() for row in (now, then))
    return ((p - q) * np.log(p / q)).sum()


# %%
psi = {name: stability(counts[name][6], counts[name][:3].sum(axis=0)) for name in INPUTS}
calm_psi = {name: stability(counts[name][2], counts[name][:2].sum(axis=0)) for name in INPUTS}
both = pd.DataFrame({"JS, July": drift[7], "PSI, July": psi, "PSI, March": calm_psi}).sort_values("PSI, July")
figures.table(
    both[::-1].head(5).rename_axis("input"),
    caption="Against training (March: against January and February); the five inputs with the largest PSI",
    formats=dict.fromkeys(both, "{:.2f}"),
)

# %% [markdown]
# Both put temperature far ahead of the rest in July. But by the usual limit temperature should have been
# acted on in March already, when the model was still learning.
#
# One input at a time misses what lies in combinations. A **domain classifier** looks at all of them: train a
# model to tell the month's flights from the training flights, and take its ROC-AUC on days it has not seen.
# 0.5 means that the two can't be told apart.
#
# It gives more than a number. If it says a training flight is with probability *q* from July, then flights
# like it are *q* / (1 − *q*) times as frequent in July (up to a constant). Weighted so, the winter's
# flights *look like* July's, and their share of late ones is what July would have been under the winter's
# rules. That is **importance weighting** (Shimodaira, 2000).
#
# **Exercise 1.7a.** Write `expected_late(late, q)`: the share of late flights among training flights,
# reweighted to look like the month. `late` is a list of 0 and 1, `q` the classifier's probability that each
# of these *training* flights is from the month.


# %% tags=["starter"] exercise="1.7a"
def expected_late(late, q):
    """Share of late flights in training if its inputs were distributed as the month's are."""
    ...


# %% tags=["solution"] exercise="1.7a"
def expected_late(late, q):
    """Share of late flights in training if its inputs were distributed as the month's are."""
    weights = np.asarray(q) / (1 - np.asarray(q))
    return float((weights * late).sum() / weights.sum())


# %% exercise="1.7a"
lesson.check("1.7a", expected_late=expected_late)

# %% [markdown]
# Now the change in lateness falls into two parts:
#
# $$\underbrace{\text{late}_{\text{month}} - \text{late}_{\text{training}}}_{\text{what changed}} =
# \underbrace{\text{expected} - \text{late}_{\text{training}}}_{\text{inputs moved: data}} +
# \underbrace{\text{late}_{\text{month}} - \text{expected}}_{\text{the rule moved: concept}}$$
#
# *Expected* can be had on two routes that fail differently: from the reweighted winter, or from a model of
# the winter that predicts the month. If the routes agree, trust the split. And one number says whether there
# was anything to weigh: the **effective sample size** (Kish, 1965), the number of equally weighted flights
# that the weighted ones are worth.


# %%
def told_apart(design, now):
    """Rows of training and month, and their probability to be the month's;
    fitted on the other half of the days."""
    rows = np.flatnonzero(train | now)
    chance, even = np.zeros(len(rows)), day[rows] % 2 == 0
    for half in (even, ~even):
        classifier = LogisticRegression(C=0.1, max_iter=300).fit(design[rows[~half]], now[rows[~half]])
        chance[half] = classifier.predict_proba(design[rows[half]])[:, 1]
    return rows, chance


# %%
from sklearn.metrics import roc_auc_score


def redrawn(values, weights, draws=1000):
    """Weighted means of redrawn days; `values` and `weights` are sums per day."""
    picks = np.random.default_rng(seed).integers(0, len(values), (draws, len(values)))
    return values[picks].sum(axis=1) / weights[picks].sum(axis=1)


# %%
def split(design, model, m):
    """How far month `m` can be told from training, and its change in lateness in two parts on two routes."""
    now = month == m
    rows, q = told_apart(design, now)
    weights = q[train[rows]] / (1 - q[train[rows]])
    base = late[train].mean()
    predicted = model.predict_proba(design[now])[:, 1]
    routes = {"weighted": np.average(late[train], weights=weights), "model": predicted.mean()}
    result = {
        "AUC": roc_auc_score(now[rows], q),
        "effective": weights.sum() ** 2 / (weights**2).sum() / train.sum(),
    }
    result["change"] = late[now].mean() - base
    for route, expected in routes.items():
        result |= {f"data, {route}": expected - base, f"concept, {route}": late[now].mean() - expected}
    rule[m] = concept_intervals(weights, predicted, now)
    return result


# %%
def concept_intervals(weights, predicted, now):
    """95 % intervals of the concept part on both routes, days drawn;
    classifier and model stay as they are."""
    winter, that = (pd.DataFrame({"day": day[part], "late": late[part]}) for part in (train, now))
    winter = winter.assign(w=weights, wy=weights * winter.late).groupby("day").sum()
    that = that.assign(n=1, gap=that.late - predicted).groupby("day").sum()
    observed, n = that.late.to_numpy(), that.n.to_numpy()
    draws = {
        "weighted": redrawn(observed, n) - redrawn(winter.wy.to_numpy(), winter.w.to_numpy()),
        "model": redrawn(that.gap.to_numpy(), n),
    }
    ends = {route: np.quantile(draw, [0.025, 0.975]) for route, draw in draws.items()}
    return {
        f"{route}, {end}": two[i] for route, two in ends.items() for i, end in enumerate(["from", "to"])
    }


# %%
encoder = OneHotEncoder(handle_unknown="ignore")
seasonless = [name for name in codes if name != "temp"]
designs = {
    "all inputs": encoder.fit_transform(codes),
    "without temperature": encoder.fit_transform(codes[seasonless]),
}
splits, rule = {}, {}  # the second keeps the intervals of the last design
for name, design in designs.items():
    model = LogisticRegression(max_iter=300).fit(design[train], late[train])
    splits[name] = pd.DataFrame({m: split(design, model, m) for m in range(4, 13)}).T
look_of_split = {"AUC": "{:.2f}", "effective": "{:.1%}"} | dict.fromkeys(
    splits["all inputs"].columns[2:], "{:+.1%}"
)

# %% tags=["atol=0.2"]
figures.table(splits["all inputs"].rename_axis("month"), caption="All inputs", formats=look_of_split)

# %% [markdown]
# Read *effective* first. From April to October the flights of training are worth less than 2 % of their
# number: hardly a winter's day looks like July, and the few that do carry everything. So the two routes part,
# by up to eight points. The honest reading is: *for these months and these inputs the data can't say how much
# is data and how much is concept.* What a day of 85 °F did in winter, nobody observed.
#
# The trouble is one column. Leave temperature out of *x* and ask again.

# %% tags=["atol=0.1"]
figures.table(
    splits["without temperature"].rename_axis("month"), caption="Without temperature", formats=look_of_split
)

# %%
table = splits["without temperature"]


# %%
def stack(ax, route, offset, **look):
    """Bars of the data part and, on top of it where both have one sign, of the concept part."""
    data, concept = table[f"data, {route}"], table[f"concept, {route}"]
    below = np.where(np.sign(data) == np.sign(concept), data, 0)
    style = {"width": 0.38, "edgecolor": "white", **look}
    ax.bar(table.index + offset, data, color=figures.SKY, label=f"data, {route}", **style)
    ax.bar(
        table.index + offset, concept, bottom=below, color=figures.ORANGE, label=f"concept, {route}", **style
    )


# %%
fig, ax = plt.subplots()
stack(ax, "weighted", -0.2)
stack(ax, "model", 0.2, hatch="//")
ax.plot(table.index, table.change, "D", color="black", label="change in all", linestyle="")
ax.axhline(0, color=figures.GREY, lw=0.8)
ax.yaxis.set_major_formatter("{x:+.0%}")
ax.set(
    title="Most of the change is in the rule, not in the inputs",
    xlabel="month",
    ylabel="late, against training",
)
ax.set(xticks=range(4, 13), ylim=(-0.13, 0.2))
ax.legend(ncols=3, fontsize=8, loc="upper center")
parts = [
    f"month {m}: data {row['data, weighted']:+.1%}, concept {row['concept, weighted']:+.1%}"
    for m, row in table.iterrows()
]
figures.show(
    fig,
    alt="Change in the share of late flights against training, split into data and concept: "
    + "; ".join(parts),
)

# %%
parted = {
    name: 100 * (split["concept, weighted"] - split["concept, model"]).abs().max()
    for name, split in splits.items()
}
intervals = pd.DataFrame(rule).T
clear = np.all([intervals[f"{r}, from"] * intervals[f"{r}, to"] > 0 for r in ("weighted", "model")], axis=0)
larger = np.all(
    [table[f"concept, {r}"].abs() > table[f"data, {r}"].abs() for r in ("weighted", "model")], axis=0
)

# %%
figures.md(
    f"Without temperature the effective sample is at least {table.effective.min():.0%}, "
    f"and the routes differ by at most "
    f"{parted['without temperature']:.1f} points (with it: {parted['all inputs']:.1f}). "
    f"On both routes the concept part is the larger one in {larger.sum()} of {len(table)} months; "
    f"on both its interval leaves out zero in {clear.sum()} (months "
    f"{', '.join(map(str, table.index[clear]))})."
)

# %% tags=["atol=0.1"]
figures.table(
    intervals.rename_axis("month"),
    caption="Concept part, without temperature: 95 % intervals on the two routes, days drawn",
    formats=dict.fromkeys(intervals, "{:+.1%}"),
)

# %% [markdown]
# A month is thirty days, and thirty days of weather are few. The concept part is clear of zero on both routes
# in April, June, July, September and October. In May and August it may be nothing; for November and December
# the routes don't agree whether it may. (The intervals draw days only. That another classifier would weigh
# differently is not in them; the distance between the routes is the better warning of that.)
#
# But note what we have done. By leaving a column out we *moved* its share of the change from "data" to
# "concept": a hot afternoon that brings storms is data drift to those who record the temperature, and concept
# drift to those who don't. The split is a property of the world **and** of the inputs you chose. A concept
# drift that comes back every year is often an input you have not recorded yet.
#
# ### A model per month
#
# There is a third look at P(*y* given *x*): refit the model on each month by itself, and let it predict every
# other month. How much worse is a visitor than the month's own model? The own model is asked about days it
# was not fitted on. If the rule never moved, the picture would be one shade.

# %%
def monthly(design, own):
    """A model of some rows: its chance for every flight."""
    return LogisticRegression(C=0.3, max_iter=300).fit(design[own], late[own]).predict_proba(design)[:, 1]


# %%
design, months = designs["without temperature"], range(1, 13)
visitor = {m: monthly(design, month == m) for m in months}
native = np.zeros(len(late))
for m in months:
    for fold in range(3):
        held = (month == m) & (day % 3 == fold)
        native[held] = monthly(design, (month == m) & ~held)[held]


# %%
def log_loss(chance):
    """Mean of −log of the chance given to what happened, per month."""
    return pd.Series(-np.log(np.where(late == 1, chance, 1 - chance))).groupby(month).mean()


own = log_loss(native)
excess = pd.DataFrame({a: log_loss(visitor[a]) - own for a in months}).T  # row: model of; column: asked about
np.fill_diagonal(excess.values, np.nan)
nearest = {b: int(excess[b].idxmin()) for b in months}

# %%
fig, ax = plt.subplots(figsize=(6.4, 4.6))
picture = ax.imshow(1000 * excess, cmap="cividis_r", vmin=0, vmax=100)
ax.set_xticks(range(12), months)
ax.set_yticks(range(12), months)
ax.grid(visible=False)
fig.colorbar(picture, label="log loss above the month's own model (thousandths)")
ax.set(
    title="Summer months share a rule,\nautumn months another",
    xlabel="asked about the flights of month",
    ylabel="model of month",
)
figures.show(
    fig,
    alt="Excess log loss of each month's model on every other month. The best visitor of each month: "
    + ", ".join(f"{b} by {a}" for b, a in nearest.items())
    + f". Worst pair: {1000 * excess.max().max():.0f} thousandths.",
)

# %% [markdown]
# June and July lend each other their models at no loss (a month's worth of other days serves as well as its
# own). September, October and November do so too, and the two groups are as far apart as anything in the
# picture. December stands nearer to the summer than to November. So the concept does not wander off, it comes
# and goes, and a model of the newest month is not always the best one for the next.
#
# ## 3 Metrics, thresholds, alarms
#
# What would have told us, and when? Metrics come in three kinds, from the fastest and least specific to the
# slowest and most telling:
#
# | kind | here, per day | known |
# | --- | --- | --- |
# | **software** | requests against the same weekday before; share of requests without weather | at once |
# | **input** | how far the mean of a number, or the mix of a category, has moved from a reference of days | at once |
# | **output** | mean prediction against the reference; with labels: observed minus predicted, dollars | at once; after landing |
#
# Two choices hide in the word "reference". It can be **fixed** (the training months) or **moving** (the days
# from five weeks to one week ago). Ours leaves out the last week on purpose: a reference that includes
# yesterday learns the fault within days, and the alarm goes quiet by itself.


# %%
days = np.arange(1, 366)


def reference(per_day):
    """The sum of the days from 35 to 8 days ago, for each day (nil for the first five weeks)."""
    total = np.vstack([np.zeros((1, per_day.shape[1])), per_day.cumsum(axis=0)])
    return np.where(days[:, None] > 35, total[np.maximum(days - 8, 0)] - total[np.maximum(days - 36, 0)], 0)


def per_day(values, rows, how="mean"):
    return pd.Series(np.asarray(values, float)).groupby(rows.day.to_numpy()).agg(how).reindex(days).to_numpy()


# %%
bins = {name: codes[name].max() + 2 for name in INPUTS if name != "weekday"}  # one more for -1, missing


# %%
def histograms(rows):
    """Per input, how often each bin occurs on each day: counts [365, bins]."""
    now, number = binned(rows, EDGES), rows.day.to_numpy() - 1
    return {
        name: np.bincount(number * size + now[name] + 1, minlength=365 * size).reshape(365, size)
        for name, size in bins.items()
    }


# %%
usual = histograms(flights)
moving = {name: reference(table) for name, table in usual.items()}
fixed = {name: np.tile(table[:90].sum(axis=0), (365, 1)) for name, table in usual.items()}


# %%
def shifts(rows, against):
    """Per input and day the divergence from the reference; NaN where either is empty."""
    today, found = histograms(rows), {}
    for name in against:
        there = (today[name].sum(axis=1) > 0) & (against[name].sum(axis=1) > 0)
        found[name] = np.full(365, np.nan)
        found[name][there] = divergence(today[name][there], against[name][there])
    return pd.DataFrame(found, index=days)


# %%
def daily_sums(values, rows):
    """Per day: how many values there are, their sum and their sum of squares."""
    columns = [(values, "count"), (values, "sum"), (values**2, "sum")]
    return np.nan_to_num(np.array([per_day(column, rows, how) for column, how in columns]).T)


# %%
def distance_moved(name, rows):
    """Per day how far a number's mean lies from the moving reference, in its standard
    deviations; NaN if unknown."""
    n, total, squares = reference(daily_sums(flights[name], flights)).T
    count, today, _ = daily_sums(rows[name], rows).T
    with np.errstate(divide="ignore", invalid="ignore"):  # days without values, weeks without a reference
        return np.abs(today / count - total / n) / np.sqrt(squares / n - (total / n) ** 2)


# %%
requests = per_day(late, flights, "size")
same_weekday = np.mean([np.roll(requests, 7 * weeks) for weeks in (1, 2, 3, 4)], axis=0)
usual_chance = reference(per_day(chance, flights)[:, None])[:, 0] / 28


# %%
def signals(rows, late):
    """Metrics per day; each is large when something is wrong."""
    chance = chances(version_1, rows)
    return pd.DataFrame(
        {
            "requests": np.abs(np.log(per_day(late, rows, "size") / same_weekday)),
            "weather missing": per_day(rows.temp.isna(), rows),
            "mean prediction": np.abs(per_day(chance, rows) - usual_chance),
            "observed − predicted": np.abs(per_day(late, rows) - per_day(chance, rows)),
            "money lost": -per_day(earned(late, chance), rows),
            "temperature": distance_moved("temp", rows),
            "visibility": distance_moved("visib", rows),
            **shifts(rows, {name: moving[name] for name in ("carrier", "dest")}),
        },
        index=days,
    )


# %% [markdown]
# Nature gives few incidents with a known first day, so we make four, and run the whole year through each. The
# fourth is the week of April, made permanent: the inputs are fine, and a quarter of the flights that would be
# on time are late.

# %%
struck = (late == 0) & (np.random.default_rng(seed).random(len(late)) < 0.25)
celsius = flights.assign(temp=(flights.temp - 32) * 5 / 9)
newark, feed = flights.origin == "EWR", dict.fromkeys(weather, np.nan)
incidents = {
    "none": (flights, late),
    "Newark falls silent": (flights[~newark], late[~newark]),
    "weather feed down": (flights.assign(**feed), late),
    "temperature in °C": (celsius, late),
    "the world changes": (flights, np.where(struck, 1, late)),
}

# %%
measured = {}
for name, (rows, outcome) in incidents.items():
    now = rows.day.to_numpy() > (0 if name == "none" else 304)  # the incidents are played in November
    measured[name] = signals(rows[now], outcome[now])

# %% [markdown]
# ### A threshold is a promise about false alarms
#
# Where to set a limit? Not by taste: decide how often a calm week may be disturbed, and read the limit off
# calm days. Today is 1 November, and September and October were calm. We allow each metric two alarms in
# these 61 days.
#
# **Exercise 1.7b.** Write `limit(calm, allowed)`: the smallest value *out of the list* `calm` such that at
# most `allowed` of its values lie strictly above it.


# %% tags=["starter"] exercise="1.7b"
def limit(calm, allowed):
    """The smallest of the values that at most `allowed` of them exceed."""
    ...


# %% tags=["solution"] exercise="1.7b"
def limit(calm, allowed):
    """The smallest of the values that at most `allowed` of them exceed."""
    return sorted(calm, reverse=True)[allowed]


# %% exercise="1.7b"
lesson.check("1.7b", limit=limit)


# %%
def between(first, last):
    return (days >= first) & (days <= last)


# %%
lived, calm, november = (
    between(91, 304),
    between(244, 304),
    between(305, 334),
)  # April to October; September, October


# %%
def limits_from(part, rate):
    """Per metric the limit that lets this share of the days ring."""
    return measured["none"][part].quantile(1 - rate, interpolation="higher")


# %%
needs_labels = ["observed − predicted", "money lost"]
autumn_limits = limits_from(calm, 1 / 30)
limits = limits_from(lived, 1 / 100)
limits[needs_labels] = autumn_limits[needs_labels]
counted = {
    "September, October": measured["none"][calm] > autumn_limits,
    "November": measured["none"][november] > autumn_limits,
    "November, new limits": measured["none"][november] > limits,
    "December, new limits": measured["none"][days > 334] > limits,
}

# %%
figures.table(
    pd.DataFrame({name: 30 * rings.mean() for name, rings in counted.items()}).rename_axis("metric"),
    caption="Alarms per 30 days without any incident",
    formats=dict.fromkeys(counted, "{:.1f}"),
)

# %% [markdown]
# The first two columns are the promise and how it was kept. One alarm in 30 days was bought for each metric;
# in November most of those that need no labels ring two to four times as often. Nothing is broken: it is the
# first frost and Thanksgiving, and two mild months don't know what weather and timetables can do. And alarms
# add up: nine metrics with one a month each are two a week, and a desk that is called twice a week for
# nothing stops answering (**alarm fatigue**).
#
# So the *new limits*: metrics that need no labels get theirs from all days since April, and may ring on one
# day in a hundred. Those that compare with outcomes keep the calm days', because in the summer they rang for
# a reason. December shows it: `observed − predicted` is right to ring, the model *is* wrong in December. And
# on the 31st the weather really is missing: the source ends a day early. The dullest metric of all found the
# one fault of this year that nobody injected.
#
# Now each incident begins on each of the first 24 days of November in turn, and the clock runs: within seven
# days, does the metric ring, and after how many? What needs labels is known a day later.

# %%
starts = days[november][:24]
over = {name: metrics > limits for name, metrics in measured.items()}


# %%
def detection(rings, metric):
    """Share of starts after which the metric rings within seven days, and the median delay in days."""
    wait = int(metric in needs_labels)
    first = [next((t for t in range(7 - wait) if rings[start + t]), None) for start in starts]
    found = [t + wait for t in first if t is not None]
    return f"{len(found) / len(starts):.0%}" + (f", {np.median(found):.0f} d" if found else "")


# %%
cells = {
    name: {metric: detection(over[name][metric], metric) for metric in limits.index} for name in incidents
}
figures.table(
    pd.DataFrame(cells).rename_axis("metric"),
    caption="Rings within seven days of the first day, and after how many (median; 0 is the first day)",
)

# %% [markdown]
# Read a column first. *None* is the honest zero: what rings within seven days although nothing happened. A
# detection means something only where it is well above that. Then each fault has its witnesses. Newark's
# silence is seen by the count of requests and by the mix of carriers and destinations, on the first day; no
# output metric stirs, for the flights that are left are predicted as well as ever. The dead feed is seen at
# once by the share of missing values. The distances see nothing: they have nothing to measure, and a check
# that needs values is silent when there are none. Celsius is seen by the thermometer on the first day, by the
# outputs a little later. The changed world is seen by no input, whatever the limit. Without labels there is
# nothing to see.
#
# And look at *money lost* in that last column. When more flights are late, the alerts we do send pay *more*.
# What is lost are the alerts we don't send, and no account of money earned shows those. The business metric
# is the goal; it is not always the detector.
#
# ### Which reference?
#
# The moving reference was our choice for the inputs. Put the same fault into every day of the year and
# compare the two choices for the temperature, by its divergence.

# %%
same_fault = {
    (kind, unit): shifts(rows, against).temp.groupby(pd.Series(month, day).groupby(level=0).first()).median()
    for kind, against in {"fixed": fixed, "moving": moving}.items()
    for unit, rows in {"°F": flights, "°C": celsius}.items()
}
monthly_median = pd.DataFrame(same_fault).loc[
    3:
]  # in January and February the moving reference is still empty

# %%
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
titles = {
    "fixed": "Training months: °C heals the summer's drift",
    "moving": "Weeks before: °C stands out all year",
}
for ax, (kind, title) in zip(axes, titles.items(), strict=True):
    for unit in ("°F", "°C"):
        ax.plot(monthly_median.index, monthly_median[kind, unit], label=unit)
    ax.set(xlabel="month", ylim=(0, 1.05), xticks=range(3, 13), title=title)
axes[0].set_ylabel("divergence of temperature (bits)")
axes[1].legend(title="sent in", loc="center", bbox_to_anchor=(0.5, 0.62))
summer = monthly_median.loc[7]
words = [
    f"{kind} reference {summer[kind, '°F']:.2f} in °F and {summer[kind, '°C']:.2f} in °C" for kind in titles
]
figures.show(
    fig, alt="Median daily divergence of temperature by month and reference. July: " + "; ".join(words) + "."
)

# %%
figures.md(
    f"In July, against training, the right unit diverges by **{summer['fixed', '°F']:.2f}** bits "
    f"and the wrong one by **{summer['fixed', '°C']:.2f}**. "
    f"Against the weeks before it is {summer['moving', '°F']:.2f} and {summer['moving', '°C']:.2f}."
)

# %% [markdown]
# A summer in Celsius looks like a winter in Fahrenheit. Against training the fault *heals* the drift: an
# alarm with a fixed reference would have ended when it should have begun. The rule of thumb: a moving
# reference for sudden faults, a fixed one for the gradual drift away from what the model knows. You need
# both, for they answer two questions.
#
# ### A streaming detector against a control chart
#
# The limits above look at one day. A small shift that lasts is found earlier by adding days up. Four ways,
# all on `observed − predicted`:
#
# - a **Shewhart chart** (1931): alarm when a day lies more than three standard deviations from the mean;
# - an **EWMA chart** (Roberts, 1959): the same on an exponentially weighted mean of the days;
# - the **Page–Hinkley** test (Page, 1954): accumulates deviations, forgets small ones;
# - **ADWIN** (Bifet and Gavaldà, 2007): keeps a window of the stream and cuts it where two parts differ by
#   more than chance. It comes with a proof of its false alarm rate, and needs no threshold but that rate.
#
# The last two come from `river` and are made for streams, so they get the flights one by one, as the manual
# suggests, and the days as well.

# %%
from river import drift as streaming


def rings_of(detector, stream):
    """Positions of the stream at which the detector says drift."""
    found = []
    for position, value in enumerate(stream):
        detector.update(value)
        if detector.drift_detected:
            found.append(position)
    return found


# %%
autumn = (day >= 244) & (day <= 334)
per_flight = (late - chance)[autumn]
shuffled = np.random.default_rng(seed).permutation(per_flight)
streams = {"as they came": per_flight.tolist(), "shuffled": shuffled.tolist()}
ringing = {order: rings_of(streaming.ADWIN(), stream) for order, stream in streams.items()}

# %%
ringing_days = len(np.unique(day[autumn][ringing["as they came"]]))
figures.md(
    f"ADWIN on {autumn.sum():,} flights of three calm months: **{len(ringing['as they came'])}** alarms, "
    f"on {ringing_days} of 91 days. "
    f"On the same flights in random order: **{len(ringing['shuffled'])}**."
)

# %% [markdown]
# The proof holds, as the shuffled stream shows. Its premise does not: it asks for independent values, and
# flights of one day share their weather. To ADWIN each rainy Tuesday is a new world, and statistically it is
# right. It is not the question. The unit that is nearly independent here is the **day**, so the days are what
# a detector should count. (1.1 drew days in its bootstrap for the same reason.)

# %%
mean, sd = gap.loc[244:304].mean(), gap.loc[244:304].std()


# %%
def ewma(series, weight=0.2):
    """Days at which the weighted mean since the start leaves three of its standard deviations."""
    level = (series - mean).ewm(alpha=weight, adjust=False).mean()
    return series.index[level.abs() > 3 * sd * np.sqrt(weight / (2 - weight))]


# %%
def in_river(make):
    return lambda series: series.index[rings_of(make(), series)]


# %%
detectors = {
    "Shewhart, 3 sd": lambda series: series.index[(series - mean).abs() > 3 * sd],
    "EWMA, 3 sd": ewma,
    "Page–Hinkley": in_river(lambda: streaming.PageHinkley(7, delta=sd / 2, threshold=5 * sd, alpha=1.0)),
    "ADWIN": in_river(lambda: streaming.ADWIN(clock=1, min_window_length=3)),
}

# %% [markdown]
# All start on 1 September and see one value a day. Mean and standard deviation of the charts are those of
# September and October. Page–Hinkley is set as textbooks set a CUSUM: ignore half a standard deviation, ring
# at five. The changed world begins on each of the first 24 days of November in turn.

# %%
changed = pd.Series(np.where(struck, 1, late) - chance).groupby(day).mean()
found = {}
for name, detector in detectors.items():
    false = [number for number in detector(gap.loc[244:334]) if number > 304]
    rings = [detector(pd.concat([gap.loc[244 : start - 1], changed.loc[start:]])) for start in starts]
    after = [
        [number - start + 1 for number in ring if number >= start]
        for start, ring in zip(starts, rings, strict=True)
    ]
    delays = np.array([min(waits, default=np.nan) for waits in after])
    found[name] = {
        "false alarms": len(false),
        "found in 14 days": np.mean(delays <= 14),
        "days": np.median(delays),
    }

# %%
figures.table(
    pd.DataFrame(found).T.rename_axis("detector"),
    caption="False alarms in a quiet November; the changed world: found, and after how many days (median)",
    formats={"false alarms": "{:.0f}", "found in 14 days": "{:.0%}", "days": "{:.0f}"},
)

# %% [markdown]
# The two charts and Page–Hinkley find the step in two or three days, without a false alarm in November. ADWIN
# on days finds nothing: its proof must hold for any distribution whatever, so with a few dozen values it is
# bound to be cautious. Here a chart from 1931 with the right unit does better than a modern detector with the
# wrong one. 4.9 takes up the detectors again.
#
# ## 4 Deployment patterns
#
# It is 1 July. Version 1 is off by eight points and more, and three candidates are on the table:
#
# - **retrained**: the same model, fitted on January to June;
# - **leaked**: retrained with one more column, `dep_delay`, that is not known at serving time, where 0 is
#   sent instead (1.1 knows the case);
# - **pressure**: version 1 with one more honest input, the air pressure.
#
# We know how July ended, so we can say what each was worth. The patterns below don't know.

# %%
from functools import cache

from helpers import datasets

raw = datasets.flights().assign(time_hour=lambda rows: pd.to_datetime(rows.time_hour, utc=True))
keys = ["time_hour", "origin", "carrier", "flight"]
named = flights[keys].astype(dict.fromkeys(["origin", "carrier"], object))
flights["dep_delay"] = named.merge(
    raw[[*keys, "dep_delay"]], on=keys, how="left", validate="one_to_one"
).dep_delay
unknown = flights.assign(dep_delay=0.0)
july = month == 7


# %%
def served(model, rows, when):
    """Chances of a version for the flights of `when`, from the `rows` it is sent; NaN elsewhere."""
    found = np.full(len(flights), np.nan)
    found[when] = chances(model, rows[when])
    return found


@cache
def trained_before(m):
    """The same model, fitted on all months before `m`."""
    return fit(flights[month < m])


# %%
leaky = fit(flights[month < 7], {**EDGES, "dep_delay": [-5, 0, 5, 15, 30, 60]})
candidates = {
    "retrained": served(trained_before(7), flights, july),
    "leaked": served(leaky, unknown, july),
    "pressure": served(fit(flights[train], {**EDGES, "pressure": range(1000, 1035, 5)}), flights, july),
}

# %%
def interval(gain, rows, resamples=2000):
    """Mean gain of the flights in `rows`, dollars per 1,000, with a 95 % interval from drawing days."""
    daily = pd.Series(gain[rows]).groupby(day[rows]).agg(["sum", "count"]).to_numpy()
    picks = np.random.default_rng(seed).integers(0, len(daily), (resamples, len(daily)))
    draws = daily[picks].sum(axis=1)
    return 1000 * gain[rows].mean(), *np.quantile(1000 * draws[:, 0] / draws[:, 1], [0.025, 0.975])


# %% tags=["atol=2"]
worth = {name: interval(earned(late, new) - earned(late, chance), july) for name, new in candidates.items()}
figures.table(
    pd.DataFrame(worth, index=["dollars", "from", "to"]).T.rename_axis("July, against version 1"),
    caption="What each candidate would have earned more, dollars per 1,000 flights",
    formats=dict.fromkeys(["dollars", "from", "to"], "{:+,.0f}"),
)

# %% [markdown]
# One clear gain, one clear loss, and one gain so small that it takes a whole month of complete knowledge to
# see it. The last is the common case in practice.
#
# ### When may one stop?
#
# A **canary** sends a small random share of the flights to the new version and compares what the two arms
# earn per flight. Every morning somebody looks. If there is no difference at all, how often will the
# comparison find one? We can measure that: an **A/A test**, version 1 against itself, with the arms drawn
# again and again.


# %%
pay = earned(late, chance)  # of version 1
by_day = [np.flatnonzero(day == number) for number in days]
calendar_july = [by_day[number - 1] for number in range(182, 213)]


# %%
def arms(old, new, to_new):
    """Difference of two arms in dollars over a day's flights, and its variance."""
    a, b = new[to_new], old[~to_new]
    n = len(old)
    return n * (a.mean() - b.mean()), n**2 * (a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))


# %%
def bound(variance, alpha=0.05, scale=None):
    """Line that a sum without drift crosses with probability `alpha`, however often one
    looks (Robbins, 1970)."""
    # Sharpest when the sum's variance is eight times this: at about eight weeks
    scale = scale or 7 * variance[0]
    return np.sqrt((variance + scale) * np.log((variance + scale) / (scale * alpha**2)))


# %%
def stops(new, salt):
    """A month of canary: on which mornings each rule would have stopped."""
    draw = np.random.default_rng([seed, salt]).random(len(late))
    days_of = [arms(pay[d], new[d], draw[d] < canary_share) for d in calendar_july]
    total, variance = np.cumsum(days_of, axis=0).T
    return np.abs(total) > 1.96 * np.sqrt(variance), np.abs(total) > bound(variance)


# %%
ones = [stops(pay, salt) for salt in range(200)]
rules = {
    "95 % interval, looked at once, on the last day": [fixed_line[-1] for fixed_line, _ in ones],
    "95 % interval, looked at every morning": [fixed_line.any() for fixed_line, _ in ones],
    "sequential bound, looked at every morning": [line.any() for _, line in ones],
}

# %%
figures.table(
    pd.DataFrame({"stopped": pd.Series({name: np.mean(hits) for name, hits in rules.items()})}).rename_axis(
        "rule"
    ),
    caption="Version 1 against itself, 200 canaries of 31 days: how many find a difference",
    formats={"stopped": "{:.1%}"},
)

# %% [markdown]
# **Peeking** multiplies the promised error: every morning is another chance to be wrong. A **sequential
# test** makes its promise for all mornings together. The bound above is the normal mixture of Robbins, the
# core of what experimentation platforms call mSPRT or *always valid*. It pays with width, so it stops later
# when there is something to find.
#
# ### Five patterns
#
# Each pattern is a function. In the morning it gets the days so far and says which share of today's flights
# goes to the new version, and whether a second environment is kept.
#
# | pattern | flights on the new version | looks at | way back |
# | --- | --- | --- | --- |
# | **big bang** | all, from day one | alarm on observed − predicted, before against after | redeploy, `redeploy` days |
# | **blue-green** | all, from day one | the same alarm | old environment still runs: next morning |
# | **shadow** | none for at most 14 days; both versions score all flights | paired difference | nothing to take back |
# | **canary** | `canary_share`, at most 14 days, then all or none | difference of the arms | next morning |
# | **ramp-up** | 1, 5, 25, 50, 100 %, three days each | difference of the arms | next morning |
#
# Shadow and canary release only what has proved *better*, and not before a full week, because a Monday is no
# Saturday. Ramp-up and the first two stop only what has proved *worse*.


# %%
def record(new, today, to_new):
    """What is known the next morning of a day's flights."""
    old = earned(late[today], chance[today])
    paired = earned(late[today], new[today]) - old
    share = to_new.mean()
    weight = share * (1 - share)  # a day with tiny arms says little, and counts little
    difference, variance = arms(old, old + paired, to_new) if 1 < to_new.sum() < len(today) - 1 else (0, 0)
    return {
        "exposed": to_new.sum(),
        "gain": paired[to_new].sum(),
        "gap": abs(late[today].mean() - np.where(to_new, new[today], chance[today]).mean()),
        "arms": (weight * difference, weight**2 * variance),
        "paired": (paired.sum(), len(today) * paired.var()),
    }


# %%
def verdict(past, kind):
    """'worse' or 'better' and the index of the day that showed it, or (None, None);
    `kind` is "arms" or "paired"."""
    seen = [(i, *row[kind]) for i, row in enumerate(past) if row[kind][1] > 0]
    if not seen:
        return None, None
    index, difference, variance = np.array(seen).T
    total, line = difference.cumsum(), bound(variance.cumsum())
    hits = np.flatnonzero((total < -line) | ((total > line) & (index >= 6)))  # better: not before a full week
    return ("worse" if total[hits[0]] < 0 else "better", int(index[hits[0]])) if len(hits) else (None, None)


# %%
def usual_gap(first):
    """Mean of |observed − predicted| over the 28 days before, and the limit of its weighted mean."""
    before = gap.loc[first - 28 : first - 1].abs()
    return before.mean(), before.mean() + 3 * before.std() * np.sqrt(0.2 / 1.8)


def with_level(row, past, usual):
    """The day's record; is the weighted mean of |observed − predicted| over the limit?"""
    mean, limit = usual
    level = 0.8 * (past[-1]["level"] if past else mean) + 0.2 * row["gap"]
    return row | {"level": level, "over": level > limit}



# %%
def alarm(past):
    """Index of the first day on which the alarm rang, or None."""
    return next((i for i, row in enumerate(past) if row["over"]), None)


# %% [markdown]
# **Exercise 1.7c.** Write the ramp. `share_today(day, worse, steps, length)` gives the share of flights for
# the new version: `day` counts from 0, `steps` is a list of shares, each lasts `length` days, the last one
# for good. `worse` is the index of the day that proved it worse, or `None`. What a day showed is known the
# next morning, and then the new version gets nothing any more.


# %% tags=["starter"] exercise="1.7c"
def share_today(day, worse, steps, length):
    """Share of today's flights that goes to the new version."""
    ...


# %% tags=["solution"] exercise="1.7c"
def share_today(day, worse, steps, length):
    """Share of today's flights that goes to the new version."""
    if worse is not None and day > worse:
        return 0.0
    return steps[min(day // length, len(steps) - 1)]


# %% exercise="1.7c"
lesson.check("1.7c", share_today=share_today)


# %%
def big_bang(past):
    seen = alarm(past)
    return (1.0, False) if seen is None or len(past) <= seen + redeploy else (0.0, False)


def blue_green(past):
    return (1.0 if alarm(past) is None else 0.0), len(past) < 14


# %%
def shadow(past):
    found, _ = verdict(past[:14], "paired")
    return float(found == "better"), found is None and len(past) < 14


# %%
def canary(past):
    found, _ = verdict(past, "arms")
    open_ = found is None and len(past) < 14
    return (canary_share if open_ else float(found == "better")), open_


# %%
def ramp_up(past):
    found, _ = verdict(past, "arms")
    share = [0.01, 0.05, 0.25, 0.5, 1.0][min(len(past) // 3, 4)]
    return (0.0, False) if found == "worse" else (share, share < 1)


# %%
PATTERNS = {
    "big bang": big_bang,
    "blue-green": blue_green,
    "shadow": shadow,
    "canary": canary,
    "ramp-up": ramp_up,
}
EVIDENCE = {shadow: "paired", canary: "arms", ramp_up: "arms"}


# %%
def played(pattern, new, month_days, salt):
    """One rollout, day by day: what was known of each, and the plan it followed."""
    random, past, plan = np.random.default_rng([seed, salt]), [], []
    usual = usual_gap(day[month_days[0][0]])
    for today in month_days:
        plan.append(pattern(past))
        to_new = random.random(len(today)) < plan[-1][0]
        past.append(with_level(record(new, today, to_new), past, usual))
    return past, plan


# %%
def rollout(pattern, new, month_days, salt=0):
    """What came of one rollout."""
    past, plan = played(pattern, new, month_days, salt)
    if pattern in EVIDENCE:
        found, seen = verdict(past[:14] if pattern is shadow else past, EVIDENCE[pattern])
    else:
        found, seen = "worse", alarm(past)
    table, stopped = pd.DataFrame(past), seen is not None and found == "worse"
    return {
        "gain": table.gain.sum() - hosting * sum(second for _, second in plan),
        "worst day": table.gain.min(),
        "exposed": table.exposed.sum(),
        "released": plan[-1][0] == 1,
        "detected": seen + 1 if stopped else np.nan,
        "back": (table.exposed[seen + 1 :] > 0).sum() if stopped else np.nan,
    }


# %%
def averaged(pattern, new, month_days):
    """The mean over redrawn arms; a pattern without a random part is run once."""
    many = repeats if pattern in (canary, ramp_up) else 1
    return (
        pd.DataFrame([rollout(pattern, new, month_days, salt) for salt in range(many)]).astype(float).mean()
    )


# %%
fates = {
    (version, name): averaged(pattern, new, calendar_july)
    for version, new in candidates.items()
    for name, pattern in PATTERNS.items()
}
fates = pd.DataFrame(fates).T.rename_axis(["candidate", "pattern"])
shown = {"gain": "{:+,.0f}", "worst day": "{:+,.0f}", "exposed": "{:,.0f}"}
shown |= {"released": "{:.0%}", "detected": "{:.1f}", "back": "{:.0f}"}

# %% tags=["atol=1"]
figures.table(
    fates,
    caption="July: dollars against keeping version 1, hosting paid; flights "
            "exposed; days to detect, to roll back",
    formats=shown,
    bars=["gain"],
)

# %% [markdown]
# Read the *leaked* rows first, that is what the patterns are for. Big bang and blue-green wait for an alarm
# that compares July with June, and July is another month anyway: ten days. The switch back of blue-green
# saves the two days of redeploying, not the ten of not knowing. The patterns that compare **at the same
# time** know within three days, and risk a few flights instead of ten thousand.
#
# *Pressure* shows the price of proof: no test can tell in 14 days, so shadow and canary keep a better version
# out. Ramp-up lets it through, because it asks for proof of harm, not of gain. What happens to the undecided
# is a choice, and it decides most releases.
#
# And *retrained*: the shadow kept out the best version of the three, with proof, on day 5, and half of the
# canaries never released it. How can a valid test be so wrong? In the days around 4 July nobody flew late,
# and the retrained version alerted too often. On those days it *was* worse, over thousands of flights, and
# the test has flights as its units. It answered "is it worse on these days?". We wanted to know about the
# days to come. So once more, with days as the units.


# %%
def verdict_by_days(new, month_days):
    """The same bound with the day as the unit: its variance is that of the daily differences."""
    gains = np.array([(earned(late[d], new[d]) - earned(late[d], chance[d])).sum() for d in month_days])
    number = np.arange(1, len(gains) + 1)
    variance = number * np.array([gains[:n].var(ddof=1) if n > 1 else np.inf for n in number])
    line = bound(variance, scale=7 * gains[:7].var(ddof=1))  # the first week sets the scale, then one looks
    hits = np.flatnonzero((np.abs(gains.cumsum()) > line) & (number >= 7))
    if not len(hits):
        return "undecided", np.nan
    return ("better" if gains[: hits[0] + 1].sum() > 0 else "worse"), hits[0] + 1


# %%
rows = {}
for name, new in candidates.items():
    by_flights, seen = verdict([record(new, d, np.zeros(len(d), bool)) for d in calendar_july], "paired")
    by_days, day_seen = verdict_by_days(new, calendar_july)
    rows[name] = {
        "flights as units": by_flights or "undecided",
        "on day": seen + 1 if seen is not None else np.nan,
        "days as units": by_days,
        "on day ": day_seen,
    }

# %%
figures.table(
    pd.DataFrame(rows).T.rename_axis("shadow, all of July"), formats={"on day": "{:.0f}", "on day ": "{:.0f}"}
)

# %% [markdown]
# With days as units the false proof is gone, and so is the speed: the harm of the leaked version takes weeks
# to prove instead of one morning. There is no free choice here. A common one in practice: stop on flights
# (harm seen is reason enough, and a mistake costs little), release on days (a gain should last), and never
# release before a full weekly cycle.
#
# ### Every month a release
#
# July was one month. Now the routine of a whole year: on the first of each month from May to December the
# model is retrained on all months before and released by each pattern, against version 1.

# %%
yearly = {}
for m in range(5, 13):
    month_days = [rows for rows in by_day if month[rows[0]] == m]
    new = served(trained_before(m), flights, month == m)
    yearly[m] = {name: averaged(pattern, new, month_days).gain for name, pattern in PATTERNS.items()}
yearly = pd.DataFrame(yearly).T.rename_axis("released on the 1st of month")
total = yearly.sum().to_frame("all").T.rename_axis(yearly.index.name)

# %% tags=["atol=20"]
figures.table(
    pd.concat([yearly, total]), caption="Retrained every month", formats=dict.fromkeys(PATTERNS, "{:+,.0f}")
)

# %% [markdown]
# The retrained version is not the better one every month. May and the autumn cost, June, July and December
# pay. The bold patterns collect all of it, with all the losses; the careful ones keep most of both away.
# Summed over a year in which nothing was ever really broken, care looks like waste.
#
# It is an insurance, and an insurance has a premium. Take from the tables what a release earns on average if
# the version is fine, and if it is broken (like *leaked*), under a bold and under a careful pattern.
#
# **Exercise 1.7d.** Write `bad_share(bold_good, careful_good, bold_bad, careful_bad)`: from which share of
# broken releases on does the careful pattern earn as much on average as the bold one? The four are dollars
# per release; losses are negative. In the probes bold is better on good releases, careful on bad ones.


# %% tags=["starter"] exercise="1.7d"
def bad_share(bold_good, careful_good, bold_bad, careful_bad):
    """Share of bad releases from which on the careful pattern earns more on average."""
    ...


# %% tags=["solution"] exercise="1.7d"
def bad_share(bold_good, careful_good, bold_bad, careful_bad):
    """Share of bad releases from which on the careful pattern earns more on average."""
    premium, averted = bold_good - careful_good, careful_bad - bold_bad
    return premium / (premium + averted)


# %% exercise="1.7d"
lesson.check("1.7d", bad_share=bad_share)

# %%
share = {}
picks = np.random.default_rng(seed).integers(0, len(yearly), (2000, len(yearly)))
for name in ("shadow", "canary", "ramp-up"):
    care = (yearly["big bang"] - yearly[name]).to_numpy()
    averted = fates.loc[("leaked", name), "gain"] - fates.loc[("leaked", "big bang"), "gain"]
    low, high = np.quantile(care[picks].mean(axis=1), [0.025, 0.975])
    pays = {"pays from": care.mean(), "at least": max(low, 0), "at most": max(high, 0)}
    share[name] = {"premium": care.mean(), "from": low, "to": high, "averted": averted}
    share[name] |= {end: max(premium, 0) / (max(premium, 0) + averted) for end, premium in pays.items()}

# %% tags=["atol=1"]
figures.table(
    pd.DataFrame(share).T.rename_axis("instead of a big bang"),
    caption="Dollars a release: what care costs if fine (95 % interval, the eight releases drawn), averts if "
    "broken; share of broken ones from which it pays, with the same interval",
    formats=dict.fromkeys(["premium", "from", "to"], "{:+,.0f}")
    | {"averted": "{:,.0f}"}
    | dict.fromkeys(["pays from", "at least", "at most"], "{:.0%}"),
)

# %% [markdown]
# If about one release in ten is broken, the canary has paid for itself; for the ramp-up it takes fewer. How
# sure is that? Eight releases are few, and July outweighs the rest: every premium's interval holds zero, so
# care may have cost nothing at all, or paid only from one broken release in four (canary) on. And *averted*
# comes from one fault in one month. It is the way of reckoning that carries over: the share is a number a
# team can hold against its own history of releases, and that is the honest argument for progressive delivery.
#
# One thing no column shows. Here the alert does not change whether the flight is late, so a shadow can be
# scored in full. Where actions change outcomes, or users react to what they see, a shadow shows only
# predictions; a canary is the first to show consequences. 4.8 runs these patterns on live traffic.
#
# ## 5 Degrees of automation
#
# The patterns decide *which version* answers. The other dial is *how much* it may decide. Five degrees, from
# nothing to everything:
#
# | degree | who decides |
# | --- | --- |
# | **human only** | a person, on every flight |
# | **shadow** | a person, on every flight; the model runs beside, nobody sees it |
# | **AI assistance** | a person, on every flight, who sees the model's chance |
# | **partial automation** | the model; a person only where the model is unsure |
# | **full automation** | the model |
#
# We have no dispatcher, so we need a stand-in, and it should know something the model doesn't, or there is no
# point in asking. Ours looks at the departures board: how late are the flights that should have left this
# airport in the last two hours, as far as one can see it an hour before departure? Knowing that, carrier,
# destination and hour, but no weather, it judges as well as a logistic regression can. A real person would
# know other things, and tire. Each look costs `look` dollars.


# %%
def minutes(times):
    return times.astype("int64").to_numpy() // 60_000_000_000


# %%
def seen_on_board(due, delay, now):
    """At each moment, the mean delay so far of flights due in the two hours before; in
    minutes, `due` sorted."""
    spans = zip(now, np.searchsorted(due, now - 120), np.searchsorted(due, now), strict=True)
    # a flight that has not left yet is late by the time that has passed since it was due
    return [np.minimum(delay[a:b], moment - due[a:b]).mean() if b > a else np.nan for moment, a, b in spans]


# %%
left = raw[raw.dep_delay.notna()]
left = left.assign(due=minutes(left.time_hour) + left.minute).sort_values("due", kind="stable")
asked = minutes(flights.time_hour) - 60  # an hour before
flights["board"] = np.nan
for origin, mine in left.groupby("origin"):
    here = flights.origin == origin
    moments, which = np.unique(asked[here], return_inverse=True)
    found = seen_on_board(mine.due.to_numpy(), mine.dep_delay.to_numpy(), moments)
    flights.loc[here, "board"] = np.array(found)[which]

# %%
on_board = {"board": [-5, 0, 5, 10, 15, 20, 30, 45, 60, 90]}
person = chances(fit(flights[train], {"day_minute": EDGES["day_minute"], **on_board}), flights)
together = chances(fit(flights[train], {**EDGES, **on_board}), flights)


# %%
def partial(band):
    """Chances and looks when a person decides within `band` of the break-even."""
    unsure = np.abs(chance - threshold) <= band
    return np.where(unsure, together, chance), unsure


# %%
spring, rest = (month >= 4) & (month <= 6), month >= 7
bands = np.arange(0, 0.31, 0.02)
curve = {
    band: 1000 * (earned(late, partial(band)[0]) - look * partial(band)[1])[spring].mean() for band in bands
}
best = max(curve, key=curve.get)

# %%
everyone, nobody = np.ones(len(late), bool), np.zeros(len(late), bool)
degrees = {
    "human only": (person, everyone),
    "shadow": (person, everyone),
    "AI assistance": (together, everyone),
    f"partial automation, ±{best:.2f}": partial(best),
    "full automation": (chance, nobody),
    "full automation, board as an input": (together, nobody),
}

# %%
full, rows = earned(late, chance), {}
for name, (judged, looked) in degrees.items():
    gross = earned(late, judged)
    beside = hosting * 184 / rest.sum() if name == "shadow" else 0  # per flight, on 184 days
    rows[name] = {
        "looked at": looked[rest].mean(),
        "earned": 1000 * gross[rest].mean(),
        "net": 1000 * ((gross - look * looked)[rest].mean() - beside),
        "pays up to": (gross - full)[rest].sum() / looked[rest].sum() if looked.any() else np.nan,
    }

# %% tags=["atol=2"]
figures.table(
    pd.DataFrame(rows).T.rename_axis("degree"),
    caption="July to December, dollars per 1,000 flights; last: price of a "
            "look up to which it beats full automation",
    formats={"looked at": "{:.0%}", "earned": "{:,.0f}", "net": "{:,.0f}", "pays up to": "{:.2f}"},
)

# %%
net = {
    price: [
        1000 * (earned(late, judged) - price * looked)[rest].mean() for judged, looked in map(partial, bands)
    ]
    for price in (1, 2, 4)
}

# %%
fig, ax = plt.subplots()
for price, line in net.items():
    ax.plot(bands, line, label=f"${price} a look")
ax.yaxis.set_major_formatter("{x:,.0f}")
ax.set(
    title="The dearer a look, the narrower the band worth asking about",
    xlabel="half-width of the band around the break-even",
    ylabel="dollars per 1,000 flights",
)
ax.legend()
tops = [
    f"${price} a look: best at ±{bands[np.argmax(line)]:.2f} with {max(line):,.0f}"
    for price, line in net.items()
]
figures.show(
    fig, alt="Net earnings, July to December, against the width of the band. " + "; ".join(tops) + "."
)

# %% tags=["atol=2"]
judged, looked = partial(best)
mean_gain, low, high = interval(earned(late, judged) - look * looked - full, rest)
figures.md(
    f"Partial minus full automation: **{mean_gain:+,.0f}** dollars per 1,000 flights, "
    f"interval from {low:+,.0f} to {high:+,.0f} (days drawn)."
)

# %% [markdown]
# At two dollars a look, having a person look at everything earns less than letting the model decide alone,
# with the model's help too. Partial automation beats both: a person where the model is unsure, the model
# elsewhere. The last column says up to which price, and the picture how the band should shrink as looks get
# dearer. The band was chosen on April to June, the table is July to December.
#
# The last row is the cheap alternative. All our person knows stands on a board, and a board can be an input:
# then full automation beats everything, without a look. In a real project this is the question to ask
# whenever people correct a model: *what do they see that it does not?* What remains after that is what people
# are for. (The shadow costs what human only costs, and the second environment. What it earns is a year of
# knowing whether the model could.)
#
# ## What breaks in production
#
# It is November. The version retrained on January to October goes out as a canary on the 1st. On the 8th the
# weather service switches to Celsius, for both versions alike. Somebody sees the money fall, remembers the
# release, and rolls back.

# %%
last = served(trained_before(11), flights, month == 11)
cold = np.where(day >= 312, chances(version_1, celsius), chance)  # version 1, with the feed as it is
broken = served(trained_before(11), celsius, month == 11)

# %%
span = {"1 to 7 November": (day >= 305) & (day <= 311), "8 to 30 November": (day >= 312) & (day <= 334)}
states = {
    "canary, version 1": (chance, cold),
    "canary, new version": (last, broken),
    "rolled back: version 1": (None, cold),
    "feed repaired: version 1": (None, chance),
}
rows = {
    name: {
        part: dollars(late[where], found[where]) if found is not None else np.nan
        for (part, where), found in zip(span.items(), pair, strict=True)
    }
    for name, pair in states.items()
}

# %% tags=["atol=2"]
figures.table(
    pd.DataFrame(rows).T.rename_axis("state"),
    caption="Dollars per 1,000 flights; °C from 8 November",
    formats=dict.fromkeys(span, "{:+,.0f}"),
)

# %% [markdown]
# Rolling back changes next to nothing, because the fault was not in the version. Did the canary say so? A
# canary compares two arms that drink from one well. Ask each witness when it first spoke after the 8th.

# %%
weeks = [rows for rows in by_day if 312 <= day[rows[0]] <= 334]
worse = 0
for salt in range(repeats):
    random = np.random.default_rng([seed, salt])
    pays = [
        (earned(late[d], cold[d]), earned(late[d], broken[d]), random.random(len(d)) < canary_share)
        for d in weeks
    ]
    total = [arms(*pair) for pair in pays]
    difference, variance = np.cumsum(total, axis=0).T
    worse += (difference < -bound(variance)).any()
thermometer = measured["temperature in °C"].loc[312, "temperature"]

# %%
figures.md(
    f"Canary, new against old arm: worse in **{worse} of {repeats}** draws over the three weeks after the "
    f"8th. Temperature against the weeks before: **{thermometer:.1f}** standard deviations on the 8th "
    f"itself, limit {limits['temperature']:.1f}."
)

# %% [markdown]
# The comparison stays silent: it is built to cancel whatever hits both arms, and that is its strength and its
# blind side. Before and after sees the fall, but can't say why, so the rollback comes natural and costs a
# week. The thermometer knew on the first day.
#
# So a rollout needs two kinds of guard: a **relative** one (new against old, on the same traffic) for faults
# of the version, and an **absolute** one (inputs and outputs against limits) for faults of everything else.
# And a runbook that asks first: *did both arms fall?* If yes, leave the version alone and look upstream.
#
# ## What you did
#
# - You split the year's change in lateness into data drift and concept drift on two routes, and saw from the
#   effective sample size where the data can't tell, and that the split depends on the inputs one has.
# - You set limits from calm days, found that they did not carry into November, and measured for four
#   incidents which metric sees which, and how soon.
# - You ran ADWIN on a stream whose values are not independent, and saw a control chart on days do better.
# - You released three candidates by five patterns on the same July, and a year of retrained ones, and put a
#   price on care: the share of broken releases from which it pays.
# - You priced a person's look, and found the band in which it is worth having.
#
# Other prices change the picture: `workbook run 1.7 -p look=1` from a terminal, or `-p canary_share=0.05`.

# %%
lesson.end()
