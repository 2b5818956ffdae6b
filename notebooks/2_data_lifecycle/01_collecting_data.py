# %% [markdown]
# # 2.1 Collecting data
#
# A training table is a claim about the past: *this is what we knew when we had to decide.* Most tables break
# the claim, because they are joined long afterwards, when everything is known. The model that learns from
# such a table is excellent until the day it is served. In this lesson you collect a year of flights so that
# the claim holds, and you prove it.
#
# **You will be able to**
#
# - give every fact two times, when it happened and when it was known, and join **point-in-time**;
# - test a table for **leakage** with cut-off moments, and find the joins that fail the test;
# - say who disappears when a join fails not at random, and what to do instead of dropping rows;
# - bring data in as **spans** and **versions** with TFX ExampleGen, and split by time, by day or by hash,
#   knowing what each lets through;
# - write a **data card**, and measure harms of representation and of opportunity.
#
# **Needs** lesson 1.1. **Takes** about 115 minutes with its exercises; the computer needs about half a minute
# of that.

# %%
from helpers import lesson

lesson.begin("2.1")

# %% tags=["parameters"]
seed = 2013
lead = 60  # minutes before the scheduled departure at which the alert is computed
report_minute = 51  # the weather row of an hour is complete at this minute of the hour
cuts = 15  # random moments at which the future is cut off
every = 6  # of the flights to train on, each `every`-th is used

# %% [markdown]
# ## 1 Whose data, and on which clock?
#
# Five tables, from four owners. None of them was made for us.
#
# | table | measured by | a row becomes known | may be used because |
# | --- | --- | --- | --- |
# | `flights`, the plan | airlines | months ahead | reported to the US Bureau of Transportation Statistics, a public record |
# | `flights`, the outcome | airlines | at departure, at landing | the same |
# | `weather` | airport stations | during the hour | public stations, collected by Iowa State University |
# | `planes` | the aviation authority (FAA) | undated: one state of the register | a public register, with **names of owners** beside it |
# | `airports`, `airlines` | volunteers (OpenFlights), the authority | undated | published for reuse |
#
# The package that ships them declares CC0 1.0: no rights reserved. A licence settles what the *publisher*
# permits. It does not settle whether a person who can be found in the data has agreed; section 6 comes back
# to that.
#
# `flights` is two tables in one: a plan that is known for months, and outcomes known hours later. We take it
# apart. First, clocks. The plan is in local time of two airports, so everything becomes UTC. An arrival is
# printed without its date: it is the first moment after departure when the destination's clock shows that
# time.

# %%
import pandas as pd

from helpers import datasets, figures

flights, airports = datasets.flights(), datasets.airports()


def minutes(values):
    return pd.to_timedelta(values, unit="min")


def in_utc(day, hhmm, zone):
    """UTC moments at which clocks in `zone` show `hhmm` on `day`."""
    local = day + minutes(hhmm // 100 * 60 + hhmm % 100)
    parts = [part.dt.tz_localize(name, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
             for name, part in local.groupby(zone)]
    return pd.concat(parts).reindex(day.index)


# %%
# 4 destinations not listed
zone = flights.dest.map(airports.set_index("faa").tzone).fillna("America/Puerto_Rico")
flights["sched"] = flights.time_hour + minutes(flights.minute)
date = pd.to_datetime(flights[["year", "month", "day"]])
due = in_utc(date, flights.sched_arr_time, zone)
due += pd.to_timedelta((due <= flights.sched).astype(int), unit="D")
flights["left"] = flights.sched + minutes(flights.dep_delay.fillna(0))
flights["landed"] = due + minutes(flights.arr_delay.fillna(0))
flights["day"] = date.dt.dayofyear  # of the year, from here on

# %% [markdown]
# A reconstruction wants a check against something that was not used to make it. `air_time` was not: between
# leaving and arriving a plane is in the air and on the ground, and time on the ground must be positive and
# short.

# %%
arrived = flights[flights.arr_delay.notna()]
ground = (arrived.landed - arrived.left).dt.total_seconds() / 60 - arrived.air_time
figures.table(
    ground.quantile([0, 0.001, 0.5, 0.999, 1]).rename("minutes").rename_axis("quantile").to_frame(),
    caption=f"Minutes neither in the air nor at the gate, {len(ground):,} "
            f"flights; negative: {(ground < 0).sum()}",
    formats={"minutes": "{:.0f}"},
)

# %% [markdown]
# Taxiing takes about half an hour. A handful of flights come out negative: their clock times contradict each
# other in the source.
#
# ### Two times for every fact
#
# Databases call them **valid time**, when something was so, and **transaction time**, when it was on record
# (Snodgrass, 1999). Most tables keep the first. Training data need the second too. We turn the sources
# into **events**, each with `known_at`: a departure is known when the plane leaves, an outcome when it lands.
# For the weather we must ask how the table was made: the script that did it (`data-raw/weather.R` of the R
# package) keeps the reports up to minute 51 of each hour and takes the rain of the hour from them. So the row
# "9:00" is complete at 9:51, and we date it so.

# %%
weather = datasets.weather()
WEATHER = ["temp", "humid", "wind_speed", "precip", "visib"]

flights["late"] = (flights.arr_delay > 15).astype(int)
flights["at"] = flights.sched - minutes(lead)
flights = flights.sort_values(["at", "origin", "carrier", "flight"], ignore_index=True)
flights.index.name = "id"
plan = flights[["at", "sched", "time_hour", "month", "day", "origin", "dest", "carrier", "tailnum"]]


def dated(table, known_at):
    return table.assign(known_at=known_at).sort_values("known_at", kind="stable")


events = {
    "departures": dated(flights[flights.dep_delay.notna()], flights.left),
    "landings": dated(flights[flights.arr_delay.notna()], flights.landed),
    "reports": dated(weather, weather.time_hour + minutes(report_minute)),
}

# %% [markdown]
# One flight shows why the second time matters. Its plane came to New York from another trip that ran late.

# %%
plane = flights[(flights.tailnum == "N324JB") & (flights.day == 142)].tail(2)
first, second = plane.iloc[0], plane.iloc[1]
reports = events["reports"]
hours = reports[(reports.origin == second.origin) & reports.time_hour.between(
    second["at"] - minutes(170), second.sched)]


def local(moment):
    return moment.tz_convert("America/New_York").tz_localize(None)


# %%
import matplotlib.dates as mdates
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(8.5, 3))
lines = [(2, first, "its previous trip"), (1, second, "the flight")]
for y, flight, _ in lines:
    ax.plot([local(flight.left), local(flight.landed)], [y, y], "-o", color=figures.BLUE, linewidth=4)
    ax.plot(local(flight.sched), y, marker="|", markersize=18, color=figures.GREY, linestyle="none")
for hour, known in zip(hours.time_hour, hours.known_at, strict=True):
    ax.plot([local(hour), local(known)], [0, 0], "->", color=figures.GREEN, markevery=[1], markersize=8)
ax.axvline(local(second["at"]), color=figures.RED, linestyle="--", marker="")
ax.text(local(second["at"]), 2.6, " alert", color=figures.RED)
ax.set(yticks=[0, 1, 2], yticklabels=["weather: hour → complete", "the flight", "its previous trip"],
       ylim=(-0.5, 3),
       title="At the alert, the previous trip has left and not yet landed",
       xlabel="22 May to 23 May, New York time; | is the planned departure")
ax.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))
figures.show(fig, alt=f"Timeline of plane {second.tailnum} on 22 May. Previous trip planned "
                      f"{local(first.sched):%H:%M}, left "
             f"{local(first.left):%H:%M}, landed {local(first.landed):%H:%M}. The flight is planned for "
             f"{local(second.sched):%H:%M}, "
             f"its alert is computed at {local(second['at']):%H:%M}, before that landing; it left at "
             f"{local(second.left):%H:%M}.")

# %% [markdown]
# A table joined next year holds the delay at landing of the previous trip, for every flight. For this one
# nobody had it at the red line. What was known is that the plane had left late. Weather rows, too, count from
# the tip of their arrow, not from the hour they are named after.

# %% [markdown] exercise="2.1a"
# ### Exercise 2.1a: What was known? (1 point)
#
# A source may correct itself: the same hour is reported again, with another value. Write
# `known_value(events, moment)`. `events` is a list of tuples `(happened, known, value)`, in any order, with
# times as numbers. Return the value **as it was known at `moment`** of the fact that **happened last**; if
# that fact has been reported more than once, the newest report known by then counts. An event known exactly
# at `moment` is known. If nothing is known, return `None`.


# %% tags=["starter"] exercise="2.1a"
def known_value(events, moment):
    """The value of the latest fact, as known at `moment`."""
    ...


# %% tags=["solution"] exercise="2.1a"
def known_value(events, moment):
    """The value of the latest fact, as known at `moment`."""
    known = [event for event in events if event[1] <= moment]
    return max(known, key=lambda event: (event[0], event[1]))[2] if known else None


# %% exercise="2.1a"
known_value = lesson.check("2.1a", known_value=known_value)

# %% [markdown]
# ## 2 Point-in-time joins
#
# Two operations build nearly every feature of this kind. The first is the **as-of join**: to each row, the
# newest event known at its moment, unless that is too old. pandas has it as `merge_asof`.


# %%
def newest(rows, table, by, columns, within, direction="backward"):
    """To each row the newest event of the same `by` that was known at `at`, at most `within` old."""
    left = rows[["at", by]].reset_index().dropna().sort_values("at", kind="stable")
    right = table[["known_at", by, *columns]].dropna(subset=[by])
    joined = pd.merge_asof(left, right, left_on="at", right_on="known_at", by=by,
                           tolerance=pd.Timedelta(within), direction=direction)
    return joined.set_index("id")[columns].reindex(rows.index)


# %% [markdown]
# The second is a mean over a trailing window. It is the same join, done twice on running totals: the total
# known now, less the total known a window ago.


# %%
def trailing(rows, table, by, value, window):
    """The mean of `value` over the events of the same `by` that became known in the `window` before `at`."""
    group = table.groupby(by)[value]
    totals = table[["known_at", by]].assign(count=group.cumcount() + 1, total=group.cumsum())

    def until(moment):
        left = rows[[by]].assign(moment=moment).reset_index().sort_values("moment", kind="stable")
        both = pd.merge_asof(left, totals, left_on="moment", right_on="known_at", by=by)
        return both.set_index("id")[["count", "total"]].reindex(rows.index).fillna(0)

    sums = until(rows["at"]) - until(rows["at"] - pd.Timedelta(window))
    return sums.total / sums["count"].where(sums["count"] > 0)


# %% [markdown]
# With these, four groups of features: the weather; `queue`, the mean delay of what left the airport in the
# last two hours; `carrier_late`, the share of late flights among the carrier's landings in 30 days; `leg`,
# the delay of the plane's last landing.


# %%
def point_in_time(rows, events):
    """Features made of what was known at each row's moment `at`."""
    departures, landings = events["departures"], events["landings"]
    return newest(rows, events["reports"], "origin", WEATHER, "3h").assign(
        queue=trailing(rows, departures, "origin", "dep_delay", "2h"),
        carrier_late=trailing(rows, landings, "carrier", "late", "30D"),
        leg=newest(rows, landings, "tailnum", ["arr_delay"], "24h").arr_delay,
    )


honest = point_in_time(plan, events)
share = honest.notna().mean().rename("has a value").rename_axis("feature").to_frame()
figures.table(share, formats={"has a value": "{:.1%}"})

# %% [markdown]
# `leg` has a value for half of the flights: the table holds only departures from New York, and many planes
# come back after more than a day.
#
# Beside them, the same four as they are often written. Each is a line that works, and that reviewers pass:
# the weather **of the same hour**; the delays of flights **scheduled** in the last two hours; the carrier's
# average **of the month** (a target encoding over all data); the **nearest** landing of the plane.


# %%
def naive(rows, events):
    """The same features, joined without asking when things were known."""
    departures, landings = events["departures"], events["landings"]
    hour = (events["reports"].drop_duplicates(["origin", "time_hour"])
            .set_index(["origin", "time_hour"])[WEATHER])
    month = landings.groupby(["carrier", "month"]).late.mean().rename("carrier_late")
    return rows.join(hour, on=["origin", "time_hour"])[WEATHER].assign(
        queue=trailing(rows, dated(departures, departures.sched), "origin", "dep_delay", "2h"),
        carrier_late=rows.join(month, on=["carrier", "month"]).carrier_late,
        leg=newest(rows, landings, "tailnum", ["arr_delay"], "24h", direction="nearest").arr_delay,
    )


loose = naive(plan, events)

# %% [markdown]
# ## 3 Proof: cut off the future
#
# How do you know that a table is honest? Not from the code: it looks alike. Use the definition instead. **If
# features use only what was known at `at`, nothing that became known later can change them.** So take a
# random flight, throw away every event known after its moment, build again, and compare with what was built
# from everything. This is a property-based test (Claessen & Hughes, 2000): no expected values, only a law
# that must hold for every cut.
#
# At each cut we compare the flights whose alert was computed in the three hours before. A value that appears,
# vanishes or changes counts as changed. Events older than 32 days are dropped as well: no window reaches that
# far, so that must not matter either.


# %%
import numpy as np


def known(events, moment):
    """The events as they stood at `moment`: nothing known later, nothing older than 32 days."""
    start = moment - pd.Timedelta("32D")
    return {name: table[table.known_at.between(start, moment)] for name, table in events.items()}


def changed(build, everything, moments):
    """Share of compared rows, by feature, that differ when the future after a moment is cut off."""
    differs = []
    for moment in moments:
        rows = plan[plan["at"].between(moment - pd.Timedelta("3h"), moment)]
        then, now = build(rows, known(events, moment)), everything.loc[rows.index]
        differs.append(~((then == now) | (then.isna() & now.isna())))
    return pd.concat(differs)


# %%
draw = np.random.default_rng(seed)
moments = plan["at"].iloc[draw.choice(np.flatnonzero(plan.day > 40), cuts, replace=False)]
tests = {"point-in-time": changed(point_in_time, honest, moments), "naive": changed(naive, loose, moments)}
verdict = pd.DataFrame({name: test.mean() for name, test in tests.items()}).rename_axis("feature")
figures.table(
    verdict,
    caption=f"Share of values that change when the future is cut off: {cuts} "
            f"cuts, {len(tests['naive']):,} flights",
    formats=dict.fromkeys(tests, "{:.2%}"),
    bars={"point-in-time": 1, "naive": 1},
)

# %% [markdown]
# The left column is zero throughout, to the last bit. That is the proof, as far as a test can give one: it
# has to be run again whenever the code changes, and it takes seconds; so it belongs into the tests of the
# pipeline. The right column is the four lines that reviewers pass. Every one fails. Nothing in their code
# looks worse than in ours, and a test with hand-made expected values would have copied the mistake.
#
# ### What the proof rests on
#
# The test believes `known_at`. If that is wrong, it proves nothing. Two beliefs deserve a look.
#
# First the weather. The course's own table, `examples.table`, takes the weather row of the hour before the
# scheduled hour. When is such a row complete?

# %%
ready = plan.time_hour - pd.Timedelta("1h") + minutes(report_minute)
margin = (plan.sched - ready).dt.total_seconds() / 60
figures.md(
    f"The table is complete between {margin.min():.0f} and {margin.max():.0f} minutes before the planned "
    f"departure. For an alert {lead} minutes ahead it "
    f"would be in time for **{(margin >= lead).mean():.1%}** of the flights if a row is complete at minute "
    f"{report_minute}, "
    "and for all of them if it is a reading of the full hour."
)

# %% [markdown]
# The file does not say which; it needs a question to its owner. The other lessons read the label as the time
# of reading, as most users of these data do. Section 4 measures whether the careful reading costs anything.
#
# Second, the plane. `tailnum` is the plane that *flew*. Airlines swap planes at short notice, and a table
# written afterwards does not show it. The table gives itself away in two places.

# %%
planned = flights[flights.tailnum.notna() & flights.dep_delay.notna()].sort_values("sched", kind="stable")
between = planned.groupby("tailnum").sched.diff().dt.total_seconds() / 60
cancelled = flights[flights.dep_delay.isna()]
figures.md(
    f"{cancelled.tailnum.isna().sum():,} of {len(cancelled):,} cancelled flights have no plane, and no other "
    f"flight lacks one. "
    f"{(between < 60).sum()} times the same plane is planned to leave New York twice within an hour: no plan "
    f"says that."
)

# %% [markdown]
# So a missing `tailnum` *is* an outcome, and `leg` is honest only if the assignment an hour ahead was the one
# that flew. We can't test that here; it belongs on the data card. In production, log the assignment when you
# use it.
#
# ## 4 What a leak costs
#
# A leak has two prices. Offline the score is too high; served, the model gets honest values where it was
# taught with better ones. We measure both: gradient boosting on February to June, tested on July. Three
# scores each: taught and tested with point-in-time features; taught and tested with naive ones; and **taught
# naive, served honest**, which is what production would see.

# %%
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score

PLAN = ["carrier", "origin", "dest", "weekday", "day_minute", "distance"]
base = flights[["carrier", "origin", "dest"]].apply(lambda names: names.astype("category").cat.codes).assign(
    weekday=flights.sched.dt.tz_convert("America/New_York").dt.dayofweek,
    day_minute=flights.hour * 60 + flights.minute,
    distance=flights.distance,
)
flown = flights.arr_delay.notna()
past = flights.index[flown & flights.month.between(2, 6)][::every]
july = flights.index[flown & (flights.month == 7)]


def fit(table, rows=past):
    """Gradient boosting on the given rows of a table of features."""
    names = [name in PLAN[:3] for name in table]
    model = HistGradientBoostingClassifier(max_iter=40, learning_rate=0.2, categorical_features=names,
                                           early_stopping=False, random_state=seed)
    return model.fit(table.loc[rows], flights.late[rows])


def chances(model, table, rows=july):
    return model.predict_proba(table.loc[rows])[:, 1]


# %%
groups = {"weather": WEATHER, "queue": ["queue"], "carrier_late": ["carrier_late"], "leg": ["leg"]}
late = flights.late[july].to_numpy()
predicted = {"plan only": chances(fit(base), base)}
for name, columns in groups.items():
    good, bad = base.join(honest[columns]), base.join(loose[columns])
    taught = fit(bad)
    predicted |= {(name, "honest"): chances(fit(good), good), (name, "naive, offline"): chances(taught, bad),
                  (name, "naive, served"): chances(taught, good)}
scores = {key: average_precision_score(late, chance) for key, chance in predicted.items()}

# %% tags=["atol=1"]
contest = pd.DataFrame({name: {way: scores[name, way]
                               for way in ("honest", "naive, offline", "naive, served")}
                        for name in groups}).T.rename_axis("plan and …")
figures.table(contest, caption=f"PR-AUC in July; plan only: {scores['plan only']:.3f}; "
                               f"late: {late.mean():.3f}")

# %% tags=["atol=1"]
fig, ax = plt.subplots(figsize=(7.5, 3))
for way, marker in [("naive, offline", "D"), ("honest", "o"), ("naive, served", "x")]:
    ax.plot(contest[way], range(len(contest)), marker, markersize=9, linestyle="none", label=way)
ax.axvline(scores["plan only"], color=figures.GREY, linestyle="--", marker="", label="plan only")
ax.set(yticks=range(len(contest)), yticklabels=contest.index, ylim=(3.6, -0.6), xlabel="PR-AUC in July",
       title="What the notebook shows is not what production gets")
ax.grid(axis="x")
ax.legend(loc="upper right")
figures.show(fig, alt="PR-AUC in July by feature group: " + "; ".join(
    f"{name}: honest {row.honest:.2f}, naive offline {row['naive, offline']:.2f}, "
    f"served {row['naive, served']:.2f}"
    for name, row in contest.iterrows()) + ".")

# %% [markdown]
# Are the differences beyond luck? Flights of one day share their trouble, so we draw days: a **paired
# bootstrap** over the days of July.


# %%
def drawn_pr_auc(outcome, chance, day, counts):
    """PR-AUC (scikit-learn's average precision) for each row of counts: how often each day was drawn."""
    levels = np.unique(-chance[outcome == 1])  # the score looks at precision only where a late flight stands
    level = np.searchsorted(levels, -chance)  # flights of equal chance count together
    width = len(levels) + 1
    place, size = day * width + level, (day.max() + 1) * width

    def running(weight):
        by_level = np.bincount(place, weight, size).reshape(-1, width)
        return np.cumsum(counts @ by_level, axis=1)

    hits, all_ = running(outcome), running(np.ones(len(outcome)))
    gain = np.diff(hits, axis=1, prepend=0) / hits[:, -1:]
    return (gain * hits / np.maximum(all_, 1)).sum(axis=1)


def by_days(new, old, rows=july, draws=200):
    """PR-AUC of `new` minus that of `old`, and its 95 % interval over days drawn with repetition."""
    outcome, (days, day) = flights.late[rows].to_numpy(), np.unique(flights.day[rows], return_inverse=True)
    counts = np.random.default_rng(seed).multinomial(len(days), np.full(len(days), 1 / len(days)), draws)
    gains = drawn_pr_auc(outcome, new, day, counts) - drawn_pr_auc(outcome, old, day, counts)
    whole = average_precision_score(outcome, new) - average_precision_score(outcome, old)
    return whole, *np.quantile(gains, [0.025, 0.975])


# %% tags=["atol=1"]
pairs = {"flattered: naive offline − naive served": ("naive, offline", "naive, served"),
         "lost: honest − naive served": ("honest", "naive, served")}
rows = [(name, what, *by_days(predicted[name, one], predicted[name, other]))
        for what, (one, other) in pairs.items() for name in groups]
intervals = pd.DataFrame(rows, columns=["feature", "difference", "PR-AUC", "from", "to"])
figures.table(intervals, formats=dict.fromkeys(["PR-AUC", "from", "to"], "{:+.3f}"))

# %% [markdown]
# Read from the bottom.
#
# - **`leg`**, joined to the *nearest* landing: nearly perfect offline, and served it is worse than the plan
#   alone. Nearest to the alert is often the flight's own landing, so the column is the label under another
#   name. One word, `direction="nearest"`, made it.
# - **`queue`**: a promise of five points that production does not keep; the interval is far from zero.
#   Served, it is as good as the honest one. Nobody is hurt but the one who reported the number.
# - **`carrier_late`** and **`weather`**: they leak for half of the rows and more, and the score does not show
#   it. Whether a leak *pays* and whether it *is* one are two questions.
# - The honest `carrier_late` is no help: with it the score is below that of the plan alone, and it is behind
#   the model that was taught the leaky one (its interval of *lost* lies below zero). An honest feature is not
#   yet a good one.
#
# The intervals know the luck of July's days. They do not know that of the fit: with smaller trees
# (`max_leaf_nodes=15`) the small differences move, and some intervals that end near zero cross it. `queue`
# and `leg` stand. Below, too, trust an interval that ends near zero less than one that does not.
#
# And the careful reading of the weather's clock? A model on the row of the hour before, at face value,
# against ours:

# %% tags=["atol=1"]
face_value = newest(plan, dated(weather, weather.time_hour), "origin", WEATHER, "3h")
at_face = chances(fit(base.join(face_value)), base.join(face_value))
gain, low, high = by_days(at_face, predicted["weather", "honest"])
figures.md(f"PR-AUC at face value is {gain:+.3f} against the careful reading, 95 % interval {low:+.3f} to "
           f"{high:+.3f}: "
           f"July {'cannot tell them apart' if low < 0 < high else 'tells them apart'}.")

# %% [markdown]
# Below are eleven columns that colleagues propose. `attempt([...])` trains on the plan and the columns you
# name, and gives the PR-AUC in July.


# %%
def mean_by(columns, values):
    """Each row's group mean of `values`."""
    return values.groupby([flights[name] for name in columns]).transform("mean")


outcome = flights.late.where(flown)
order = flights[flights.tailnum.notna() & flown].sort_values("sched", kind="stable")
proposed = pd.DataFrame({
    "departures_hour": flights.groupby(["origin", "time_hour"]).sched.transform("size"),
    "rain_known": honest.precip, "rain_at_departure": loose.precip, "queue": honest.queue,
    "cancelled_day": flights.dep_delay.isna().groupby([flights.origin, flights.day]).transform("sum"),
    "leg": honest.leg, "previous_flight": order.groupby("tailnum").arr_delay.shift(1).reindex(flights.index),
    "route_so_far": trailing(plan, events["landings"], "dest", "late", "12h"),
    "route_day": mean_by(["dest", "day"], outcome),
    "year_rank": mean_by(["carrier"], outcome).rank(method="dense"),
    "miles_per_minute": flights.distance / flights.air_time,
})


# %%
def attempt(columns):
    """PR-AUC in July of a model on the plan and these columns."""
    table = base.join(proposed[list(columns)])
    return round(average_precision_score(late, chances(fit(table), table)), 3)


# %% tags=["atol=1"]
attempt(proposed.columns)

# %% [markdown]
# All eleven together: far above the best honest column, `queue`, in the table before. Which of them made it
# so good?

# %% [markdown] exercise="2.1b"
# ### Exercise 2.1b: The model that is too good (1 point)
#
# Build the best model you can. Then put into `leaks` **the columns that are not known an hour before
# departure**, whatever they add to the score.
#
# | column | for each flight |
# | --- | --- |
# | `departures_hour` | departures the timetable has from this airport in this hour |
# | `rain_known` | rain in the newest weather row that was complete at the alert |
# | `rain_at_departure` | rain in the scheduled hour of departure, as measured |
# | `queue` | mean delay of what left this airport in the two hours before the alert |
# | `cancelled_day` | flights cancelled at this airport on this day |
# | `leg` | arrival delay of the plane's last landing before the alert |
# | `previous_flight` | arrival delay of the flight that this plane had before this one in the timetable |
# | `route_so_far` | share of late flights among the landings at this destination in the twelve hours before the alert |
# | `route_day` | share of late flights to this destination on this day |
# | `year_rank` | the carrier's place in the punctuality ranking of 2013 |
# | `miles_per_minute` | distance, divided by the minutes in the air |

# %% tags=["starter"] exercise="2.1b"
leaks = ...  # a set of column names

# %% tags=["solution"] exercise="2.1b"
leaks = {"rain_at_departure", "cancelled_day", "previous_flight", "route_day",
         "year_rank", "miles_per_minute"}

# %% exercise="2.1b"
leaks = lesson.check("2.1b", leaks=leaks)

# %% [markdown]
# ## 5 Joins that fail, and whom they lose
#
# A join can also be honest and incomplete. An alert on the day of the flight could use facts about the plane:
# its seats, its age. They stand in the register. Here is how often the tail number leads there, with what an
# inner join would do to the table.

# %%
register = datasets.planes().drop_duplicates("tailnum").set_index("tailnum")[["seats", "year"]]
planes = flights[["tailnum"]].join(register, on="tailnum")
found = planes.seats.notna()
carriers = pd.DataFrame({"flights": flights.groupby("carrier").size(),
                         "found": found.groupby(flights.carrier).mean(),
                         "late": outcome.groupby(flights.carrier).mean()})
after = found.groupby(flights.carrier).sum() / found.sum()
carriers["share before"], carriers["share after"] = carriers.flights / len(flights), after
figures.table(carriers.sort_values("found").head(6),
              formats=dict.fromkeys(["found", "late", "share before", "share after"], "{:.1%}"),
              caption=f"The six worst of {len(carriers)} carriers; all flights: {found.mean():.1%} found")

# %% tags=["rtol=1e-9"]
is_mq = flights.carrier == "MQ"
figures.md(f"Late among the found {outcome[found].mean():.1%}, among the others "
           f"{outcome[~found].mean():.1%}: the label hardly notices. For MQ (Envoy) it is "
           f"{outcome[found & is_mq].mean():.1%} against {outcome[~found & is_mq].mean():.1%}, "
           f"and {found[is_mq].sum():,} of {is_mq.sum():,} flights remain.")

# %% [markdown]
# Statisticians distinguish gaps by what they depend on (Rubin, 1976). **Completely at random**: on nothing;
# dropping rows costs only rows. **At random**: on something we have in the table, here the carrier. **Not at
# random**: on the missing value itself, or on something nobody has yet: the empty `tailnum` depends on a
# cancellation that at the alert lies ahead. An average over the whole table can't tell these apart, as the
# line above shows: the late rate is nearly the same, and a carrier with 8 % of the flights is all but gone.
#
# What follows for a model? Three ways to handle the gap, one test month. **Drop**: train on complete
# rows. **Indicator**: keep all, put the median where the register is silent, and add a column that says
# so. **No facts**: leave the register out. All three are asked about *every* flight in July.

# %%
facts = planes[["seats"]].assign(age=2013 - planes.year)
filled = facts.fillna(facts.loc[past].median())
weathered = base.join(honest[[*WEATHER, "queue"]])
ways = {"drop": weathered.join(facts), "no facts": weathered,
        "indicator": weathered.join(filled).assign(plane_known=found.astype(int))}
kept = past[found[past]]
gap = {name: chances(fit(table, kept if name == "drop" else past), table) for name, table in ways.items()}

# %% tags=["atol=1"]
parts = {"MQ": ["MQ"], "AA": ["AA"], "the others": sorted(set(flights.carrier) - {"MQ", "AA"})}
rows = []
for name, members in parts.items():
    mask = flights.carrier[july].isin(members).to_numpy()
    rows.append((name, int(flights.carrier[kept].isin(members).sum()),
                 int(flights.carrier[past].isin(members).sum()),
                 *[average_precision_score(late[mask], chance[mask]) for chance in gap.values()],
                 *by_days(gap["indicator"][mask], gap["drop"][mask], july[mask])[1:]))
figures.table(pd.DataFrame(rows, columns=["carrier", "rows kept", "rows", *gap, "from", "to"]),
              formats=dict.fromkeys(["from", "to"], "{:+.3f}"),
              caption="PR-AUC in July; from, to: 95 % interval of indicator − drop")

# %% tags=["atol=2"]
ill = is_mq[july].to_numpy() & (late == 1)
dropped = ((gap["drop"] >= 0.3) & found[july].to_numpy())[ill].sum()
figures.md(f"If the service also drops what it can't join, {dropped} of {ill.sum():,} late flights of MQ get "
           f"an alert "
           f"at a chance of 30 %. With the indicator {(gap['indicator'] >= 0.3)[ill].sum()} do.")

# %% [markdown]
# Three readings. For AA, dropping rows costs: the interval of the gain is above zero. For MQ and for the
# others July shows no difference. And "no facts" is within a few thousandths of the indicator everywhere:
# here the register adds nothing we can see, so the cheapest answer is to leave it out. That is a result about
# these facts; the order of work is general: **count who disappears, compare with keeping them, compare with
# doing without.**
#
# The last line is the one to fear. This is not about a point of PR-AUC: a carrier gets no service, and no
# metric on the joined table can show it, because its flights are not in the table.
#
# ## 6 Spans, versions, splits
#
# So far everything lay on one desk. In production data arrive in batches, and the pipeline must say which it
# has read. TFX calls a batch a **span**; ours are months. A span can be delivered again, corrected: that is a
# new **version** of it. TFX finds both in the file names: `span-{SPAN}/v{VERSION}/*.csv`.
#
# We write April, May and June as a pipeline would get them, at midnight after the month's last day. Every
# fortieth flight and six columns are enough to see how it works.

# %%
work = lesson.scratch()
COLUMNS = ["day", "carrier", "origin", "day_minute", "queue", "late"]
rows = flights[flown].join(honest.queue).assign(day_minute=base.day_minute)


def deliver(span, version, rows):
    """Write a span's file; only every fortieth flight, to keep the lesson short."""
    folder = work / "in" / f"span-{span}" / f"v{version}"
    folder.mkdir(parents=True)
    rows[rows.index % 40 == 0][COLUMNS].to_csv(folder / "flights.csv", index=False)


midnight = {month: pd.Timestamp(f"2013-{month + 1:02}-01", tz="America/New_York") for month in (4, 5, 6)}
for month, end in midnight.items():
    deliver(month, 1, rows[(rows.month == month) & (rows.landed <= end)])

# %% [markdown]
# **CsvExampleGen** reads files and writes tf.Examples, as a versioned artifact. Its `input_config` gives the
# pattern, `range_config` the span, `output_config` the splits. A **hash split** puts a row into a bucket by a
# hash of its content: four buckets train, one eval. With `partition_feature_name` only that column is hashed.

# %%
import tensorflow as tf
from tfx import v1 as tfx

from helpers import quiet

quiet.tfx()
pb = tfx.proto
store = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(work / "metadata.sqlite"))
PATTERN = "span-{SPAN}/v{VERSION}/*.csv"


def run(*components):
    """Run components as a pipeline; its metadata store keeps every artifact."""
    tfx.orchestration.LocalDagRunner().run(tfx.dsl.Pipeline(
        pipeline_name="collect", pipeline_root=str(work / "out"), metadata_connection_config=store,
        components=list(components), enable_cache=True))


# %%
def hashed(feature=None):
    """Four buckets to train, one to evaluate; of the whole row, or of one feature."""
    splits = [pb.SplitConfig.Split(name=name, hash_buckets=buckets)
              for name, buckets in [("train", 4), ("eval", 1)]]
    return pb.Output(split_config=pb.SplitConfig(splits=splits, partition_feature_name=feature))


def example_gen(span=None, output=None, splits=(("all", PATTERN),)):
    """CsvExampleGen for one span; without a number, the newest."""
    if span is None:
        window = pb.RangeConfig(rolling_range=pb.RollingRange(num_spans=1))
    else:
        window = pb.RangeConfig(static_range=pb.StaticRange(start_span_number=span, end_span_number=span))
    inputs = pb.Input(splits=[pb.Input.Split(name=name, pattern=pattern) for name, pattern in splits])
    return tfx.components.CsvExampleGen(input_base=str(work / "in"), input_config=inputs,
                                        output_config=output, range_config=window)


for span in (4, 5, None):
    run(example_gen(span, hashed()))

# %% [markdown]
# The third run named no span: a **rolling range** takes the newest. Now the metadata store tells what was
# read. We count the examples in the artifacts themselves.

# %%
from pathlib import Path

from ml_metadata.metadata_store import MetadataStore

book = MetadataStore(store)
SPEC = {"day": tf.io.FixedLenFeature([], tf.int64), "late": tf.io.FixedLenFeature([], tf.int64)}


def read(artifact, split):
    """Day and label of an artifact's examples, as a DataFrame."""
    files = sorted(map(str, Path(artifact.uri, f"Split-{split}").glob("*")))
    raw = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    return pd.DataFrame({name: value.numpy() for name, value in tf.io.parse_example(raw, SPEC).items()})


def artifacts():
    """What ExampleGen has written so far: span, version, examples by split."""
    rows = [(one.id, one.custom_properties["span"].int_value, one.custom_properties["version"].int_value,
             *[len(read(one, split)) for split in ("train", "eval")])
            for one in book.get_artifacts_by_type("Examples")]
    return pd.DataFrame(rows, columns=["artifact", "span", "version", "train", "eval"])


figures.table(artifacts())

# %% [markdown]
# ### A correction arrives
#
# Version 1 of June was cut at midnight, when some flights were still in the air. Their rows came later. Who
# was missing?

# %%
june = rows[rows.month == 6]
airborne = june[june.landed > midnight[6]]
deliver(6, 2, june)
run(example_gen(None, hashed()))
run(example_gen(5, hashed()))  # has been read: answered from the cache
figures.table(artifacts(), caption=f"{len(airborne)} of {len(june):,} flights were missing, "
              f"{airborne.late.mean():.0%} of them late; in June, {june.late.mean():.0%} were")

# %% [markdown]
# The newest version of the newest span was picked up without a changed line. Asking for May again added
# nothing: same files, same fingerprint, same artifact. And note who was missing: *late flights land late.* A
# batch cut at a time is missing labels not at random.
#
# To train on a window of several months, TFX asks the store for artifacts: a **Resolver** with
# `SpanRangeStrategy`. (ExampleGen itself reads one span at a time in this release.) We ask for the last two
# spans.

# %%
window = tfx.dsl.Resolver(
    strategy_class=tfx.dsl.experimental.SpanRangeStrategy,
    config={"range_config": pb.RangeConfig(rolling_range=pb.RollingRange(num_spans=2))},
    examples=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Examples,
                             producer_component_id="CsvExampleGen"),
).with_id("Window")
run(window)
resolver = max(book.get_executions(), key=lambda execution: execution.id)
chosen = [event.artifact_id for event in book.get_events_by_execution_ids([resolver.id])]
figures.table(artifacts().query("artifact in @chosen"), caption="The window of the last two spans")

# %% [markdown]
# Three artifacts: June is in it **twice**, wrong version included. The strategy looks at spans and ignores
# versions. A Trainer fed with this window would count June's flights double, and nothing would fail.

# %% [markdown] exercise="2.1c"
# ### Exercise 2.1c: The window you want (1 point)
#
# Write `training_window(artifacts, spans)`. `artifacts` is a list of dicts with `id`, `span` and `version`;
# the answer is the list of `id`s to train on, oldest span first: of each span in the window, its **newest
# version** only. The window holds the newest span number and the `spans - 1` numbers before it. If a span in
# between was never delivered, the window does not reach further back for it.


# %% tags=["starter"] exercise="2.1c"
def training_window(artifacts, spans):
    """Ids of the newest version of each span in the window, oldest span first."""
    ...


# %% tags=["solution"] exercise="2.1c"
def training_window(artifacts, spans):
    """Ids of the newest version of each span in the window, oldest span first."""
    newest_span = max((one["span"] for one in artifacts), default=0)
    best = {}
    for one in sorted(artifacts, key=lambda one: (one["span"], one["version"])):
        if one["span"] > newest_span - spans:
            best[one["span"]] = one["id"]
    return list(best.values())


# %% exercise="2.1c"
training_window = lesson.check("2.1c", training_window=training_window)

# %% [markdown]
# ### Which split lets what through
#
# Look into the splits. How many eval flights have flights of *their own day* in train? Three ways: hash of
# the row; hash of the day; and **by time**, where the files are split before ExampleGen sees them, June's
# days up to the 20th as train and the rest as eval, each with its own pattern.

# %%
def latest():
    """The artifact that ExampleGen wrote last."""
    return max(book.get_artifacts_by_type("Examples"), key=lambda one: one.id)


full = pd.read_csv(work / "in" / "span-6" / "v2" / "flights.csv")
border = pd.Timestamp("2013-06-20").dayofyear
for name, part in {"train": full[full.day <= border], "eval": full[full.day > border]}.items():
    (work / "in" / "cut-6" / "v1" / name).mkdir(parents=True)
    part.to_csv(work / "in" / "cut-6" / "v1" / name / "flights.csv", index=False)

row_hash = latest()
run(example_gen(6, hashed("day")))
day_hash = latest()
run(example_gen(6, splits=[(name, f"cut-{{SPAN}}/v{{VERSION}}/{name}/*.csv") for name in ("train", "eval")]))
by_time = latest()

# %%
splits = {"hash of the row": row_hash, "hash of the day": day_hash, "by time": by_time}
rows = []
for name, artifact in splits.items():
    train, test = read(artifact, "train"), read(artifact, "eval")
    rows.append((name, len(train), len(test), test.day.isin(train.day).mean(),
                 (train.day.max() > test.day.min())))
figures.table(pd.DataFrame(rows, columns=["split", "train", "eval", "same day in train",
                                          "trains on days after"]),
              formats={"same day in train": "{:.0%}"}, caption="June, version 2")

# %% [markdown]
# The hash of the row shares every day. The hash of the day shares none, and still trains on days that come
# after those it is tested on. Only the split by time does what production does. (A hash has one virtue: the
# same row falls into the same bucket for ever, also when the span is delivered again.)
#
# Does it matter for the score? The same test flights for all three: half of the flights of every other day in
# July. **Hash of the row** may train on the other half of those days; **hash of the day** on July's other
# days; **by time** on nothing of July. All train on the same number of flights.

# %%
everyone = flights.index[flown & flights.month.between(2, 7)]
is_july, held = flights.month[everyone] == 7, flights.day[everyone] % 2 == 0
half = pd.Series(np.random.default_rng(seed).random(len(everyone)) < 0.5, everyone)
tested = everyone[is_july & held & half]
pools = {
    "hash of the row": everyone[~(is_july & held & half)],
    "hash of the day": everyone[~(is_july & held)],
    "by time": everyone[~is_july],
}
size = len(pools["by time"]) // every

# %%
draw = np.random.default_rng(seed)
table = base.join(honest[WEATHER])
split_chances = {}
for name, pool in pools.items():
    chosen = np.sort(draw.choice(pool, size, replace=False))
    split_chances[name] = chances(fit(table, chosen), table, tested)

# %% tags=["atol=1"]
rows = [(name, average_precision_score(flights.late[tested], chance),
         *(by_days(chance, split_chances["by time"], tested) if name != "by time" else ()))
        for name, chance in split_chances.items()]
figures.table(pd.DataFrame(rows, columns=["split", "PR-AUC", "more than by time", "from", "to"]),
              formats=dict.fromkeys(["more than by time", "from", "to"], "{:+.3f}"),
              caption=f"The same {len(tested):,} flights, three ways to choose what to train on")

# %% [markdown]
# The hash of the row promises more than a split by time, beyond the luck of days: hours of the test days,
# with their storms, stood in training too. The hash of the day can't be told from the split by time here. It
# is still the wrong rehearsal where the world changes from month to month, for it learns from the future; use
# it when rows belong together and time does not matter (patients, sensors, users).
#
# ## 7 The data card
#
# What you know about the table by now is in your head, and in this notebook. A **data card** (Gebru et
# al., *Datasheets for Datasets*, 2018; Pushkarna et al., 2022) puts it where the next user looks: what a row
# is, who is missing, what it may be used for, whom it may harm. The course has one for these sources, in
# `data/flights/card.md`. It holds figures, and figures go stale; so a test recomputes them. Here is that idea
# in small.

# %%
import re

from helpers import ROOT

card = (ROOT / "data" / "flights" / "card.md").read_text(encoding="utf-8")
rows = []
for name, column in flights[["arr_delay", "tailnum", "dep_delay", "air_time"]].items():
    said = int(re.search(rf"^\| `{name}` \|[^|]*\| *([\d,]+) \|", card, re.M)[1].replace(",", ""))
    rows.append((name, said, int(column.isna().sum()), said == column.isna().sum()))
figures.table(pd.DataFrame(rows, columns=["column", "missing, says the card", "missing, counted", "holds"]))

# %% [markdown]
# ### Privacy: is a plane a person?
#
# No passenger is in the table. But `tailnum` leads to a public register, and the register to an owner's name
# and address. Such a column is a **quasi-identifier**: not a name, and with another table it becomes one
# (Sweeney, 2000). For airliners the owner is a company. For whom is it not?

# %%
small = planes.seats < 10
figures.md(f"{small.sum():,} flights of {flights.tailnum[small].nunique()} tail numbers are joined with a "
           f"plane of fewer than ten seats, from {', '.join(sorted(flights.carrier[small].unique()))}. "
           "No airline flies those routes with them: the register knows another plane under that number.")

# %% [markdown]
# Those are private planes, some built by the person they are named after. So the join of section 5 does not
# only miss planes, it also finds wrong ones. That is more than noise: it writes airline flights, with their
# delays, beside a private person's entry.
#
# The usual remedy is to publish a hash instead. Try to undo it: the set of possible tail numbers is public,
# so hash them all.

# %%
import hashlib
import hmac


def digest(name):
    return hashlib.sha256(name.encode()).hexdigest()


def keyed(name, key):
    return hmac.new(key, name.encode(), "sha256").hexdigest()


key = np.random.default_rng(seed).bytes(32)  # in production from a key store, and never in the code
guess = b"nycflights13"
attacks = [("SHA-256", digest, "the same function", digest),
           ("HMAC", lambda name: keyed(name, key), "the same function, the key guessed",
            lambda name: keyed(name, guess)),
           ("HMAC", lambda name: keyed(name, key), "the same function, the key stolen",
            lambda name: keyed(name, key))]
rows = []
for published_as, publish, attack, repeat in attacks:
    published = set(map(publish, flights.tailnum.dropna().unique()))
    undone = sum(repeat(name) in published for name in register.index)
    rows.append((published_as, len(published), attack, undone))
columns = ["published as", "planes", "searched with", "found again from the register"]
searched = pd.DataFrame(rows, columns=columns)
figures.table(searched)

# %% tags=["claim"]
plain, guessed, stolen = searched["found again from the register"]
assert plain == register.index.isin(flights.tailnum).sum(), "a plain hash hides no plane of the register"
assert guessed == 0 and stolen == plain, "the key hides, and nothing else"

# %% [markdown]
# A plain hash of something that can be listed hides nothing: every plane that the register knows is found. An
# **HMAC** mixes a secret key in. Searched with the same function, it gives nothing away to whoever lacks the
# key, and as much as a plain hash to whoever has it: the secret is the key, not the function. Rows of one
# plane still belong together, so this is *pseudonymisation*, not anonymity: patterns of travel remain, and
# with them a way to recognise one. What is not needed at all is best not collected.
#
# ### Harm of representation
#
# A data set can harm without any model, by the picture it gives of a group (*representational harm*: Barocas
# et al., 2017). The groups here are carriers. A ranking by delay is made in one line. Part of it is the
# carrier, part is when and where it flies. We take out the second: each flight is compared with the mean of
# all flights of the same airport, hour and month.

# %%
cell = mean_by(["origin", "hour", "month"], outcome)
excess = (outcome - cell)[flown]
by_day = excess.groupby([flights.carrier[flown], flights.day[flown]]).agg(["sum", "size"])
ranking = carriers[["flights", "late"]].copy()
ranking["against like flights"] = excess.groupby(flights.carrier[flown]).mean()
draw = np.random.default_rng(seed)
for name in ranking.index:
    days = by_day.loc[name].to_numpy()
    sums = days[draw.integers(0, len(days), (500, len(days)))].sum(axis=1)
    ranking.loc[name, ["from", "to"]] = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
ranking["place"] = ranking.late.rank().astype(int)
ranking["place, like with like"] = ranking["against like flights"].rank().astype(int)

# %%
moved = ranking.assign(move=(ranking.place - ranking["place, like with like"]).abs())
signed = dict.fromkeys(["against like flights", "from", "to"], "{:+.1%}")
figures.table(moved.sort_values(["move", "flights"], ascending=False).head(7).drop(columns="move"),
              formats={"late": "{:.1%}"} | signed,
              caption="Carriers whose place changes most (1: least late); 95 % intervals over days")

# %% [markdown]
# Places move by up to three. What does not move is the gap of EV: six points worse than like flights (its own
# among them), so airport, hour and month do not explain it. And YV stands near the bottom of the plain
# ranking with an interval that reaches across zero: from so few flights no place can be read. A table that
# prints a rank and no interval says something about a small company that the data do not say.
#
# What is missing matters as much: cancelled and diverted flights have no label, so a carrier that cancels
# rather than fly late looks *better* here.
#
# ### Harm of opportunity
#
# Who gets the benefit (*allocative harm*)? An alert helps only if it comes. We take the model with weather
# and queue, alert from a chance of 30 %, and ask by size of the destination: of the flights that were late,
# how many were announced? (Equal shares are *equality of opportunity*: Hardt et al., 2016.) Each size is
# compared with all the others, on the same draws of days. By **train rows** we mean flights to the same
# destination among those the model learned from.

# %%
rows_to = flights.dest[past].value_counts().reindex(flights.dest[july]).fillna(0).to_numpy()
labels = ["under 100", "100 to 399", "400 to 999", "1,000 or more"]
view = flights.loc[july, ["dest", "day", "late"]].assign(
    size=pd.cut(rows_to, [-1, 99, 399, 999, 10_000], labels=labels),
    chance=gap["no facts"], alert=gap["no facts"] >= 0.3)


turns = np.random.default_rng(seed).integers(0, view.day.nunique(), (500, view.day.nunique()))


def announced(part):
    """Of the late flights, the share that had an alert: on all days, and on each draw of days."""
    ill = part[part.late == 1]
    days = ill.groupby("day").alert.agg(["sum", "size"]).reindex(np.unique(view.day), fill_value=0)
    sums = days.to_numpy()[turns].sum(axis=1)
    return ill.alert.mean(), sums[:, 0] / sums[:, 1]


def opportunity(part):
    """Flights, late share, mean chance, the share announced, and how far that is from the
    other sizes' share."""
    (share, drawn), (rest, rest_drawn) = announced(part), announced(view.drop(part.index))
    low, high = np.quantile(drawn - rest_drawn, [0.025, 0.975])
    return {"destinations": part.dest.nunique(), "flights": len(part), "late": part.late.mean(),
            "mean chance": part.chance.mean(), "announced": share, "less the others": share - rest,
            "from": low, "to": high}


# %% tags=["atol=1"]
groups = {name: opportunity(part) for name, part in view.groupby("size", observed=True)}
benefit = pd.DataFrame(groups).T.rename_axis("train rows")
percent = (dict.fromkeys(["late", "mean chance", "announced"], "{:.1%}")
           | dict.fromkeys(["less the others", "from", "to"], "{:+.1%}"))
figures.table(benefit, formats=percent | {"destinations": "{:.0f}", "flights": "{:,.0f}"},
              caption="July; announced: of the late flights, with an alert; "
                      "95 % intervals of the difference, over days")

# %% [markdown]
# One expects the small destinations to fare worse. They do not: neither of the two small groups lies below
# the others. The model shares what it learns about hour, weather and queue across destinations. Worse off is
# the third group, with nearly half of the flights: its late flights are announced less often, by more than
# the luck of days. Its mean chance is the lowest, too. So size was the wrong suspect, and a gap is there all
# the same. Say both in the card, with the interval; an unmeasured harm is not an absent one, and a suspected
# one not a fact. The largest harm of opportunity we found was made by the *join*: MQ in section 5.

# %% [markdown] exercise="2.1d"
# ### Exercise 2.1d: Complete the card (1 point)
#
# This is the card of the table behind your models, for all of 2013: one row for each flight that has a label.
# Its author was in a hurry. Correct every entry, by counting where there is something to count.
#
# `unit`: `"scheduled flight"`, `"flight that arrived"` or `"plane"`. `rows`: how many. `left out`: how many
# scheduled flights are not in it. `late`: share of late rows, to three decimals or more. `small carriers`:
# codes of those with fewer than 1,000 rows. `licence`: as the sources' card states it. `tailnum`:
# `"identifies a person"`, `"quasi-identifier"` or `"harmless"`.

# %% tags=["starter"] exercise="2.1d"
my_card = {
    "unit": ...,  # draft: "scheduled flight"
    "rows": ...,  # draft: 336_776
    "left out": ...,  # draft: 8_255
    "late": ...,  # draft: 0.2305
    "small carriers": ...,  # draft: {"OO"}
    "licence": ...,  # draft: "MIT"
    "tailnum": ...,  # draft: "harmless"
}

# %% tags=["solution"] exercise="2.1d"
with_label = flights[flights.arr_delay.notna()]
sizes = with_label.carrier.value_counts()
my_card = {
    "unit": "flight that arrived",
    "rows": len(with_label),
    "left out": len(flights) - len(with_label),
    "late": (with_label.arr_delay > 15).mean(),
    "small carriers": set(sizes[sizes < 1000].index),
    "licence": "CC0 1.0",
    "tailnum": "quasi-identifier",
}

# %% exercise="2.1d"
my_card = lesson.check("2.1d", my_card=my_card)

# %% [markdown]
# ## What breaks in production
#
# `queue` is the best feature we have, and honest. In July the feed of departures moves to a new provider.
# Every message still comes, none is wrong. Each is two hours late. Training tables are built from the
# archive, where nothing is late.

# %%
model = fit(weathered)
delayed = dated(events["departures"], events["departures"].left + minutes(120))
stale = trailing(plan.loc[july], delayed, "origin", "dep_delay", "2h")
live = weathered.loc[july].assign(queue=stale)
morning = flights.hour[july].to_numpy() < 12
july_chances = {"from the archive": chances(model, weathered), "as served": model.predict_proba(live)[:, 1]}

# %% tags=["atol=1"]
rows = [(name, average_precision_score(late, chance), average_precision_score(late[morning], chance[morning]),
         average_precision_score(late[~morning], chance[~morning])) for name, chance in july_chances.items()]
loss = by_days(july_chances["as served"], july_chances["from the archive"])
figures.table(pd.DataFrame(rows, columns=["queue in July", "PR-AUC", "before noon", "from noon"]),
              caption=f"Difference {loss[0]:+.3f}, 95 % interval {loss[1]:+.3f} to {loss[2]:+.3f}")

# %% [markdown]
# It costs four points of PR-AUC, in the morning as well as later. A schema hardly sees it: type and minimum
# of `queue` are as ever, and a larger maximum is what a bad July brings. A backtest does not: it reads the
# archive. A drift monitor sees a wider column in a month of long delays, and can't say why. It is caught by
# the law of section 3, turned round. **Log the features that were served, rebuild them from the archive for
# the same moments, and compare.** They must be equal.

# %%
rebuilt = point_in_time(plan.loc[july], events).queue
same = (rebuilt == stale) | (rebuilt.isna() & stale.isna())
profile = pd.DataFrame({"rebuilt": rebuilt, "served": stale}).agg(["mean", "std", "min", "max"])
figures.table(profile.rename_axis("queue (minutes)"), formats=dict.fromkeys(profile, "{:.1f}"),
              caption=f"Equal row by row in {same.mean():.1%} of {len(same):,} flights")

# %% [markdown]
# Row by row hardly anything agrees. The comparison costs a log and a nightly job, and it finds every kind of
# difference between training and serving: delayed feeds, code written twice, wrong `known_at`. The repair is
# to record the arrival time of each message, and to put *that* into `known_at`.
#
# ## What you did
#
# - You gave every fact the time it was known, and joined flights, weather, and the planes' previous trips
#   point-in-time.
# - You proved it by cutting off the future, and saw four usual joins fail the same test; you measured what
#   each flatters and costs.
# - You saw whom a failing join removes, and kept them with an indicator, or without the facts.
# - You brought spans in with ExampleGen, saw a correction arrive as version 2, found it twice in a window,
#   and compared splits by row, by day and by time.
# - You completed a data card, undid a plain hash, and measured harms of representation and of opportunity
#   with intervals.

# %%
lesson.end()
