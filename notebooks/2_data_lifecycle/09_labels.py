# %% [markdown]
# # 2.9 Labels
#
# A model is as good as its labels, and most labels have a price: time, money, or an assumption. Some come by
# themselves, but late, and not for everyone. Some are bought from people, one by one. Some are computed from
# structure or from rules, and are partly wrong.
#
# This lesson takes each way to labels and scores it against the truth, because here, for once, the truth is
# known.
#
# **You will be able to**
#
# - say when a natural label becomes known, measure what is missing at the moment of training, and which way
#   that biases you;
# - recognise a label that your own action has changed, and keep a random part of the traffic free of it;
# - decide between more items and more raters per item by a learning curve on one budget;
# - run **active learning** by margin and by committee against random sampling, and count the labels it saves,
#   with an interval;
# - spread few labels over a graph of neighbours, and tell beforehand where that fails;
# - write labeling functions and a label model that weighs them, and say how many hand labels the result is
#   worth.
#
# **Needs** lesson 1.4. **Takes** about 140 minutes with its exercises; the computer needs under a minute of
# that.

# %%
from helpers import lesson

lesson.begin("2.9")

# %% tags=["parameters"]
seed = 2013
seeds = 10  # how often each labeling experiment is repeated, with other draws
held_back = 0.1  # share of alerted flights that the desk is told nothing about
prevented = 0.6  # share of late flights that acting saves (invented)

# %% [markdown]
# ## 1 Labels that come by themselves
#
# For "Late?" nobody has to label anything: the flight lands, and a clock tells. Such a label is
# called **process feedback**, or a *natural label*. It is the best kind there is, free and true, and it has
# one flaw: it comes when it comes. A click comes within seconds, a returned parcel within weeks, a loan that
# fails within years. The time from the prediction to the label is the **feedback delay**.
#
# How long is it here? The file has local clock times. To subtract them, we need the planned arrival in UTC:
# take the planned departure, read it on a clock at the destination, and count forward to the planned arrival.

# %%
import numpy as np
import pandas as pd

from helpers import datasets

raw = datasets.flights()
zones = datasets.airports().set_index("faa").tzone
zone = raw.dest.map(zones).fillna("America/Puerto_Rico")  # four Caribbean airports are not in the table
leaves = raw.time_hour + pd.to_timedelta(raw.minute, unit="min")

# %%
clock = pd.Series(0, raw.index)  # minutes after midnight at the destination when the flight is to leave
for name, rows in leaves.groupby(zone):
    there = rows.dt.tz_convert(name)
    clock[rows.index] = there.dt.hour * 60 + there.dt.minute
arrives = raw.sched_arr_time // 100 * 60 + raw.sched_arr_time % 100
minutes = (arrives - clock) % (24 * 60)  # planned, gate to gate

# %% [markdown]
# `minutes` is how long a flight is planned to take. With `arr_delay` added, we have the moment of the
# landing, counted from the planned departure. The alert of 1.1 goes out one hour before that departure.

# %%
from helpers import figures

log = pd.DataFrame({"due": minutes, "landed": minutes + raw.arr_delay})
# NaN: there is no label, now or ever
log["late"] = (raw.arr_delay > 15).astype(float).where(raw.arr_delay.notna())
ends = {"on time": log.late == 0, "late": log.late == 1}
never = {"cancelled": raw.dep_time.isna(), "diverted": raw.dep_time.notna() & raw.arr_delay.isna()}


# %%
def summary(hours):
    """How many, and hours after the planned departure until the label is there: median and the slow end."""
    return {"flights": len(hours), "median": hours.median(), "99 %": hours.quantile(0.99),
            "longest": hours.max()}


delay = {name: summary(log.landed[mask] / 60) for name, mask in ends.items()}
delay |= {name: {"flights": mask.sum()} for name, mask in never.items()}
figures.table(
    pd.DataFrame(delay).T.astype({"flights": int}).rename_axis("how it ended"),
    caption="Feedback delay, in hours after the planned departure",
    formats=dict.fromkeys(["median", "99 %", "longest"], "{:.1f}"),
)

# %% [markdown]
# Two things to read. The last two rows never get a label: no arrival, no arrival delay. The course's table
# leaves them out, and that is a decision of the scope, not of nature: passengers of a cancelled flight are
# late in every sense. They are not missing at random either, as the next cell shows. And late flights get
# their labels *later* than others. It sounds like a joke, and it is the whole trouble: **the delay of the
# label depends on the label**.

# %%
local = leaves.dt.tz_convert("America/New_York")
daily = pd.DataFrame({"late": log.late, "cancelled": never["cancelled"]}).groupby(local.dt.date).mean()
rank = daily.rank().corr().loc["late", "cancelled"]
worst = daily.cancelled >= daily.cancelled.quantile(0.9)
figures.md(
    f"Rank correlation of a day's share of cancelled flights with its share of late ones: **{rank:.2f}**. "
    "On the tenth of days with the most cancellations "
    f"{daily.late[worst].mean():.0%} of the others were late, on the rest {daily.late[~worst].mean():.0%}."
)

# %% [markdown]
# Now stand at some moment and look at the labels that are in. The picture does it for every flight at the
# same age: x hours after its planned departure.

# %%
import matplotlib.pyplot as plt

ages = np.arange(1, 12.1, 0.25)
labelled = log.late.notna()
landed = log.landed / 60
arrived = {name: [(landed[mask] <= age).mean() for age in ages] for name, mask in ends.items()}
apparent = [log.late[landed <= age].mean() for age in ages]
truth = log.late.mean()

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
for name, share in arrived.items():
    left.plot(ages, share, markevery=4, label=name)
left.set(title="Late flights get their labels later,", ylabel="labels that are in", ylim=(0, 1.02))
right.plot(ages, apparent, markevery=4, label="among labels that are in")
right.axhline(truth, color=figures.GREY, ls=":", label="in the end")
right.set(title="so young labels look too good", ylabel="late", ylim=(0, 0.3))
for ax in (left, right):
    ax.set_xlabel("hours after the planned departure")
    ax.yaxis.set_major_formatter("{x:.0%}")
    ax.legend(loc="lower right")
at = {age: apparent[int(np.flatnonzero(ages == age)[0])] for age in (2, 4, 8)}
figures.show(
    fig,
    alt="Left: labels that are in by age, for flights on time and late; at 3 hours "
    f"{arrived['on time'][8]:.0%} and {arrived['late'][8]:.0%}. "
    "Right: share of late flights among the labels that are in: "
    + ", ".join(f"{share:.0%} at {age} hours" for age, share in at.items())
    + f"; in the end {truth:.0%}.",
)

# %% [markdown]
# (The dip after five hours is the coast-to-coast flights: those on time land first.)
#
# The right panel is a test you can run on any data without knowing the subject: plot the share of positives,
# among the labels that are in, against the *age* of the row, for the same rows at each age. Where it climbs,
# young labels lie. From where it stays flat on, labels are **mature**. Chapelle (2014) met the same trouble
# in clicks that turn into purchases.
#
# So what does a monitor, or a model that learns from "today", see? At six in the evening we take the flights
# planned to leave since noon, on each day of the year, and label them in four ways.

# %%
hour = local.dt.hour + local.dt.minute / 60
window = labelled & (hour >= 12) & (hour <= 18)
now = 60 * (18 - hour[window])  # minutes since the planned departure
seen, final = log[window], log.late[window]
is_in = seen.landed <= now
overdue = ~is_in & (now > seen.due + 15)


# %%
def as_labelled(used, label):
    """Share of the window's flights that get a label, and the share of late ones among these labels."""
    return {"flights with a label": used.mean(), "late, by these labels": label[used].mean()}


ways = {
    "landed by now": as_labelled(is_in, final),
    "landed by now; the others count as on time": as_labelled(final >= 0, final.where(is_in, 0)),
    "landed, or 15 minutes over: late by the clock": as_labelled(is_in | overdue, final),
    "the same hours, a day later": as_labelled(seen.landed <= now + 24 * 60, final),
    "in the end": as_labelled(final >= 0, final),
}
figures.table(
    pd.DataFrame(ways).T.rename_axis("labels at 18:00"),
    caption="Flights planned between 12:00 and 18:00, all days",
    formats=dict.fromkeys(ways["in the end"], "{:.2%}"),
    bars=["late, by these labels"],
)

# %%
figures.md(
    f"{overdue.mean():.1%} of the flights were more than 15 minutes over and not there. Of these, "
    f"**{final[overdue].mean():.0%}** were late in the end, as they had to be."
)

# %% [markdown]
# - *Landed by now* uses true labels only, and is wrong by ten points, because of which ones it has.
# - *The others count as on time* is what a left join with `fillna(0)` does. It is the worst of the four.
# - *By the clock* recovers the labels that are known although no record came. It helps and doesn't cure: a
#   flight that is due at seven can have landed early, but can't have been late yet.
# - *A day later* is the cure. Choose rows by their **age**, never by whether their label has come. The age at
#   which practically all labels are in is the **maturity window**: here a day is plenty; for a loan that may
#   fail it can be two years.

# %% [markdown] exercise="2.9a"
# ### Exercise 2.9a: The label known by now (1 point)
#
# Write `label_now(due, arrived, now)`, all in minutes of one clock: `due` is the planned arrival, `arrived`
# the real one, which stands in the file even if it lies after `now`. Give 1 if it is known at `now` that the
# flight is late (more than 15 minutes), 0 if it is known that it is not, `None` if it isn't known yet. A
# landing at `now` itself is known.


# %% tags=["starter"] exercise="2.9a"
def label_now(due, arrived, now):
    """1, 0 or None: what is known at `now` of whether the flight is late."""
    ...


# %% tags=["solution"] exercise="2.9a"
def label_now(due, arrived, now):
    """1, 0 or None: what is known at `now` of whether the flight is late."""
    if arrived <= now:
        return int(arrived - due > 15)
    return 1 if now - due > 15 else None


# %% exercise="2.9a"
label_now = lesson.check("2.9a", label_now=label_now)

# %% [markdown]
# ### A label that we changed ourselves
#
# There is a second flaw, and waiting doesn't cure it. The desk gets an alert, acts, and the flight is *not*
# late. Good: and the label is now 0. The next model learns that such flights are on time. A bank that refuses
# a loan never learns whether it would have been paid back. Either way **our own action censors the label**.
#
# We need the flights as numbers from here on. The encoder reads no labels.

# %%
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from helpers.flights import examples

numbers = ["distance", "temp", "humid", "wind_speed", "precip", "visib", "pressure"]
names = ["carrier", "origin", "dest", "weekday", "hour"]
encoder = ColumnTransformer(
    [
        ("names", OneHotEncoder(handle_unknown="ignore", min_frequency=100), names),
        ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), numbers),
    ],
    sparse_threshold=0,
)

# %%
flights = examples.table().assign(hour=lambda table: table.day_minute // 60)
past = flights[flights.month <= 6].reset_index(drop=True)  # where labels are missing, bought or made
later = flights[flights.month > 6].sample(12_000, random_state=seed).sort_index()  # where all is scored
X, X_later = (part.astype("float32") for part in (encoder.fit_transform(past), encoder.transform(later)))
y, y_later = past.late.to_numpy(), later.late.to_numpy()


def regress(rows, labels, weights=None):
    """The lesson's model of flights: a logistic regression."""
    return LogisticRegression(C=0.1, tol=1e-3, max_iter=300).fit(rows, labels, sample_weight=weights)


# %% [markdown]
# Now suppose the alert ran from April to June. What acting does is not in our data, so we invent it: it saves
# `prevented` of the late flights. One flight in ten, drawn at random, is **held back**: its alert goes to the
# log and not to the desk. That is the control group of an experiment that never ends.

# %%
rng = np.random.default_rng(seed)
month = past.month.to_numpy()
first = rng.choice(np.flatnonzero(month <= 3), 8_000, replace=False)
alert = (month > 3) & (regress(X[first], y[first]).predict_proba(X)[:, 1] >= 0.3)
held = alert & (rng.random(len(past)) < held_back)
acted = alert & ~held
observed = np.where(acted & (rng.random(len(past)) < prevented), 0, y)


# %%
def share(mask, labels):
    """Share of late flights and half its 95 % interval, by days: flights of one day are late together."""
    day = past.time_hour[mask].dt.tz_convert("America/New_York").dt.date
    sums = pd.Series(labels[mask]).groupby(day.to_numpy()).agg(["sum", "count"])
    mean = labels[mask].mean()
    error = np.sqrt(((sums["sum"] - mean * sums["count"]) ** 2).sum()) / mask.sum()
    return {"flights": mask.sum(), "late": mean, "± (95 %)": 1.96 * error}


groups = {
    "alerted and acted on, as observed": share(acted, observed),
    "alerted and held back": share(held, observed),
    "alerted, had nobody acted (never seen)": share(alert, y),
}
figures.table(
    pd.DataFrame(groups).T.astype({"flights": int}).rename_axis("April to June"),
    formats={"late": "{:.1%}", "± (95 %)": "{:.1%}"},
)

# %% [markdown]
# Read without the second row, the first says that most alerts are false. An eager analyst switches the alert
# off. The held-back tenth tells what the alert is about. It also repairs the labels for training: leave out
# the flights acted on, and let each one held back stand for `1 / held_back` of them (**inverse propensity
# weighting**, Horvitz and Thompson 1952).

# %%
from sklearn.metrics import average_precision_score

learn = rng.choice(np.flatnonzero(month > 3), 15_000, replace=False)
weight = np.where(acted, 0, np.where(held, 1 / held_back, 1.0))
versions = {
    "labels as observed": regress(X[learn], observed[learn]),
    "held back, weighted": regress(X[learn], observed[learn], weight[learn]),
    "had nobody acted (never seen)": regress(X[learn], y[learn]),
}

# %%
rows = {}
for name, model in versions.items():
    chance = model.predict_proba(X_later)[:, 1]
    top = chance >= np.quantile(chance, 0.9)
    rows[name] = {
        "PR-AUC": average_precision_score(y_later, chance),
        "alerts": (chance >= 0.3).mean(),
        "top tenth, predicted": chance[top].mean(),
        "top tenth, late": y_later[top].mean(),
    }
figures.table(
    pd.DataFrame(rows).T.rename_axis("trained on April to June"),
    caption="Scored on July to December, without any action",
    formats=dict.fromkeys(["alerts", "top tenth, predicted", "top tenth, late"], "{:.1%}"),
)

# %% [markdown]
# Trained on labels as observed, the model ranks a little worse, and in its boldest tenth it predicts eight
# points less than a model that had seen no action. So fewer flights reach the alert's 0.3, and the next
# training starts from there. The weighted version predicts at the ideal's level again. Holding back costs
# something, every day, and that is the price of knowing. (What acting saves is invented here. That the label
# of an acted-on flight tells about the action is not.)
#
# ## 2 Labels that people give
#
# Where no clock or customer tells, somebody has to look, and is paid for each look. 1.4 measured how often
# raters agree, and what the instruction does to it. Here is the question that comes next: for the same money,
# label many items **once**, or fewer items **three times** and take the majority?
#
# The ten ratings per word of 1.4 answer it. The task: is a word negative? The truth is the majority of all
# ten (a rater is part of it, so "right" flatters a little; 1.4 leaves the rater out). We buy ratings for some
# words, train 1.4's reader of letters on them, and let it grade 1,500 other words, ten times with other
# draws. These are held out word by word or, as in 1.4, by whole families of words with the same first four
# letters. A second crew is in a **hurry**: we replace half of its ratings by the toss of a coin.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer

words = datasets.rated_words()
negative = (words.filter(like="rater_").to_numpy() < 0).astype(int)
votes = negative.sum(axis=1)
majority = (votes > 5).astype(int)
spelling = words.word.str.lower()
stem = spelling.str.replace("[^a-z]", "", regex=True).str[:4]
family, _ = pd.factorize(stem.where(stem.str.len() >= 3, spelling))  # words that are spelled alike, as in 1.4
letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True, min_df=2)
spelled = letters.fit_transform(spelling)


# %%
def graded(ratings, budget, raters, draw, unit):
    """Accuracy of a model trained on `budget` ratings, `raters` of them for each word;
    whole units are held out."""
    rng = np.random.default_rng([seed, draw])
    order = np.argsort(rng.permutation(len(words))[unit], kind="stable")
    test, rest = order[:1500], order[1500:]
    bought = rng.permutation(rest[unit[rest] != unit[test[-1]]])[: budget // raters]
    chosen = rng.permuted(ratings[bought], axis=1)[:, :raters]
    label = (chosen.mean(axis=1) > 0.5).astype(int)
    model = LogisticRegression(C=10, solver="liblinear").fit(spelled[bought], label)
    test = test[votes[test] != 5]  # a tie has no truth
    return model.score(spelled[test], majority[test])


# %%
coin = np.random.default_rng(seed)
hurried = np.where(coin.random(negative.shape) < 0.5, coin.integers(0, 2, negative.shape), negative)
clear = votes != 5
crews = {"careful": negative, "in a hurry": hurried}
budgets = [600, 1500, 3000, 6000]
units = {"words": np.arange(len(words)), "families": family}
bought = {
    (crew, raters, held): [
        [graded(ratings, budget, raters, draw, unit) for draw in range(seeds)] for budget in budgets
    ]
    for held, unit in units.items()
    for crew, ratings in crews.items()
    for raters in (1, 3)
}
right = {crew: (ratings == majority[:, None])[clear].mean() for crew, ratings in crews.items()}

# %%
rows = pd.DataFrame(
    [(held, crew, raters, *np.mean(scores, axis=1)) for (crew, raters, held), scores in bought.items()],
    columns=["held out", "raters", "ratings per word", *(f"{budget:,} ratings" for budget in budgets)],
)
figures.table(rows, caption="Accuracy of the model", formats=dict.fromkeys(rows.columns[3:], "{:.1%}"))

# %%
from scipy.stats import t


def band(values):
    """Mean over the draws and its 95 % interval (Student's t)."""
    values = np.asarray(values)
    half = t.ppf(0.975, len(values) - 1) * values.std(axis=0, ddof=1) / np.sqrt(len(values))
    return values.mean(axis=0), values.mean(axis=0) - half, values.mean(axis=0) + half


# %%
rows = [
    (held, crew, right[crew], *band(np.subtract(bought[crew, 1, held][-1], bought[crew, 3, held][-1])))
    for held in units
    for crew in crews
]
figures.table(
    pd.DataFrame(rows, columns=["held out", "raters", "a rating is right", "lead of once", "from", "to"]),
    caption="6,000 ratings: accuracy with one rating per word less that with three, 95 % intervals",
    formats={"a rating is right": "{:.0%}"} | dict.fromkeys(["lead of once", "from", "to"], "{:+.1%}"),
)

# %% [markdown]
# With careful raters once wins at every budget and by a lot: three words labeled once show the model more
# than one word labeled three times. With the hurried crew the lead shrinks to some two points. Sheng (2008)
# found this border: repeat when labels are noisy and fresh items no longer teach much.
#
# What do three words show? Mostly their relatives: who has seen *abandon* knows *abandoned* (1.4). With whole
# families held out the model is not far above a coin, and neither crew's lead is beyond luck. To grade the
# rest of this dictionary, the upper rows answer; to grade words of another kind, the lower. (The intervals,
# here and below, tell what other draws from the same data would give, not what other data would.)
#
# Two things the table doesn't count. Rating a word again is how you *know* that the crew is right in 71 % and
# not in 92 % (1.4), so a part is always rated twice. And the test labels are another matter: noise in
# training labels averages out as they become many, noise in test labels is a ceiling on what can be measured.
#
# ## 3 Labels worth asking for: active learning
#
# If labels are bought one by one, some are worth more than others. **Active learning** lets the model choose:
# train on what is labeled, look at the **pool** of unlabeled items, query the label of the most doubtful,
# train again (Settles, *Active Learning Literature Survey*, 2009). What is doubt? Two classic answers, and
# the control:
#
# - **Margin** (Scheffer 2001): the gap between the two largest probabilities. Small gap, large doubt.
# - **Query by committee** (Seung 1992): train several models, each on a bootstrap sample of the labels, and
#   ask where they disagree. As measure, the **vote entropy** (Dagan and Engelson 1995): −Σ *v* log *v* over
#   the shares *v* of votes for each class.
# - **Random**: any item. Without this control every curve that rises looks like a success.

# %% [markdown] exercise="2.9b"
# ### Exercise 2.9b: The most doubtful items (1 point)
#
# Write `most_doubtful(chances, k)`: `chances` is an array with a row per item in the pool and a column per
# class. Give the row numbers of the `k` items with the smallest margin, in any order.


# %% tags=["starter"] exercise="2.9b"
def most_doubtful(chances, k):
    """Row numbers of the k items whose two largest probabilities are closest."""
    ...


# %% tags=["solution"] exercise="2.9b"
def most_doubtful(chances, k):
    """Row numbers of the k items whose two largest probabilities are closest."""
    top = np.sort(chances, axis=1)
    return np.argsort(top[:, -1] - top[:, -2])[:k]


# %% exercise="2.9b"
most_doubtful = lesson.check("2.9b", most_doubtful=most_doubtful)

# %% [markdown]
# The lesson's versions give a doubt per item, larger for more. The loop around them is short: `sizes` says
# after how many labels the model is trained again.

# %%
from scipy.stats import entropy
from sklearn.base import clone


def at_random(model, rows, known, rng):
    return rng.random(len(rows))


def margin(model, rows, known, rng):
    top = np.sort(model.predict_proba(rows), axis=1)
    return top[:, -2] - top[:, -1]


def committee(model, rows, known, rng, members=5):
    """Vote entropy of models trained on bootstrap samples of the labels."""
    X, y = known
    draws = [rng.integers(0, len(y), len(y)) for _ in range(members)]
    votes = [clone(model).fit(X[draw], y[draw]).predict(rows) for draw in draws]
    return entropy(np.mean([np.asarray(vote)[:, None] == np.unique(y) for vote in votes], axis=0), axis=1)


# %%
def query(doubt, model, X, y, pool, sizes, rng):
    """Yields, for each size, the model and the numbers of the labeled rows; `pool` is in random order."""
    known, rest = pool[: sizes[0]], pool[sizes[0] :]
    for size, more in zip(sizes, [*sizes[1:], sizes[-1]], strict=True):
        model = clone(model).fit(X[known], y[known])
        yield model, known
        picked = np.argsort(-doubt(model, X[rest], (X[known], y[known]), rng), kind="stable")[: more - size]
        known, rest = np.append(known, rest[picked]), np.delete(rest, picked)


# %% [markdown]
# The data: 1,797 handwritten digits. In each repetition 600 drawn at random are held out for scoring, 20
# drawn at random are labeled at the start, and each query asks for 20 labels.

# %%
images, digit = datasets.digits()
pixels = images.reshape(len(images), -1) / 16
# A smaller tolerance takes longer and is no more accurate
softmax = LogisticRegression(max_iter=200, tol=3e-3)
sizes = list(range(20, 221, 20))


def draw(number):
    """A repetition's test digits and pool, and its generator."""
    rng = np.random.default_rng([seed, number])
    order = rng.permutation(len(digit))
    return order[:600], order[600:], rng


def curve(doubt, number, sizes=sizes):
    """Accuracy on the test digits after each size, and the labeled digits at the end."""
    test, pool, rng = draw(number)
    steps = list(query(doubt, softmax, pixels, digit, pool, sizes, rng))
    return [model.score(pixels[test], digit[test]) for model, _ in steps], steps


# %%
asked = {doubt: [curve(doubt, number) for number in range(seeds)] for doubt in (margin, committee)}
long = [*sizes, *range(240, 321, 20)]  # random needs more labels to get as far
asked[at_random] = [curve(at_random, number, long) for number in range(seeds)]
scored = {doubt.__name__: np.array([scores for scores, _ in runs]) for doubt, runs in asked.items()}


# %%
def bands(ax, sizes, scores, **look):
    """A learning curve with its 95 % interval."""
    mean, low, high = band(scores)
    line = ax.plot(sizes, mean, **look)[0]
    ax.fill_between(sizes, low, high, color=line.get_color(), alpha=0.2, lw=0)


# %%
fig, ax = plt.subplots()
for name, scores in scored.items():
    bands(ax, long[: scores.shape[1]], scores, label=name.replace("_", " "))
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set(
    title="Chosen labels get further than random ones",
    xlabel="labeled digits",
    ylabel="accuracy on 600 random digits",
)
ax.legend(loc="lower right")
half = sizes.index(100)
figures.show(
    fig,
    alt=f"Learning curves on digits, means of {seeds} repetitions with 95 % intervals. "
    f"Accuracy at 100 and {sizes[-1]} labels: "
    + "; ".join(
        f"{name.replace('_', ' ')} {scores[:, half].mean():.1%} and {scores[:, len(sizes) - 1].mean():.1%}"
        for name, scores in scored.items()
    )
    + ".",
)

# %% [markdown]
# A curve above another is not yet a saving. Ask it the other way round: how many labels does each need for
# the *same* accuracy? Per repetition, with linear interpolation between the sizes, and as paired differences,
# because all three start from the same 20 labels and are scored on the same 600 digits.


# %%
def needed(scores, target):
    """Labels until the accuracy is first reached; NaN if it never is."""
    best = np.maximum.accumulate(scores)
    if best[-1] < target or best[0] >= target:
        return np.nan if best[-1] < target else long[0]
    step = int(np.argmax(best >= target))
    return np.interp(target, best[step - 1 : step + 1], long[step - 1 : step + 1])


rows = []
for target in (0.80, 0.85, 0.90):
    until = {name: np.array([needed(run, target) for run in runs]) for name, runs in scored.items()}
    for name in ("margin", "committee"):
        saved = until["at_random"] - until[name]
        arrived = np.isfinite(saved)
        rows.append(
            (f"{target:.0%}", name, until["at_random"][arrived].mean(), *band(saved[arrived]), arrived.sum())
        )

# %%
figures.table(
    pd.DataFrame(rows, columns=["accuracy", "strategy", "random needs", "saved",
                                "from", "to", "repetitions"]),
    caption="Labels saved at equal accuracy, 95 % intervals of the paired difference",
    formats=dict.fromkeys(["random needs", "saved", "from", "to"], "{:.0f}"),
    bars=["saved"],
)

# %% [markdown]
# The margin saves about a third of the labels at 90 %, beyond luck, and less at lower targets. The committee
# saves in the mean, but its intervals contain zero, and it costs six trainings instead of one. One repetition
# would have told little: the intervals of ten are still this wide. Now the small print, four questions that a
# vendor's curve doesn't answer.
#
# **How large is a batch?** Annotators don't wait for a model after each label. But the 100 most doubtful
# items of one moment are doubtful in the same way, and many are alike. We query 100 labels in batches of 10,
# 20 and 50, and all at once.
#
# **Whose doubt is it?** The labels were chosen for *this* model. Labels outlive models, and the next one
# inherits them (Lowell 2019). We train two others on the same 120 labels, chosen by the margin of the first
# or at random: nearest neighbour, and a support vector machine.

# %%
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC

batches = {}
for batch in (10, 20, 50, 100):
    runs = [curve(margin, number, list(range(20, 121, batch)))[0][-1] for number in range(seeds)]
    batches[f"margin, batches of {batch}"] = band(np.subtract(runs, scored["at_random"][:, long.index(120)]))


def inherited(model, doubt):
    """Accuracy of another model on the first 120 labels of this strategy."""
    result = []
    for number, (_, steps) in enumerate(asked[doubt]):
        test, known = draw(number)[0], steps[long.index(120)][1]
        result.append(clone(model).fit(pixels[known], digit[known]).score(pixels[test], digit[test]))
    return result


others = {"nearest neighbour": KNeighborsClassifier(1), "support vector machine": SVC(C=5, gamma=0.1)}
for name, model in others.items():
    batches[f"{name} on the same labels"] = band(
        np.subtract(inherited(model, margin), inherited(model, at_random))
    )

# %%
figures.table(
    pd.DataFrame(batches, ["gain", "from", "to"]).T.rename_axis("margin against random, at 120 labels"),
    caption="Accuracy more than with random labels, in points",
    formats=dict.fromkeys(["gain", "from", "to"], "{:+.1%}"),
)

# %% [markdown]
# In one batch of 100 the margin is worse than chance: it asks a hundred times about what a model of 20 labels
# doubted. What it gains in small batches it gains by training again in between. The support vector machine
# inherits the gain; for nearest neighbour the interval contains zero.
#
# **What does the labeled set say about the world?** It is no sample of it. Score the model on each batch of
# labels that arrives, before it trains on them, and on the random test digits:

# %%
fresh = {"margin": [], "at_random": []}
for doubt in (margin, at_random):
    for _, steps in asked[doubt]:
        (model, known), (_, more) = steps[long.index(120)], steps[long.index(140)]
        new = more[len(known) :]
        fresh[doubt.__name__].append(model.score(pixels[new], digit[new]))
at_120 = {name: scores[:, long.index(120)] for name, scores in scored.items()}
figures.md(
    "Model with 120 labels. "
    f"On the next 20 labels queried by margin: **{np.mean(fresh['margin']):.0%}** right. "
    f"On random digits: {at_120['margin'].mean():.0%}. Without active learning the two agree: "
    f"{np.mean(fresh['at_random']):.0%} and {at_120['at_random'].mean():.0%}."
)

# %% [markdown]
# So keep a **random held-out set** apart from the queries, labeled and paid for as well. No curve of this
# section could have been drawn without one. In a real project its labels belong on the bill: with 600 random
# test labels, a saving of 50 in training looks different.
#
# **Does it carry over?** To flights: two classes that overlap, the rarer one a quarter. Start with 100
# labels, query 150 at a time from a pool of 4,000.

# %%
flight_sizes = list(range(100, 1001, 150))
plain = LogisticRegression(C=0.1, tol=1e-3, max_iter=300)


def flight_curve(doubt, number):
    """PR-AUC on later months, and the share of late flights among the labels, by size."""
    rng = np.random.default_rng([seed, number])
    pool = rng.choice(len(past), 4000, replace=False)
    steps = query(doubt, plain, X, y, pool, flight_sizes, rng)
    return np.array(
        [
            (average_precision_score(y_later, m.predict_proba(X_later)[:, 1]), y[known].mean())
            for m, known in steps
        ]
    )


on_flights = {
    doubt.__name__: np.array([flight_curve(doubt, n) for n in range(seeds)]) for doubt in (margin, at_random)
}

# %%
lead = on_flights["margin"][:, :, 0] - on_flights["at_random"][:, :, 0]
gain = {size: band(lead[:, i]) for i, size in enumerate(flight_sizes)}

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6))
for name, runs in on_flights.items():
    for ax, column in ((left, 0), (right, 1)):
        bands(ax, flight_sizes, runs[:, :, column], label=name.replace("_", " "))
left.set(title="Flights: hardly a gain,", ylabel="PR-AUC, July to December", xlabel="labeled flights")
right.axhline(y.mean(), color=figures.GREY, ls=":", label="all flights, January to June")
right.set(
    title="from labels that are no sample", ylabel="late, of the labeled",
    xlabel="labeled flights", ylim=(0, 0.5)
)
right.yaxis.set_major_formatter("{x:.0%}")
left.legend(loc="lower right")
right.legend(loc="lower right")
figures.show(
    fig,
    alt="Margin less random in PR-AUC: "
    + "; ".join(
        "{:+.3f} ({:+.3f} to {:+.3f}) at {} labels".format(*gain[size], size) for size in (250, 550, 1000)
    )
    + f". Of 550 flights chosen by margin {on_flights['margin'][:, 3, 1].mean():.0%} are late, "
    + f"of random ones {on_flights['at_random'][:, 3, 1].mean():.0%}.",
)

# %% [markdown]
# It carries over in part. The mean gain is one to two hundredths of PR-AUC, and its interval touches zero or
# nearly does. Where two classes overlap, most doubt can't be cured by a label. And part of the gain may have
# a plain reason: of the labeled flights four in ten are late, so the rarer class is seen more often. Read the
# right panel as a warning: who takes the share of late flights from these labels is wrong by 17 points, and a
# threshold or a calibration set on them is wrong with it. (The intervals tell what other draws of flights
# would give. The months of the test are the same for all.)
#
# ## 4 Labels from neighbours: propagation
#
# No more money: 40 digits are labeled, more than a thousand are not. Are the unlabeled ones worth anything?
# They show where the data lie thick. **Label propagation** (Zhu and Ghahramani 2002) builds a graph in which
# each item is joined to its nearest neighbours, and lets labels flow along the edges until nothing
# changes. **Label spreading** (Zhou 2004) does the same and lets given labels be overruled a little, which
# helps where some are wrong. Both rest on one assumption: *neighbours have the same label*.
#
# **Self-training** (Yarowsky 1995) uses them otherwise: train, take the model's own confident predictions as
# labels, train again. All of it against two plain models on the labeled digits alone.

# %%
import warnings

from sklearn.exceptions import ConvergenceWarning
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier

# Propagation creeps along thin edges for thousands of steps; we stop it at max_iter, and it warns of that
# each time.
warnings.filterwarnings("ignore", category=ConvergenceWarning, module="sklearn.semi_supervised")

# %%
graph = {"kernel": "knn", "n_neighbors": 7}
plain_models = {"softmax, labeled only": softmax, "nearest neighbour, labeled only": KNeighborsClassifier(1)}
with_pool = {
    "label spreading": LabelSpreading(alpha=0.2, max_iter=100, **graph),
    "label propagation": LabelPropagation(max_iter=200, **graph),
    "self-training": SelfTrainingClassifier(softmax, threshold=0.8, max_iter=3),
}
few = [20, 40, 80, 160]


# %%
def spread(name, number, size):
    """Accuracy on the test digits with this many labels."""
    test, pool, _ = draw(number)
    if name in plain_models:
        model = clone(plain_models[name]).fit(pixels[pool[:size]], digit[pool[:size]])
    else:
        labels = np.where(np.arange(len(pool)) < size, digit[pool], -1)  # -1: no label
        model = clone(with_pool[name]).fit(pixels[pool], labels)
    with np.errstate(invalid="ignore"):  # a part of the graph that holds no label divides 0 by 0
        return model.score(pixels[test], digit[test])


# %%
propagated = {
    name: np.array([[spread(name, number, size) for size in few] for number in range(seeds)])
    for name in [*plain_models, *with_pool]
}

# %%
fig, ax = plt.subplots(figsize=(7.5, 4))
for name, scores in propagated.items():
    bands(ax, few, scores, label=name)
ax.set_xscale("log")
ax.set_xticks(few, few)
ax.minorticks_off()
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set(
    title="Unlabeled digits help the graph, and mislead self-training",
    xlabel="labeled digits (logarithmic)",
    ylabel="accuracy on 600 random digits",
)
ax.legend(loc="lower right")
figures.show(
    fig,
    alt=f"Learning curves, means of {seeds} repetitions with 95 % intervals. Accuracy at 40 and 160 labels: "
    + "; ".join(
        f"{name} {scores[:, 1].mean():.0%} and {scores[:, 3].mean():.0%}"
        for name, scores in propagated.items()
    )
    + ".",
)

# %% tags=["atol=0.2"]
pairs = [
    ("label spreading", "softmax, labeled only"),
    ("label spreading", "nearest neighbour, labeled only"),
    ("label spreading", "label propagation"),
    ("self-training", "softmax, labeled only"),
]
rows = [
    (f"{new} − {old}", *(end for i in (1, 3) for end in band(propagated[new][:, i] - propagated[old][:, i])))
    for new, old in pairs
]
columns = ["difference", "at 40", "from", "to", "at 160", "from ", "to "]
figures.table(
    pd.DataFrame(rows, columns=columns),
    caption="Accuracy, paired differences with 95 % intervals",
    formats=dict.fromkeys(columns[1:], "{:+.1%}"),
)

# %% [markdown]
# With 40 labels the graph is 15 points ahead of the model that sees the labeled digits alone, and 10 ahead of
# nearest neighbour, which uses the same distances: so it is the unlabeled digits that help, not the distance.
# Propagation and spreading can't be told apart here; their difference is in the treatment of wrong labels,
# and ours are right. Self-training *loses* 16 points. Why? Look at the labels it gave itself:

# %%
own = []
for number in range(seeds):
    _, pool, _ = draw(number)
    labels = np.where(np.arange(len(pool)) < 40, digit[pool], -1)
    student = clone(with_pool["self-training"]).fit(pixels[pool], labels)
    new = student.labeled_iter_ > 0
    said = student.transduction_[new]
    own.append((new.sum(), (said == digit[pool][new]).mean(), len(np.unique(said))))
added, correct, kinds = np.mean(own, axis=0)
figures.md(
    f"To its 40 labels it adds {added:.0f} of its own, and **{correct:.0%}** of them are right. "
    f"But they show only **{kinds:.1f}** of the ten digits. (Means of {seeds} repetitions.)"
)

# %% [markdown]
# Most are right, and still they do harm: the model is sure of the easy digits first, trains on hundreds of
# these and four of each of the others, and then sees the easy ones everywhere. Before you train on a model's
# own labels, count them by class.
#
# Now the same on flights, and first the assumption. How often do neighbours share a label, and how often do
# strangers?

# %%
from sklearn.neighbors import kneighbors_graph


def agreement(rows, labels):
    """How often two neighbours, and two strangers, have the same label."""
    near = kneighbors_graph(rows, 7).indices.reshape(-1, 7)
    strangers = (np.bincount(labels) / len(labels)) ** 2
    return {"neighbours": (labels[near] == labels[:, None]).mean(), "strangers": strangers.sum()}


some = np.random.default_rng(seed).choice(len(past), 3000, replace=False)
alike = pd.DataFrame({"digits": agreement(pixels, digit), "flights": agreement(X[some], y[some])}).T
alike["of the way to 1"] = (alike.neighbours - alike.strangers) / (1 - alike.strangers)
figures.table(alike.rename_axis("same label"), formats=dict.fromkeys(alike, "{:.0%}"))


# %%
def on_few(number, size):
    """PR-AUC on later months with this many labels: label spreading, logistic regression."""
    rng = np.random.default_rng([seed, number])
    pool, test = rng.choice(len(past), 1500, replace=False), rng.choice(len(y_later), 1500, replace=False)
    labels = np.where(np.arange(len(pool)) < size, y[pool], -1)
    with np.errstate(invalid="ignore"):  # as above
        models = with_pool["label spreading"].fit(X[pool], labels), regress(X[pool[:size]], y[pool[:size]])
        chances = [np.nan_to_num(model.predict_proba(X_later[test])[:, 1]) for model in models]
    return [average_precision_score(y_later[test], chance) for chance in chances]


# %%
rows = []
for size in (100, 400):
    spreading, alone = np.array([on_few(number, size) for number in range(seeds)]).T
    rows.append((size, spreading.mean(), alone.mean(), *band(spreading - alone)))
figures.table(
    pd.DataFrame(
        rows, columns=["labels", "label spreading", "logistic, labeled only", "difference", "from", "to"]
    ),
    caption=f"Flights, PR-AUC on July to December (a coin: {y_later.mean():.3f})",
    formats=dict.fromkeys(["difference", "from", "to"], "{:+.3f}"),
)

# %% [markdown]
# On digits neighbours go 97 % of the way from strangers to certainty, on flights 13 %. So labels that flow
# along edges are noise after a few steps, and with more labels the gap does not close. The check costs
# nothing: take the labels you have, and compare neighbours with strangers before you build on the graph.
#
# ## 5 Labels from rules: weak supervision
#
# The last way asks experts not for labels but for **labeling functions**: short rules that vote on a label or
# abstain. A dispatcher writes ten in an afternoon, from experience and from what is known an hour before
# departure. They are partly wrong, overlap and conflict; but they run over every flight there is, and they
# can be read, reviewed and run again next month. This is **weak supervision**, or data programming (Ratner
# 2016).

# %%
LATE, ON_TIME = 1, -1
afternoon = past.hour >= 14
functions = {
    "evening": (LATE, "leaves from 17:00 on", past.hour >= 17),
    "early": (ON_TIME, "leaves before 9:00", past.hour < 9),
    "rain": (LATE, "rain or snow in the hour before", past.precip > 0),
    "fog": (LATE, "visibility below 5 miles", past.visib < 5),
    "humid": (LATE, "humidity from 85 % on", past.humid >= 85),
    "storm": (
        LATE,
        "afternoon, from 70 °F and 70 % humidity on",
        afternoon & (past.temp >= 70) & (past.humid >= 70),
    ),
    "clear": (ON_TIME, "visibility 10 miles, humidity below 60 %", (past.visib >= 10) & (past.humid < 60)),
    "saturday": (ON_TIME, "Saturdays are quiet", past.weekday == 5),
    "express": (LATE, "feeder airlines wait for others: EV, MQ, 9E", past.carrier.isin(["EV", "MQ", "9E"])),
    "mainline": (
        ON_TIME,
        "US, DL, AA, AS, VX, HA keep their time",
        past.carrier.isin(["US", "DL", "AA", "AS", "VX", "HA"]),
    ),
}

# %%
says = np.array([vote for vote, _, _ in functions.values()])
fired = np.column_stack([mask for _, _, mask in functions.values()]).astype(float)  # [flights, functions]

# %% [markdown]
# Three numbers need no truth: **coverage** (how often a function votes), **overlap** (how often another votes
# with it on the same flight), **conflict** (how often one of them says the opposite). The last two columns
# need the truth; here we have it, and look.

# %%
votes = fired * says
n_late, n_on_time = (votes == LATE).sum(axis=1), (votes == ON_TIME).sum(axis=1)
truly_late = [fired[y == 1].mean(axis=0), fired[y == 0].mean(axis=0)]  # how often each fires, by the truth
rows = []
for j, (vote, rule, mask) in enumerate(functions.values()):
    on = mask.to_numpy()
    against = n_on_time if vote == LATE else n_late
    rows.append(
        {
            "rule": rule,
            "says": "late" if vote == LATE else "on time",
            "coverage": on.mean(),
            "overlap": (n_late + n_on_time > 1)[on].mean(),
            "conflict": (against > 0)[on].mean(),
            "right": (y[on] == (vote == LATE)).mean(),
            "late : on time": truly_late[0][j] / truly_late[1][j],
        }
    )

# %%
percent = dict.fromkeys(["coverage", "overlap", "conflict", "right"], "{:.0%}") | {"late : on time": "{:.2f}"}
figures.table(
    pd.DataFrame(rows, pd.Index(functions, name="function")),
    caption="Ten functions on January to June; the last two columns use the truth",
    formats=percent,
)

# %% [markdown]
# Read *right* with care. A function that says "late" is right in a third to two thirds of its votes, one that
# says "on time" in four fifths, and the second is no better: three quarters of all flights *are* on time.
# What counts is the last column, how many times as often it fires on late flights as on others. Above 1
# speaks for late, below 1 for on time. Storm says much and rarely, mainline says little and often.
#
# ### Putting votes together
#
# **Majority vote** counts every vote the same. A **label model** weighs them: it gives each function two
# rates, how often it fires on late flights and how often on the others. If the functions fire *independently
# given the truth*, Bayes' rule does the rest.

# %% [markdown] exercise="2.9c"
# ### Exercise 2.9c: From votes to a chance (1 point)
#
# Write `chance_late(fired, on_late, on_time, prior)` for one flight. `fired` is a list of 0 and 1, one per
# function; `on_late` and `on_time` are the rates at which each fires on late flights and on others; `prior`
# is the share of late flights. Give the probability that this flight is late. A function that is silent tells
# something, too.


# %% tags=["starter"] exercise="2.9c"
def chance_late(fired, on_late, on_time, prior):
    """Probability that a flight is late, given which functions fired."""
    ...


# %% tags=["solution"] exercise="2.9c"
def chance_late(fired, on_late, on_time, prior):
    """Probability that a flight is late, given which functions fired."""
    late, other = prior, 1 - prior
    for f, a, b in zip(fired, on_late, on_time, strict=True):
        late *= a if f else 1 - a
        other *= b if f else 1 - b
    return late / (late + other)


# %% exercise="2.9c"
chance_late = lesson.check("2.9c", chance_late=chance_late)

# %% [markdown]
# And the rates? Without labels they are unknown. The trick of Dawid and Skene (1979), who wanted to know how
# good doctors are without knowing what the patients had: guess the labels, here by majority; compute the
# rates as if the guess were true; compute the probabilities from the rates; repeat. That is **EM**
# (expectation and maximization). The share of late flights is given to it: an airline knows that.

# %%
from scipy.special import expit


def posterior(fired, on_late, on_time, prior):
    """Probability of late for each row of `fired`: exercise 2.9c with logarithms and arrays."""
    logit = np.log(prior / (1 - prior)) + fired @ np.log(on_late / on_time)
    return expit(logit + (1 - fired) @ np.log((1 - on_late) / (1 - on_time)))


def label_model(fired, says, prior, steps):
    """Rates on late and on other flights, and the probability of each flight, after this many steps of EM."""
    number, first, row = np.unique(fired @ 2.0 ** np.arange(len(says)), return_index=True,
                                   return_inverse=True)
    pattern, count = fired[first], np.bincount(row)  # flights with the same votes are the same to it
    score = pattern @ says
    # The guess: about as many late as the prior says
    late = expit(score - np.quantile(fired @ says, 1 - prior))
    for _ in range(steps):
        a, b = count * late, count * (1 - late)
        on_late, on_time = (np.clip(w @ pattern / w.sum(), 1e-3, 1 - 1e-3) for w in (a, b))
        late = posterior(pattern, on_late, on_time, prior)
    return on_late, on_time, late[row]


# %% [markdown]
# First the test that any estimator should pass: data that keep its assumption. We invent votes with
# the *true* rates of our functions, drawn independently, and see whether EM finds the rates. Then the real
# votes.

# %%
prior = 0.25  # late flights, known from the airports' statistics
coin = np.random.default_rng(seed)
made_up = (coin.random(len(y)) < prior).astype(int)
independent = (coin.random(fired.shape) < np.where(made_up[:, None], *truly_late)).astype(float)
steps = 100
models = {
    "independent votes": label_model(independent, says, prior, steps),
    "real votes": label_model(fired, says, prior, steps),
}
lifts = {"true": truly_late[0] / truly_late[1]} | {name: model[0] / model[1]
                                                   for name, model in models.items()}

# %%
fig, ax = plt.subplots(figsize=(7.5, 4.2))
places = np.arange(len(functions))
for (name, lift), mark, size in zip(lifts.items(), "osX", (11, 5, 8), strict=True):
    ax.plot(
        np.clip(lift, 0.1, 10),
        places,
        linestyle="",
        marker=mark,
        markersize=size,
        label=name if name == "true" else f"EM, {name}",
        markerfacecolor="none" if name == "true" else None,
        markeredgecolor=figures.GREY if name == "true" else None,
    )
ax.axvline(1, color=figures.GREY, lw=1)
ax.set_xscale("log")
ax.set_yticks(
    places, [f"{name} ({'late' if vote == LATE else 'on time'})" for name, (vote, *_) in functions.items()]
)
ax.invert_yaxis()
ax.set(
    title="EM is right where votes are independent, and ours are not",
    xlabel="fires on late flights : on others (logarithmic; cut at 0.1 and 10)",
)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
figures.show(
    fig,
    alt="How many times as often each function fires on late flights as on others; true, by EM on "
    "independent votes, by EM on the real votes: "
    + "; ".join(
        f"{name} " + ", ".join(f"{lift[j]:.2f}" for lift in lifts.values())
        for j, name in enumerate(functions)
    )
    + ".",
)

# %%
found = models["real votes"][2] > 0.5
humid = fired[:, list(functions).index("humid")]
turned = [
    n for n, vote, lift in zip(functions, says, lifts["real votes"], strict=True)
    if (lift > 1) != (vote == LATE)
]
sharp = {name: (np.abs(model[2] - 0.5) > 0.4).mean() for name, model in models.items()}
figures.md(
    f"Of the flights the model calls late, {humid[found].mean():.0%} are in humid air; "
    f"of the others, {humid[~found].mean():.0%}. "
    f"Functions it uses against what their author says: **{', '.join(turned) or 'none'}**. "
    f"Probabilities below 0.1 or above 0.9: {sharp['real votes']:.0%}; on independent votes "
    f"{sharp['independent votes']:.0%}."
)

# %% [markdown]
# On independent votes EM comes close to the rates, least so for *storm*, which is rare. On the real ones it
# finds *something else*: humid, foggy, rainy hours. It was asked for a hidden variable with two values that
# explains why functions fire together, and rain, fog and humidity fire together whether flights are late or
# not. The weather explains the votes better than lateness does. The assumption, independence given the truth,
# is broken, and nothing in the output says so: the probabilities are even sharper than on independent votes.
# Ratner (2019) lets the user declare which functions hang together; but then one must know.
#
# The usual remedy is to merge what hangs together, so that the functions left come from different sources:
# one for bad weather instead of four, and no *clear*, which is its opposite. We do that, and score it with
# the others below.
#
# One alarm needs no labels. The model uses four functions against what their authors say, evening flights
# among them. When a label model contradicts the people who wrote the functions, believe neither before you
# have looked at labels.
#
# How many? With 300 flights labeled by hand, count how often each function fires on the late ones and on the
# others. That replaces EM: same formula, rates from a count.


# %%
def counted(known, strength=2):
    """Probability of late for all flights, with rates counted on `known`,
    drawn a little towards the coverage."""
    rates = []
    for label in (1, 0):
        rows = known[y[known] == label]
        rates.append((fired[rows].sum(axis=0) + strength * fired.mean(axis=0)) / (len(rows) + strength))
    return posterior(fired, *rates, prior)


def taught(labels, rows):
    """PR-AUC on later months of a logistic regression trained on these flights with these
    probabilities as labels."""
    twice = np.vstack([X[rows], X[rows]])  # once as late, once as on time, weighted by the probability
    both = np.repeat([1, 0], len(rows))
    model = regress(twice, both, np.append(labels[rows], 1 - labels[rows]))
    return average_precision_score(y_later, model.predict_proba(X_later)[:, 1])


# %% [markdown]
# The labels are not the goal; a model trained on them is. It sees all features and scores flights on which no
# function fires. Each set of weak labels trains a logistic regression on 5,000 flights drawn from January to
# June, and beside it stands the honest rival: the same model on *n* true labels, bought from somebody who
# looks them up.

# %%
by_hand, paid = [100, 300, 1000, 2500, 5000], 300
wet, apart = slice(2, 6), [0, 1, 7, 8, 9]  # rain, fog, humid, storm; and all others but clear
merged = np.column_stack([fired[:, wet].max(axis=1), fired[:, apart]])
em_merged = label_model(merged, np.append(LATE, says[apart]), prior, steps)[2]
fixed = {
    "majority vote": (fired @ says > 0).astype(float),  # a tie is on time
    "label model (EM)": models["real votes"][2],
    "label model (EM), weather merged": em_merged,
}
ceiling = posterior(fired, *truly_late, prior)

# %%
express = fired[:, list(functions).index("express")]
figures.md(
    f"Weather merged: of the flights the model calls late, {express[em_merged > 0.5].mean():.0%} are flown "
    f"by express airlines; of the others, {express[em_merged <= 0.5].mean():.0%}."
)

# %%
hand, weak, raw_labels = [], {}, {}
for number in range(seeds):
    rng = np.random.default_rng([seed, number])
    order = rng.permutation(len(past))
    sets = fixed | {
        f"functions weighed by {paid} labels": counted(order[:paid]),
        "functions with their true rates": ceiling,
    }
    for name, labels in sets.items():
        weak.setdefault(name, []).append(taught(labels, order[-5000:]))
        raw_labels.setdefault(name, []).append(
            average_precision_score(y, fired @ says if name == "majority vote" else labels)
        )
    fits = [regress(X[order[:n]], y[order[:n]]) for n in by_hand]
    hand.append([average_precision_score(y_later, m.predict_proba(X_later)[:, 1]) for m in fits])


# %%
def worth(scores):
    """Hand labels that give the same PR-AUC, read off each draw's own learning curve:
    mean and 95 % interval."""
    curves = np.maximum.accumulate(hand, axis=1)
    read = [np.interp(score, run, np.log(by_hand)) for score, run in zip(scores, curves, strict=True)]
    return np.exp(band(read)).round(-2)


rows = [(name, np.mean(raw_labels[name]), *band(scores), *worth(scores)) for name, scores in weak.items()]

# %%
columns = ["labels", "labels, against the truth", "model", "from", "to", "worth", "from ", "to "]
figures.table(
    pd.DataFrame(rows, columns=columns),
    caption="PR-AUC of the labels (January to June), of the model taught by "
            "them (July to December), and its worth",
    formats=dict.fromkeys(columns[1:5], "{:.3f}") | dict.fromkeys(columns[5:], "{:,.0f}"),
)

# %%
fig, ax = plt.subplots(figsize=(8.5, 4))
bands(ax, by_hand, hand, label="true labels, bought", color=figures.BLUE)
dashes = ["--", ":", (0, (5, 1)), "-.", (0, (1, 3))]
looks = zip(dashes, [figures.ORANGE, figures.RED, figures.PURPLE, figures.GREEN, figures.GREY], strict=True)
for (name, scores), (dash, color) in zip(weak.items(), looks, strict=True):
    ax.axhline(np.mean(scores), ls=dash, color=color)
    ax.annotate(name, (5_200, np.mean(scores)), va="center", fontsize=9,
                annotation_clip=False, color="#222222")
ax.set_xscale("log")
ax.set_xticks(by_hand, [f"{n:,}" for n in by_hand])
ax.minorticks_off()
ax.set(
    title=f"One vote for each of ten rules: worth about {worth(weak['majority vote'])[0]:,.0f} labels",
    xlabel="labels bought (logarithmic)",
    ylabel="PR-AUC, July to December",
    xlim=(90, 5_100),
)
figures.show(
    fig,
    alt="PR-AUC on later months against true labels bought: "
    + ", ".join(f"{score:.3f} with {n:,}" for n, score in zip(by_hand, np.mean(hand, axis=0), strict=True))
    + ". Models taught by weak labels: "
    + ", ".join(f"{name} {np.mean(scores):.3f}" for name, scores in weak.items())
    + f". The majority vote is worth about {worth(weak['majority vote'])[0]:,.0f} labels.",
)

# %%
weighed, majority_vote, em = (
    np.array(weak[name]) for name in (f"functions weighed by {paid} labels",
                                      "majority vote", "label model (EM)")
)
spent = {
    f"{paid} labels weigh the functions − {paid} labels train the model": weighed - np.array(hand)[:, 1],
    f"{paid} labels weigh the functions − majority vote": weighed - majority_vote,
    "label model (EM) − majority vote": em - majority_vote,
}

# %%
figures.table(
    pd.DataFrame({name: band(gain) for name, gain in spent.items()}, ["PR-AUC", "from", "to"]).T.rename_axis(
        "difference"
    ),
    caption="Paired over the draws, 95 % intervals",
    formats=dict.fromkeys(["PR-AUC", "from", "to"], "{:+.3f}"),
)

# %% [markdown]
# Four things to take home.
#
# - *The rules are worth a lot.* Ten of them, one vote each, teach a model as well as about 1,500 labels
#   bought one by one, between 1,100 and 2,000. (`worth` reads each draw's own curve between 100 and 5,000, so
#   100 means 100 or fewer.)
# - *The clever label model is worth next to nothing here*, and merging the weather doesn't save it: it then
#   finds the airlines, because *express* and *mainline* exclude each other. With functions this weak,
#   whatever ties their votes together beats lateness.
# - *Labels used for weighing go further than labels used for training*: 300 of them gain 0.045 of PR-AUC that
#   way, beyond luck. But they don't beat the plain vote beyond luck; ten pairs of rates counted on 75 late
#   flights are noisy.
# - *Even the true rates stop at some 2,200 labels.* The rest of the way is the independence that naive Bayes
#   assumes, and what no rule says.
#
# So begin with the vote, buy a few hundred labels to *check* it, and believe a label model when it beats the
# vote on those.
#
# ## What breaks in production
#
# A labeling function is code that was right when it was written. Nobody retrains it. Ours were written in
# spring; the label factory runs on. Here is *fog* over the year: how often flights that leave in fog are
# late, beside all flights. Until June that is what its author knew. The last three columns need no labels: on
# how many days it voted, how many of its votes are for flights before ten in the morning, and in how many
# another function for bad weather, rain or storm, votes along.

# %%
misty = flights[flights.visib < 5]
wet = (misty.precip > 0) | ((misty.hour >= 14) & (misty.temp >= 70) & (misty.humid >= 70))
audit = misty.groupby("month").late.agg(["size", "mean"]).set_axis(["votes", "late in fog"], axis=1)
audit["late, all"] = flights.groupby("month").late.mean()
date = misty.time_hour.dt.tz_convert("America/New_York").dt.date
audit["days"] = date.groupby(misty.month).nunique()
audit["before 10:00"] = (misty.hour < 10).groupby(misty.month).mean()
audit["rain or storm, too"] = wet.groupby(misty.month).mean()
figures.table(
    audit,
    formats=dict.fromkeys(audit.columns.drop(["votes", "days"]), "{:.0%}"),
    bars={"late in fog": 1.0},
)

# %% [markdown]
# In September and October the function has lost its meaning: it says "late" of flights that are late no more
# often than others, rather less. Low visibility in March was a storm; in September it was mist on four days,
# nine times in ten before ten o'clock. So few days tell little about autumns. But the labels they give are
# wrong all the same. No exception is raised, the votes are not many fewer than August's, and every model
# taught on these months learns them.
#
# The last column is a first alarm and needs no labels: the votes have parted from those of their relatives.
# The second is a **random audit** of each function's votes, 150 a month, labeled by hand where labels don't
# come by themselves. The alarm is not "shown to be wrong" but "no longer shown to be right": the interval of
# the audit must lie above the share of all flights (the truth, here; otherwise it needs an audit of its own).
# It speaks for the votes of its month, the ones a model is taught; not for the next fog.

# %%
from statsmodels.stats.proportion import proportion_confint


def audited(rows, base, size=150):
    """Share of late flights in a random audit, its 95 % interval (Wilson), and the verdict."""
    late = rows.late.sample(min(size, len(rows)), random_state=seed)
    low, high = proportion_confint(late.sum(), len(late), method="wilson")
    return {
        "late": late.mean(),
        "from": low,
        "to": high,
        "late, all": base,
        "verdict": "holds" if low > base else "alarm",
    }


base = audit["late, all"]
checks = pd.DataFrame({month: audited(rows, base[month]) for month, rows in misty.groupby("month")}).T
figures.table(
    checks.rename_axis("month"),
    formats=dict.fromkeys(["late", "from", "to", "late, all"], "{:.0%}"),
    caption="Fog, 150 votes audited per month",
)

# %% [markdown]
# It rings in September and October. It also rings in January and July, where fog did mean delay and 150
# labels were too few to show it: false alarms, the price of a small audit. So nobody should be woken by one.
# A function that fails twice in a row is switched off until its author has looked; over this year that rule
# finds the autumn and nothing else.
#
# ## Which way to labels?

# %% [markdown] exercise="2.9d"
# ### Exercise 2.9d: The first step to labels (1 point)
#
# | case | what is known |
# | --- | --- |
# | `returns` | Will the parcel come back? 60 % of the returns are in after two weeks, 99.9 % after eight. Today's parcels are in the table, with label 0 until they come. |
# | `loans` | Will the loan be paid back? Refused applicants never show. The model is to score all who apply. |
# | `parts` | Pictures of 20 kinds of parts; 200 are labeled, 50,000 are not, the budget is used up. Neighbours have the same label in 96 % of cases, strangers in 5 %. |
# | `scans` | A doctor labels 30 scans a day; the model trains overnight. The doctor knows at a glance but can't say why. Neighbours agree in 55 %, strangers in 52 %. |
# | `invoices` | Is it wrong? Clerks know eight warning signs, each in 5 to 20 % of invoices. There is money for 40 labels. Neighbours agree in 71 %, strangers in 70 %. |
#
# Give each case its first step: `plan` maps the five names to one of `"wait"` (use rows older than the
# maturity window), `"explore"` (leave a random part without the action), `"margin"` (active learning),
# `"spread"` (label spreading), `"functions"` (labeling functions).

# %% tags=["starter"] exercise="2.9d"
plan = ...

# %% tags=["solution"] exercise="2.9d"
plan = {
    "returns": "wait",
    "loans": "explore",
    "parts": "spread",
    "scans": "margin",
    "invoices": "functions",
}

# %% exercise="2.9d"
plan = lesson.check("2.9d", plan=plan)

# %% [markdown]
# ## What you did
#
# - You found when each flight's label becomes known, saw that late ones come later, and chose rows by age
#   instead of by whether the label is there.
# - You saw an alert destroy the evidence for itself, and a held-back tenth keep it.
# - You spent one budget once or three times per word, and saw that once wins while raters are good, and that
#   the lead shrinks when they aren't, or when no relatives of the graded words were labeled.
# - You ran margin and committee against random, counted what they save, and met the small print: batches, the
#   next model, and a labeled set that is no sample.
# - You spread 40 labels over a graph of digits, and knew from the neighbours beforehand that flights would
#   not follow.
# - You wrote ten labeling functions, saw a label model learn the weather, and set the price of the rules in
#   hand labels.
#
# To see how the picture changes with other draws, run the lesson again, from a terminal:
# `workbook run 2.9 -p seed=7`.

# %%
lesson.end()
