# %% [markdown]
# # 1.2 Scoping a project
#
# Many a machine-learning project is lost before its first line of code: nobody would act on the prediction,
# the input is not there in time, or a checklist would do. **Scoping** is the work that finds this out in
# weeks instead of years. It ends in one page that says what is decided, for whom, at what price, and when to
# stop.
#
# In 1.1 two prices fell from the sky: an alert saves 100 dollars if the flight is late and costs 30. Here you
# find out where such prices come from, how much depends on them, and whether "Late?" should be built at all.
# The answer is less comfortable than 1.1 made it look.
#
# **You will be able to**
#
# - turn a business problem into a decision with a cost matrix, and derive from it the probability from which
#   to act;
# - find candidate solutions, some of them without a model, and compare them in one currency;
# - judge feasibility by what is known at prediction time, against rules, people and published benchmarks;
# - pick an operating point by money, under limits that money does not see;
# - put an interval on a business case, and find the assumption that matters most;
# - say who pays, plan a pilot that is long enough, and write all of it into a scoping sheet that a program
#   can check.
#
# **Needs** Python, pandas, scikit-learn, the terms of 1.1. **Takes** about 150 minutes with its exercises;
# the computer needs half a minute of that.

# %%
from helpers import lesson

lesson.begin("1.2")

# %% tags=["parameters"]
seed = 2013
train_rows = 20_000  # flights that the models of the ladder learn from
best_rows = 100_000  # flights that the best of them learns from
resamples = 2000  # draws for an interval
capacity = 25  # alerts that the desks of all airlines together can act on in an hour
yearly_cost = 104_000  # dollars a year to watch and retrain a model: half a person
build_weeks = 52  # weeks of work to build it
weekly = 4_000  # dollars that a week of work costs

# %% [markdown]
# ## 1 The business problem
#
# A scoping talk starts with people who know nothing of models and need not to. You ask what they wish worked
# better, and you keep solutions out of the room for as long as you can. "We need a delay predictor" is a
# solution. "Our passengers miss connections, and we learn of it when they stand at the desk" is a problem.
# The first question to a problem is how large it is.

# %%
import pandas as pd

from helpers import figures
from helpers.flights import examples

flights = examples.table()
day = flights.time_hour.dt.tz_convert("America/New_York").dt.date
daily = flights.groupby(day).late.agg(["sum", "size"])
worst = daily["sum"].nlargest(len(daily) // 10).sum() / daily["sum"].sum()
figures.md(
    f"In 2013, **{flights.late.sum():,}** of {len(flights):,} flights out of New York arrived more than 15 "
    f"minutes late: {flights.late.mean():.1%}, "
    f"on a median day {daily['sum'].median():.0f} of {daily['size'].median():.0f}. The worst tenth of the "
    f"days brought {worst:.0%} of them."
)

# %% [markdown]
# Lateness itself is weather and traffic; no software cures it. What can be cured is the *surprise*. With an
# hour's warning a dispatcher can put a reserve crew on call and move the passengers whose connection is
# tight. That is a **decision**: somebody, at a given moment, does one thing or another. No decision, no
# project.
#
# Each way the decision can end has a price, and each price has somebody who pays or saves it. We ask them,
# one by one, what they would expect, at worst and at best. The numbers below are invented, as numbers in a
# first talk are. But they are written down, with a range and an owner, so that each can be attacked.

# %%
prices = pd.DataFrame(
    [
        ("desk time", "desk", "a dispatcher looks and decides", "every alert", -15, -10, -5),
        ("crew on call", "crew", "a reserve crew is called out", "every alert", -30, -15, -5),
        ("needless moves", "passengers", "moved to another flight for nothing", "false alert", -15, -5, -1),
        ("time saved", "passengers", "no missed connection, no night away", "true alert", 25, 55, 85),
        ("claims saved", "airline", "fewer claims and knock-on delays", "true alert", 15, 40, 65),
    ],
    columns=["price", "who", "what happens", "paid on", "low", "base", "high"],
).set_index("price")
figures.table(prices, caption="Dollars per alert, compared with no alert; "
                              "low is bad for the project, high is good")

# %% [markdown]
# Is 55 dollars for the passengers of a whole aircraft plausible? Airlines for America, their trade
# association, valued an hour of a passenger's time at 46.53 dollars in 2014. So 55 dollars is *one* passenger
# who arrives 70 minutes sooner than without the alert. That is modest, and the high end, 85, is still less
# than two hours of one person. Such a comparison with a published figure does not prove a price. It catches
# the one that is off by a factor of ten.
#
# Adding up by outcome gives the **cost matrix**. Silence earns 0 in both columns, because it is what happens
# today.


# %%
def per_alert(dollars):
    """What a true and a false alert bring in total, from a column of prices."""
    when = prices["paid on"]
    return float(dollars[when != "false alert"].sum()), float(dollars[when != "true alert"].sum())


gain, loss = per_alert(prices.base)
matrix = pd.DataFrame({"flight is late": [gain, 0], "flight is on time": [loss, 0]},
                      index=["alert", "no alert"])
figures.table(matrix.rename_axis("dollars"), formats=dict.fromkeys(matrix, "{:+.0f}"))

# %% [markdown]
# These are the prices of 1.1: 100 − 30 = 70 and −30. In general none of the four cells is zero. An airline
# may *pay* for a missed late flight, and a punctual one may cost something too. The rule that follows is due
# to Charles Elkan (*The Foundations of Cost-Sensitive Learning*, 2001): act if the expected value of acting
# is higher than that of not acting.

# %% [markdown] exercise="1.2a"
# ### Exercise 1.2a: Where alert and silence break even (1 point)
#
# Write `break_even(true_alert, false_alert, missed, silent)`: the probability of being late at which alert
# and silence are worth the same. All four are dollars per flight: `true_alert` and `missed` when the flight
# is late, with and without an alert; `false_alert` and `silent` when it is on time. Costs are negative
# numbers.


# %% tags=["starter"] exercise="1.2a"
def break_even(true_alert, false_alert, missed, silent):
    """The probability at which an alert and silence are worth the same on average."""
    ...


# %% tags=["solution"] exercise="1.2a"
def break_even(true_alert, false_alert, missed, silent):
    """The probability at which an alert and silence are worth the same on average."""
    if_late, if_on_time = true_alert - missed, silent - false_alert
    return if_on_time / (if_late + if_on_time)


# %% exercise="1.2a"
break_even = lesson.check("1.2a", break_even=break_even)

# %%
pays_from = -loss / (gain - loss)
figures.md(f"With our matrix an alert pays from a probability of **{pays_from:.0%}** on.")

# %% [markdown]
# ## 2 Candidate solutions
#
# Only now, ideas; and for one problem several, some of them without a model. What distinguishes them is
# rarely the algorithm. It is *when* they act, and so what they can know.
#
# | candidate | kind | acts | needs |
# | --- | --- | --- | --- |
# | **checklist**: rain, fog, or late departures right now | rule | an hour before | weather, a feed of departures |
# | **alert an hour before** | model: chance of being late | an hour before | the same, and a model in operation |
# | **alert the evening before** | model: chance of being late | the evening before | the timetable |
# | **delay in minutes** | model: expected delay | an hour before | as the alert |
# | **buffer in the timetable** | process: plan more minutes | months before | past delays |
# | **rotation of aircraft** | model: swap planes whose inbound flight is late | hours before | where every aircraft is |
#
# Each of them will get its number, or the reason why it can't have one yet.
#
# ## 3 Feasibility
#
# Feasibility has one main question: **does what is known at prediction time say anything about the outcome?**
# More rows or a deeper network do not help if it does not. So we start from a clock, not from the columns.
# The alert for a flight is computed one hour before its scheduled hour.
#
# | known | what | columns |
# | --- | --- | --- |
# | months before | the timetable | `carrier` `origin` `dest` `distance` `weekday` `day_minute` |
# | an hour before | the weather at the airport | `temp` … `visib` |
# | an hour before | how late others have just left this airport | `recent`, to be made |
# | at departure | how late this flight has left | `dep_delay`: too late for us |
#
# The third line is worth money, and easy to get wrong. The delay of a flight scheduled at 14:00 is not known
# at 14:00. It is known when the aircraft *leaves*.

# %% [markdown] exercise="1.2b"
# ### Exercise 1.2b: The delay known by then (1 point)
#
# Write `recent_delay(flights, moment)`. The table `flights` has the columns `scheduled` and `dep_delay`, both
# in minutes (since midnight; after plan, early is negative). Give the mean `dep_delay` of the flights that
# have really left before `moment` (a number of minutes since midnight), and 0.0 if there is none. A cancelled
# flight has no `dep_delay` (NaN) and never leaves.


# %% tags=["starter"] exercise="1.2b"
def recent_delay(flights, moment):
    """Mean delay, in minutes, of the flights that have left before `moment`."""
    ...


# %% tags=["solution"] exercise="1.2b"
def recent_delay(flights, moment):
    """Mean delay, in minutes, of the flights that have left before `moment`."""
    left = flights["scheduled"] + flights["dep_delay"] < moment
    return float(flights["dep_delay"][left].mean()) if left.any() else 0.0


# %% exercise="1.2b"
recent_delay = lesson.check("1.2b", recent_delay=recent_delay)

# %% [markdown]
# For a whole year the same is done with hours: who left in which hour, by the clock, from which airport. For
# an alert sent at 13:00, for the flights of the hour from 14:00, `recent` is the mean delay of those that
# left between 11:00 and 13:00.

# %%
from helpers import datasets

raw = datasets.flights()
raw = raw[raw.arr_delay.notna()].assign(time_hour=lambda rows: pd.to_datetime(rows.time_hour, utc=True))
left = raw.time_hour + pd.to_timedelta(raw.minute + raw.dep_delay, unit="min")
hourly = (raw.groupby([raw.origin, left.dt.floor("h").rename("hour")]).dep_delay
          .agg(["sum", "count"]).reset_index())
two_hours = pd.concat(hourly.assign(time_hour=hourly.hour + pd.Timedelta(hours=lag)) for lag in (2, 3))
total = two_hours.groupby(["origin", "time_hour"])[["sum", "count"]].sum()
flights = flights.join((total["sum"] / total["count"]).rename("recent"), on=["origin", "time_hour"])
keys = ["time_hour", "origin", "carrier", "flight"]
flights = flights.merge(raw[[*keys, "dep_delay", "arr_delay"]], on=keys, how="left", validate="one_to_one")

# %%
labels = ["≤ 0", "0 to 10", "10 to 20", "20 to 40", "> 40"]
bands = pd.cut(flights.recent, [-60, 0, 10, 20, 40, 1000], labels=labels)
figures.table(
    flights.groupby(bands, observed=True).late.agg(flights="size",
                                                   late="mean").rename_axis("recent (minutes)"),
    formats={"late": "{:.1%}"},
    bars=["late"],
    caption="How late the last two hours' departures were says a lot about the next flight",
)

# %% [markdown]
# A word on what this `recent` leaves out: aircraft that still stand at the gate, and are late already, do not
# count until they leave. And cancelled or diverted flights are left out, although a dispatcher would see
# them. A better feature is work for a later milestone; this one took ten lines.
#
# ### A backtest
#
# To see what each piece of information is worth, we replay the year. Each quarter from April on is predicted
# by a model that has learned from the months before it, and only from those. This is called a **backtest**,
# or rolling-origin evaluation. It gives us April to December as production would have seen them.

# %%
import numpy as np

quarters = [(range(1, 4), range(4, 7)), (range(1, 7), range(7, 10)), (range(1, 10), range(10, 13))]


def backtest(predict):
    """Predictions for April to December: `predict(past, ahead)` for each quarter,
    from the months before it."""
    parts = []
    for past, ahead in quarters:
        old, new = (flights[flights.month.isin(months)] for months in (past, ahead))
        parts.append(pd.Series(predict(old, new), index=new.index))
    return pd.concat(parts)


# %% [markdown]
# The model is gradient boosting on decision trees: scikit-learn's `HistGradientBoostingClassifier`, which
# takes categories and gaps as they are. In a scoping study it is the fair default: strong on tables, fast, no
# tuning. Logistic regression stands beside it as the simple one.

# %%
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

flights[examples.CATEGORIES] = flights[examples.CATEGORIES].astype("category")
trees = {"max_iter": 40, "learning_rate": 0.2, "max_bins": 127, "early_stopping": False}
trees |= {"categorical_features": "from_dtype", "random_state": seed}


# %%
def boosting(columns, most=train_rows):
    """A predictor for `backtest`: gradient boosting on these columns,
    learned from at most so many flights."""

    def predict(past, ahead):
        rows = past.sample(min(most, len(past)), random_state=seed)
        model = HistGradientBoostingClassifier(**trees).fit(rows[columns], rows.late)
        return model.predict_proba(ahead[columns])[:, 1]

    return predict


# %%
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler


def logistic(past, ahead):
    """A predictor for `backtest`: logistic regression on all that is known an hour before."""
    rows, names = past.sample(train_rows, random_state=seed), [*examples.CATEGORIES, "weekday"]
    numbers = ["distance", "day_minute", *examples.WEATHER, "recent"]
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), names),
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
    )
    model = make_pipeline(encode, LogisticRegression(max_iter=300))
    return model.fit(rows, rows.late).predict_proba(ahead)[:, 1]


# %% [markdown]
# ### What a person can do
#
# **Human-level performance** is the benchmark for tasks that people do well, such as reading pictures (1.4
# measures it). Nobody is good at saying which of some 50 flights in an hour will be late. But dispatchers do
# have rules, and rules are the system that a model would replace. We write down two: the one from 1.1 (share
# of late flights by carrier and hour), and a checklist that a person can apply at a glance. Its limits are
# chosen on January to March, before anything it is judged on.


# %%
def carrier_hour(past, ahead):
    """A predictor for `backtest`: the share of late flights of the same carrier at the same hour."""
    share = past.groupby([past.carrier.astype(str), past.day_minute // 60]).late.mean()
    keys = pd.MultiIndex.from_arrays([ahead.carrier.astype(str), ahead.day_minute // 60])
    return share.reindex(keys).fillna(past.late.mean()).to_numpy()


def checklist(rows, minutes, visibility, rain):
    """Alert by recent delay (from so many minutes), visibility (below so many miles) or
    rain (above so many inches)."""
    return ((rows.recent >= minutes) | (rows.visib < visibility) | (rows.precip > rain)).to_numpy()


# %%
from itertools import pairwise, product

winter = flights[flights.month <= 3]
limits = list(product([5, 10, 15, 20, 30, 40], [0, 3, 5], [0, 0.05, np.inf]))  # minutes, miles, inches


def tally(alert, rows):
    """Late and punctual flights with an alert."""
    return [(alert & (rows.late == 1)).sum(), (alert & (rows.late == 0)).sum()]


on_winter = np.array([tally(checklist(winter, *limit), winter) for limit in limits])
limit = limits[(on_winter @ [gain, loss]).argmax()]
figures.table(
    pd.DataFrame([limit], columns=["recent, from (minutes)", "or visibility, below (miles)",
                                   "or rain, above (inches)"]),
    caption=f"The checklist that earned most on January to March, of {len(limits)}; "
            f"visibility below 0 means: not looked at",
)

# %% [markdown]
# Now everything runs. One more row is not a candidate but a piece of diligence. Somebody will ask why
# `dep_delay` is not used, since it predicts so well. So we let it in, and see what a business case looks like
# that rests on a **leak**.

# %%
timetable = ["carrier", "origin", "dest", "distance", "weekday", "day_minute"]
in_time = [*timetable, *examples.WEATHER, "recent"]
judged = flights[flights.month >= 4]
chances = {
    "rule: carrier and hour": backtest(carrier_hour),
    "boosting: timetable": backtest(boosting(timetable)),
    "boosting: and weather": backtest(boosting([*timetable, *examples.WEATHER])),
    "boosting: and recent": backtest(boosting(in_time)),
    "boosting: the same, more rows": backtest(boosting(in_time, most=best_rows)),
    "logistic: the same": backtest(logistic),
    "leak: and dep_delay": backtest(boosting([*in_time, "dep_delay"])),
}

# %% [markdown]
# Money needs an interval. As in 1.1 we draw days, with all their flights, because flights of one day share
# its weather (the **bootstrap** over days). Drawing days with repetition is the same as giving each day a
# random weight; we draw the weights once and use them for every interval below, so that all comparisons are
# paired. (Weather also lasts longer than a day. Section 4 draws whole weeks once, to see what that changes.)

# %%
days = pd.factorize(judged.time_hour.dt.tz_convert("America/New_York").dt.date)[0]
number = days.max() + 1


def draws(count):
    """One row per draw of so many days: how often each of them was drawn."""
    return np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), size=resamples)


weights = draws(number)
per_day = np.bincount(days)
outcome = np.where(judged.late == 1, gain, loss)


# %%
def with_interval(dollars, group=days, weights=weights):
    """Dollars per 1,000 flights, with the ends of a 95 % interval over days;
    `dollars` has one number per flight."""
    sums, size = np.bincount(group, weights=dollars), np.bincount(group)
    low, high = np.quantile(1000 * (weights @ sums) / (weights @ size), [0.025, 0.975])
    return 1000 * sums.sum() / size.sum(), low, high


# %%
from sklearn.metrics import average_precision_score, roc_auc_score

at_break_even = {name: (chance >= pays_from).to_numpy() for name, chance in chances.items()}
alerts = {"checklist": checklist(judged, *limit), **at_break_even,
          "perfect foresight": judged.late.to_numpy() == 1}

# %% tags=["atol=2"]
rows = {}
for name, alert in alerts.items():
    score = chances.get(name, alert)
    areas = [roc_auc_score(judged.late, score), average_precision_score(judged.late, score)]
    rows[name] = [*areas, alert.mean(), judged.late[alert].mean(), *with_interval(alert * outcome)]
ladder = pd.DataFrame.from_dict(
    rows, "index", columns=["ROC-AUC", "PR-AUC", "alerts", "precision", "dollars", "from", "to"]
)
look = dict.fromkeys(["alerts", "precision"], "{:.1%}") | dict.fromkeys(["dollars", "from", "to"], "{:+,.0f}")
figures.table(
    ladder.rename_axis("April to December"),
    formats=look,
    bars=["dollars"],
    caption=f"Alert from {pays_from:.0%}: dollars per 1,000 flights, 95 % intervals over days",
)

# %% tags=["atol=3"]
leads = []
for name in ("boosting: and weather", "logistic: the same"):
    middle, low, high = with_interval((alerts["checklist"].astype(int) - alerts[name]) * outcome)
    leads.append(f"{middle:+,.0f} dollars against “{name}” ({low:+,.0f} to {high:+,.0f})")
figures.md(f"The checklist's lead, paired on the same draws of days: {leads[0]}, {leads[1]}.")

# %% [markdown]
# Read the table from the top.
#
# - **The checklist is hard to beat.** A rule of one line, on the feed of departures, earns more than boosting
#   on timetable and weather, and nearly as much as the best model. *Information* was worth more than the
#   algorithm: compare the steps from one boosting row to the next with the step from the checklist to the
#   best of them.
# - **The evening before, little is known.** With the timetable alone, boosting does no better than the rule
#   by carrier and hour. An alert with twelve hours' lead is another product, and a weaker one.
# - **ROC-AUC and PR-AUC are no money.** They put the candidates that give a chance in the same order as money
#   does, but not the checklist. It only says yes or no, so its areas are those of a single point, and low. At
#   that point it earns more than logistic regression, whose PR-AUC is clearly higher. An area averages over
#   all thresholds; the desk works at one.
# - **The leak more than doubles the case.** A project approved on that row is approved on money that nobody
#   can earn: the flight has left when its delay is known.
#
# How far is the best from what is possible? Perfect foresight shows a ceiling that no model reaches: part of
# lateness is decided after the alert.
#
# **Benchmarks** from the literature help too, if they are read with care. Rebollo and Balakrishnan
# (*Characterization and prediction of air traffic delays*, Transportation Research C, 2014) report a test
# error of 19 % for departure delays above or below 60 minutes, two hours ahead, on the 100 most delayed links
# of the country. (The paper predicts the state of a link, not of each flight on it.) Is ours better? An error
# rate says little without that of saying nothing:

# %% tags=["atol=1"]
best = "boosting: the same, more rows"
error = {
    "never an alert": judged.late.mean(),
    "checklist": (alerts["checklist"] != judged.late).mean(),
    "boosting, alert from 50 %": ((chances[best] >= 0.5) != judged.late).mean(),
    f"boosting, alert from {pays_from:.0%}": (alerts[best] != judged.late).mean(),
}
figures.table(
    pd.DataFrame({"error": error}).rename_axis("our task: arrival, 15 minutes, one hour ahead"),
    formats={"error": "{:.1%}"},
)

# %% [markdown]
# Ours is of the same size, and so is silence: it errs only on the late ones. The alert from 30 %, which earns
# more, has *more* errors than the one from 50 %, because a missed late flight costs more than a false alert.
# What the paper does show is that its strongest inputs were states of the network, such as delays at other
# airports. Ours come from one airport. That is the lead to follow.
#
# Would more rows help instead? The cheapest test is to take rows away.

# %% tags=["atol=2"]
sizes = {
    f"{train_rows // 8:,}": backtest(boosting(in_time, most=train_rows // 8)),
    f"{train_rows:,}": chances["boosting: and recent"],
    f"{best_rows:,}": chances[best],
}
earned = [(chance >= pays_from).to_numpy() * outcome for chance in sizes.values()]
steps = [(None, None, None), *(with_interval(more - less) for less, more in pairwise(earned))]
rows = [(name, with_interval(dollars)[0], *step)
        for name, dollars, step in zip(sizes, earned, steps, strict=True)]
look = dict.fromkeys(["dollars", "above the row before", "from", "to"], "{:+,.0f}")
figures.table(
    pd.DataFrame(rows, columns=["rows to learn from, at most", *look]),
    formats=look,
    caption="Boosting on all that is known in time, dollars per 1,000 flights; paired 95 % intervals",
)

# %% [markdown]
# Rows do help, beyond luck, and the second step brings less than the first. The last quarter has about
# 250,000 flights before it; a real project would use them all, and this lesson saves you the wait. From here
# on "the model" is the last line. Think of it as somewhat better than shown, and remember it when the verdict
# is close: `workbook run 1.2 -p best_rows=250000` lets it learn from every row, and takes longer. It then
# earned about 100 dollars per 1,000 flights more, and every verdict below stayed.
#
# ## 4 Value
#
# ### The operating point
#
# The break-even of 30 % follows from prices, if a chance of 30 % means 30 %. The other way is to look:
# compute the money at every threshold and take the best. To be honest, the looking is done on April to June,
# and judged on July to December.


# %%
def curve(chance, late):
    """By threshold: dollars per 1,000 flights, share of flights with an alert, precision, recall."""
    rows, late = [], np.asarray(late) == 1
    for threshold in np.arange(5, 81) / 100:
        alert = np.asarray(chance) >= threshold
        sent, hits = alert.sum(), (alert & late).sum()
        money = 1000 * (hits * gain + (sent - hits) * loss) / len(late)
        rows.append((threshold, money, sent / len(late), hits / sent if sent else np.nan, hits / late.sum()))
    return pd.DataFrame(rows, columns=["threshold", "money", "alerts", "precision", "recall"])


first, rest = judged.month <= 6, judged.month > 6
before, after = curve(chances[best][first], judged.late[first]), curve(chances[best][rest], judged.late[rest])

# %% [markdown]
# Choose for yourself first. In your own copy of the lesson the next cell shows a slider (mouse, arrow keys,
# or type the number); run the cell after it when you have chosen. It is the curve of April to June. In a run
# without a learner the choice stays at the break-even.

# %%
from helpers.widgets.threshold import pick

chosen = pick(before, start=pays_from)

# %% tags=["atol=2"]
tuned = before.threshold[before.money.idxmax()]
ways = {"chosen by hand": chosen.value, "best on April to June": tuned,
        "from the prices": round(pays_from, 2)}
ways["best in hindsight"] = after.threshold[after.money.idxmax()]
at = {name: after.iloc[(after.threshold - value).abs().argmin()] for name, value in ways.items()}
figures.table(
    pd.DataFrame(at).T.rename_axis("threshold, July to December"),
    formats={"threshold": "{:.0%}", "money": "{:+,.0f}", "alerts": "{:.1%}",
             "precision": "{:.1%}", "recall": "{:.1%}"},
)

# %% tags=["atol=2"]
import matplotlib.pyplot as plt

fig, ax = plt.subplots()
ax.plot(before.threshold, before.money, marker="", label="April to June")
ax.plot(after.threshold, after.money, marker="", label="July to December")
ax.axvline(pays_from, color="black", linewidth=1)
ax.annotate(f"break-even {pays_from:.0%}", (pays_from, 300), xytext=(6, 0), textcoords="offset points")
ax.axhline(0, color=figures.GREY, linewidth=0.8)
ax.xaxis.set_major_formatter("{x:.0%}")
ax.yaxis.set_major_formatter("{x:,.0f}")
ax.set(
    title="Flat around the break-even, steep below it",
    xlabel="alert from this chance on",
    ylabel="dollars per 1,000 flights", ylim=(-3000, None),
)
ax.legend()
figures.show(
    fig,
    alt=f"Money against threshold. April to June is best at {tuned:.0%}, July to December at "
    f"{ways['best in hindsight']:.0%}; the break-even lies at {pays_from:.0%}. "
    f"Below 15 % both curves fall steeply.",
)

# %% [markdown]
# Both curves are flat around their tops and steep on the left: alerting too often is the expensive mistake.

# %% tags=["atol=1"]
share = {name: at[name].money / at["best in hindsight"].money for name in ways}
figures.md(
    f"On July to December the threshold from the prices earned {share['from the prices']:.0%} "
    f"of what could be "
    "had in hindsight, without any tuning; "
    f"the one tuned on April to June earned {share['best on April to June']:.0%}."
)

# %% [markdown]
# So little is at stake near the top that a disputed point of the threshold is not worth a meeting. What a
# quarter recommends follows that quarter's weather; what the prices recommend does not.
#
# Money is not the only thing that limits a threshold. Dispatchers have two hands, and an alert that is mostly
# wrong is soon ignored (**alert fatigue**). Such limits are **satisficing**: to be met, not maximised.

# %% [markdown] exercise="1.2c"
# ### Exercise 1.2c: A threshold within two limits (1 point)
#
# Write `operating_point(curve, most_alerts, least_precision)`. It gets a table as above, with the columns
# `threshold`, `money`, `alerts`, `precision`, `recall`, in any order of rows, and gives the threshold that
# earns most among those with at most `most_alerts` alerts and at least `least_precision` precision; `None` if
# there is none. Without alerts the precision is NaN, and such a row does not count.


# %% tags=["starter"] exercise="1.2c"
def operating_point(curve, most_alerts, least_precision):
    """The threshold that earns most within both limits, or None."""
    ...


# %% tags=["solution"] exercise="1.2c"
def operating_point(curve, most_alerts, least_precision):
    """The threshold that earns most within both limits, or None."""
    allowed = curve[(curve["alerts"] <= most_alerts) & (curve["precision"] >= least_precision)]
    return None if allowed.empty else float(allowed["threshold"][allowed["money"].idxmax()])


# %% exercise="1.2c"
operating_point = lesson.check("1.2c", operating_point=operating_point)

# %% [markdown]
# ### Above what?
#
# The table of section 3 compared everything with silence. But silence is not the alternative: the checklist
# is. Nobody needs a model to earn what the checklist earns. So the value of the model is the *difference*,
# less what the model costs.

# %% tags=["atol=3"]
above = (alerts[best].astype(int) - alerts["checklist"]) * outcome
yearly = yearly_cost + build_weeks * weekly / 3  # built once, written off over three years
cost = yearly / len(flights) * 1000
weeks = days // 7

# %% tags=["atol=3"]
summer, autumn = judged.month.isin([7, 8, 9]), judged.month > 9
parts = {"April to June": first, "July to September": summer, "October to December": autumn}
rows = {name: with_interval(np.where(mask, above, 0) / mask.mean()) for name, mask in parts.items()}
rows["April to December"] = extra, extra_low, extra_high = with_interval(above)
rows["the same, whole weeks drawn"] = with_interval(above, weeks, draws(weeks.max() + 1))
figures.table(
    pd.DataFrame(rows, index=["dollars", "from", "to"]).T.rename_axis("boosting above the checklist"),
    formats=dict.fromkeys(["dollars", "from", "to"], "{:+,.0f}"),
    caption=f"Dollars per 1,000 flights, 95 % intervals; the model costs {cost:,.0f}",
)

# %% tags=["atol=3"]
year = len(flights) / 1000
figures.md(
    f"The model earns **{extra * year:,.0f} dollars a year** above the checklist (95 % interval "
    f"{extra_low * year:+,.0f} to {extra_high * year:+,.0f}) and costs {yearly:,.0f}. "
    f"It would have to earn {cost:,.0f} dollars per 1,000 flights more than the checklist; it earns "
    f"{extra:,.0f}. The leak had promised "
    f"{ladder.dollars['leak: and dep_delay'] - ladder.dollars['checklist']:,.0f}."
)

# %% [markdown]
# First the last row. It draws whole weeks, and its interval is about 30 % wider: a wet week is one event, not
# seven. So the intervals over days are somewhat too narrow, here and below. Where a verdict is close,
# remember it.
#
# The other number is what a scoping study is for. The alert is worth building. Whether the *model* is, we
# can't say: its cost lies inside the interval, and above the middle of it. And all this "at these prices",
# which is a large assumption. What would have to be true for the answer to turn?
#
# ### Sensitivity
#
# We count hits and false alerts for every threshold and every day once. Then any set of prices takes a few
# multiplications, and the threshold can follow the prices, as it would in reality. The alternative must be
# allowed to follow too, or the comparison is rigged: for each set of prices we take the checklist that would
# have been chosen on January to March *at those prices*. Silence is among the choices, and so is an alert on
# every flight.

# %%
GRID = np.arange(1, 100) / 100
chance, is_late = chances[best].to_numpy(), judged.late.to_numpy() == 1


def counts(alert):
    """Late and punctual flights with an alert, by day."""
    return np.array([np.bincount(days[alert & kind], minlength=number) for kind in (is_late, ~is_late)])


by_model = np.array([counts(chance >= threshold) for threshold in GRID])
simple = [*(checklist(judged, *choice) for choice in limits), np.zeros(len(judged), bool),
          np.ones(len(judged), bool)]
by_rule = np.array([counts(alert) for alert in simple])
in_hindsight = by_rule.sum(axis=2)
in_winter = np.vstack([on_winter, [0, 0], tally(winter.late >= 0, winter)])


# %%
def net(gain, loss, weight, acted_on=1.0, cost=cost, chosen=in_winter):
    """Dollars per 1,000 flights above the rule that is best by the counts `chosen`,
    the model's cost taken off."""
    step = np.abs(GRID + loss / (gain - loss)).argmin()
    rule = (chosen @ [gain, loss]).argmax()
    above = [gain, loss] @ (by_model[step] - by_rule[rule]) @ weight
    return 1000 * acted_on * above / (per_day @ weight) - cost


# %% [markdown]
# One assumption at a time, from its low end to its high end, all others at their base: drawn as bars sorted
# by length, this is a **tornado diagram**.

# %% tags=["atol=3"]
ones, quarter = np.ones(number), {name: np.bincount(days, weights=mask) > 0 for name, mask in parts.items()}


def with_price(name, end):
    """`net` with one price at its low or high end."""
    return net(*per_alert(prices.base.where(prices.index != name, prices[end])), ones)


swings = {name: (with_price(name, "low"), with_price(name, "high")) for name in prices.index}
base = net(gain, loss, ones)
by_quarter = [net(gain, loss, mask.astype(float)) for mask in quarter.values()]

# %% tags=["atol=3"]
swings["season"] = min(by_quarter), max(by_quarter)
swings["desks act on"] = net(gain, loss, ones, 0.5), net(gain, loss, ones, 1.0)
swings["cost of the model"] = net(gain, loss, ones, cost=2 * cost), net(gain, loss, ones, cost=cost / 2)
tornado = pd.DataFrame(swings, index=["low", "high"]).T
tornado["swing"] = tornado.max(axis=1).clip(lower=base) - tornado.min(axis=1).clip(upper=base)
tornado = tornado.sort_values("swing", ascending=False)
signed = dict.fromkeys(tornado, "{:+,.0f}")
caption = (f"Net dollars per 1,000 flights, {base:+,.0f} at the base; "
           f"swing: between the lowest and the highest of the three")
figures.table(tornado.rename_axis("assumption"), formats=signed, caption=caption)

# %% tags=["atol=3"]
fig, ax = plt.subplots(figsize=(8, 3.6))
for end, colour, hatch, height in (("low", figures.ORANGE, "//", 0.8), ("high", figures.BLUE, "", 0.45)):
    # Both visible on one side
    shade = {"color": colour, "hatch": hatch, "edgecolor": "white", "height": height}
    ax.barh(tornado.index, tornado[end] - base, left=base, label=f"{end} end", **shade)
ax.axvline(base, color="black", linewidth=1)
ax.axvline(0, color=figures.RED, linestyle=":", linewidth=2, label="pays for itself")
ax.invert_yaxis()
ax.grid(axis="x")
ax.xaxis.set_major_formatter("{x:,.0f}")
ax.set(
    title=f"What moves the model's value most: {tornado.index[0]}, {tornado.index[1]}",
    xlabel="net dollars per 1,000 flights, above the best alternative",
)
ax.legend(loc="lower left")
figures.show(
    fig, alt=f"Tornado around {base:,.0f} dollars per 1,000 flights: "
    + "; ".join(f"{name} {row.low:,.0f} to {row.high:,.0f}" for name, row in tornado.iterrows())
    + ".",
)

# %% [markdown]
# Two things may surprise. Prices that are good for the project need not be good for the *model*: the cheaper
# an alert, the less it matters to send the right ones, and a loose checklist does. And the longest bar is no
# price at all. It is the cost of the model itself, which stood in nobody's notebook. (Its range, half to
# double, is our guess, as the others are.) Where both ends lie on one side of the base, threshold and
# checklist have followed the price.

# %% [markdown] exercise="1.2d"
# ### Exercise 1.2d: What to ask first (1 point)
#
# You have one week and two appointments before the decision. Put into `ask_first` the names of the two
# assumptions, as written in the tornado, whose answers could move the net value most. Only take what somebody
# could tell you in an appointment: nobody knows next year's `season`.

# %% tags=["starter"] exercise="1.2d"
ask_first = ...

# %% tags=["solution"] exercise="1.2d"
ask_first = set(tornado.swing.drop("season").nlargest(2).index)

# %% exercise="1.2d"
ask_first = lesson.check("1.2d", ask_first=ask_first,
                         given={**tornado[["low", "high"]].to_dict(), "base": base})

# %% [markdown]
# A tornado moves one assumption at a time. Two together make a map: every point is a pair of prices, the
# dashed line the **break-even line** on which the model pays for itself. Purple is beyond it: there the model
# is worth its cost. To make the map smooth, and the test strict, each point compares with the rule that was
# best *in hindsight* at its prices.

# %% tags=["atol=3"]
gains, losses = np.arange(10, 301, 5), np.arange(5, 101, 2.5)
surface = np.array([[net(g, -c, ones, chosen=in_hindsight) for g in gains] for c in losses])
fig, ax = plt.subplots(figsize=(7.5, 4))
mesh = ax.pcolormesh(gains, losses, surface, shading="nearest", vmin=-1000, vmax=1000, cmap="PuOr")
line = ax.contour(gains, losses, surface, levels=[0], colors="black", linestyles="--", linewidths=1.5)
ax.plot(gain, -loss, "*", color="black", markersize=14)
ax.annotate("our base", (gain, -loss), xytext=(8, 6), textcoords="offset points")
fig.colorbar(mesh, label="net dollars per 1,000 flights")
ax.grid(visible=False)
pay = (surface > 0).mean()
ax.set(
    title=f"The model pays for itself at {pay:.0%} of these price pairs",
    xlabel="a true alert brings (dollars)",
    ylabel="a false alert costs (dollars)",
)
paying = gains[surface[list(losses).index(30)] > 0]
turn = f"between {paying.min()} and {paying.max()}" if len(paying) else "at no"
figures.show(
    fig,
    alt=f"Net value over two prices. The model pays for itself at {pay:.0%} of the pairs; at our base, "
    f"{gain:.0f} and {-loss:.0f} dollars, it nets {net(gain, loss, ones, chosen=in_hindsight):,.0f}. With a "
    f"false alert at 30 dollars it pays {turn} dollars per true alert.",
)

# %% [markdown]
# The map answers the question "what would have to be true". The model pays where stakes are high *and* no
# simple rule fits. In the lower band a false alert costs about a sixth of what a true one brings: the
# checklists send too few alerts for that, and an alert on every flight too many. In the upper field mistakes
# are so dear that a finer order of the flights is worth having. Near the axes silence or an alert for all
# does as well as any model.
#
# Now all together: prices drawn from their ranges (triangular, highest at the base), days drawn as before,
# and in the last row the cost of the model as well. Which uncertainty is the larger one, ours about the world
# or that of the data?

# %% tags=["atol=5"]
rng = np.random.default_rng(seed)
ends = prices[["low", "base", "high"]]
drawn = pd.DataFrame({name: rng.triangular(*row, resamples) for name, row in ends.iterrows()})
pairs = np.array([per_alert(row) for _, row in drawn.iterrows()])
scenario = {
    "days alone": [net(gain, loss, w) for w in weights],
    "prices alone": [net(g, c, ones) for g, c in pairs],
    "both": [net(g, c, w) for (g, c), w in zip(pairs, weights, strict=True)],
}
model_costs = rng.triangular(cost / 2, cost, 2 * cost, resamples)
together = zip(pairs, weights, model_costs, strict=True)
scenario["both, and the cost"] = [net(g, c, w, cost=dear) for (g, c), w, dear in together]

# %% tags=["atol=5"]
spread = pd.DataFrame({name: np.quantile(values, [0.025, 0.5, 0.975]) for name, values in scenario.items()}).T
spread.columns = ["from", "middle", "to"]
spread["above zero"] = [np.mean(np.array(values) > 0) for values in scenario.values()]
figures.table(
    spread.rename_axis("uncertain"),
    formats=dict.fromkeys(["from", "middle", "to"], "{:+,.0f}") | {"above zero": "{:.1%}"},
    caption="Net dollars per 1,000 flights, 95 % ranges",
)

# %% [markdown]
# The last column is the chance that the model pays for itself, as far as we can tell today: not excluded, and
# not likely, whichever way the uncertainty is counted. Neither source of doubt dwarfs the other, and each
# alone reaches past zero. So exact prices would not settle it, as the days would be left; and endless data
# would not, as the prices would be left. A cheaper model or a better input could.
#
# ## 5 Candidates compared
#
# Three candidates have no number yet. A **buffer** changes no surprise into an alert, it makes fewer flights
# late: plan ten minutes more, and who was 20 minutes late is on time. It saves at most what an alert on a
# late flight saves before its costs. And every planned minute costs crew and aircraft: 18.95 and 8.52 dollars
# in 2014, says Airlines for America.

# %%
every = prices.base[prices["paid on"] == "every alert"].sum()
saved, minute_cost = gain - every, 18.95 + 8.52
late = {minutes: (judged.arr_delay > 15 + minutes).mean() for minutes in (0, 1, 5, 10, 20)}
buffer = pd.Series(late).to_frame("late")
buffer["saves"] = 1000 * saved * (buffer.late[0] - buffer.late)
buffer["costs"] = 1000.0 * minute_cost * buffer.index
figures.table(
    buffer.rename_axis("minutes of buffer"),
    formats={"late": "{:.1%}", "saves": "{:,.0f}", "costs": "{:,.0f}"},
    caption="Dollars per 1,000 flights, April to December",
)

# %% [markdown]
# No need for an interval to see it: the costs are dozens of times the savings. (A buffer saves other things
# too, for the airline's punctuality statistics above all. That is another problem.)
#
# **Delay in minutes** is a regression on the same inputs. It serves the same decision, so it is measured by
# the same money: alert if the expected delay is above a cut, which is chosen on April to June. Its promise is
# that a delay of three hours is not treated like one of 16 minutes. We test that too, with savings that grow
# with the delay, up to three hours, and are the same in total.


# %%
def expected_delay(past, ahead):
    """A predictor for `backtest`: boosting on the arrival delay in minutes, capped at three hours."""
    rows = past.sample(min(best_rows, len(past)), random_state=seed)
    model = HistGradientBoostingRegressor(**trees).fit(rows[in_time], rows.arr_delay.clip(-30, 180))
    return model.predict(ahead[in_time])


expected = backtest(expected_delay)
late_minutes = judged.arr_delay.clip(0, 180) * judged.late
growing = np.where(judged.late == 1,
                   saved * late_minutes / late_minutes[judged.late == 1].mean() + every, loss)

# %% tags=["atol=3"]
errors = {
    "boosting": (expected - judged.arr_delay).abs()[rest].median(),
    "always the median": (judged.arr_delay[rest] - judged.arr_delay[first].median()).abs().median(),
}
contest, duel = {}, {}
for saving, dollars in {"the same for all": outcome, "growing with the delay": growing}.items():
    cut = max(range(-10, 61), key=lambda cut: dollars[first & (expected >= cut)].sum())
    step = max(GRID, key=lambda step: dollars[first & (chances[best] >= step)].sum())
    for name, alert in {"delay in minutes": expected >= cut,
                        "chance of being late": chances[best] >= step}.items():
        difference = (alert.astype(int).to_numpy() - alerts["checklist"]) * dollars
        contest[saving, name] = with_interval(np.where(rest, difference, 0) / rest.mean())
    difference = ((expected >= cut).astype(int) - (chances[best] >= step)).to_numpy() * dollars
    middle, low, high = with_interval(np.where(rest, difference, 0) / rest.mean())
    duel[saving] = f"{middle:+,.0f} ({low:+,.0f} to {high:+,.0f})"
contest = pd.DataFrame(contest, index=["dollars", "from", "to"]).T.rename_axis(["savings", "alert by"])
figures.table(
    contest, formats=dict.fromkeys(contest, "{:+,.0f}"),
    caption="July to December, dollars per 1,000 flights above the checklist; "
            "both cuts chosen on April to June",
)

# %% tags=["atol=3"]
figures.md(
    f"Minutes against chance, paired: {duel['the same for all']} dollars if the savings are the same for "
    f"all, {duel['growing with the delay']} if they grow. Even where the promise "
    f"could pay, there is no lead to see."
)

# %% tags=["atol=1"]
figures.md(
    f"Half of the regression's predictions are off by more than {errors['boosting']:.0f} minutes; saying the "
    "median of April to June "
    f"every time is off by {errors['always the median']:.0f}. It predicts the *mean* delay, which a "
    "few long delays pull up; money "
    "needs the mean, but it is no number to show to a passenger."
)

# %% [markdown]
# Last, **rotation**. If the aircraft is late coming in, it is late going out. Our table holds only
# flights *out of* New York: the inbound leg of every flight is missing. We can see a shadow of it, though,
# where the same aircraft has left New York earlier that day, come back, and leaves again.

# %%
ordered = flights.sort_values(["time_hour", "day_minute"], kind="stable")
local = ordered.time_hour.dt.tz_convert("America/New_York").dt.date
ordered["earlier"] = ordered.groupby(["tailnum", local]).late.shift().map({0: "was on time", 1: "was late"})
ordered["earlier"] = ordered.earlier.fillna("not seen that day")
rotation = ordered.groupby("earlier").late.agg(flights="size", late="mean")
rotation["late, if recent < 10"] = ordered[ordered.recent < 10].groupby("earlier").late.mean()
figures.table(
    rotation.rename_axis("the aircraft's earlier flight out of New York"),
    formats=dict.fromkeys(["late", "late, if recent < 10"], "{:.1%}"),
    bars=["late", "late, if recent < 10"],
)

# %% [markdown]
# A late rotation says as much as the departures of the last hours, and it says something *else*: the last
# column looks only at hours in which others left nearly on time. But for three flights in four we can't see
# it. This candidate is not infeasible; its data are not here. The Bureau of Transportation Statistics
# publishes all legs of all carriers: getting them is a milestone, and cheaper than any model.
#
# Now the **go/no-go table**. The rule is written down before the numbers are looked at: *go* if the lower end
# beats the cost, *no* if even the upper end does not, else *pilot*.


# %%
def decide(low, high, cost):
    """What an interval above the alternative means for a candidate of that cost,
    all in dollars per 1,000 flights."""
    return "go" if low > cost else "no" if high < cost else "pilot"


# %% tags=["atol=3"]
five = np.where(judged.late == 1, (judged.arr_delay <= 20) * saved, 0) - 5 * minute_cost
# The feed of departures and the checklist; the model reads the same feed
feed_weeks, feed_yearly = 12, 30_000
feed = (feed_yearly + feed_weeks * weekly / 3) / len(flights) * 1000
evening = (alerts["boosting: timetable"].astype(int) - alerts["checklist"]) * outcome
against = {
    "checklist": ("silence", with_interval(alerts["checklist"] * outcome), feed),
    "alert an hour before": ("checklist", with_interval(above), cost),
    "alert the evening before": ("checklist", with_interval(evening), cost),
    "delay in minutes (July on)": ("checklist",
                                   tuple(contest.loc[("the same for all", "delay in minutes")]), cost),
    "buffer of 5 minutes": ("silence", with_interval(five), 0),
}
rows = [(name, other, *value, price, decide(*value[1:], price))
        for name, (other, value, price) in against.items()]
rows.append(("rotation of aircraft", "checklist", None, None, None, None, "get the data"))
figures.table(
    pd.DataFrame(rows, columns=["candidate", "against", "dollars", "from", "to", "cost", "verdict"]),
    formats=dict.fromkeys(["dollars", "from", "to"], "{:+,.0f}") | {"cost": "{:,.0f}"},
    caption="April to December, dollars per 1,000 flights, 95 % intervals",
)

# %% [markdown]
# "Pilot" means: the interval can't decide between earning and losing. The result of scoping is not "no",
# then. It is: build the feed of departures and the checklist now, get the inbound flights, and scope the
# model again on top of them. That is how many good machine-learning projects begin: with a rule, in
# production, that collects the data and sets the bar.
#
# ## 6 Ethics
#
# A positive sum hides who pays. Split the checklist's money by who gets it.

# %% tags=["atol=2"]
hits, sent = (alerts["checklist"] & is_late).mean(), alerts["checklist"].mean()
times = {"every alert": sent, "false alert": sent - hits, "true alert": hits}
shares = (1000 * prices.base * prices["paid on"].map(times)).groupby(prices.who).sum().sort_values()
figures.table(
    shares.to_frame("dollars per 1,000 flights").rename_axis("who"),
    formats={"dollars per 1,000 flights": "{:+,.0f}"},
    bars=["dollars per 1,000 flights"],
)

# %% [markdown]
# Crew and desk only pay. The system takes from those who do the work and gives to passengers and airline. It
# may still be right, if they are asked, and compensated. But it will fail if they are not: they are the ones
# who decide whether an alert is acted on.
#
# Among the passengers, too, burdens are not equal. Take a punctual flight: how likely is it that its
# passengers are moved needlessly? And a late one: how likely are they to be warned?

# %% tags=["atol=1"]
large = judged.carrier.value_counts().loc[lambda n: n >= 2000].index


def share_of(alert, group):
    """Share of a group's flights with an alert, with the ends of a 95 % interval over days."""
    got, all_ = (np.bincount(days[mask], minlength=number) for mask in (alert & group, group))
    return got.sum() / all_.sum(), *np.quantile((weights @ got) / (weights @ all_), [0.025, 0.975])


false = {c: share_of(alerts["checklist"], (judged.carrier == c).to_numpy() & ~is_late) for c in large}
caught = {c: share_of(alerts["checklist"], (judged.carrier == c).to_numpy() & is_late) for c in large}
order = sorted(large, key=lambda c: false[c][0])

# %% tags=["atol=1"]
fig, axes = plt.subplots(1, 2, figsize=(9, 3.8), sharey=True)
for ax, values, title, marker in zip(
    axes, (false, caught), ("Punctual, and alerted", "Late, and warned"), ("o", "s"), strict=True
):
    middle, low, high = np.array([values[c] for c in order]).T
    ax.errorbar(middle, range(len(order)), xerr=[middle - low, high - middle], fmt=marker, capsize=2)
    ax.set(title=title, xlabel="share of the carrier's flights", xlim=(0, None))
    ax.set_yticks(range(len(order)), order)
    ax.xaxis.set_major_locator(plt.MultipleLocator(0.05 if ax is axes[0] else 0.1))
    ax.xaxis.set_major_formatter("{x:.0%}")
    ax.grid(axis="x")
figures.show(
    fig,
    alt="By carrier, with 95 % intervals. Punctual flights with an alert: "
    + ", ".join(f"{c} {false[c][0]:.0%}" for c in order)
    + ". Late flights with an alert: "
    + ", ".join(f"{c} {caught[c][0]:.0%}" for c in order)
    + ".",
)

# %% tags=["atol=1"]
low, high = order[0], order[-1]
rank = pd.Series({c: false[c][0] for c in large}).corr(pd.Series({c: caught[c][0] for c in large}),
                                                       method="spearman")
figures.md(
    f"On a punctual flight of {high}, the chance of a needless alert is {false[high][0]:.0%}, on one of "
    f"{low} {false[low][0]:.0%}. "
    f"On a late flight, {caught[high][0]:.0%} and {caught[low][0]:.0%} are warned. "
    f"Over the carriers the two go together (rank correlation {rank:.2f}). "
    f"{judged.carrier.nunique() - len(large)} "
    "carriers have fewer than 2,000 flights and are not shown: too few to say."
)

# %% [markdown]
# The checklist does not know the carrier, and yet it treats carriers differently, through airport, hour and
# weather. Who gets more needless alerts tends to get more warnings, too; eleven carriers show no more than a
# tendency. Whether that is fair is not for the data to say. What data can do is to name the groups, attach a
# measure to each harm, and a limit at which somebody has to decide. That belongs into the sheet.
#
# ## 7 Milestones and resources
#
# A plan is a sequence of chances to stop. Backtest, shadow run (the system predicts, nobody acts), pilot (one
# airport acts), roll-out: each needs a length and a condition. The length of a pilot is not a matter of
# taste. It follows from how large the gain is, compared with how much days differ. We replay every pilot of a
# given length that could have been run from April to December, and count how many would have shown, with an
# interval above zero, that the alert beats its alternative.


# %%
def shown(dollars, length):
    """Share of the pilots of so many days whose 95 % interval (normal, days independent) lies above zero."""
    sums = np.bincount(days, weights=dollars)
    windows = np.lib.stride_tricks.sliding_window_view(sums, length)
    return float((windows.mean(axis=1) > 1.96 * windows.std(axis=1, ddof=1) / np.sqrt(length)).mean())


lengths = [7, 14, 28, 56, 84, 112, 168]
check_money = alerts["checklist"] * outcome
pilots = {"checklist against silence": check_money, "boosting against checklist": above}
pilots |= {f"checklist, {name} alone": check_money * (judged.origin == name).to_numpy()
           for name in ("EWR", "JFK")}
success = {name: [shown(dollars, n) for n in lengths] for name, dollars in pilots.items()}
success = pd.DataFrame(success, index=lengths)

# %% tags=["atol=1"]
fig, ax = plt.subplots()
success.plot(ax=ax)
ax.axhline(0.8, color=figures.GREY, linewidth=0.8)
ax.yaxis.set_major_formatter("{x:.0%}")
ax.set(
    title="How long a pilot must be: the smaller the gain, the longer",
    xlabel="length of the pilot (days)",
    ylabel="pilots that show it",
    ylim=(0, 1.02), xticks=lengths,
)
ax.legend(loc="center right")
figures.show(
    fig,
    alt="Share of pilots that show the gain, by length in days. "
    + "; ".join(
        f"{name}: " + ", ".join(f"{n} days {share:.0%}" for n, share in column.items())
        for name, column in success.items()
    )
    + ".",
)

# %% [markdown]
# A common bar is 80 % (the **power** of a test, here the grey line). Days follow each other, and a rainy week
# is one event and not seven; so even these shares are somewhat too good. A manager who asks for "four weeks,
# then we decide" between model and checklist would decide by chance, and half a year would be no better: most
# pilots of that length reach back into the spring, when the model earned nothing more. (They also overlap so
# much that they are nearly one pilot.) This is found out here in a second, and in production in a year. The
# checklist needs two months, at all airports or at Newark (EWR) alone. At Kennedy (JFK) alone it needs four.
#
# **Resources** are part of the scope for the same reason: they decide for whom it pays.

# %% tags=["atol=3"]
rows = []
for name in ["all", *large[:4]]:
    mask = np.ones(len(judged), bool) if name == "all" else (judged.carrier == name).to_numpy()
    value = [year * with_interval(mask * check_money)[0], *(year * np.array(with_interval(mask * above)))]
    rows.append((name, round(mask.mean() * len(flights)), *value))
names = ["carrier", "flights a year", "checklist", "model above it", "from", "to"]
who_pays = pd.DataFrame(rows, columns=names).set_index("carrier")
figures.table(
    who_pays,
    formats=dict.fromkeys(["checklist", "model above it", "from", "to"], "{:+,.0f}"),
    caption=f"Dollars a year; the model costs {yearly:,.0f} a year, for one carrier or for all",
)

# %% [markdown]
# The checklist would pay for a dispatcher's terminal at each of the four largest carriers. The model would be
# carried by none of them alone: it is a product for the airport, or for nobody.
#
# ## 8 The scoping sheet
#
# All of this goes on one page. Not as prose, which nobody checks, but as YAML that a program can read, beside
# a **JSON Schema** that says what a sheet must hold. The schema of this course has one keyword of its own,
# `teach`: what to write, and why, said to whoever breaks the rule beside it. A second one, `open`, marks what
# a program can only find present: whether it is any good, a person has to say.

# %%
import json

from helpers import ROOT

schema = json.loads((ROOT / "data" / "flights" / "scoping.schema.json").read_text(encoding="utf-8"))
example = (ROOT / "data" / "flights" / "scoping.example.yml").read_text(encoding="utf-8")
figures.md(f"```yaml\n{example}```")

# %%
import yaml
from jsonschema import Draft202012Validator


def review(sheet):
    """One row per broken rule: where, and what to write there."""
    rows = []
    for error in Draft202012Validator(schema).iter_errors(sheet):
        place, rule = [str(step) for step in error.absolute_path], error.schema
        if error.validator == "required":  # the message belongs to what is missing
            name = next(name for name in error.validator_value if f"'{name}'" in error.message)
            place, rule = [*place, name], rule["properties"][name]
        rows.append((".".join(place), rule["teach"]))
    return pd.DataFrame(sorted(set(rows)), columns=["where", "what to write, and why"])


# %% [markdown]
# The example passes. To see the schema teach, take a sheet as they often look after the first meeting, and
# leave in what is usually there.

# %%
sheet = yaml.safe_load(example)
first_meeting = sheet | {"problem": "We need AI.",
                         "prices": {"true_alert": 70, "false_alert": 0}, "harms": []}
first_meeting["inputs"] = [*sheet["inputs"], "dep_delay"]
first_meeting["milestones"] = [*sheet["milestones"][:2],
                               {"name": "pilot", "days": 28, "go_if": "it looks good"}]
del first_meeting["stop_if"]
broken = review(first_meeting)
figures.md(f"The example breaks {len(review(sheet))} rules. The sheet of the "
           f"first meeting breaks {len(broken)}:")
figures.table(broken)

# %% [markdown]
# A schema looks at one field at a time. What holds *between* fields needs code, and what holds between sheet
# and world needs the data. Both can be tested, so both are.

# %% tags=["atol=1"]
names, work = [candidate["name"] for candidate in sheet["candidates"]], sheet["resources"]
true_alert, false_alert = sheet["prices"]["true_alert"], sheet["prices"]["false_alert"]
off = [abs(sheet["value"][end] - ladder[column]["checklist"])
       for end, column in (("low", "from"), ("high", "to"))]
agree = [
    ("break-even follows from prices",
     abs(-false_alert / (true_alert - false_alert) - sheet["break_even"]) < 0.005),
    ("prices are those of the cost matrix", (true_alert, false_alert) == (gain, loss)),
    ("the baseline is one of the candidates", sheet["baseline"] in names),
    ("low end is not above the high end", sheet["value"]["low"] <= sheet["value"]["high"]),
    ("cost is that of the go/no-go table",
     (work["person_weeks"], work["yearly_cost"]) == (feed_weeks, feed_yearly)),
    ("inputs are known in time", set(sheet["inputs"]) <= set(in_time)),
    ("value is that of the backtest, within 100 dollars", max(off) < 100),
]
figures.table(pd.DataFrame(agree, columns=["the example's", "holds"]))

# %% [markdown] exercise="1.2e"
# ### Exercise 1.2e: A scope of your own (1 point)
#
# Now yours, for another product on the same data. This is the briefing:
#
# > Airlines cancel 2.5 % of the flights out of New York. Passengers learn of it at the airport. The desk of
# > an airline could call them **12 hours before** departure and offer another flight. Calling costs **400
# > dollars** per flight, whether it is cancelled or not. If it is cancelled, **8,000 dollars** of hotels and
# > claims are saved. The desk knows a rule already: call when the airport has cancelled more than a tenth of
# > its flights in the last 24 hours. The feeds are: the timetable (known months before), `temp`, `visib`,
# > `wind_speed`, `precip` (the last observation; it is used one hour before), `forecast_wind` and
# > `forecast_snow` (a forecast, 24 hours before), `cancelled_so_far` (the airport's cancellations in the 24
# > hours before the desk calls), and `tailnum`, which has gaps: *all* gaps belong to cancelled flights.
#
# Fill in the sheet: write over each `...`. Prices are net, as in the cost matrix. Guess where the briefing is
# silent, and mark your guesses under `questions`. Write `"no"` in quotes, since YAML reads a bare no as
# false, and put a text with a comma or colon in quotes when it stands between braces. Three candidates and
# three milestones are the least. Run the check as often as you like: it gives you the next thing to mend, and
# tells you at the end what only a person can grade.

# %% tags=["starter"] exercise="1.2e"
my_sheet = """
title: ...
problem: ...
decision: {who: ..., acts: ..., hours_before: ...}
candidates:
  - {name: ..., kind: ..., verdict: ..., why: ...}
  - {name: ..., kind: ..., verdict: ..., why: ...}
  - {name: ..., kind: ..., verdict: ..., why: ...}
inputs: []
baseline: ...
prices: {true_alert: ..., false_alert: ...}
break_even: ...
value: {unit: ..., low: ..., high: ...}
harms:
  - {who: ..., how: ..., measure: ..., limit: ...}
milestones:
  - {name: ..., days: ..., go_if: ...}
  - {name: ..., days: ..., go_if: ...}
  - {name: ..., days: ..., go_if: ...}
stop_if: ...
resources: {person_weeks: ..., yearly_cost: ...}
questions:
  - ...
"""

# %% tags=["solution"] exercise="1.2e"
my_sheet = """
title: Cancelled?
problem: Passengers learn at the airport that their flight is cancelled, when no other flight has a seat left.
decision: {who: desk of the airline, acts: calls passengers and offers another flight, hours_before: 12}
candidates:
  - {name: call after a tenth, kind: rule, verdict: go, why: "The desk knows it already and it needs no model."}
  - {name: chance of a cancellation, kind: model, verdict: later, why: "First the rule's precision has to be known."}
  - {name: waiver of fees in storms, kind: process, verdict: later, why: "They move themselves; ask what it costs."}
inputs: [carrier, origin, dest, distance, weekday, day_minute, forecast_wind, forecast_snow, cancelled_so_far]
baseline: call after a tenth
prices: {true_alert: 7600, false_alert: -400}
break_even: 0.05
value: {unit: dollars a year above the rule, low: -200000, high: 900000}
harms:
  - {who: passengers of flights that leave, how: they give up a seat for nothing, measure: share of calls, limit: 0.8}
milestones:
  - {name: the year replayed, days: 10, go_if: lower end above 0 dollars}
  - {name: nobody calls yet, days: 90, go_if: 5 % of the chances near 5 % come true}
  - {name: Newark only, days: 90, go_if: lower end above 0 dollars}
stop_if: more than four calls in five are needless for a month
resources: {person_weeks: 30, yearly_cost: 90000}
questions:
  - How many passengers accept another flight when they are called?
  - Is 8,000 dollars the same for a small aircraft and a large one?
"""

# %% exercise="1.2e"
my_sheet = lesson.check("1.2e", my_sheet=my_sheet)

# %% [markdown]
# ## What breaks in production
#
# The checklist goes live. Before, somebody has asked how many people the desks need, and somebody has
# answered with an average.

# %% tags=["atol=1"]
hour = judged.time_hour.to_numpy()
per_hour = pd.Series(alerts["checklist"]).groupby(hour).sum()
figures.md(
    f"On average **{per_hour.mean():.0f} alerts an hour**, at all three airports. The desks can act on "
    f"{capacity}. In {(per_hour > capacity).mean():.0%} of the hours there are more."
)

# %% [markdown]
# Room enough, it seems. But lateness comes in storms, and so do alerts and money. What is above the capacity
# lapses: the flight leaves before anyone has looked. We replay the year with that limit, first as desks work
# by default, in order of departure, then with the flights that have most reason to be looked at first: by the
# model's chance.

# %% tags=["atol=3"]
queue = judged.assign(dollars=outcome, chance=chance)[alerts["checklist"]]
orders = {
    "in order of departure": ("day_minute", True),
    "worst recent first": ("recent", False),
    "highest chance first": ("chance", False),
}
taken = {"no limit": queue}
for name, (key, ascending) in orders.items():
    ranked = queue.sort_values(key, ascending=ascending, kind="stable")
    taken[name] = ranked.groupby("time_hour").head(capacity)
acted = {name: judged.index.isin(part.index).astype(int) for name, part in taken.items()}

# %% tags=["atol=3"]
rows = {name: (yes.sum() / len(queue), *with_interval(yes * outcome)) for name, yes in acted.items()}
limited = pd.DataFrame(rows, index=["alerts acted on", "dollars", "from", "to"]).T.rename_axis("desk works")
figures.table(
    limited,
    formats={"alerts acted on": "{:.1%}"} | dict.fromkeys(["dollars", "from", "to"], "{:+,.0f}"),
    bars=["dollars"],
    caption=f"The checklist with {capacity} actions an hour: dollars per 1,000 flights",
)

# %% tags=["atol=1"]
busy = queue.groupby("time_hour").dollars.agg(["sum", "size"])
ahead = [acted["highest chance first"] - acted[name]
         for name in ("in order of departure", "worst recent first")]
better, lead = (with_interval(difference * outcome) for difference in ahead)
left_over = limited.dollars / limited.dollars["no limit"]
in_storms = busy["sum"][busy["size"] > capacity].sum() / busy["sum"].sum()
figures.md(
    f"The hours above capacity bring **{in_storms:.0%}** of the money. With "
    f"the limit {left_over['in order of departure']:.0%} "
    "of it is left; "
    f"with the airport in the worst state first, {left_over['worst recent first']:.0%}; "
    f"ranked by the model's chance, {left_over['highest chance first']:.0%}. "
    f"The model's order is worth {better[0]:+,.0f} dollars per 1,000 flights more than the order of "
    f"departure (95 % interval {better[1]:+,.0f} to {better[2]:+,.0f}), "
    f"and {lead[0]:+,.0f} more than that of the recent departures ({lead[1]:+,.0f} to {lead[2]:+,.0f}). A "
    f"model costs {cost:,.0f}."
)

# %% [markdown]
# No metric of a model sees this. Precision and recall are the same; the money is gone, on exactly the days
# the system was made for. It is caught by a line in the backtest, *replay with the capacity*, and in
# production by a monitor on alerts that lapse, not on alerts that are sent.
#
# And look at the last row again. Under a capacity the question is no longer *whether* to look but *at which
# first*, and a checklist says little about that: most of its alerts are equal. Here the model has a use that
# section 4 did not see, because there the desks had no limit, and its lead is beyond luck. It does not pay
# for a model yet either. But a scope is only as good as the decision it describes: this is one more question
# for the sheet, and one more candidate.
#
# ## What you did
#
# - You turned surprise at the gate into a decision with a cost matrix of five prices and their owners, and
#   derived the break-even from its four cells.
# - You set six candidates beside each other, two of them without a model, and decided each by a rule written
#   down before.
# - You judged feasibility by the clock: timetable, weather, recent departures; you saw a checklist match most
#   of the boosting, and a leak that more than doubled the case.
# - You picked an operating point by money and compared it with the one that follows from the prices, and put
#   two satisficing limits on it.
# - You put intervals on the business case, over days and over prices, drew the tornado and the break-even
#   line, and knew whom to ask first.
# - You saw who pays, measured how long a pilot must be, and wrote a sheet that a program checks and a person
#   has to finish. Then an average hid a storm.
#
# Another capacity, a cheaper model: `workbook run 1.2 -p capacity=50`,
# `workbook run 1.2 -p yearly_cost=52000`.

# %%
lesson.end()
