# %% [markdown]
# # 2.5 Windows and sensors
#
# A sensor sends a number every hour, until it doesn't. It goes silent, it repeats itself, it sends 1048 mph.
# A model that reads the last hours needs an answer to each of these, and it must be the same answer in
# training, where the whole year lies on the disk, and at serving time, where the next hour has not happened
# yet. Most leaks in time series are made in between: a fill, a smoother or a split reaches a few hours ahead.
#
# In this lesson you take the weather stations of New York's three airports through a year, from the raw feed
# to features for the alert "Late?".
#
# **You will be able to**
#
# - audit a sensor feed: gaps, repeated hours, impossible values, and write down a treatment for each finding;
# - put irregular rows on a regular grid and fill gaps without the future, with a flag for what was filled;
# - cut windows with tf.data so that each target stands where it should, and prepare them with tf.Transform in
#   one graph that serves;
# - compare a forecast with persistence and other baselines, with intervals, and find where a network is not
#   worth it;
# - measure leakage through windows: random splits, windows across a boundary, centred features;
# - join last-hours features to flights as of the alert, and say honestly what they add;
# - catch a sensor that sticks and a feed that is late.
#
# **Needs** lesson 2.4; its terms (analyzer, full pass) are explained again in a sentence. **Takes**
# about 130 minutes with its exercises; the computer needs about half a minute of that.

# %%
from helpers import lesson

lesson.begin("2.5")

# %% tags=["parameters"]
seed = 2013
length = 24  # hours in a window
horizon = 6  # hours from the last hour of a window to its target, fewer than 24
limit = 3  # hours a value may be carried forward
epochs = 6
parts = 3  # the flights to train on are dealt into so many parts, with a model for each
draws = 200  # resamples of days behind each interval

# %% [markdown]
# ## 1 What did the sensors send?
#
# Each station reports once an hour. Before any statistics, count: is every hour there, and is it there once?
# The answer depends on the clock. We count by the local clock on the wall, and by **UTC**, the time without
# daylight saving.

# %%
import pandas as pd

from helpers import datasets, figures

raw = datasets.weather()
stations = sorted(raw.origin.unique())
hours = pd.date_range(raw.time_hour.min(), raw.time_hour.max(), freq="h")
wall = hours.tz_convert("America/New_York")
on_wall = pd.to_datetime(raw[["year", "month", "day", "hour"]])


# %%
def count(times):
    """Hours from the first to the last, rows sent, hours sent twice and hours missing, of one station."""
    expected = pd.date_range(times.min(), times.max(), freq="h")
    missing = expected.difference(pd.DatetimeIndex(times))
    return {"hours": len(expected), "rows": len(times), "twice": times.duplicated().sum(),
            "missing": len(missing)}


clocks = {"on the wall": on_wall, "UTC": raw.time_hour}
counts = {(clock, name): count(times[raw.origin == name]) for clock, times in clocks.items()
          for name in stations}
figures.table(pd.DataFrame(counts).T.rename_axis(["clock", "station"]))

# %% [markdown]
# On the wall one hour of each station comes twice: in November the clocks go back, and 1 o'clock happens
# again. And one hour too many is missing: in March the clocks jump from 2 to 3, and nothing was lost. Whoever
# removes duplicates by the local hour deletes a measurement; whoever fills gaps by it invents one. In UTC
# each hour is there once or not at all. **Store and join in UTC; use local time for features of the day.**
#
# Now the real gaps. Does one station have them, or all three?

# %%
sent = raw.set_index(["time_hour", "origin"]).temp.index
silent = pd.Series(1, pd.MultiIndex.from_product([hours, stations])).drop(sent).unstack()
run = (silent.index.to_series().diff() != pd.Timedelta("1h")).cumsum()
gaps = silent.groupby(run).count()
gaps.index = wall[hours.get_indexer(silent.index.to_series().groupby(run).first())].strftime("%-d %B, %-H h")
figures.table(gaps[gaps.max(axis=1) > 1].rename_axis("begins, local time"),
              caption=f"Hours missing in gaps of more than one hour ({len(gaps)} gaps in all)")

# %% [markdown]
# The longest gaps are the same hours at every station, from 8 in the evening. Three instruments don't break
# together: the **feed** broke. The treatment differs: a broken instrument can be replaced by its neighbour, a
# broken feed takes the neighbours with it. One more gap hides behind the last row: the table ends on 30
# December, and the flights of the 31st have no weather.
#
# ## 2 Impossible values
#
# Weather services run the same kinds of check on every report (Zahumenský, 2004, for the World Meteorological
# Organization). Four of them, from the simplest to the most demanding:
#
# - **range**: can this value exist at all?
# - **step**: can it have changed so much since the hour before?
# - **consistency**: do two values of a station contradict each other? The dew point is never above the
#   temperature, a gust never below the wind.
# - **neighbours**: do the other stations, a few miles away, see something like it?
#
# The limits come from knowledge of the climate. Limits fitted to the data would include the error.

# %%
VALUES = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
grid = raw.set_index(["time_hour", "origin"])[VALUES].unstack().reindex(hours)  # columns: (value, station)

RANGE = {"temp": (-20, 110), "dewp": (-30, 85), "humid": (0, 100), "wind_speed": (0, 100),
         "wind_gust": (0, 150),
         "precip": (0, 4), "pressure": (940, 1060), "visib": (0, 10)}
STEP = {"temp": 20, "dewp": 30, "wind_speed": 40, "pressure": 6}  # in an hour
APART = {"temp": 30, "dewp": 30, "wind_speed": 40, "pressure": 6}  # from the median of the three stations


# %%
def each(names, test):
    """The test of each named value, True or False in the shape of the grid;
    False where a value isn't tested."""
    tested = pd.concat({name: test(grid[name], name) for name in names}, axis=1)
    return tested.reindex(columns=grid.columns, fill_value=False)


checks = {
    "range": each(RANGE, lambda x, name: (x < RANGE[name][0]) | (x > RANGE[name][1])),
    "step": each(STEP, lambda x, name: x.diff().abs() > STEP[name]),
    "consistency": each(["dewp"], lambda x, name: x > grid["temp"])
                   | each(["wind_gust"], lambda x, name: x < grid["wind_speed"]),
    "neighbours": each(APART, lambda x, name: x.sub(x.median(axis=1), axis=0).abs() > APART[name]),
}

# %% [markdown]
# The rows that any check flags, with the hour before, the hour after, and the median of the three stations in
# the same hour:

# %%
flagged = pd.concat({name: found.stack([0, 1]) for name, found in checks.items()}, axis=1)
flagged = flagged[flagged.any(axis=1)]
rows = []
for moment, value, station in flagged.index:
    i = hours.get_loc(moment)
    near = grid[value, station].iloc[i - 1 : i + 2]
    rows.append((wall[i].strftime("%-d %B, %-H h"), station, value, *near, grid[value].iloc[i].median()))

# %%
names = ["local time", "station", "value", "hour before", "sent", "hour after", "median of three"]
marks = flagged.reset_index(drop=True).apply(lambda column: column.map({True: "x", False: ""}))
figures.table(pd.DataFrame(rows, columns=names).join(marks), formats=dict.fromkeys(names[3:], "{:.1f}"),
              caption=f"Flagged, of {grid.notna().to_numpy().sum():,} values")

# %% [markdown]
# Two errors in a year. The first is known from 2.2: 1048 mph, which three of the four checks see. The second
# passes the range: 13 °F is a temperature that New York had in that year. It had it in winter, not on a May
# evening between two hours of 57 °F. The consistency check is silent here: temperature and dew point fell
# together.

# %%
import matplotlib.pyplot as plt

evening = grid["temp"].loc["2013-05-08 20:00":"2013-05-09 10:00"].tz_convert(wall.tz).tz_localize(None)
lowest, highest = grid["temp"].min().min(), grid["temp"].max().max()
fig, ax = plt.subplots(figsize=(7.5, 3))
evening.plot(ax=ax, style=["-o", "--s", "-.^"])
ax.axhspan(lowest, highest, color=figures.SKY, alpha=0.15)
ax.set(title="Inside the year's range, far from its neighbours", ylabel="temperature (°F)",
       xlabel="8 to 9 May, local time; shaded: everything measured in 2013")
figures.show(fig, alt=f"Temperature on the night of 8 May: JFK falls to {evening.JFK.min():.1f} °F for one "
                      f"hour, the others stay above {evening[['EWR', 'LGA']].min().min():.0f} °F. The year's "
                      f"range begins at {lowest:.1f} °F.")

# %% [markdown]
# The step check flags every error twice, on the way out and on the way back, and cannot say which of the two
# hours is wrong. One that also looks at the hour *after* could. But that hour is the future: at serving time
# such a check answers an hour too late. Range and neighbours need the present hour only, so they can stand in
# the live feed as well as in training. Every finding gets its treatment, in writing:
#
# | finding | treatment | and not |
# | --- | --- | --- |
# | local hour twice or missing | key by UTC | drop duplicates |
# | 1048 mph | set to missing | clip to 100: it is no "very strong wind" |
# | 13.1 °F with dew point 12.0 °F | set to missing; the humidity too, which is computed from both | keep, "within range" |
# | hour not sent | a row of missing values | drop the row: windows would close over the gap |
# | `wind_dir` missing | a state of its own: light wind from changing directions; flag it | fill it |
# | `wind_gust` missing | no gust was reported: 0 | fill with the mean of the gusts |

# %%
bad = checks["range"] | checks["neighbours"]
clean = grid.mask(bad)
clean["humid"] = clean["humid"].mask(bad["temp"] | bad["dewp"])
clean["wind_gust"] = clean["wind_gust"].fillna(0).where(clean["visib"].notna())
figures.md(f"Set to missing: {(grid.notna() & clean.isna()).to_numpy().sum()} values.")

# %% [markdown]
# ## 3 A regular grid, filled without the future
#
# `clean` has a row for every hour. What was not sent is a gap now, and visible. How much is missing, and
# when?

# %%
def longest(gap):
    """The longest run of True in a column, in hours."""
    return gap.groupby((~gap).cumsum()).sum().max()


rain, dry = clean["precip"] > 0, clean["precip"] == 0
rows = {}
for name in VALUES:
    gap = clean[name].isna()
    rows[name] = {"missing": gap.to_numpy().mean(), "in dry hours": gap.to_numpy()[dry].mean(),
                  "in hours with rain": gap.to_numpy()[rain].mean(),
                  "longest gap, hours": gap.apply(longest).max()}

# %%
shares = ["missing", "in dry hours", "in hours with rain"]
figures.table(pd.DataFrame(rows).T.rename_axis("value"), bars=dict.fromkeys(shares, 1),
              formats=dict.fromkeys(shares, "{:.1%}") | {"longest gap, hours": "{:.0f}"})

# %% [markdown]
# Pressure is missing in one hour of ten, and **not at random**: in more than half of the hours with rain, in
# 7 % of the dry ones. Falling pressure announces bad weather, and in bad weather it is not sent. So "no
# pressure" is a feature in itself, and a fill must not erase it.
#
# Two fills are in every toolbox:
#
# - **forward fill** carries the last value on, here for at most `limit` hours; after that the gap stays a
#   gap;
# - **linear interpolation** draws a line from the last value before the gap to the first one after it.
#
# Which is more accurate? Hide values we know, with real gaps: those of the same station a week earlier, laid
# over this week.

# %%
FILLS = {"forward fill": lambda x: x.ffill(limit=limit),
         "interpolation": lambda x: x.interpolate(limit_area="inside")}
pressure = clean["pressure"]
hide = pressure.isna().shift(24 * 7, fill_value=False) & pressure.notna()
hidden = hide.to_numpy().sum()
errors = {name: (fill(pressure.mask(hide)) - pressure).where(hide).stack() for name, fill in FILLS.items()}
rows = {name: {"filled": len(error) / hidden, "RMSE, mb": (error**2).mean() ** 0.5}
        for name, error in errors.items()}
figures.table(pd.DataFrame(rows).T.rename_axis(f"{hidden:,} hidden values"), formats={"filled": "{:.0%}"})

# %% [markdown]
# As a *reconstruction of the past* interpolation wins, though it is judged on all hidden values and forward
# fill only on those it reaches: it knows where the line ends. (Real gaps fall into rougher weather than the
# week after them, so both errors are too kind.) That is the trouble. In the middle of the gap nobody knows
# yet. Let a model feel it: a linear regression forecasts the pressure of the next hour from the last four,
# learnt on the months until July. We test it from August on, separately for hours whose own pressure is
# missing and for those that sent it. Offline, both fills come from the file. Served, only the past is there.

# %%
split = hours.searchsorted(pd.Timestamp("2013-08-01", tz=wall.tz))


def lagged(filled):
    """Per hour and station: the change to the next hour, and the last three values less that of now."""
    changes = [pressure.shift(-1) - filled, *(filled.shift(k) - filled for k in (1, 2, 3))]
    return pd.concat([change.stack(dropna=False) for change in changes], axis=1)


line, held = lagged(FILLS["interpolation"](pressure)), lagged(FILLS["forward fill"](pressure))
usable = line.notna().all(axis=1) & held.notna().all(axis=1)
early = usable & (usable.index.get_level_values(0) < hours[split - 1])
late = usable & (usable.index.get_level_values(0) >= hours[split])
absent = pressure.isna().stack(dropna=False)

# %%
from sklearn.linear_model import LinearRegression


def rmse(taught, used, rows):
    """RMSE of the next hour's pressure: learnt on one fill, given another,
    for the chosen rows from August on."""
    model = LinearRegression().fit(taught[early].to_numpy()[:, 1:], taught[early].to_numpy()[:, 0])
    rows = used[late & rows].to_numpy()
    return ((model.predict(rows[:, 1:]) - rows[:, 0]) ** 2).mean() ** 0.5


ways = {"interpolation, offline": (line, line), "interpolation, served": (line, held),
        "forward fill, offline and served": (held, held)}
outcome = {name: {"pressure missing now": rmse(*pair, absent), "pressure sent now": rmse(*pair, ~absent)}
           for name, pair in ways.items()}
outcome = pd.DataFrame(outcome).T
figures.table(outcome.rename_axis("RMSE, mb"), formats=dict.fromkeys(outcome, "{:.2f}"))

# %% [markdown]
# Read the first column from top to bottom. Offline, the model with interpolation looks *better* where the
# sensor was silent than where it spoke: the line already bends towards the answer. Served, its error is more
# than eight times as large. Forward fill is hardly the better forecaster. But it shows offline what it will
# do in production. Those hours are hard for any model: the newest value is up to three hours old, and
# pressure goes missing when the weather turns.
#
# One gap shows the leak: the dashed line knows in its first hour where the pressure will be in its last.

# %%
here = pressure["EWR"]
four = here.isna().rolling(4).sum() == 4
middle = (here.bfill() - here.ffill()).where(four).abs().idxmax()
around = slice(middle - pd.Timedelta("9h"), middle + pd.Timedelta("9h"))
gap = pd.DataFrame({"sent": here, **{name: fill(here) for name, fill in FILLS.items()}}).loc[around]
gap = gap.tz_convert(wall.tz).tz_localize(None)

# %%
from matplotlib.dates import DateFormatter

fig, ax = plt.subplots(figsize=(7.5, 3))
ax.plot(gap["interpolation"], "--", color=figures.ORANGE, marker="", label="interpolation")
ax.step(gap.index, gap["forward fill"], "-.", where="post", color=figures.GREEN,
        marker="", label="forward fill")
ax.plot(gap["sent"], "o", color=figures.BLUE, label="sent")
ax.set(title="Interpolation announces the fall before it is measured", ylabel="pressure at EWR (mb)",
       xlabel=f"{gap.index[0]:%-d %B}, local time")
ax.xaxis.set_major_formatter(DateFormatter("%H h"))
ax.legend()
figures.show(fig, alt=f"Pressure at EWR around a gap: {here.ffill()[middle]:.1f} mb before it, "
                      f"{here.bfill()[middle]:.1f} after it. Interpolation runs straight from one to the "
                      f"other; forward fill stays at the first for {limit} hours, then ends.")

# %% [markdown]
# A filled value should say how old it is. Then a model can trust it less, and monitoring can count.

# %% [markdown] exercise="2.5a"
# ### Exercise 2.5a: Carry values forward, with age (1 point)
#
# Write `carried(values, limit)` for one sensor. `values` is a list of hourly values, `None` where nothing
# came. Return a list of the same length with a pair `(value, age)` per hour: the newest value sent **in or
# before** that hour, and its age in hours, 0 if it was sent in that hour. If it is more than `limit` hours
# old, or nothing was sent yet, the pair is `(None, None)`. `limit` may be 0.


# %% tags=["starter"] exercise="2.5a"
def carried(values, limit):
    """For each hour the newest value that is at most `limit` hours old, with its age: a list of pairs."""
    ...


# %% tags=["solution"] exercise="2.5a"
def carried(values, limit):
    """For each hour the newest value that is at most `limit` hours old, with its age: a list of pairs."""
    pairs, newest, age = [], None, None
    for value in values:
        if value is not None:
            newest, age = value, 0
        elif age is not None:
            age += 1
        pairs.append((newest, age) if age is not None and age <= limit else (None, None))
    return pairs


# %% exercise="2.5a"
carried = lesson.check("2.5a", carried=carried)

# %% [markdown]
# ## 4 Windows
#
# A **window** is what the model sees: the last `length` hours, an array of hours × values. The **target** is
# the value `horizon` hours after the window's last hour. Consecutive windows share all hours but one.
#
# tf.data cuts windows in two ways. `Dataset.window` gives a small *dataset* for each position, which must be
# batched to become a tensor. Keras's `timeseries_dataset_from_array` does it in one call. We let both cut a
# counter, 0, 1, 2, …, so that every result can be read.

# %%
import numpy as np
import tensorflow as tf
from tensorflow import keras

counter = np.arange(200)
nested = tf.data.Dataset.from_tensor_slices(counter).window(length, shift=1, drop_remainder=True)
flattened = nested.flat_map(lambda part: part.batch(length)).batch(64)
in_one_call = keras.utils.timeseries_dataset_from_array(counter, None, sequence_length=length, batch_size=64)

# %%
ways = {"Dataset.window, flat_map, batch": next(iter(flattened)).numpy(),
        "timeseries_dataset_from_array": next(iter(in_one_call)).numpy(),
        "numpy's sliding_window_view": np.lib.stride_tricks.sliding_window_view(counter, length)[:64]}
rows = [(name, str(batch.shape), batch[0, 0], batch[0, -1], batch[1, 0], batch[-1, -1])
        for name, batch in ways.items()]
columns = ["cut by", "first batch", "first window from", "to", "second from", "last to"]
kind = "a dataset" if isinstance(nested.element_spec, tf.data.DatasetSpec) else "a tensor"
figures.table(pd.DataFrame(rows, columns=columns),
              caption=f"Before flat_map an element of Dataset.window is {kind}")

# %% [markdown]
# The same windows three times. tf.data streams them, also from data larger than memory. Ours fit, and numpy's
# windows are views that copy nothing, so the rest of the lesson cuts with numpy.
#
# ### Off by one
#
# `timeseries_dataset_from_array(data, targets, …)` pairs the window that **starts** at row `i` with
# `targets[i]`. So the targets must be shifted first, and several ways to do it are in circulation. Again the
# data are the counter. Beside it we put what persistence ("it stays as it is") would score at that distance
# for the temperature at JFK.

# %%
SHIFTS = {"data": 0, "data[horizon:]": horizon, "data[length:]": length,
          "data[length + horizon:]": length + horizon,
          "data[length - 1 + horizon:]": length - 1 + horizon}
temp = clean["temp", "JFK"]


def ahead(shift):
    """How far the first target lies behind its window's last hour,
    and persistence's RMSE at that distance."""
    pairs = keras.utils.timeseries_dataset_from_array(counter, counter[shift:], length, batch_size=1)
    window, target = (part.numpy()[0] for part in next(iter(pairs)))
    lead = target - window[-1]
    return window[-1], target, lead, ((temp.shift(-lead) - temp) ** 2).mean() ** 0.5


# %%
columns = ["targets =", "first window ends", "its target", "hours ahead", "persistence, RMSE °F"]
rows = [(code, *ahead(shift)) for code, shift in SHIFTS.items()]
figures.table(pd.DataFrame(rows, columns=columns), formats={"persistence, RMSE °F": "{:.2f}"})

# %% [markdown]
# Only the last line is right. A negative lead puts the target *into* the window: a network learns to copy it,
# and its error goes to nothing. A target some hours early or late trains without complaint and answers
# another question. The shapes are right in every line, so no check of shapes finds it. Test alignment with a
# counter before you train.
#
# Both functions also assume that rows are **equally spaced** and belong to **one** series. What if the raw
# rows of the three stations, one below the other, were cut as they are?

# %%
row_hour = raw.time_hour.astype("int64").to_numpy() // (3600 * 10**9)
span = row_hour[length - 1 :] - row_hour[: 1 - length]  # from the first to the last row of each window
kinds = {f"{length - 1}, as it should be": span == length - 1, "more: closed over a gap": span > length - 1,
         "negative: from December of one station into January of the next": span < 0}
rows = [(name, kind.sum()) for name, kind in kinds.items()]
figures.table(pd.DataFrame(rows, columns=["hours from first to last row", "windows"]))

# %% [markdown]
# No complaint here either. On the grid, station by station, neither can happen.

# %% [markdown] exercise="2.5b"
# ### Exercise 2.5b: Windows and their targets (1 point)
#
# Write `windows_with_targets(values, length, horizon)` in plain Python for a list of hourly values. Return
# all pairs `(window, target)` in order of time: `window` is a list of `length` consecutive values, `target`
# the value `horizon` hours after the **last** value of the window. Leave out windows whose target lies beyond
# the end.


# %% tags=["starter"] exercise="2.5b"
def windows_with_targets(values, length, horizon):
    """All windows of `length` values, each with the value `horizon` hours after its last one."""
    ...


# %% tags=["solution"] exercise="2.5b"
def windows_with_targets(values, length, horizon):
    """All windows of `length` values, each with the value `horizon` hours after its last one."""
    starts = range(len(values) - length - horizon + 1)
    return [(values[i : i + length], values[i + length - 1 + horizon]) for i in starts]


# %% exercise="2.5b"
windows_with_targets = lesson.check("2.5b", windows_with_targets=windows_with_targets)

# %% [markdown]
# ## 5 One graph for the window
#
# Between the raw window and the model stands preparation: fill with a limit, flag, scale, turn the wind into
# a vector. Written once in pandas for training and once more for the server, the two will differ some day
# (2.4). So it becomes a TensorFlow graph, and **tf.Transform** finds its constants: an **analyzer** makes a
# full pass over the training data, and its result is frozen into the graph. All else works on a single
# window.
#
# A raw window holds a station's values and the local hour, `nan` where nothing was sent. The gusts stay out:
# most hours have none.

# %%
INPUTS = [name for name in VALUES if name != "wind_gust"] + ["hour"]
spec = {name: tf.io.FixedLenFeature([length], tf.float32) for name in INPUTS}


def windows(table, station, stride=1):
    """Raw windows of a station: float32 [n, length, inputs]; each `stride`-th, the first from hour 0."""
    series = table.xs(station, axis=1, level=1).assign(hour=wall.hour)[INPUTS].to_numpy("float32")
    return np.lib.stride_tricks.sliding_window_view(series, length, axis=0).swapaxes(1, 2)[::stride]


def named(cut):
    """Windows as the graph takes them: a tensor [n, length] for each input."""
    return {name: tf.constant(cut[..., i]) for i, name in enumerate(INPUTS)}


# %% [markdown]
# The fill as a graph: in each of `limit` rounds every gap takes what stands in the hour before it. Nothing
# moves the other way, so it cannot look ahead.

# %%
import math

import tensorflow_transform as tft


def fill_forward(values):
    """Gaps of [n, length, values] filled with what came up to `limit` hours before; older gaps stay nan."""
    for _ in range(limit):
        hour_before = tf.concat([tf.fill(tf.shape(values[:, :1]), np.nan), values[:, :-1]], axis=1)
        values = tf.where(tf.math.is_nan(values), hour_before, values)
    return values


# %% [markdown]
# Scaling must leave out what is missing: a sparse tensor does. `tft.scale_to_z_score` is the analyzer; it
# finds mean and deviation of each value.

# %%
def standardised(values):
    """Each value with mean 0 and deviation 1 over all hours in which it is known; 0, the
    mean, where it is not."""
    # Float32 sums depend on their order
    flat = tf.cast(tf.reshape(values, [-1, values.shape[2]]), tf.float64)
    there = tf.where(~tf.math.is_nan(flat))
    size = tf.stack([tf.shape(flat, tf.int64)[0], values.shape[2]])
    scaled = tft.scale_to_z_score(tf.SparseTensor(there, tf.gather_nd(flat, there), size), elementwise=True)
    return tf.cast(tf.reshape(tf.sparse.to_dense(scaled), tf.shape(values)), tf.float32)


# %%
NUMBERS = ["temp", "dewp", "humid", "pressure", "visib", "wind_speed", "precip"]


def preprocessing_fn(inputs):
    """Raw windows → `window`, float32 [n, length, 14]: numbers, the wind as a vector, flags, the clock."""
    filled = fill_forward(tf.stack([inputs[name] for name in NUMBERS], axis=2))
    rain = tf.math.log1p(100 * filled[..., -1:])  # hundredths of an inch; the first matter most
    speed, angle = filled[..., NUMBERS.index("wind_speed")] / 10, inputs["wind_dir"] * (math.pi / 180)
    wind = tf.stack([speed * tf.sin(angle), speed * tf.cos(angle)], axis=2)
    absent = tf.stack([tf.math.is_nan(inputs[name]) for name in ["visib", "pressure", "wind_dir"]], axis=2)
    clock = inputs["hour"] * (2 * math.pi / 24)
    parts = [
        standardised(tf.concat([filled[..., :-1], rain], axis=2)),
        tf.where(tf.math.is_nan(wind), 0.0, wind),
        tf.cast(absent, tf.float32),  # nothing sent; no pressure; wind without direction
        tf.stack([tf.sin(clock), tf.cos(clock)], axis=2),
    ]
    return {"window": tf.concat(parts, axis=2)}


# %% [markdown]
# Which windows does the analyzer get? Only those of the training months, until July. And not all of those: in
# overlapping windows every hour comes `length` times, for `length` times the work and the same mean. Windows
# side by side hold each hour once.

# %%
import pyarrow as pa
from tfx_bsl.public import tfxio
from tfx_bsl.tfxio.tensor_representation_util import InferTensorRepresentationsFromMixedSchema

side_by_side = np.concatenate([windows(clean, name, stride=length)[: split // length] for name in stations])
batch = pa.RecordBatch.from_pydict({name: pa.array(list(side_by_side[..., i]))
                                    for i, name in enumerate(INPUTS)})
schema = tft.DatasetMetadata.from_feature_spec(spec).schema
config = tfxio.TensorAdapterConfig(batch.schema, InferTensorRepresentationsFromMixedSchema(schema))

# %%
import apache_beam as beam
import tensorflow_transform.beam as tft_beam
from apache_beam.options.pipeline_options import PipelineOptions

from helpers import quiet

quiet.beam()

# %%
shelf = lesson.scratch()
with beam.Pipeline(options=PipelineOptions([])) as pipeline, tft_beam.Context(temp_dir=str(shelf / "tmp")):
    data = pipeline | beam.Create([batch])
    graph = (data, config) | tft_beam.AnalyzeDataset(preprocessing_fn)
    graph | tft_beam.WriteTransformFn(str(shelf / "transform"))

# %%
transform = tft.TFTransformOutput(str(shelf / "transform")).transform_features_layer()
prepare = tf.function(lambda raw_windows: transform(raw_windows)["window"], reduce_retracing=True)
cut = {name: windows(clean, name) for name in stations}
prepared = {name: prepare(named(cut[name])).numpy() for name in stations}
rows = [(name, str(cut[name].shape), np.isnan(cut[name]).mean(), str(prepared[name].shape),
         np.isnan(prepared[name]).mean()) for name in stations]
columns = ["station", "raw windows", "missing in them", "prepared windows", "missing"]
figures.table(pd.DataFrame(rows, columns=columns), formats=dict.fromkeys(columns[2::2], "{:.1%}"),
              caption=f"Analyzed: {len(side_by_side):,} windows side by side, until July; prepared: all")

# %% [markdown]
# The graph does not print its constants. But prepared values are a linear function of the raw ones, so a
# straight fit gives them away. We compare them with the means until July and of the year.

# %%
filled = clean.ffill(limit=limit)
rows = []
for i, name in enumerate(NUMBERS[:-1]):
    plain = filled[name].to_numpy()[length - 1 :].T.ravel()
    scaled = np.concatenate([prepared[station][:, -1, i] for station in stations])
    mean = np.polyfit(scaled[np.isfinite(plain)], plain[np.isfinite(plain)], 1)[1]
    rows.append((name, mean, filled[name].iloc[:split].stack().mean(), filled[name].stack().mean()))
columns = ["value", "mean in the graph", "mean until July", "mean of the year"]
figures.table(pd.DataFrame(rows, columns=columns), formats=dict.fromkeys(columns[1:], "{:.2f}"))

# %% [markdown]
# The graph holds the means until July, to a tenth (the last, incomplete window is left out, and at the seam
# of two windows a gap is filled a little differently). The means of the year are not far away: here an
# analyzer over the whole year would have shifted the inputs only slightly. It would still have been a leak,
# and nobody would have seen it. The rule costs nothing: **analyzers see training data only.**

# %% [markdown]
# ## 6 A forecast, and what it must beat
#
# Now a forecaster for temperature, wind and visibility, `horizon` hours ahead: an airport plans its runways
# by such numbers. Before any network come the forecasts that cost nothing:
#
# - **persistence**: in six hours it is as it is now;
# - **the same hour yesterday**;
# - **climatology**: the mean of that hour of the day over the last 30 days. A real climatology comes from
#   decades. From one year, a mean "of all Octobers" would contain the October to be forecast.
#
# All use only what is known in the window's last hour.

# %%
TARGETS = {"temp": "°F", "wind_speed": "mph", "visib": "miles"}
last = np.arange(length - 1, len(hours))  # the last hour of each window, as a row of the grid


def at_windows(table):
    """A table by hour → float64 [windows of all stations, targets], by each window's last hour."""
    return np.concatenate([table.xs(name, axis=1, level=1)[list(TARGETS)].to_numpy()[last]
                           for name in stations])


kept = clean[list(TARGETS)].ffill(limit=limit)
usual = clean[list(TARGETS)].groupby(wall.hour).transform(lambda x: x.rolling(30, min_periods=10).mean())
now, actual = at_windows(kept), at_windows(clean[list(TARGETS)].shift(-horizon))
guesses = {"persistence": now, "same hour yesterday": at_windows(kept.shift(24 - horizon)),
           "climatology, 30 days": at_windows(usual.shift(24 - horizon))}
window = np.concatenate([prepared[name] for name in stations])

# %% [markdown]
# The split is by time: until July to train, August to stop the networks in time, September to December to
# test. A window belongs to a part if its last hour **and its target** lie in those months. One that ends on
# 31 July and whose target lies in August belongs to no part. Targets are values that were sent: a filled
# value is nobody's truth.

# %%
autumn = hours.searchsorted(pd.Timestamp("2013-09-01", tz=wall.tz))
of = np.tile(last, len(stations))  # each window's last hour
usable = np.isfinite(np.column_stack([now, actual, *guesses.values()])).all(axis=1)
train = usable & (of + horizon < split)
check = usable & (of >= split) & (of + horizon < autumn)
test = usable & (of >= autumn)
figures.md(f"Windows: {train.sum():,} to train, {check.sum():,} to stop, {test.sum():,} to test.")

# %% [markdown]
# All models predict the *change* from now, in standard deviations. To predict 0 is then persistence, and a
# model must earn what it adds. Four candidates: **linear** (ridge regression on all numbers of the window),
# a **dense** network, a **convolution** over time, and an **LSTM**, which reads the hours one after the
# other. Neighbouring windows are nearly copies, so the networks train on every second one.

# %%
from sklearn.linear_model import Ridge

deviations = (actual - now)[train].std(axis=0)
change = ((actual - now) / deviations).astype("float32")
flat = window.reshape(len(window), -1)
linear = Ridge(alpha=300).fit(flat[train], change[train])  # in August 30 to 1,000 do nearly as well

# %%
tf.config.experimental.enable_op_determinism()
layers = keras.layers
NETWORKS = {
    "dense": lambda: [layers.Flatten(), layers.Dense(64, "relu")],
    "convolution": lambda: [layers.Conv1D(32, 6, strides=3, activation="relu"), layers.Flatten(),
                            layers.Dense(64, "relu")],
    "LSTM": lambda: [layers.LSTM(32)],
}


def learn(body):
    """A network trained on every second window, with the weights of the epoch that was best in August."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input(window.shape[1:]), *body(), layers.Dense(len(TARGETS))])
    model.compile(keras.optimizers.Adam(0.005), "mse")
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model.fit(window[train][::2], change[train][::2], validation_data=(window[check], change[check]),
              epochs=epochs, batch_size=512, callbacks=[stop], verbose=0)
    return model(window[test]).numpy()


# %% tags=["atol=0.04"]
forecasts = {name: guess[test] for name, guess in guesses.items()}
forecasts["linear"] = now[test] + deviations * linear.predict(flat[test])
forecasts |= {name: now[test] + deviations * learn(body) for name, body in NETWORKS.items()}
# [window, method, target]
errors = np.stack([(guess - actual[test]) ** 2 for guess in forecasts.values()], axis=1)
columns = [f"{name}, {unit}" for name, unit in TARGETS.items()]
scores = pd.DataFrame(errors.mean(axis=0) ** 0.5, list(forecasts), columns)
figures.table(scores.rename_axis(f"RMSE {horizon} hours ahead"), formats=dict.fromkeys(scores, "{:.2f}"))

# %% [markdown]
# Persistence is no straw man: it beats the same hour of yesterday everywhere. Everything trained beats
# persistence. But compare the trained ones among themselves before you choose the one with the most layers.
#
# How sure are the differences? The errors of one day share its weather. So the **block bootstrap** draws
# whole days with repetition, each with all its windows at all stations, and compares the methods on the same
# draws.

# %%
day = pd.factorize(wall[of[test] + horizon].date)[0]
# Of each day
sums = np.stack([np.bincount(day, column) for column in errors.reshape(len(errors), -1).T], axis=1)
picks = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), draws)
drawn = (picks @ sums).reshape(draws, *errors.shape[1:])


def ratio(method, than, wide=1.96):
    """RMSE of a method over another's, per target, and the ends of its interval,
    `wide` standard errors away."""
    i, j = (list(forecasts).index(name) for name in (method, than))
    middle = (errors[:, i].sum(axis=0) / errors[:, j].sum(axis=0)) ** 0.5
    half = wide * ((drawn[:, i] / drawn[:, j]) ** 0.5).std(axis=0)
    return middle, middle - half, middle + half


# %% tags=["atol=0.02"]
rows = []
for name in list(forecasts)[1:]:
    triples = zip(*ratio(name, "persistence"), strict=True)
    rows.append((name, *(f"{middle:.2f} [{low:.2f}, {high:.2f}]" for middle, low, high in triples)))
figures.table(pd.DataFrame(rows, columns=["", *TARGETS]),
              caption="RMSE over that of persistence, 95 % intervals")

# %% [markdown]
# Now the networks against the linear model. Those are nine comparisons, and with nine intervals at 95 % one
# would often miss by chance. At 99.4 % each (2.77 standard errors), all nine hold together with 95 %
# (Bonferroni's correction).

# %% tags=["atol=0.02"]
fig, axes = plt.subplots(1, 3, figsize=(9, 2.6), sharex=True, sharey=True)
said = []
for k, (ax, target) in enumerate(zip(axes, TARGETS, strict=True)):
    for y, name in enumerate(NETWORKS):
        middle, low, high = (part[k] for part in ratio(name, "linear", wide=2.77))
        ax.plot([low, high], [y, y], "-", marker="", color=figures.BLUE)
        ax.plot(middle, y, "o", color=figures.BLUE)
        said.append(f"{target}, {name} {middle:.2f} [{low:.2f}, {high:.2f}]")
    ax.axvline(1, color=figures.RED, linestyle="--", marker="")
    ax.set(title=target, xlabel="RMSE over linear's", yticks=range(3), yticklabels=NETWORKS, ylim=(2.5, -0.5))
    ax.grid(axis="x")
fig.suptitle("No network beats the linear model on all three", x=0.01, ha="left", weight="bold", size=11)
figures.show(fig, alt="RMSE over that of the linear model, with 99.4 % intervals: " + "; ".join(said) + ".")

# %% [markdown]
# Left of the line a network is better than the linear model. On temperature none can be told from it. On the
# wind all three are on the wrong side, and the dense network clearly so. On visibility the LSTM is ahead, by
# some 7 %. So one network is worth its price, for one target of three.
#
# The intervals know the luck of the days. They do not know that of the fit: each network was trained once,
# with one seed, for a few epochs. Another seed or more epochs move the points by some hundredths, as far as
# most of them are from the line: try `-p seed=1` and `-p epochs=20` before you trust one. And one autumn is
# one draw of the weather.
#
# The linear forecaster goes out first. **One graph** takes raw hours and returns °F, mph and miles; whoever
# calls it needs no pandas. We save it, load it, and ask it for a single window that has gaps.

# %%
class Forecaster(tf.Module):
    """Raw windows in, forecasts in the targets' units out: filling, scaling and model in one graph."""

    def __init__(self):
        self.transform = transform
        self.weights = tf.constant(linear.coef_.T * deviations, tf.float32)
        self.bias = tf.constant(linear.intercept_ * deviations, tf.float32)

    @tf.function(input_signature=[{name: tf.TensorSpec([None, length], tf.float32) for name in INPUTS}])
    def __call__(self, raw_windows):
        newest = fill_forward(tf.stack([raw_windows[name] for name in TARGETS], axis=2))[:, -1]
        inputs = tf.reshape(self.transform(raw_windows)["window"], [-1, self.weights.shape[0]])
        return newest + inputs @ self.weights + self.bias


# %%
tf.saved_model.save(Forecaster(), str(shelf / "forecaster"))
served = tf.saved_model.load(str(shelf / "forecaster"))
i = np.flatnonzero(test & np.isnan(np.concatenate(list(cut.values())))[:, -1].any(axis=1))[0]
one = np.concatenate(list(cut.values()))[[i]]
answer, expected = served(named(one)).numpy()[0], now[i] + deviations * linear.predict(flat[[i]])[0]
figures.table(pd.DataFrame({"served": answer, "in the notebook": expected},
                           index=pd.Index(TARGETS, name="target")),
              formats=dict.fromkeys(["served", "in the notebook"], "{:.2f}"),
              caption=f"One raw window with {np.isnan(one).sum()} missing values")

# %% [markdown]
# ## 7 Leaks through windows
#
# ### Random splits
#
# Cross-validation with random folds puts a window into the test and its neighbour, which shares all hours but
# one, into training. A model that can memorise then needs no weather: it looks the answer up. We measure it
# with two models, for the temperature at JFK: the linear one, and the mean of the **five nearest** windows
# (k-nearest neighbours, the nearer the heavier), which does nothing but look up. Each is estimated on January
# to August:
#
# - five folds of **random windows**;
# - five folds of **whole days**, or of **whole weeks** (blocked cross-validation; Bergmeir & Benítez, 2012);
# - whole weeks, **purged** (López de Prado, 2018): training windows that share an hour with a test week are
#   left out as well.

# %% [markdown] exercise="2.5c"
# ### Exercise 2.5c: Purge the training windows (1 point)
#
# Write the purge. `trainable(last_hours, first, last, length, horizon)` gets the last hours of all windows,
# as numbers. The test block is made of the windows whose last hours run from `first` to `last`, both
# included. A window that ends at hour `t` holds all hours from `t - length + 1` to that of its target, `t +
# horizon`. Return those of `last_hours` whose windows share **no hour** with any window of the test block.
# Training may lie on both sides of it.


# %% tags=["starter"] exercise="2.5c"
def trainable(last_hours, first, last, length, horizon):
    """The last hours of the windows that share no hour with the test windows `first` to `last`."""
    ...


# %% tags=["solution"] exercise="2.5c"
def trainable(last_hours, first, last, length, horizon):
    """The last hours of the windows that share no hour with the test windows `first` to `last`."""
    begins, ends = first - length + 1, last + horizon
    return [t for t in last_hours if t + horizon < begins or t - length + 1 > ends]


# %% exercise="2.5c"
trainable = lesson.check("2.5c", trainable=trainable)

# %% [markdown]
# The lesson does the same for all blocks of a fold at once, with a mark on every hour near a test window.

# %%
from sklearn.neighbors import KNeighborsRegressor

jfk = stations.index("JFK") * len(last) + np.arange(len(last))  # the rows of its windows
past, future = jfk[(train | check)[jfk]], jfk[test[jfk]]
FOLDS = {"random windows": np.random.default_rng(seed).integers(0, 5, len(past)),
         "whole days": of[past] // 24 % 5, "whole weeks": of[past] // (7 * 24) % 5}
MODELS = {"linear": Ridge(alpha=300), "five nearest": KNeighborsRegressor(5, weights="distance")}


# %%
def missed(model, taught, tested):
    """Squared errors of the temperature, °F²."""
    model.fit(flat[taught], change[taught, 0])
    return ((model.predict(flat[tested]) - change[tested, 0]) * deviations[0]) ** 2


def crossed(model, fold, purge=False):
    """Squared errors over five folds; with `purge` training keeps clear of all hours of the test windows."""
    parts = []
    for k in range(5):
        tested = np.bincount(of[past][fold == k], minlength=len(hours))
        near = np.convolve(tested, np.ones(2 * (length + horizon) - 1), "same")[of[past]] > 0
        parts.append(missed(model, past[(fold != k) & ~(near & purge)], past[fold == k]))
    return np.concatenate(parts)


# %% tags=["atol=1"]
rows = {}
for name, model in MODELS.items():
    rows[name] = {kind: crossed(model, fold) for kind, fold in FOLDS.items()}
    rows[name]["weeks, purged"] = crossed(model, FOLDS["whole weeks"], purge=True)
    rows[name]["what happened"] = missed(model, past, future)
estimates = pd.DataFrame(rows).apply(lambda part: part.map(np.mean) ** 0.5).T
figures.table(estimates.rename_axis("temperature, RMSE °F"), formats=dict.fromkeys(estimates, "{:.2f}"),
              caption="Estimated on January to August, and what happened from September on")

# %% tags=["atol=1"]
fig, ax = plt.subplots(figsize=(7.5, 2.8))
for name, row in estimates.iterrows():
    ax.plot(list(estimates), row, label=name)
ax.set(title="With random folds the wrong model wins", ylabel="RMSE (°F)", ylim=(0, None))
ax.legend(loc="lower right")
said = [f"{name}: " + ", ".join(f"{way} {value:.2f}" for way, value in row.items())
        for name, row in estimates.iterrows()]
figures.show(fig, alt="RMSE of two models, by the way it is estimated, in °F. " + "; ".join(said) + ".")

# %% [markdown]
# With random folds the five nearest windows win by far, and they win by copying: from September on their
# error is about twice the estimate, and the linear model is better. Whole weeks turn the ranking round, and
# come close to what happened. What remains is plausibly the season: autumn is no part of January to August,
# and no fold can contain it.
#
# Whole days give nearly the same as whole weeks, and purging the weeks changes little. So windows that only
# straddle the edge of a test block flatter little here; what flatters is the near-copy an hour away. The
# purge is an insurance, cheap, and needed where targets reach far ahead. At *one* boundary in time, as in
# section 6, it is a handful: training targets must lie before the boundary, so the last `horizon` windows of
# each station go. Split by a window's *first* hour instead, and windows straddle the boundary and train on
# test targets.

# %%
straddling = length + horizon - 1
share = straddling * len(stations) / train.sum()
figures.md(f"{straddling} windows of each station straddle one boundary: {share:.1%} "
           f"of the training windows.")

# %% [markdown]
# The linear model is hardly flattered by random folds: it has too few weights to memorise. So the size of
# this leak depends on the model, and a model that can memorise gains most. That is why it survives reviews:
# it makes the new, large model look good.
#
# ### Features that look ahead
#
# The second door is a feature. Here are eleven, written by a colleague for hour *t*, to be served right after
# hour *t*. `x` is the year of one station on the grid.

# %%
FEATURES = {
    "mean_3h": lambda x: x.wind_speed.rolling(3).mean(),
    "smooth": lambda x: x.wind_speed.rolling(7, center=True, min_periods=1).mean(),
    "bridged": lambda x: x.pressure.interpolate(),
    "carried_on": lambda x: x.pressure.ffill(limit=3),
    "trend": lambda x: x.temp - x.temp.shift(3),
    "turn": lambda x: x.temp.diff(-3),
    "rain_so_far": lambda x: x.precip.groupby(x.date).cumsum(),
    "rain_day": lambda x: x.precip.groupby(x.date).transform("sum"),
    "yesterday": lambda x: x.temp.shift(24),
    "faded": lambda x: x.wind_speed.ewm(span=6).mean(),
    "scaled": lambda x: (x.temp - x.temp.mean()) / x.temp.std(),
}

# %% [markdown] exercise="2.5d"
# ### Exercise 2.5d: Which features look ahead? (1 point)
#
# Put into `look_ahead` the names of those that use an hour after *t*.

# %% tags=["starter"] exercise="2.5d"
look_ahead = ...  # a set of names

# %% tags=["solution"] exercise="2.5d"
look_ahead = {"smooth", "bridged", "turn", "rain_day", "scaled"}

# %% exercise="2.5d"
look_ahead = lesson.check("2.5d", look_ahead=look_ahead)

# %% [markdown]
# No need to trust anyone's eye. The test of 2.1 serves here as well: **what was known at *t* does not change
# when everything after *t* is cut off.** We cut at 60 random hours, compute each feature again, and count.

# %%
station = clean.xs("JFK", axis=1, level=1).assign(date=wall.date)
moments = np.random.default_rng(seed).choice(np.arange(length, len(hours) - 1), 60, replace=False)


def changed(feature):
    """Share of the moments at which the feature is another when the future is cut off."""
    live = [feature(station.iloc[: t + 1]).iloc[-1] for t in moments]
    return (~np.isclose(live, feature(station).iloc[moments], equal_nan=True)).mean()


shares = pd.Series({name: changed(feature) for name, feature in FEATURES.items()}, name="changed")
figures.table(shares.rename_axis("feature").to_frame(), formats={"changed": "{:.0%}"}, bars={"changed": 1})

# %% [markdown]
# Five change. `bridged` changes rarely, only where the sensor was silent, and section 3 showed what that
# does. `rain_day` changes only where more rain was to come. A test that looks at one row, or at fine weather,
# would pass both.
#
# What is the price? Take `smooth`, the wind's mean over seven hours, centred, because it looked better in the
# plot. We forecast the wind six hours ahead from the present value and this mean. Served, the three hours
# ahead are missing, and pandas, told `min_periods=1`, quietly takes the mean of the four that are there.

# %%
wind = clean["wind_speed"].ffill(limit=limit)
MEANS = {"trailing": wind.rolling(7, min_periods=1).mean(),
         "centred": wind.rolling(7, center=True, min_periods=1).mean(),
         "centred, at the edge": wind.rolling(4, min_periods=1).mean()}
columns = {"now": wind, "ahead": clean["wind_speed"].shift(-horizon), **MEANS}
samples = pd.concat({name: table.stack(dropna=False) for name, table in columns.items()}, axis=1).dropna()
times = samples.index.get_level_values(0)
before, after = samples[times < hours[split - horizon]], samples[times >= hours[autumn]]


# %%
def wind_rmse(taught, used):
    """RMSE from September on of a linear regression taught with one mean and served with another, mph."""
    model = LinearRegression().fit(before[["now", taught]].to_numpy(), before.ahead)
    return ((model.predict(after[["now", used]].to_numpy()) - after.ahead) ** 2).mean() ** 0.5


pairs = [("trailing", "trailing"), ("centred", "centred"), ("centred", "centred, at the edge")]
columns = ["taught with", "tested with", "RMSE, mph"]
figures.table(pd.DataFrame([(*pair, wind_rmse(*pair)) for pair in pairs], columns=columns),
              formats={"RMSE, mph": "{:.2f}"}, caption=f"Wind {horizon} hours ahead, September to December")

# %% [markdown]
# The same shape as in section 3: better offline, worse served than the plain trailing mean. The gain is
# modest, which makes it credible, and so it goes out.
#
# ## 8 The last hours, for the alert
#
# Back to "Late?". The course's table gives each flight the weather of one hour: the newest reading when the
# alert is computed, one hour before the scheduled hour (2.1 asks whether a row's hour is that of its
# reading). Do the hours *before* that one add anything? Rain of an hour ago has made a queue that is still
# there. We build, per station and hour, sums, extremes and trends that end in that hour.

# %%
GROUPS = {
    "rain": ["rain_3h", "rain_12h", "rain_today", "wet_hours_6h"],
    "pressure": ["pressure_trend_3h", "no_pressure_3h"],
    "visibility": ["worst_visib_3h", "low_visib_hours_6h"],
    "wind": ["most_wind_3h", "most_gust_6h"],
}


def last_hours(x):
    """Features of the hours up to and with each hour of a station."""
    return pd.DataFrame({
        "rain_3h": x.precip.rolling(3, min_periods=1).sum(),
        "rain_12h": x.precip.rolling(12, min_periods=1).sum(),
        "rain_today": x.precip.groupby(wall.date).cumsum(),
        "wet_hours_6h": (x.precip > 0).rolling(6).sum(),
        "pressure_trend_3h": x.pressure.ffill(limit=limit).diff(3),
        "no_pressure_3h": x.pressure.isna().rolling(3).sum(),
        "worst_visib_3h": x.visib.rolling(3, min_periods=1).min(),
        "low_visib_hours_6h": (x.visib < 3).rolling(6).sum(),
        "most_wind_3h": x.wind_speed.rolling(3, min_periods=1).max(),
        "most_gust_6h": x.wind_gust.rolling(6, min_periods=1).max(),
    })


# %% [markdown]
# Then the **as-of join**: to each flight the newest row of its airport that may be used, and has been usable
# for at most three hours. Only rows that were really sent may be found. `known_at` is the first scheduled
# hour whose alerts may use a row: its own hour plus `examples.WEATHER_AGE`, one hour.

# %%
from helpers.flights import compare, examples


def reports_of(name):
    """What a station sent, with the features of its last hours, and from when an alert may use it."""
    x = clean.xs(name, axis=1, level=1)
    rows = x[examples.WEATHER].join(last_hours(x)).assign(origin=name, of_hour=hours)
    return rows.assign(known_at=hours + examples.WEATHER_AGE)[x.visib.notna()]


reports = pd.concat(map(reports_of, stations)).sort_values("known_at", kind="stable")
table = examples.table()
flights = table.drop(columns=examples.WEATHER)


# %%
def as_of(rows, delay="0h", within="3h"):
    """To each flight the newest report of its airport; `delay`: by how much the feed is late."""
    feed = reports.assign(known_at=reports.known_at + pd.Timedelta(delay))
    return pd.merge_asof(rows, feed, left_on="time_hour", right_on="known_at", by="origin",
                         tolerance=pd.Timedelta(within))


joined = as_of(flights)
age = (joined.time_hour - joined.of_hour) / pd.Timedelta("1h")
by_age = age.value_counts(dropna=False).sort_index().rename("flights").rename_axis("age of the report, hours")
figures.table(by_age.reset_index(), formats={"age of the report, hours": "{:.0f}"})

# %% [markdown]
# Nearly all flights find the report of the hour before. Some hundreds get an older one instead of nothing,
# and its age says so. Those without any leave after the weather's last row. Where both have a value, the join
# must give what the course's table holds.

# %%
both = joined[examples.WEATHER].notna() & table[examples.WEATHER].notna()
same = (joined[examples.WEATHER] == table[examples.WEATHER])[both].stack()
figures.md(f"Equal to the course's table: {same.astype(bool).mean():.2%} of {len(same):,} values.")

# %% [markdown]
# Now the comparison: gradient boosting on the plan and the last hour's weather, then with the last-hours
# features of the rain, of everything else, and of all. Taught on January to June, tested on every third
# flight of July to December. Two fits of the same model on other flights differ, too. So the flights to train
# on are dealt into three parts, each set of features gets three models, and their mean is judged. A leaf of a
# tree must hold 200 flights: flights of one hour share its weather, and a smaller leaf could learn that hour
# by heart.

# %%
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

PLAN = [*examples.CATEGORIES, "distance", "weekday", "day_minute"]
codes = {name: flights[name].astype("category").cat.codes for name in examples.CATEGORIES}
rest = [*GROUPS["pressure"], *GROUPS["visibility"], *GROUPS["wind"]]
SETS = {"nothing else": [], "rain": GROUPS["rain"], "pressure, visibility, wind": rest,
        "all": [*GROUPS["rain"], *rest]}
taught, tested = joined[joined.month <= 6], joined[joined.month > 6].iloc[::3]


def inputs_of(rows, more):
    """Plan, the last hour's weather and more, categories as codes."""
    plain = rows[[*PLAN, *examples.WEATHER, *more]]
    return plain.assign(**{name: code[rows.index] for name, code in codes.items()})


# %%
def fit(more, part):
    """Gradient boosting on plan, last hour and more, for one part of the flights."""
    model = HistGradientBoostingClassifier(max_iter=40, learning_rate=0.15,
                                           min_samples_leaf=200, random_state=seed,
                                           early_stopping=False, categorical_features=[0, 1, 2])
    rows = taught.iloc[part::parts]
    return model.fit(inputs_of(rows, more), rows.late)


def chances(name, rows):
    """The chance of being late by each part's model: float64 [parts, rows]."""
    inputs = inputs_of(rows, SETS[name])
    with threadpool_limits(1):
        return np.array([model.predict_proba(inputs)[:, 1] for model in models[name]])


with threadpool_limits(1):  # at this size one thread is as fast, and does not wait for another
    models = {name: [fit(more, part) for part in range(parts)] for name, more in SETS.items()}
predicted = {name: chances(name, tested) for name in SETS}

# %% [markdown]
# PR-AUC with the paired bootstrap over days. The table makes three comparisons, and the best of three is
# flattered; so each interval is at 98.3 % (2.39 standard errors), again so that all three hold together with
# 95 %.

# %% tags=["atol=1"]
areas = {name: area[:, 0] for name, area in
         compare.resampled(tested, {name: chance.mean(axis=0) for name, chance in predicted.items()},
                           draws).items()}
late, once = tested.late.to_numpy(), np.ones(len(tested))
single = {name: [compare.curves(late, chance)(once)[0] for chance in part]
          for name, part in predicted.items()}
rows = []
for name, area in areas.items():
    gain, each_fit = area - areas["nothing else"], np.subtract(single[name], single["nothing else"])
    half = 2.39 * gain[1:].std()  # 98.3 % of a normal distribution
    ends = gain[0] - half, gain[0] + half
    rows.append((name, len(SETS[name]), area[0], gain[0], *ends, each_fit.min(), each_fit.max()))

# %% tags=["atol=1"]
columns = ["last hour and …", "features", "PR-AUC", "gain", "from", "to", "least gain of a fit", "most"]
figures.table(pd.DataFrame(rows, columns=columns), formats=dict.fromkeys(columns[3:], "{:+.3f}"),
              caption=f"{len(tested):,} flights, July to December, {tested.late.mean():.1%} "
                      f"late; 98.3 % intervals")

# %% [markdown]
# The rain of the hours before adds about one point of PR-AUC to the last hour's weather. The interval is
# clear of zero, and each of the three fits agrees. That fits the trade: a shower that has passed leaves a
# queue behind. For the trends of pressure, the worst visibility and the strongest wind no gain can be told
# from zero. And all ten features together are no better than the four of the rain. So four go out, and six
# are not built: each would be one more window to keep alike in training and serving, and one more to watch.
#
# Look at the last two columns before you believe a gain in a report with a single fit. From one third of the
# flights to another the gain of the same four features doubles.

# %% [markdown]
# ## What breaks in production
#
# ### A sensor that sticks
#
# The thermometer at JFK freezes. From the morning of 14 October it sends the same value, hour after hour, for
# three days. The rows come on time, complete, in range, without a step. What does that do to the forecasts of
# those days?

# %%
begin = hours.searchsorted(pd.Timestamp("2013-10-14 06:00", tz=wall.tz))
days = slice(begin, begin + 72)
stuck = clean.copy()
stuck.iloc[days, stuck.columns.get_loc(("temp", "JFK"))] = clean["temp", "JFK"].iloc[begin]
truth = clean["temp", "JFK"].iloc[begin + horizon : begin + 72 + horizon].to_numpy()


def forecast(table):
    """JFK's temperature `horizon` hours ahead, as forecast in each hour of the three days, °F."""
    from_hours = windows(table, "JFK")[begin - length + 1 : begin + 72 - length + 1]
    return served(named(from_hours)).numpy()[:, 0]


# %% [markdown]
# The check for it is the **persistence check** (the other sense of the word): how long has the same value
# been sent? Its limit comes from the months until July: the longest run a healthy station had.

# %%
def repeats(x):
    """For how many hours in a row the present value has been sent, 0 where nothing came."""
    same = x.eq(x.shift())
    return same.groupby((~same).cumsum()).cumsum() + x.notna()


rows, limits = [], {}
for name in ["temp", "dewp", "wind_speed", "pressure", "precip", "visib"]:
    runs = clean[name].apply(repeats)
    limits[name] = runs.iloc[:split].max().max()
    rows.append((name, limits[name], (runs.iloc[split:] > limits[name]).to_numpy().sum()))
columns = ["value", "longest run until July, hours", "false alarms from August on, hours"]
figures.table(pd.DataFrame(rows, columns=columns), formats={columns[1]: "{:.0f}"})

# %% [markdown]
# For temperature, dew point, wind and pressure the check works: it speaks after 14 equal hours at the latest,
# and hardly ever without reason. For rain and visibility it is worthless: "no rain" and "ten miles" last for
# more than a week. One limit for all values would either sleep or cry. Those two need the neighbours: a gauge
# that stays dry while two others fill.
#
# Then the treatment: from the alarm on, the mean of the two neighbours stands in. A broken sensor leaves us
# those; a broken feed would not.

# %%
alarm = repeats(stuck["temp", "JFK"]) > limits["temp"]
others = stuck["temp"][["EWR", "LGA"]].mean(axis=1)
repaired = stuck.copy()
repaired["temp", "JFK"] = stuck["temp", "JFK"].where(~alarm, others)
made = {"healthy": forecast(clean), "stuck": forecast(stuck), "stuck, then repaired": forecast(repaired)}
after = np.flatnonzero(alarm.iloc[days])[0]
rows = [(name, np.nanmean((guess - truth) ** 2) ** 0.5, np.nanmean((guess - truth)[after:] ** 2) ** 0.5)
        for name, guess in made.items()]
columns = ["sensor", "RMSE of the three days, °F", "after the alarm"]
figures.table(pd.DataFrame(rows, columns=columns), formats=dict.fromkeys(columns[1:], "{:.1f}"),
              caption=f"The alarm goes off after {after} hours")

# %%
from matplotlib.dates import HourLocator

local = wall[days].tz_localize(None)
fig, ax = plt.subplots(figsize=(7.5, 3))
air = clean["temp", "JFK"].iloc[days]
ax.plot(local, air, "-", marker="", label="the air at JFK")
ax.plot(local, stuck["temp", "JFK"].iloc[days], "--", marker="", label="what the sensor sends")
ahead_of = local + pd.Timedelta(hours=horizon)
ax.plot(ahead_of, made["stuck"], ":", marker="", color=figures.RED, label="the forecast from it")
ax.axvline(local[after], color=figures.GREY, marker="")
ax.annotate(" alarm", (local[after], ax.get_ylim()[1]), color=figures.GREY, va="top")
ax.set(title="The forecast follows the frozen thermometer", ylabel="temperature (°F)", xlabel="local time")
ax.xaxis.set_major_formatter(DateFormatter("%-d Oct. %-H h"))
ax.xaxis.set_major_locator(HourLocator([0, 12]))
ax.legend(fontsize=8)
figures.show(fig, alt=f"Three days at JFK: the air goes from {air.min():.0f} to {air.max():.0f} °F, "
                      f"the sensor stays at {stuck['temp', 'JFK'].iloc[begin]:.0f}; the forecast from it "
                      f"errs by up to {np.nanmax(np.abs(made['stuck'] - truth)):.0f} "
                      f"°F. Alarm after {after} hours.")

# %% [markdown]
# The alarm needs 14 equal hours and comes after ten: the healthy sensor had already sent that value for some
# hours. Until then nothing helps. The frozen value trebles the error, with every check of ranges silent. The
# repair halves it. It stays above the healthy sensor's: the neighbours stand further inland, and for a day
# the window still holds the frozen hours from before the alarm.
#
# ### A feed that is late
#
# The other silent failure: the rows are right, and come hours late. An as-of join without a `tolerance` does
# not fail then. It hands out the newest row there is, however old.

# %%
rows = []
for delay in ["0h", "3h", "12h"]:
    feed = as_of(flights.loc[tested.index], delay, within="48h").set_index(tested.index)
    age = (feed.time_hour - feed.of_hour) / pd.Timedelta("1h")
    area = compare.curves(late, chances("rain", feed).mean(axis=0))(once)[0]
    rows.append((delay, feed.temp.notna().mean(), age.median(), (age > 1).mean(), area))

# %% tags=["atol=1"]
columns = ["feed late by", "flights with weather", "median age, hours", "older than an hour", "PR-AUC"]
figures.table(pd.DataFrame(rows, columns=columns),
              formats={columns[1]: "{:.1%}", columns[2]: "{:.0f}", columns[3]: "{:.1%}"})

# %% [markdown]
# Every column a schema looks at is perfect: all flights have weather, all values are in range. (With 48 hours
# allowed, even flights of the year's last day find a row.) PR-AUC falls: hardly at three hours, so that
# nobody asks, and by more than the rain ever gave at twelve. And it is seen only when the flights have
# landed. What sees it at once is the **age** of the newest row, which the join knows and most pipelines throw
# away. Log it, put an alarm on it (freshness; 2.10), and give every as-of join a tolerance, so that old
# becomes missing, and missing is counted.

# %% [markdown]
# ## What you did
#
# - You audited a feed: two clocks, gaps of the feed and not of the instruments, one impossible value that a
#   range sees and one that only neighbours see; each got its treatment in writing.
# - You put the rows on a grid and filled forward with a limit, and saw interpolation flatter offline exactly
#   where the sensor had been silent.
# - You cut windows and tested their alignment with a counter, and let tf.Transform put fill, flags and
#   scaling into one graph that answers from raw hours.
# - You compared forecasts with persistence, yesterday and climatology, with intervals over days, and found
#   where a network was worth it and where a line was enough.
# - You measured three leaks: random folds, which turn the ranking of two models round; windows that straddle
#   a boundary; features that look ahead, which a cut-off test finds by itself.
# - You joined last-hours features to flights as of the alert, and found which of them add to the last hour,
#   and how little.
# - You caught a frozen thermometer by the length of its runs, and a late feed by the age of its rows.
#
# Other questions take other numbers: `workbook run 2.5 -p horizon=3` forecasts three hours ahead.

# %%
lesson.end()
