# %% [markdown]
# # 1.7 Drift and deployment patterns
#
# A model is trained in one quarter and used in the next. In between the world moves, a feed breaks, and
# somebody wants to release a better version. How do you notice, and how do you put a new version in front of
# 900 flights a day without betting the month on it?
#
# **You will be able to**
#
# - tell **data drift** from **concept drift** by measurement, and say when the data can't tell;
# - set alarm limits on software, input and output metrics from calm days, and count what they cost and catch;
# - write the controller of a rollout that climbs, and stops by itself;
# - compare big bang, blue-green, shadow, canary and ramp-up on the same eight months, in money;
# - choose a degree of automation from the price of a person's look.
#
# *Needs: lessons 1.1 and 1.3. Time: about 60 minutes, and 25 more for "Deeper".*

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

# %% tags=["folded"]
from helpers import figures

figures.overview(
    "What you build: three guards around a model in use",
    [
        ["new version", "rollout controller", "alarms"],
        ["flights of 2013", "version 1", "drift"],
        [None, "money", None],
    ],
    [
        ("flights of 2013", "version 1"),
        ("version 1", "money"),
        ("version 1", "drift", "inputs, outcomes"),
        ("drift", "alarms"),
        ("new version", "rollout controller"),
        ("rollout controller", "version 1", "share of flights"),
        ("alarms", "rollout controller", "ask before going back"),
    ],
    new=("drift", "alarms", "rollout controller"),
)

# %% [markdown]
# ## 1 A year, replayed
#
# The model learns on January to March; the rest of 2013 comes day by day. It is a logistic regression, as in
# 1.3, on binned inputs: quick enough to be fitted dozens of times.

# %% tags=["folded"]
import numpy as np
import pandas as pd
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from helpers.flights import examples

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


# %% tags=["folded"]
def binned(rows, edges):
    """Every input as a whole number: bins of numbers (-1: missing), codes of names, the weekday."""
    codes = {
        name: np.where(rows[name].isna(), -1, np.digitize(rows[name], cut)) for name, cut in edges.items()
    }
    codes |= {name: rows[name].cat.codes.to_numpy(dtype=int) for name in NAMES}
    return pd.DataFrame({**codes, "weekday": rows.weekday.to_numpy()})


def one_hot(rows, edges):
    """A column for each bin of each input, 1 where the flight lies in it; the same columns for all rows."""
    codes = binned(rows, edges) + 1
    sizes = [len(edges[name]) + 2 for name in edges]
    sizes += [len(rows[name].cat.categories) + 1 for name in NAMES] + [8]
    places = codes.to_numpy() + np.cumsum([0, *sizes[:-1]])
    ends = np.arange(len(rows) + 1) * len(sizes)
    return csr_matrix((np.ones(places.size), places.ravel(), ends), (len(rows), sum(sizes)))


def fit(rows, edges=EDGES):
    """A logistic regression of `late` on the binned inputs."""
    bins = FunctionTransformer(one_hot, kw_args={"edges": edges})
    return make_pipeline(bins, LogisticRegression(max_iter=300)).fit(rows, rows.late)


def chances(model, rows):
    """The model's chance of being late, for each row."""
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
# A training month can't be judged by a model that has seen it. So each of the three is predicted by a model
# of the other two, and we have winter days as they would have looked in use. Money is counted as in 1.1:
# every chance from the break-even upwards is an alert. Intervals draw **days**, as in 1.3, because flights of
# one day share their weather.

# %%
for m in (1, 2, 3):
    chance[month == m] = chances(fit(flights[train & (month != m)]), flights[month == m])


# %%
def earned(late, chance):
    """Dollars each flight earns: an alert costs `spent`, and saves `saved` if the flight is late."""
    return (chance >= spent / saved) * (saved * late - spent)


def interval(values, when):
    """Mean of the flights in `when`, with a 95 % interval from drawing days."""
    sums = pd.Series(values[when]).groupby(day[when]).agg(["sum", "count"]).to_numpy()
    picks = np.random.default_rng(seed).integers(0, len(sums), (2000, len(sums)))
    total, count = sums[picks].sum(axis=1).T
    return values[when].mean(), *np.quantile(total / count, [0.025, 0.975])


# %%
months = pd.Index(range(1, 13), name="month")
year = pd.DataFrame([interval(late - chance, month == m) for m in months], months, ["gap", "from", "to"])
year.insert(0, "late", [late[month == m].mean() for m in months])
year["dollars"] = [1000 * earned(late, chance)[month == m].mean() for m in months]

# %% tags=["atol=1"]
figures.table(
    year,
    caption="gap: late minus predicted, 95 % interval; dollars per 1,000 flights",
    formats={"late": "{:.1%}", "dollars": "{:,.0f}"} | dict.fromkeys(["gap", "from", "to"], "{:+.1%}"),
    bars=["dollars"],
)

# %% tags=["claim"]
above, below = year.index[year["from"] > 0], year.index[year.to < 0]
assert list(above) == [4, 6, 7, 12], "the gap is above zero, beyond luck, in April, June, July, December"
assert list(below) == [2, 9, 10, 11], "and below zero in February, September, October, November"
assert year.dollars.idxmin() == 9 and year.dollars[9] < 0, "in September version 1 loses money"

# %% [markdown]
# The `gap` is what the model did not expect. It lies above zero, beyond luck, in April, June, July and
# December, and below in February (barely) and September to November; else the interval holds zero. Months
# hide what days show.

# %% tags=["folded"]
import matplotlib.pyplot as plt

gap = pd.Series(late - chance).groupby(day).mean()
smooth = gap.rolling(7, center=True).mean()
fig, ax = plt.subplots(figsize=(9, 3.4))
ax.axvspan(1, 90.5, color="#EEEEEE", lw=0)
ax.bar(gap.index, gap, width=1, color=figures.SKY, label="each day")
ax.plot(smooth.index, smooth, marker="", color=figures.BLUE, label="mean of seven days")
ax.axvspan(112, 117, ymin=0, ymax=0.03, color=figures.RED, lw=0)
ax.text(119, -0.225, "22 to 26 April", color=figures.RED, fontsize=9)
ax.yaxis.set_major_formatter("{x:+.0%}")
ax.set_xticks([1, 91, 182, 274, 365], ["1 Jan", "1 Apr", "1 Jul", "1 Oct", "31 Dec"])
title = "No week of the year missed as much as the one of April, and it ended overnight"
ax.set(title=title, ylabel="late − predicted", xlabel="day of 2013 (grey: training months)")
ax.legend(loc="upper right", ncols=2)
figures.show(
    fig,
    alt=f"{title}. Weekly means run from {smooth.min():+.0%} to {smooth.max():+.0%}; the largest day is "
    f"day {gap.idxmax()} with {gap.max():+.0%}.",
)

# %% tags=["folded"]
those = flights[(day >= 111) & (day <= 117)]
spring = those.groupby("day").agg(
    late=("late", "mean"),
    wind=("wind_speed", "mean"),
    visib=("visib", "mean"),
    rain=("precip", lambda hours: (hours > 0).mean()),
)
spring.insert(1, "predicted", pd.Series(chance[those.index]).groupby(those.day.to_numpy()).mean())
spring.index = pd.Index([f"{number - 90} April" for number in spring.index], name="day")
figures.table(
    spring,
    caption="Wind in mph, visibility in miles, rain as the share of flights with rain in the hour before",
    formats={"wind": "{:.1f}", "visib": "{:.1f}"} | dict.fromkeys(["late", "predicted", "rain"], "{:.0%}"),
)

# %% tags=["claim"]
assert smooth.idxmax() in range(112, 118), (
    "no seven days of the year have a larger mean gap than those in April"
)
top = gap.loc[112:116]
assert top.min() > 0.15 and top.min() > 1.4 * gap.loc[111] and gap.loc[117] < 0, (
    "five days, and over on the 27th"
)
assert spring.rain.max() < 0.03 and spring.visib.min() > 9, "with hardly any rain, in clear air"
assert spring.late.iloc[1] > 2 * spring.late.iloc[0], (
    "from the 21st to the 22nd the share of late flights doubled"
)

# %% [markdown]
# Drift comes in two shapes. **Sudden** drift is a step from one day to the next. Here is one: for five days
# up to 57 % of flights were late, with hardly any rain and in clear air, and on the 27th it was over. The
# dates fit a cause outside our table: the aviation authority (FAA) put its controllers on unpaid leave from
# 21 April until the 27th (Reuters, 27 April 2013). We can't prove it, but no column of ours knows of it: the
# same inputs meant something else. **Gradual** drift takes weeks. The next section has one.
#
# **On Monday:** plot observed minus predicted per day of your newest model, and mark what you know of each
# step.

# %% [markdown]
# ## 2 Data drift or concept drift?
#
# Write *x* for the inputs and *y* for the outcome. **Data drift** (covariate shift): the inputs P(*x*) move,
# what follows from them stays. **Concept drift**: P(*y* given *x*) moves. Data drift asks whether the model
# has seen enough kinds of days; concept drift asks for new labels, because no amount of old data knows the
# new rule.
#
# Data drift can be seen without labels. The **Jensen–Shannon divergence** compares how one input is spread
# over its bins in a month and in training: 0 bits if equal, 1 bit if no bin is shared.

# %%
from scipy.spatial.distance import jensenshannon

codes = binned(flights, EDGES)


def divergence(one, other):
    """Jensen–Shannon divergence in bits, row by row."""
    return jensenshannon(one, other, base=2, axis=1) ** 2


# %%
moved = {}
for name in codes:
    counts = pd.crosstab(month, codes[name]).to_numpy()
    winter = counts[:3].sum(axis=0)
    others = np.array([winter - row if m < 3 else winter for m, row in enumerate(counts)])
    moved[name] = divergence(counts, others)
moved = pd.DataFrame(moved, months)

# %% tags=["folded"]
figures.lines(
    moved[["temp", "wind_speed", "visib", "carrier"]],
    "Temperature leaves the winter gradually and comes back; the others stay near",
    x="month",
    y="divergence from training (bits)",
    form="{:.2f}",
)

# %% tags=["claim"]
usual_most = moved.loc[:3].to_numpy().max()
there, back = moved.temp.loc[4:7], moved.temp.loc[8:12]
assert there.is_monotonic_increasing and back.is_monotonic_decreasing, (
    "temperature leaves and comes back gradually"
)
assert (moved.temp.loc[4:10] > usual_most).all(), (
    "no training month differs from the two others as April to October do"
)
assert moved.drop(columns="temp").to_numpy().max() < 0.1, "all other inputs stay below a tenth of a bit"

# %% [markdown]
# This is gradual: from April on temperature leaves what the model has seen, and by July hardly a bin is
# shared. But how much of the *lateness* does that explain? Ask: how late would winter's flights have been,
# had there been as many of each kind as in July? Four kinds of flights, with July's made as many as winter's:
#
# | kind | in winter | in July | *q* = share of July | weight *q* / (1 − *q*) | late in winter |
# | --- | ---: | ---: | ---: | ---: | ---: |
# | clear, cold | 800 | 200 | 0.2 | 0.25 | 10 % |
# | clear, mild | 100 | 400 | 0.8 | 4 | 20 % |
# | rain, cold | 50 | 50 | 0.5 | 1 | 50 % |
# | rain, mild | 50 | 350 | 0.875 | 7 | 40 % |
#
# One winter flight of the second kind stands for 400 / 100 = 4 of July, and that is *q* / (1 − *q*). Winter's
# share of late flights was 14.5 %; weighted it is (800 · 0.25 · 10 % + 100 · 4 · 20 % + …) / 1,000 = 26.5 %.
# So 12 points of a change would be data drift, and what July had beyond 26.5 % concept drift. Real flights
# have no kinds; a **domain classifier**, trained to tell July's flights from winter's, gives each its *q*.
# This is **importance weighting** (Shimodaira, 2000).

# %% [markdown] exercise="1.7a"
# ### Exercise 1.7a: Winter, reweighted (1 point)
#
# Write `expected_late(late, q)`: the share of late flights among training flights, reweighted to look like
# the month. Both are arrays with one value for each *training* flight: `late` holds 0 and 1, `q` the
# classifier's probability that such a flight is from the month.


# %% tags=["starter"] exercise="1.7a"
def expected_late(late, q):
    """Share of late flights in training if its inputs were distributed as the month's are."""
    ...


# %% tags=["solution"] exercise="1.7a"
def expected_late(late, q):
    """Share of late flights in training if its inputs were distributed as the month's are."""
    return float(np.average(late, weights=q / (1 - q)))


# %% exercise="1.7a"
expected_late = lesson.check("1.7a", expected_late=expected_late)

# %% [markdown]
# Now on the real year. The classifier is asked about days it has not seen; its ROC-AUC says how well the
# month can be told from winter. And one number says how much of the winter carries the result: so many of its
# 90 days, counted alike, would say as much as all of them weighted (the **effective sample size**, Kish,
# 1965). The intervals draw days and take the weights as known; with the classifier's own doubt they would be
# wider.


# %% tags=["folded"]
from sklearn.metrics import roc_auc_score


def told_apart(design, now):
    """Rows of training and month, and their chance to be the month's, fitted on the other half of days."""
    rows = np.flatnonzero(train | now)
    q, even = np.zeros(len(rows)), day[rows] % 2 == 0
    for half in (even, ~even):
        classifier = LogisticRegression(C=0.1, max_iter=300).fit(design[rows[~half]], now[rows[~half]])
        q[half] = classifier.predict_proba(design[rows[half]])[:, 1]
    return rows, q


def daily(values, when):
    """Sums of the columns of `values` per day: [days, columns]."""
    return pd.DataFrame(values).groupby(day[when]).sum().to_numpy()


def split(design, m):
    """The change in lateness from training to month `m`: its data part, its concept part with interval."""
    now = month == m
    rows, q = told_apart(design, now)
    auc, q = roc_auc_score(now[rows], q), q[train[rows]]
    weights = q / (1 - q)
    base, expected = late[train].mean(), expected_late(late[train], q)
    winter = daily(np.c_[weights, weights * late[train]], train)
    that = daily(np.c_[np.ones(now.sum()), late[now]], now)
    random = np.random.default_rng(seed)
    drawn = [
        table[random.integers(0, len(table), (2000, len(table)))].sum(axis=1) for table in (winter, that)
    ]
    ends = np.quantile(drawn[1][:, 1] / drawn[1][:, 0] - drawn[0][:, 1] / drawn[0][:, 0], [0.025, 0.975])
    worth = winter[:, 0].sum() ** 2 / (winter[:, 0] ** 2).sum()
    parts = {
        "change": late[now].mean() - base,
        "data": expected - base,
        "concept": late[now].mean() - expected,
    }
    return {"AUC": auc, "winter days": worth, **parts, "from": ends[0], "to": ends[1]}


# %%
seasonless = flights.assign(temp=0.0)  # one value for all: as if the column were not there
designs = {
    "all inputs": one_hot(flights, EDGES),
    "without temperature": one_hot(seasonless, EDGES),
}
splits = {}
for name, design in designs.items():
    splits[name] = pd.DataFrame({m: split(design, m) for m in months[3:]}).T.rename_axis("month")

# %% tags=["atol=0.2"]
shown = {"AUC": "{:.2f}", "winter days": "{:.0f}"} | dict.fromkeys(["change", "data", "concept"], "{:+.1%}")
figures.table(splits["all inputs"][list(shown)], caption="All inputs", formats=shown)

# %% tags=["folded"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), sharey=True)
for ax, (name, table) in zip(axes, splits.items(), strict=True):
    ends = [table.concept - table["from"], table.to - table.concept]
    ax.errorbar(
        table.index, table.concept, ends, fmt="o", color=figures.BLUE, capsize=3, label="concept part"
    )
    ax.plot(table.index, table.data, "s", color=figures.ORANGE, label="data part")
    ax.axhline(0, color=figures.GREY, lw=0.8)
    open_ = (table["from"] * table.to < 0).sum()
    ax.set_title(f"{name}: {open_} of 9 intervals hold zero", fontsize=10)
    ax.set(xlabel="month", xticks=months[3:])
axes[0].set_ylabel("late, against training")
axes[0].yaxis.set_major_formatter("{x:+.0%}")
axes[1].legend(loc="lower left")
plain = splits["without temperature"]
figures.show(
    fig,
    alt="Data and concept part of the change against training, the latter with its 95 % interval. "
    + figures.alt(
        "Concept part", pd.DataFrame({name: table.concept for name, table in splits.items()}), "{:+.1%}"
    ),
)

# %% tags=["folded"]
def errors_from_zero(name, m, groups=18):
    """The concept part over its standard error, from leaving out a group of days at a time (jackknife)."""
    group = np.random.default_rng(seed).permutation(np.arange(366) % groups)[day]
    design, parts = designs[name], []
    for left_out in range(groups):
        now, was = ((month == m) & (group != left_out), train & (group != left_out))
        rows = np.flatnonzero(now | was)
        q, even = np.zeros(len(rows)), day[rows] % 2 == 0
        for half in (even, ~even):
            told = LogisticRegression(C=0.1, max_iter=300).fit(design[rows[~half]], now[rows[~half]])
            q[half] = told.predict_proba(design[rows[half]])[:, 1]
        odds = (q / (1 - q))[was[rows]]
        parts.append(late[now].mean() - np.average(late[was], weights=odds))
    return splits[name].concept[m] / (np.sqrt(groups - 1) * np.std(parts))


# %% tags=["claim"]
full = splits["all inputs"]
assert (full["winter days"].loc[4:10] <= 11).all(), (
    "from April to October the winter is worth a handful of days"
)
unclear = full.index[full["from"] * full.to < 0]
assert list(unclear) == [5, 6, 7, 8, 10, 11, 12], (
    "in seven of nine months the interval of the concept part holds zero"
)
assert plain["winter days"].between(45, 80).all(), "without temperature 50 to 78 winter days count"
sure = plain.index[plain["from"] * plain.to > 0]
assert set(sure) - {11} == {4, 6, 7, 9, 10}, (
    "without temperature it leaves zero out in five months; November is at the edge"
)

doubt = {name: errors_from_zero(name, 9) for name in designs}
assert doubt["without temperature"] < -2.1, "September's stays clear of zero, the classifier fitted anew"
april = errors_from_zero("all inputs", 4)
assert max(abs(april), abs(doubt["all inputs"])) < 2.1, "with all inputs zero is held in all nine months"

# %% [markdown]
# Read *winter days* first. From April to October the whole winter is worth four to ten days: hardly one looks
# like the month, and those few carry everything. In seven of nine months the interval of the concept part
# (blue, left) holds zero; with the classifier's own doubt it does in all nine. The honest reading: *with
# these inputs the data can't say which of the two it was.* What a day of 85 °F did in winter, nobody
# observed.
#
# Leave temperature out of *x* and ask again (right). Now 50 to 78 of the winter's days count, and the concept
# part is clear of zero in April, June, July, September and October (November is at the edge); in September
# also with the classifier's doubt. But note what we did: what temperature had carried *moved* from "data" to
# "concept". A hot afternoon that brings storms is data drift to those who record the temperature, and concept
# drift to those who don't. The split is a property of the world **and** of the inputs you chose.
#
# **On Monday:** before you call something concept drift, compute how many training days were like it.

# %% [markdown]
# ## 3 Metrics, limits, alarms
#
# Metrics come in three kinds, from the fastest and least specific to the slowest and most telling:
#
# | kind | here, one number a day | known |
# | --- | --- | --- |
# | **software** | requests against the same weekday before; share of requests without weather | at once |
# | **input** | how far the mean temperature, or the mix of carriers, is from the days five weeks to one week ago | at once |
# | **output** | mean prediction against those weeks; *with labels*: observed minus predicted, money lost | at once; *the day after* |
#
# The reference leaves out the last week: one that includes yesterday learns a fault, and the alarm goes
# quiet.

# %% tags=["folded"]
days = np.arange(1, 366)


def reference(per_day):
    """The sum of the days from 35 to 8 days ago, for each day (nil for the first five weeks)."""
    total = np.vstack([np.zeros((1, per_day.shape[1])), per_day.cumsum(axis=0)])
    return np.where(days[:, None] > 35, total[np.maximum(days - 8, 0)] - total[np.maximum(days - 36, 0)], 0)


def per_day(values, rows, how="mean"):
    return pd.Series(np.asarray(values, float)).groupby(rows.day.to_numpy()).agg(how).reindex(days).to_numpy()


def histogram(name, rows):
    """How often each bin of an input occurs on each day: counts [365, bins]."""
    size = codes[name].max() + 2  # one more for -1, missing
    bins = (rows.day.to_numpy() - 1) * size + binned(rows, EDGES)[name] + 1
    return np.bincount(bins, minlength=365 * size).reshape(365, size)


def shift(name, rows, against):
    """Per day an input's divergence from the reference; NaN where either is empty."""
    today, found = histogram(name, rows), np.full(365, np.nan)
    there = (today.sum(axis=1) > 0) & (against.sum(axis=1) > 0)
    found[there] = divergence(today[there], against[there])
    return found


# %% tags=["folded"]
def daily_sums(values, rows):
    """Per day: how many values there are, their sum and their sum of squares."""
    columns = [(values, "count"), (values, "sum"), (values**2, "sum")]
    return np.nan_to_num(np.array([per_day(column, rows, how) for column, how in columns]).T)


def distance_moved(name, rows):
    """Per day how far a number's mean lies from the reference, in its standard deviations; NaN if unknown."""
    n, total, squares = reference(daily_sums(flights[name], flights)).T
    count, today, _ = daily_sums(rows[name], rows).T
    with np.errstate(divide="ignore", invalid="ignore"):  # days without values, weeks without a reference
        return np.abs(today / count - total / n) / np.sqrt(squares / n - (total / n) ** 2)


same_weekday = np.mean([np.roll(per_day(late, flights, "size"), 7 * weeks) for weeks in (1, 2, 3, 4)], axis=0)
usual_chance = reference(per_day(chance, flights)[:, None])[:, 0] / 28
usual_carriers = reference(histogram("carrier", flights))


# %% tags=["folded"]
def signals(rows, late, chance):
    """Metrics per day, from day 36 (the first with a reference); large when something is wrong."""
    metrics = {
        "requests": np.abs(np.log(per_day(late, rows, "size") / same_weekday)),
        "weather missing": per_day(rows.temp.isna(), rows),
        "temperature": distance_moved("temp", rows),
        "carriers": shift("carrier", rows, usual_carriers),
        "mean prediction": np.abs(per_day(chance, rows) - usual_chance),
        "observed − predicted": np.abs(per_day(late, rows) - per_day(chance, rows)),
        "money lost": -per_day(earned(late, chance), rows),
    }
    return pd.DataFrame(metrics, pd.Index(days, name="day")).loc[36:]


# %%
usual = signals(flights, late, chance)
winter, rest = usual.loc[:90], usual.loc[91:]

# %% [markdown]
# Decide how often calm days may be disturbed, and read the limit off them. Our calm days are the 55 of winter
# that have a reference, judged by models that had not seen them. Say the values of five calm days are .1, .3,
# .2, .3 and .5, and one alarm is allowed:
#
# | limit | days strictly above it | |
# | --- | ---: | --- |
# | .5 | 0 | keeps the promise, but is higher than need be |
# | .3 | 1 | the smallest value that keeps it |
# | .2 | 3 | breaks it |
# | .1 | 4 | breaks it |

# %% [markdown] exercise="1.7b"
# ### Exercise 1.7b: A limit that keeps a promise (1 point)
#
# Write `limit(calm, allowed)`: the smallest value *out of the array* `calm` such that at most `allowed` of
# its values lie strictly above it. `allowed` may be 0, and is always less than the number of values.


# %% tags=["starter"] exercise="1.7b"
def limit(calm, allowed):
    """The smallest of the values that at most `allowed` of them exceed."""
    ...


# %% tags=["solution"] exercise="1.7b"
def limit(calm, allowed):
    """The smallest of the values that at most `allowed` of them exceed."""
    return sorted(calm, reverse=True)[allowed]


# %% exercise="1.7b"
limit = lesson.check("1.7b", limit=limit)

# %% [markdown]
# Your function now sets a limit for each metric: two alarms in 55 calm days. At that rate the 275 days from
# April on would bring ten alarms a metric. The reference of `temperature` moves along with the season. How
# often will it ring?

# %% prediction="1.7p1"
guess = ...  # on how many of the 275 days does `temperature` ring?
lesson.predict("1.7p1", guess)

# %%
limits = pd.Series({name: limit(winter[name].to_numpy(), 2) for name in winter})
rings = rest > limits

# %% tags=["folded"]
fig, ax = plt.subplots(figsize=(9, 3))
for row, name in enumerate(reversed(rings.columns)):
    ax.eventplot(
        rings.index[rings[name]], lineoffsets=row, linelengths=0.7, linewidths=1.5, colors=figures.BLUE
    )
ax.set_yticks(range(rings.shape[1]), [f"{name}: {rings[name].sum()}" for name in reversed(rings.columns)])
ax.set_xticks([91, 121, 152, 182, 213, 244, 274, 305, 335], ["1 Apr", *"MJJASOND"])
title = "Promised: ten alarms each. Three metrics ring on more than 30 days"
ax.set(title=title, xlim=(89, 367), xlabel="day of 2013; a stroke is a day on which the metric rings")
ax.grid(visible=False)
figures.show(fig, alt=figures.alt(title, rings.sum().rename("days rung of 275"), "{:.0f}"))
lesson.reveal("1.7p1", int(rings.temperature.sum()), within=10, form="{:.0f} days")

# %% tags=["claim"]
weeks = rings.groupby((rings.index - 91) // 7).sum().to_numpy()
picks = np.random.default_rng(seed).integers(0, len(weeks), (2000, len(weeks)))
low, high = (
    pd.Series(end, rings.columns) for end in np.quantile(weeks[picks].sum(axis=1), [0.025, 0.975], axis=0)
)
loud = ["temperature", "observed − predicted", "money lost"]
assert (low[loud] > 10).all() and (rings.sum()[loud] > 30).all(), "three metrics ring far above the promise"
assert (low.drop(loud) <= 10).all(), "of the others that can't be said"
in_month = pd.Series(month).groupby(day).first().loc[91:]
turning = in_month[rings.temperature].isin([4, 5, 9, 10, 11])
assert turning.mean() - 2 * turning.std() / np.sqrt(len(turning)) > 0.6, (
    "temperature rings mostly in spring and autumn"
)
mine = in_month[rings["observed − predicted"]]
assert mine.isin([4, 6, 7, 12]).mean() > 0.6, "observed − predicted rings mostly in the months of a large gap"

# %% [markdown]
# A limit is a promise about days like the calm ones. In spring and autumn the weather turns within weeks, and
# `temperature` rings on 55 days, most of them then. `observed − predicted` rings too, but mostly **for a
# reason**: in April, June, July and December version 1 *was* wrong. Both kinds call the same desk, and a desk
# that is called for nothing stops answering (**alarm fatigue**).
#
# So a metric that needs no labels gets its limit from all 269 days lived so far, and a stricter one, three
# alarms each, because false alarms of seven metrics add up. Those with labels keep the winter's. It is 31
# October. We make four faults, and start each on the first 24 days of November in turn. The last is like
# April's week, milder and for good: a quarter of the flights that would be on time are late.

# %%
lived, labelled = usual.loc[:304], ["observed − predicted", "money lost"]
for name in limits.index.drop(labelled):
    limits[name] = limit(lived[name].to_numpy(), 3)

# %% tags=["folded"]
weather = dict.fromkeys(["temp", "humid", "wind_speed", "precip", "visib"], np.nan)
struck = (late == 0) & (np.random.default_rng(seed).random(len(late)) < 0.25)
celsius = flights.assign(temp=(flights.temp - 32) * 5 / 9)
newark, autumn = flights.origin == "EWR", day > 304
faults = {
    "Newark falls silent": (flights[~newark & autumn], late[~newark & autumn]),
    "weather feed down": (flights[autumn].assign(**weather), late[autumn]),
    "temperature in °C": (celsius[autumn], late[autumn]),
    "the world changes": (flights[autumn], np.where(struck, 1, late)[autumn]),
}
seen = {"no fault": usual.loc[305:]}
for name, (rows, outcome) in faults.items():
    seen[name] = signals(rows, outcome, chances(version_1, rows)).loc[305:]


# %%
def found(metrics, name, start):
    """Does the metric ring within seven days of the start? What needs labels is known a day later."""
    return (metrics[name] > limits[name]).loc[start : start + 6 - (name in labelled)].any()


starts = range(305, 329)
caught = {
    fault: {name: sum(found(metrics, name, start) for start in starts) for name in limits.index}
    for fault, metrics in seen.items()
}

# %%
figures.table(
    pd.DataFrame(caught).rename_axis("metric"),
    caption="Of 24 starts in November: how often the metric rings within seven days",
)

# %% tags=["claim"]
tally = pd.DataFrame(caught)
no = tally["no fault"]
surely = tally.gt(no + 12, axis=0) & (tally >= 23)  # half of the 24 starts above chance: far beyond any luck
assert set(surely.index[surely["Newark falls silent"]]) == {"requests", "carriers"}, "Newark's witnesses"
assert surely.loc["weather missing", "weather feed down"], "the dead feed is seen by the missing values"
assert tally.loc["temperature", "weather feed down"] == 0, "and not by a distance that has no values"
assert set(surely.index[surely["temperature in °C"]]) >= {"temperature"}, "the thermometer sees Celsius"
assert set(surely.index[surely["the world changes"]]) == {"observed − predicted"}, (
    "the changed world: one witness"
)
blind = ["requests", "weather missing", "temperature", "carriers", "mean prediction"]
assert (tally["the world changes"] == no)[blind].all(), "no metric without labels sees the changed world"
assert tally.loc["money lost", "the world changes"] < no["money lost"], "money lost misses the changed world"

# %% [markdown]
# Read a row against its first column, *no fault*: a catch means something only where it is well above that.
# In this November each fault has its witnesses. Newark's silence is seen by the requests and the carriers.
# The dead feed is seen by the share of missing values; the temperature's distance sees nothing, because a
# check that needs values is silent when there are none. Celsius is seen by the thermometer. The changed world
# is seen by no software and no input metric, whatever the limit, and surely only by `observed − predicted`.
# And `money lost` misses it: when more flights are late, the alerts that are sent pay *more*; what is lost
# are the alerts that are not sent.
#
# **On Monday:** write down for each alarm how many false ones a month you bought, and from which calm days.

# %% [markdown]
# ## 4 A rollout that stops itself
#
# On the first of each month from May to December a new version is released against version 1. We play the
# eight months twice. Once the new version is **retrained** on all months before. Once it is **leaked**:
# retrained with one more column, `dep_delay`, that is not known at serving time, where 0 is sent instead (1.1
# knows the case).
#
# | pattern | share of flights on the new version | judged by | way back |
# | --- | --- | --- | --- |
# | **big bang** | all from day one | new version against version 1 *in the four weeks before* | redeploy, `redeploy` days |
# | **blue-green** | all from day one | the same | old environment runs for 14 days: next morning |
# | **shadow** | none for 14 days, both score all flights; then all | both versions on the same flights | nothing to take back |
# | **canary** | `canary_share` for 14 days, then all | flights of the new against those of the old (two **arms**) | next morning |
# | **ramp-up** | 1, 5, 25, 50, 100 %, three days each | the same | next morning |
#
# All five can be run by one **controller**: a list of shares, how long each lasts, and a rule to stop. The
# rule adds up what each day brought, in dollars, and stops when the sum is worse than three standard
# deviations of itself; variances of days add up as well. Steps 1 % and 5 %, `length` two days:
#
# | day | difference | variance | sum | −3 √(sum of variances) | next morning |
# | --- | ---: | ---: | ---: | ---: | --- |
# | 0 | +20 | 100 | +20 | −30 | first step goes on |
# | 1 | −70 | 200 | −50 | −52 | two days compared: second step |
# | 2 | None | None | −50 | −52 | nothing compared, nothing changes |
# | 3 | −80 | 300 | −130 | −73 | worse: back to 0, for good |

# %% [markdown] exercise="1.7c"
# ### Exercise 1.7c: A controller for rollouts (2 points)
#
# Every morning your program is called: `share_today(past, steps, length)` gives the share of today's flights
# for the new version. `past` is a list of dicts, one for each day so far, oldest first. `difference` is what
# the new version earned more than the old one, in dollars, `variance` its variance; both are None where
# nothing could be compared.
#
# 1. Days without a comparison count for nothing.
# 2. Was the sum of the differences on **any** morning so far strictly below −3 √(sum of the variances)? Then
#    the share is 0. Outcomes may still come in after the stop, and look better; stopped is stopped.
# 3. Otherwise the share is one of `steps`. Each lasts `length` compared days, the last one for good.
#
# The check plays months against your program: good and bad versions, a noisy start, empty days. Then it runs
# every rollout of this lesson.


# %% tags=["starter"] exercise="1.7c"
def share_today(past, steps, length):
    """Share of today's flights that goes to the new version."""
    ...


# %% tags=["solution"] exercise="1.7c"
def share_today(past, steps, length):
    """Share of today's flights that goes to the new version."""
    compared = [record for record in past if record["difference"] is not None]
    total = np.cumsum([record["difference"] for record in compared])
    line = -3 * np.sqrt(np.cumsum([record["variance"] for record in compared]))
    if (total < line).any():
        return 0.0
    return steps[min(len(compared) // length, len(steps) - 1)]


# %% exercise="1.7c"
share_today = lesson.check("1.7c", share_today=share_today)

# %%
PATTERNS = {
    "big bang": {"steps": [1.0], "length": 1, "judged by": "before"},
    "blue-green": {"steps": [1.0], "length": 1, "judged by": "before"},
    "shadow": {"steps": [0.0, 1.0], "length": 14, "judged by": "pairs"},
    "canary": {"steps": [canary_share, 1.0], "length": 14, "judged by": "arms"},
    "ramp-up": {"steps": [0.01, 0.05, 0.25, 0.5, 1.0], "length": 3, "judged by": "arms"},
}
by_day = [np.flatnonzero(day == number) for number in days]
old_pay = earned(late, chance)  # what version 1 earns on each flight


# %% tags=["folded"]
def compared(kind, old, new, to_new, before):
    """A day's difference in dollars and its variance, of what flights earn; None where none can be had."""
    n, share = len(old), to_new.mean()
    if kind == "pairs" and share == 0:
        return (new - old).sum(), n * (new - old).var()
    if kind == "before" and share > 0:
        return n * (new[to_new].mean() - before.mean()), n**2 * before.var()
    if kind == "arms" and 0 < share < 1:
        a, b = new[to_new], old[~to_new]
        weight = n * share * (1 - share)  # a day with a tiny arm says little, and counts little
        spread = np.concatenate([a, b]).var(ddof=1) * (1 / len(a) + 1 / len(b))
        return weight * (a.mean() - b.mean()), weight**2 * spread
    return None, None


# %% tags=["folded"]
def rollout(name, new_pay, rolled, old_pay=old_pay, salt=0):
    """One rollout on the days of a month, given what each flight earns under both versions; a row a day."""
    steps, length, kind = PATTERNS[name].values()
    random, past, rows, halted = np.random.default_rng([seed, salt]), [], [], False
    first = day[rolled[0][0]]
    before = pd.Series(old_pay).groupby(day).mean().loc[first - 28 : first - 1]
    for number, flown in enumerate(rolled):
        wait = redeploy if name == "big bang" else 0  # the order to go back is carried out so much later
        share = share_today(past[: max(number - wait, 0)], steps, length)
        to_new = random.random(len(flown)) < share
        old, new = old_pay[flown], new_pay[flown]
        both = number < 14 if name == "blue-green" else share < 1 and name != "big bang" and not halted
        difference, variance = compared(kind, old, new, to_new, before)
        past.append({"difference": difference, "variance": variance})
        halted = share_today(past[:], [1.0], 1) == 0
        gain = (new - old)[to_new].sum() - hosting * both
        rows.append({"gain": gain, "exposed": to_new.sum(), "stopped": halted})
    return pd.DataFrame(rows)


def averaged(name, new_pay, rolled):
    """The mean over redrawn arms; a pattern without a random part is run once."""
    many = repeats if PATTERNS[name]["judged by"] == "arms" else 1
    return sum(rollout(name, new_pay, rolled, salt=salt).astype(float) for salt in range(many)) / many


# %% tags=["folded"]
from helpers import datasets

keys = ["time_hour", "origin", "carrier", "flight"]
raw = datasets.flights().assign(time_hour=lambda rows: pd.to_datetime(rows.time_hour, utc=True))
plain_keys = flights[keys].astype(dict.fromkeys(["origin", "carrier"], object))
flights["dep_delay"] = plain_keys.merge(raw[[*keys, "dep_delay"]], on=keys, how="left").dep_delay
LEAKY = {**EDGES, "dep_delay": [-5, 0, 5, 15, 30, 60]}

# %%
pay = {"retrained": np.full(len(flights), np.nan), "leaked": np.full(len(flights), np.nan)}
for m in range(5, 13):
    now, past = month == m, flights[month < m]
    pay["retrained"][now] = earned(late[now], chances(fit(past), flights[now]))
    pay["leaked"][now] = earned(late[now], chances(fit(past, LEAKY), flights[now].assign(dep_delay=0.0)))

# %% [markdown]
# Eight rollouts a version, five patterns, one controller: yours. Which pattern earns most on the eight
# **retrained** versions?

# %% prediction="1.7p2"
guess = ...  # one of the five, in quotes
lesson.predict("1.7p2", guess, among=("big bang", "blue-green", "shadow", "canary", "ramp-up"))

# %%
calendar = {m: [flown for flown in by_day if month[flown[0]] == m] for m in range(5, 13)}
played = {
    version: {name: {m: averaged(name, pay[version], calendar[m]) for m in calendar} for name in PATTERNS}
    for version in pay
}
gains = {
    version: pd.DataFrame(
        {name: {m: days.gain.sum() for m, days in runs.items()} for name, runs in of.items()}
    )
    for version, of in played.items()
}


# %% tags=["folded"]
def minus_big_bang(version, name):
    """95 % interval of the eight months' total against big bang: days drawn within each month, in pairs."""
    random, total = np.random.default_rng(seed), 0
    for m in calendar:
        gap_of_days = (played[version][name][m].gain - played[version]["big bang"][m].gain).to_numpy()
        total = total + gap_of_days[random.integers(0, len(gap_of_days), (2000, len(gap_of_days)))].sum(
            axis=1
        )
    return np.quantile(total, [0.025, 0.975])


summary = {}
for name in PATTERNS:
    leaked = played["leaked"][name].values()
    summary[name] = {"retrained": gains["retrained"][name].sum(), "leaked": gains["leaked"][name].sum()}
    summary[name] |= {"stopped in": sum(days.stopped.iloc[-1] for days in leaked)}
    summary[name] |= {"flights exposed": sum(days.exposed.sum() for days in leaked)}
    for version in pay:
        ends = minus_big_bang(version, name)
        summary[name] |= {f"{version}: from": ends[0], f"{version}: to": ends[1]}
summary = pd.DataFrame(summary).T.rename_axis("pattern")

# %% tags=["atol=20"]
sums = ["retrained", "retrained: from", "retrained: to", "leaked", "leaked: from", "leaked: to"]
figures.table(
    summary[[*sums, "stopped in", "flights exposed"]],
    caption="Eight releases, dollars against keeping version 1, hosting paid; from, to: 95 % interval "
    "of the difference from big bang. Leaked: months stopped (mean over redrawn arms), flights exposed",
    formats=dict.fromkeys(sums, "{:+,.0f}") | {"stopped in": "{:.1f}", "flights exposed": "{:,.0f}"},
)

# %% tags=["folded"]
lesson.reveal("1.7p2", str(summary.retrained.idxmax()))
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4))
for ax, version in zip(axes, gains, strict=True):
    gains[version][["big bang", "canary", "ramp-up"]].plot(ax=ax)
    ax.axhline(0, color=figures.GREY, lw=0.8)
    ax.yaxis.set_major_formatter("{x:+,.0f}")
    ax.set(xlabel="released on the 1st of month", xticks=list(calendar))
axes[0].set(title="Retrained: big bang earned most,\nmost of it in July", ylabel="dollars against version 1")
axes[1].set(title="Leaked: care kept the losses small")
axes[0].legend(title=None)
axes[1].legend().remove()
figures.show(
    fig,
    alt="Dollars a release, by month. "
    + figures.alt("Retrained", gains["retrained"][["big bang", "ramp-up"]], "{:+,.0f}")
    + " "
    + figures.alt("Leaked", gains["leaked"][["big bang", "ramp-up"]], "{:+,.0f}"),
)


# %% tags=["claim"]
careful, retrained = ["shadow", "canary", "ramp-up"], gains["retrained"]
assert summary.retrained.idxmax() == "big bang", "on the retrained versions big bang earned most"
assert retrained["big bang"][7] > 0.7 * retrained["big bang"].sum(), "July alone brings most of it"
assert (summary.loc[careful, "leaked: from"] > 0).all(), "with leaked versions the careful patterns lose less"
assert (summary.loc[careful, "leaked"] > 0.1 * summary.loc["big bang", "leaked"]).all(), (
    "less than a tenth of its loss"
)
assert gains["leaked"][careful].min().min() > -20000, "no careful pattern lost much in any month"
assert (summary.loc[careful, "retrained: to"] < 0).all(), (
    "with retrained versions the careful patterns earn less"
)
assert summary.loc["big bang", "stopped in"] == summary.loc["blue-green", "stopped in"] == 2, "two of eight"
assert summary.loc["blue-green", "leaked: from"] < 0 < summary.loc["blue-green", "leaked: to"], (
    "no visible gain"
)
assert played["retrained"]["shadow"][7].stopped.to_numpy().argmax() == 4, (
    "the shadow stopped July's version on day 5"
)
august = played["retrained"]["big bang"][8].gain
assert august[:14].sum() > 0 > august[14:].sum() and (retrained.loc[8, careful] < -15000).all(), (
    "August: the bad half"
)
assert (gains["leaked"].loc[9] > 0)[["big bang", "ramp-up"]].all(), (
    "in September even the leaked version earned"
)
assert retrained["big bang"].idxmax() == 7, "July's version was the best of the eight"
swing = np.std([old_pay[d].sum() for d in by_day[120:]])
assert swing > -gains["leaked"]["big bang"].sum() / 245, "money swings by more than the fault costs a day"

# %% [markdown]
# Read *leaked* first; that is what the patterns are for. Judging by the weeks before stops it in two of eight
# months: money swings from day to day by more than the fault costs. Whether blue-green's quick way back gains
# anything can't be told here; it saves the days of redeploying, not the weeks of not knowing. The three that
# compare **at the same time** lose less than a tenth of what big bang loses. (In September even the leaked
# version earned: version 1 lost money that month.)
#
# Then *retrained*: big bang earned most, July alone brought most of that, and on these days all careful
# patterns earned less. The shadow stopped July's version, the best of the eight, on day 5, for what it did
# until then. In August the version earned in the first two weeks and lost afterwards, when the careful
# patterns had opened; at 100 % there is no old arm left to compare with. "Deeper" asks what a test of flights
# can say about days to come.
#
# So care is an insurance: it costs on good releases and saves on bad ones. "Deeper" computes from which share
# of bad releases it pays.
#
# **On Monday:** replay your last bad release through your stop rule, and count the days it would have served.

# %% [markdown]
# ## 5 Degrees of automation
#
# The patterns decide *which version* answers. The other dial is *how much* it may decide: **human only**;
# **shadow** (a person decides, the model runs unseen); **AI assistance** (a person decides and sees the
# chance); **partial automation** (a person only where the model is unsure); **full automation**.
#
# Our stand-in for a person knows something the model doesn't: the departures board. From how late this
# airport's flights of the last two hours are, and from the hour alone, it judges as well as a logistic
# regression can. Each look costs `look` dollars. The band of doubt was chosen on April to June; the table is
# July to December.


# %% tags=["folded"]
def minutes(times):
    return times.astype("int64").to_numpy() // 60_000_000_000


def seen_on_board(due, delay, now):
    """At each moment, the mean delay so far of flights due in the two hours before, in minutes."""
    spans = zip(now, np.searchsorted(due, now - 120), np.searchsorted(due, now), strict=True)
    # a flight that has not left yet is late by the time that has passed since it was due
    return [np.minimum(delay[a:b], moment - due[a:b]).mean() if b > a else np.nan for moment, a, b in spans]


left = raw[raw.dep_delay.notna()]
left = left.assign(due=minutes(left.time_hour) + left.minute).sort_values("due", kind="stable")
asked = minutes(flights.time_hour) - 60  # an hour before
flights["board"] = np.nan
for origin, mine in left.groupby("origin"):
    here = flights.origin == origin
    moments, which = np.unique(asked[here], return_inverse=True)
    boards = seen_on_board(mine.due.to_numpy(), mine.dep_delay.to_numpy(), moments)
    flights.loc[here, "board"] = np.array(boards)[which]

# %%
board = {"board": [-5, 0, 5, 10, 15, 20, 30, 45, 60, 90]}
alone = chances(version_1, flights)
person = chances(fit(flights[train], {"day_minute": EDGES["day_minute"], **board}), flights)
together = chances(fit(flights[train], {**EDGES, **board}), flights)


# %%
def partial(band):
    """Chances, and who is looked at, when a person decides within `band` of the break-even."""
    unsure = np.abs(alone - spent / saved) <= band
    return np.where(unsure, together, alone), unsure


def net(judged, looked, price=look):
    """Dollars per flight, looks paid."""
    return earned(late, judged) - price * looked


bands = np.arange(0, 0.31, 0.02)
best = max(bands, key=lambda band: net(*partial(band))[(month >= 4) & (month <= 6)].mean())

# %%
everyone, nobody, second = np.ones(len(late), bool), np.zeros(len(late), bool), month >= 7
degrees = {
    "human only": (person, everyone),
    "AI assistance": (together, everyone),
    f"partial automation, ±{best:.2f}": partial(best),
    "full automation": (alone, nobody),
    "full automation, board as an input": (together, nobody),
}
rows = {}
for name, (judged, looked) in degrees.items():
    against = interval(1000 * (net(judged, looked) - net(alone, nobody)), second)
    rows[name] = [looked[second].mean(), 1000 * net(judged, looked)[second].mean(), *against]
degrees = pd.DataFrame(rows, ["looked at", "net", "against full", "from", "to"]).T.rename_axis("degree")

# %% tags=["atol=2"]
figures.table(
    degrees,
    caption="July to December, dollars per 1,000 flights, looks paid; 95 % interval",
    formats={"looked at": "{:.0%}", "net": "{:,.0f}"}
    | dict.fromkeys(["against full", "from", "to"], "{:+,.0f}"),
    bars=["net"],
)

# %% tags=["claim"]
assert (degrees.to[["human only", "AI assistance"]] < 0).all(), (
    "a look at everything earns less than full automation"
)
assert degrees["from"].iloc[2] > 0 and degrees["from"].iloc[4] > 0, (
    "partial automation and the board earn more"
)
dear = interval(net(*partial(best), 4) - net(alone, nobody), second)
assert dear[2] < 0, "at four dollars a look this band loses"

# %% [markdown]
# At two dollars a look, a person who looks at everything earns less than the model alone. Partial automation
# earns more: a person where the model is unsure, the model elsewhere. (A shadow costs what human only costs,
# and the second environment; it buys knowledge.) At four dollars the same band would lose; "Deeper" shows how
# it should shrink. The last row is the cheap alternative: all our person knows stands on a board, and a board
# can be an input.
#
# **On Monday:** where people correct a model, ask first: *what do they see that it does not?*

# %% [markdown]
# ## What breaks in production
#
# It is November. The version retrained on January to October goes out as a canary on the 1st. On the 8th the
# weather service switches to Celsius, for both versions alike. Somebody sees the money fall, remembers the
# release, and rolls back.

# %%
now, hit = month == 11, (month == 11) & (day >= 312)
newest = fit(flights[month < 11])
old_feed, new_feed = old_pay.copy(), np.full(len(flights), np.nan)
new_feed[now] = earned(late[now], chances(newest, flights[now]))
old_feed[hit] = earned(late[hit], chances(version_1, celsius[hit]))
new_feed[hit] = earned(late[hit], chances(newest, celsius[hit]))

# %%
canaries = [rollout("canary", new_feed, calendar[11], old_feed, salt) for salt in range(repeats)]
stops = sum(days.stopped.iloc[-1] for days in canaries)
warm = seen["temperature in °C"].temperature[312]
states = {
    "version 1, 1 to 7 November": interval(1000 * old_feed, now & ~hit),
    "version 1 from the 8th, in °C": interval(1000 * old_feed, hit),
    "new version from the 8th, in °C": interval(1000 * new_feed, hit),
    "version 1 from the 8th, feed repaired": interval(1000 * old_pay, hit),
}

# %% tags=["atol=2"]
figures.table(
    pd.DataFrame(states, ["dollars per 1,000 flights", "from", "to"]).T.rename_axis("state"),
    caption=f"Canaries that stopped: {stops} of {repeats}. Temperature on the 8th: {warm:.1f} standard "
    f"deviations from the weeks before, limit {limits.temperature:.1f}",
    formats=dict.fromkeys(["dollars per 1,000 flights", "from", "to"], "{:+,.0f}"),
)

# %% tags=["claim"]
assert warm > limits.temperature, "the thermometer rings on the first day"
assert interval(old_pay - old_feed, hit)[1] > 0, (
    "the fault costs version 1 money, so rolling back repairs nothing"
)
assert stops <= 0.1 * repeats, "the canary stays silent"

# %% [markdown]
# Rolling back repairs nothing, because the fault is not in the version. The canary stays silent: it is built
# to cancel whatever hits both arms; that is its strength and its blind side. The thermometer rings on the
# first day.
#
# So a rollout needs two kinds of guard: a **relative** one (new against old, on the same traffic) for faults
# of the version, and an **absolute** one (inputs and outputs against limits) for faults of everything else.
# And a runbook that asks first: *did both arms fall?* Then look upstream.

# %% [markdown]
# ## What you did
#
# - You split the year's change into data drift and concept drift, and saw from the number of winter days
#   where the data can't tell, and that the split depends on the inputs one has.
# - You set limits from calm days, counted what they rang, and measured for four faults which metric sees
#   which.
# - You wrote a controller that climbs and stops by itself, and it ran 16 releases by five patterns.
# - You compared the patterns in money: on good versions the bold ones earned more, on bad ones the careful
#   ones lost less.
# - You priced a person's look, and chose where to ask for one.
#
# Other prices change the picture: `workbook run 1.7 -p look=1` from a terminal, or `-p canary_share=0.05`.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# It takes about 25 minutes: what care costs; another divergence; which reference an input should have;
# detectors that add up days; what happens when one looks every morning; and how the band of doubt follows the
# price of a look.
#
# ### What care costs
#
# Care is an insurance. Its **premium** is what it costs on good releases, its **benefit** what it averts on
# bad ones. Say a bold pattern brings +10 on a good release and −90 on a bad one, a careful one +6 and −10. Of
# 20 releases:
#
# | bad ones | bold | careful |
# | ---: | ---: | ---: |
# | 0 | 20 · 10 = 200 | 20 · 6 = 120 |
# | 1 | 19 · 10 − 90 = 100 | 19 · 6 − 10 = 104 |
# | 2 | 18 · 10 − 180 = 0 | 18 · 6 − 20 = 88 |
# | 3 | 17 · 10 − 270 = −100 | 17 · 6 − 30 = 72 |
#
# They cross just below one in twenty.

# %% [markdown] exercise="1.7d"
# ### Exercise 1.7d: When care pays (1 point)
#
# Write `bad_share(bold_good, careful_good, bold_bad, careful_bad)`: at which share of bad releases (among all
# releases) do the careful and the bold pattern earn the same on average? The four are dollars per release;
# losses are negative. The bold one earns at least as much on good releases, the careful one on bad ones.


# %% tags=["starter"] exercise="1.7d"
def bad_share(bold_good, careful_good, bold_bad, careful_bad):
    """Share of bad releases at which both patterns earn the same on average."""
    ...


# %% tags=["solution"] exercise="1.7d"
def bad_share(bold_good, careful_good, bold_bad, careful_bad):
    """Share of bad releases at which both patterns earn the same on average."""
    premium, averted = bold_good - careful_good, careful_bad - bold_bad
    return premium / (premium + averted)


# %% exercise="1.7d"
bad_share = lesson.check("1.7d", bad_share=bad_share)

# %%
picks = np.random.default_rng(seed).integers(0, 8, (2000, 8))  # eight releases, drawn again
pays = {}
for name in ["shadow", "canary", "ramp-up"]:
    four = [gains[v][pattern].to_numpy() for v in pay for pattern in ("big bang", name)]
    drawn = [
        bad_share(*means) for means in zip(*(values[picks].mean(axis=1) for values in four), strict=True)
    ]
    ends = np.quantile(drawn, [0.025, 0.975]).clip(0, 1)
    pays[name] = {"pays from": bad_share(*(values.mean() for values in four)), "from": ends[0], "to": ends[1]}

# %% tags=["atol=1"]
figures.table(
    pd.DataFrame(pays).T.rename_axis("instead of big bang"),
    caption="Share of bad releases from which care pays, with a 95 % interval (the eight releases drawn)",
    formats=dict.fromkeys(["pays from", "from", "to"], "{:.0%}"),
)

# %% tags=["claim"]
pays_ = pd.DataFrame(pays).T
assert pays_["pays from"].between(0.05, 0.25).all(), (
    "if one release in five is bad, each careful pattern has paid, on this year"
)
assert 1 / 9 < pays_.loc["ramp-up", "pays from"] < 1 / 8, "one bad release in eight pays for the ramp-up"
assert (pays_["from"] == 0).all() and pays_.to.between(0.22, 0.37).all(), (
    "care may have cost nothing, or need a quarter to a third of bad releases"
)

# %% [markdown]
# On this year, one bad release in eight pays for the ramp-up. But eight releases are few: with the releases
# drawn again care may cost nothing, or need a quarter to a third of bad releases. And *leaked* is one kind of
# fault. What carries over is the way of reckoning: a share that a team can hold against its own history.
#
# ### The population stability index
#
# Banks compare distributions with the **PSI**, Σ (*p* − *q*) ln (*p* / *q*) over the bins: zero if equal, but
# without an upper end, and infinite where one share is nil, so that small shares are padded. Four bins:
#
# | now, *p* | then, *q* | (*p* − *q*) ln (*p* / *q*) |
# | ---: | ---: | ---: |
# | 0.40 | 0.40 | 0 |
# | 0.30 | 0.40 | 0.029 |
# | 0.20 | 0.15 | 0.014 |
# | 0.10 | 0.05 | 0.035 |
#
# The sum is 0.078. The usual limits, 0.1 for "look" and 0.25 for "act", come from credit scoring (Siddiqi,
# 2006) and know nothing of *your* calm months.


# %%
def stability(now, then, pad=0.5):
    """Population stability index of two rows of counts, half a flight added to each bin."""
    p, q = ((row + pad) / (row + pad).sum() for row in (now, then))
    return ((p - q) * np.log(p / q)).sum()


def counted(name, when):
    """How often each bin of an input occurs."""
    return np.bincount(codes[name][when] + 1, minlength=codes[name].max() + 2)


psi = {
    "March against January, February": [
        stability(counted(n, month == 3), counted(n, month < 3)) for n in codes
    ],
    "July against training": [stability(counted(n, month == 7), counted(n, train)) for n in codes],
}
psi = pd.DataFrame(psi, pd.Index(list(codes), name="input"))
figures.table(psi.nlargest(5, "July against training"), formats=dict.fromkeys(psi, "{:.2f}"))

# %% tags=["claim"]
assert psi.loc["temp"].iloc[0] > 0.25, (
    "by the usual limit temperature should have been acted on in March already"
)
assert (psi.drop("temp")["July against training"] * 5 < psi.loc["temp"].iloc[1]).all(), (
    "temperature is far ahead"
)

# %% [markdown]
# Both measures put temperature far ahead in July. But by the usual limit it should have been acted on in
# March already, when the model was still learning.
#
# ### Which reference?
#
# Section 3 compares with the weeks before (a **moving** reference). The alternative is **fixed**: the
# training months. Put the same fault, Celsius, into every day of the year and compare.

# %% tags=["folded"]
references = {
    "moving": reference(histogram("temp", flights)),
    "fixed": np.tile(histogram("temp", flights)[:90].sum(axis=0), (365, 1)),
}
of_day = pd.Series(month).groupby(day).first().to_numpy()
unit = {
    f"{kind}, {sent}": pd.Series(shift("temp", rows, against)).groupby(of_day).median()
    for kind, against in references.items()
    for sent, rows in {"°F": flights, "°C": celsius}.items()
}
unit = pd.DataFrame(unit).loc[3:].rename_axis("month")  # before March the moving reference is empty
figures.lines(
    unit,
    "Against training, Celsius hides some of summer's drift; against the weeks before it stands out",
    x="month",
    y="divergence of temperature (bits)",
    form="{:.2f}",
)

# %% tags=["claim"]
assert (unit["moving, °C"] > unit["moving, °F"] + 0.3).all(), "a moving reference sees Celsius in every month"
assert (unit["fixed, °C"] < unit["fixed, °F"]).loc[6:9].all(), (
    "against training Celsius looks better than Fahrenheit"
)

# %% [markdown]
# A summer in Celsius looks like a winter in Fahrenheit: from June to September the fault brings temperature
# *nearer* to training. A moving reference is for sudden faults, a fixed one for the gradual drift away from
# what the model knows. They answer two questions; have both.
#
# ### Detectors that add up days
#
# A limit looks at one day. A small shift that lasts is found by adding days up. Four ways, all on *observed −
# predicted*: a **Shewhart chart** (1931), alarm when a day lies more than three standard deviations from the
# mean; an **EWMA chart** (Roberts, 1959), the same on an exponentially weighted mean of the days;
# **Page–Hinkley** (Page, 1954), which adds up deviations and forgets small ones; **ADWIN** (Bifet and
# Gavaldà, 2007), which cuts its window where two parts differ by more than chance, with a proof of its false
# alarm rate. The last two come from `river`. First ADWIN as it comes, on flights one by one, from
# September to November.

# %%
from river import drift as streaming


def rings_of(detector, stream):
    """Positions of the stream at which the detector says drift."""
    positions = []
    for position, value in enumerate(stream):
        detector.update(value)
        if detector.drift_detected:
            positions.append(position)
    return positions


# %%
autumn = (day >= 244) & (day <= 334)
per_flight = (late - chance)[autumn]
shuffled = np.random.default_rng(seed).permutation(per_flight)
by_flight, by_chance = (
    len(rings_of(streaming.ADWIN(), stream.tolist())) for stream in (per_flight, shuffled)
)
figures.md(
    f"ADWIN on {autumn.sum():,} flights: **{by_flight}** alarms; the same flights shuffled: **{by_chance}**."
)

# %% tags=["claim"]
assert by_flight > 20 and by_chance == 0, (
    "the proof holds for independent values, and flights of a day are not"
)

# %% [markdown]
# Shuffled, ADWIN keeps its promise. In order its premise fails: it asks for independent values, and
# flights of one day share their weather. So let all four see one value a day. Charts and Page–Hinkley take
# mean and standard deviation from September and October, as they are: not zero, the model was off then as
# well. The changed world of section 3 begins on each of the first 24 days of November in turn.

# %% tags=["folded"]
mean, sd = gap.loc[244:304].mean(), gap.loc[244:304].std()


def ewma(series, weight=0.2):
    """Days at which the weighted mean since the start leaves three of its standard deviations."""
    level = (series - mean).ewm(alpha=weight, adjust=False).mean()
    return series.index[level.abs() > 3 * sd * np.sqrt(weight / (2 - weight))]


def in_river(make):
    return lambda series: series.index[rings_of(make(), series)]


detectors = {
    "Shewhart, 3 sd": lambda series: series.index[(series - mean).abs() > 3 * sd],
    "EWMA, 3 sd": ewma,
    "Page–Hinkley": in_river(lambda: streaming.PageHinkley(7, delta=sd / 2, threshold=5 * sd, alpha=1.0)),
    "ADWIN": in_river(lambda: streaming.ADWIN(clock=1, min_window_length=3)),
}
changed = pd.Series(np.where(struck, 1, late) - chance).groupby(day).mean()
waits = {}
for name, detector in detectors.items():
    quiet = [number for number in detector(gap.loc[244:334]) if number > 304]
    rang = [detector(pd.concat([gap.loc[244 : start - 1], changed.loc[start:]])) for start in starts]
    delays = [
        min((d - start + 1 for d in those if d >= start), default=np.nan)
        for start, those in zip(starts, rang, strict=True)
    ]
    waits[name] = {"false alarms": len(quiet), "of 24 found in 14 days": (np.array(delays) <= 14).sum()}
    waits[name]["days, median"] = np.median(delays)
waits = pd.DataFrame(waits).T.rename_axis("detector")
figures.table(
    waits, caption="In November without the fault, and with it", formats=dict.fromkeys(waits, "{:.0f}")
)

# %% tags=["claim"]
assert (waits["of 24 found in 14 days"].iloc[:3] == 24).all(), "charts and Page–Hinkley find all 24"
assert (waits["false alarms"] == 0).all(), "without a false alarm in this November"
assert waits.loc["ADWIN", "of 24 found in 14 days"] == 0, "ADWIN on days finds none of the 24"

# %% [markdown]
# The charts and Page–Hinkley find all 24, without a false alarm in this November. ADWIN on days finds none:
# its proof must hold for any distribution, so with a few dozen values it is bound to be cautious. 4.9 takes
# up the detectors again.
#
# ### Looking every morning
#
# How often does a canary stop a version that is *the same* as the old one? An **A/A test** tells: version 1
# against itself, arms drawn again and again. **Peeking** every morning multiplies the error that one look
# has; that is why the controller waits for three standard deviations.


# %%
def paths(salt, month_days):
    """An A/A canary: per morning, the sum so far in its standard deviations."""
    draw = np.random.default_rng([seed, salt])
    pairs = [
        compared("arms", old_pay[d], old_pay[d], draw.random(len(d)) < canary_share, None) for d in month_days
    ]
    total, variance = np.cumsum(pairs, axis=0).T
    return total / np.sqrt(variance)


same = np.array([paths(salt, calendar[7]) for salt in range(300)])
looks = {
    "below −1.64 on the last day": same[:, -1] < -1.64,
    "below −1.64 on any morning": (same < -1.64).any(axis=1),
    "below −3 on any morning": (same < -3).any(axis=1),
}
looks = (
    pd.Series({name: hits.mean() for name, hits in looks.items()}, name="stopped")
    .rename_axis("rule")
    .to_frame()
)
figures.table(looks, caption="300 canaries of version 1 against itself, July", formats={"stopped": "{:.1%}"})

# %% tags=["claim"]
error = 2 * np.sqrt(looks.stopped * (1 - looks.stopped) / 300)
assert looks.stopped.iloc[1] - error.iloc[1] > looks.stopped.iloc[0] + error.iloc[0], (
    "peeking multiplies the error"
)
assert looks.stopped.iloc[2] < 0.05, (
    "three standard deviations keep it below 5 %, looks on all mornings included"
)

# %% [markdown]
# Platforms call a rule that holds for all mornings together a **sequential test** (mSPRT, *always valid*;
# Robbins, 1970).
#
# There is a second trap, and the shadow fell into it in July. Its variance is that of *flights*, so it
# answers "is it worse on these days?", and on the first days of July it was. The question is about days to
# come, and for that the unit is the day. The same sums, with the variance of the daily differences:

# %% tags=["folded"]
units = {}
for version in pay:
    difference = np.array([(pay[version] - old_pay)[d].sum() for d in calendar[7]])
    by_flights = np.cumsum([len(d) * (pay[version] - old_pay)[d].var() for d in calendar[7]])
    number = np.arange(1, 32)
    by_days = number * np.array([difference[:n].var(ddof=1) if n > 1 else np.inf for n in number])
    for of, variance in {"flights": by_flights, "days": by_days}.items():
        under = np.flatnonzero(difference.cumsum() < -3 * np.sqrt(variance))
        units[version, of] = {
            "worse on day": under[0] + 1 if len(under) else np.nan,
            "July": difference.sum(),
        }
units = pd.DataFrame(units).T.rename_axis(["version", "unit"])
figures.table(
    units, caption="Shadow over all of July", formats={"worse on day": "{:.0f}", "July": "{:+,.0f}"}
)

# %% tags=["claim"]
when = units["worse on day"]
assert when["retrained", "flights"] < 7 and np.isnan(when["retrained", "days"]), (
    "with days the false proof is gone"
)
assert when["leaked", "days"] > when["leaked", "flights"] + 3, "and so is the speed"

# %% [markdown]
# With days as units the false proof is gone, and so is the speed: the harm of the leaked version takes longer
# to prove. One way out: stop on flights, because harm seen is reason enough; judge a release on days.
#
# ### The price of a look

# %% tags=["folded"]
prices = {
    f"${price} a look": [1000 * net(*partial(band), price)[second].mean() for band in bands]
    for price in (1, 2, 4)
}
prices = pd.DataFrame(prices, pd.Index(bands.round(2), name="band"))
figures.lines(
    prices,
    "The dearer a look, the narrower the band worth asking about",
    x="half-width of the band around the break-even",
    y="dollars per 1,000 flights",
)

# %% tags=["claim"]
assert prices.idxmax().is_monotonic_decreasing and prices.idxmax().nunique() == 3, "the best band shrinks"
