# %% [markdown]
# # 2.10 Storing features
#
# A model needs its features twice. Training asks for five months of flights at once, each as it stood at its
# own moment. Serving asks for one flight, now, within milliseconds. Two kinds of storage answer, and the
# model is right only if both say the same. In this lesson you build both, prove that they agree on every
# request of a month, break the agreement in four ways, and see what each costs.
#
# **You will be able to**
#
# - describe features in a **registry** and keep their history in an **offline store**: partitioned Parquet,
#   queried with DuckDB;
# - join it **point-in-time** when data arrive late and are corrected, and show what a join by day or by event
#   time gets wrong;
# - run an **online store** of key and value that obeys event times and a **time to live**;
# - prove **parity** of training and serving request by request, and name a fault from the shape of the
#   differences;
# - put a price on **freshness**, and decide whether you need a feature store at all.
#
# **Needs** lesson 2.1. **Takes** about 105 minutes with its exercises; the computer needs about half a minute
# of that.

# %%
from helpers import lesson

lesson.begin("2.10")

# %% tags=["parameters"]
seed = 2013
lead = 60  # minutes before the planned departure at which the alert asks for its features
slow_share = 0.08  # share of landing messages that come with a delay of half an hour to six hours
every = 6  # of the flights to train on, each `every`-th is used
cuts = 6  # random moments at which the future is cut off
draws = 100  # resamples of the test month's days
teachings = 4  # models taught with gaps, each with gaps of its own

# %% [markdown]
# ## 1 Where tables live
#
# Four words for places where data are kept are used as if they were rivals. They answer different questions.
#
# | | what it is | good at | bad at | on one laptop |
# | --- | --- | --- | --- | --- |
# | **warehouse** | a database for analysis, tables with types and owners | SQL over much history, access rights | raw files, one row within a millisecond | DuckDB |
# | **lake** | files in cheap storage, read by any engine | volume, any format, low price | two writers at once; who owns which file | a folder of Parquet |
# | **lakehouse** | a lake with a log of table versions (Iceberg, Delta Lake) | transactions and *time travel* on files | single rows; one more thing to run | not installed here |
# | **feature store** | registry, history and key lookup for model inputs | one definition for training and serving | anything that is not a model's input | this lesson |
#
# A feature store is no fourth database. It is a thin layer: definitions, a history that remembers *when* each
# value was known (the **offline store**, on a warehouse or lake), a copy of the newest values under a key
# (the **online store**), and a job that carries values from the one to the other, called **materialisation**.
# Feast is the usual open-source tool; Tecton, Vertex AI and SageMaker sell one. None is installed here; the
# pieces are small enough to build, and section 8 maps them to Feast's names.
#
# ### The sources
#
# Lesson 2.1 turned flights into events with the time they became known. The same, now by SQL inside DuckDB.
# All moments in the store are UTC without zone. One thread, so that rows and sums come in one order.

# %%
import duckdb

from helpers import datasets, figures

db = duckdb.connect()
db.execute("SET threads = 1; SET TimeZone = 'UTC'; SET enable_progress_bar = false")
for name in ("flights", "airports", "weather"):
    db.register(f"raw_{name}", getattr(datasets, name)())
db.execute("""
    CREATE TABLE trips AS WITH clocks AS (
        SELECT *, time_hour::TIMESTAMP + to_minutes(minute) AS sched,
               make_timestamp(year, month, day, sched_arr_time // 100, sched_arr_time % 100, 0)
                   AT TIME ZONE coalesce(tzone, 'America/Puerto_Rico') AT TIME ZONE 'UTC' AS due
        FROM raw_flights LEFT JOIN raw_airports ON faa = dest)
    SELECT row_number() OVER (ORDER BY sched, origin, carrier, flight) AS id,
           sched + to_minutes(dep_delay::INT) AS departed,
           due + to_days((due <= sched)::INT) + to_minutes(arr_delay::INT) AS landed,
           month, sched, hour * 60 + minute AS day_minute, dayofweek(make_date(year, month, day)) AS weekday,
           carrier, origin, dest, tailnum, distance, dep_delay, arr_delay
    FROM clocks ORDER BY id""")
figures.table(db.sql("""SELECT count(*) AS "flights planned", count(departed) AS "left",
                        count(landed) AS "landed at the planned airport", max(landed)::VARCHAR AS "last landing (UTC)"
                        FROM trips""").df())

# %% [markdown]
# A landing is known when its message arrives, and the table does not say when that was. So this part
# is **invented**: most messages take one to five minutes, and a share of `slow_share` gets through only half
# an hour to six hours after the landing. Every conclusion about late data below rests on that; everything
# else is measured.

# %%
import numpy as np
import pandas as pd

trips = db.sql("SELECT * FROM trips ORDER BY id").df().set_index("id")
draw = np.random.default_rng(seed)
slow, n = draw.random(len(trips)) < slow_share, len(trips)
feed = pd.DataFrame({"id": trips.index,
                     "wait": np.where(slow, draw.integers(30, 361, n), draw.integers(1, 6, n))})
db.execute("""
    CREATE TABLE landings AS
    SELECT carrier, origin, tailnum, arr_delay, landed AS event, landed + to_minutes(wait::INT) AS created
    FROM trips JOIN feed USING (id) WHERE arr_delay IS NOT NULL ORDER BY id""")
db.execute(f"""
    CREATE TABLE requests AS
    SELECT id, sched - to_minutes({lead}) AS asked, carrier, origin, tailnum
    FROM trips WHERE month <= 7 ORDER BY asked, id""")  # what we train and test on
figures.table(db.sql("SELECT * FROM landings ORDER BY created - event DESC LIMIT 3").df(),
              caption="Landings heard of last (UTC; delay at arrival in minutes)",
              formats={"arr_delay": "{:.0f}"})

# %% [markdown]
# ## 2 The registry
#
# A **feature view** is a group of features with the same key and the same source. Its entry says everything
# that training and serving must agree on: the **entity** (the columns of the key), the features, the SQL that
# makes them, who owns it, and the **time to live** (TTL): how old a value may be and still count. `digest` is
# a fingerprint of the definition; you will need it at the end.

# %%
import dataclasses
import hashlib


@dataclasses.dataclass(frozen=True)
class FeatureView:
    """A group of features with one key, one source, one owner."""

    name: str
    entity: tuple[str, ...]
    features: tuple[str, ...]
    ttl: int  # hours after the event
    owner: str
    sql: str  # gives the entity, `event`, `created` and the features

    @property
    def digest(self):
        """Eight characters that change with the definition."""
        return hashlib.sha256(repr(dataclasses.astuple(self)).encode()).hexdigest()[:8]


# %% [markdown]
# Each row carries **two times**: `event`, the moment the value describes, and `created`, the moment our
# system had it (the valid and the transaction time of 2.1). The weather row of an hour is complete at minute
# 51 (2.1 shows why). The queue is the mean delay of what left the airport in the last two hours, computed
# every quarter of an hour.

# %%
weather_sql = """
    SELECT origin, time_hour::TIMESTAMP AS event, time_hour::TIMESTAMP + to_minutes(51) AS created,
           temp, humid, wind_speed, precip, visib FROM raw_weather"""
queue_sql = """
    WITH ticks AS (
        SELECT origin, dep_delay,
               time_bucket(INTERVAL 15 MINUTE, departed - INTERVAL 1 SECOND) + to_minutes(15 * i) AS event
        FROM trips, range(1, 9) t(i) WHERE dep_delay IS NOT NULL)
    SELECT origin, event, event + to_minutes(1) AS created, sum(dep_delay) / count(*) AS queue
    FROM ticks GROUP BY ALL"""
leg_sql = "SELECT tailnum, event, created, arr_delay AS leg FROM landings WHERE tailnum IS NOT NULL"

# %% [markdown]
# The view of carriers is the instructive one: mean delay of the carrier's landings in three hours, and the
# share of late ones in 24, for flights from this airport. It is made of the messages heard by the full hour,
# and known five minutes later. At noon UTC a correction run computes the day before again, with the messages
# that came late. So the same hour stands in the store **twice**: as it was first known, and as it truly was.

# %%
carrier_sql = """
    WITH parts AS (
        SELECT carrier, origin, arr_delay AS delay, created AS heard, i,
               date_trunc('hour', event - INTERVAL 1 SECOND) + to_hours(i) AS event
        FROM landings, range(1, 25) t(i)),
    windows AS (
        SELECT carrier, origin, event,
               sum(delay) FILTER (i <= 3 AND heard <= event)
                   / count(*) FILTER (i <= 3 AND heard <= event) AS delay_3h,
               avg((delay > 15)::INT) FILTER (heard <= event) AS late_24h,
               sum(delay) FILTER (i <= 3) / count(*) FILTER (i <= 3) AS whole_3h,
               avg((delay > 15)::INT) AS whole_24h
        FROM parts GROUP BY ALL)
    SELECT carrier, origin, event, event + to_minutes(5) AS created, delay_3h, late_24h FROM windows
    UNION ALL
    SELECT carrier, origin, event, date_trunc('day', event) + to_hours(36), whole_3h, whole_24h FROM windows
    WHERE (delay_3h, late_24h) IS DISTINCT FROM (whole_3h, whole_24h)"""

# %%
VIEWS = [
    FeatureView("weather", ("origin",), ("temp", "humid", "wind_speed", "precip", "visib"), 3, "weather desk",
                weather_sql),
    FeatureView("queue", ("origin",), ("queue",), 1, "airport desk", queue_sql),
    FeatureView("carrier", ("carrier", "origin"), ("delay_3h", "late_24h"), 6, "carrier desk", carrier_sql),
    FeatureView("leg", ("tailnum",), ("leg",), 24, "fleet desk", leg_sql),
]
FEATURES = [name for view in VIEWS for name in view.features]
figures.table(pd.DataFrame([{"view": v.name, "entity": ", ".join(v.entity), "features": ", ".join(v.features),
                             "TTL (hours)": v.ttl, "owner": v.owner, "digest": v.digest} for v in VIEWS]))

# %% [markdown]
# ## 3 The offline store
#
# **Parquet** keeps a table by columns, in **row groups** of some thousand rows, and notes the smallest and
# largest value of each column of each group. We write a folder per view and a file per month, sorted by key,
# then by time. The name of the folder carries the digest: another definition is another folder.

# %%
store = lesson.scratch()


def write(view):
    """Compute a view's whole history and write it, a file per month."""
    keys = ", ".join(view.entity)
    db.execute(f"""
        COPY (SELECT *, strftime(event, '%Y-%m') AS month FROM ({view.sql}) ORDER BY {keys}, event, created)
        TO '{store}/{view.name}-{view.digest}' (FORMAT parquet, PARTITION_BY (month), ROW_GROUP_SIZE 4096)""")


def offline(view):
    """SQL that reads a view's history; `stamped` is `created` as a New York clock shows it (section 6)."""
    return f"""(SELECT *, created AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York' AS stamped
                FROM read_parquet('{store}/{view.name}-{view.digest}/*/*.parquet', hive_partitioning = true))"""


# %%
import pyarrow.parquet as pq

rows = []
for view in VIEWS:
    write(view)
    parts = [pq.ParquetFile(path).metadata for path in store.glob(f"{view.name}-*/*/*.parquet")]
    corrected = db.sql(f"SELECT count(*) - count(DISTINCT ({', '.join(view.entity)}, "
                       f"event)) FROM {offline(view)}")
    rows.append((view.name, len(parts), sum(p.num_row_groups for p in parts), sum(p.num_rows for p in parts),
                 corrected.fetchone()[0]))
figures.table(pd.DataFrame(rows, columns=["view", "files", "row groups", "rows", "told twice"]))

# %% [markdown]
# (*Told twice*: same key and event, two rows. The one plane that lands twice in a minute is a contradiction
# in the source.)
#
# What does that layout buy? A question that names a month need not open the other files (**partition
# pruning**); a question about one carrier can skip row groups by their noted limits (**predicate pushdown**);
# and columns nobody asks for are not read (**projection**). DuckDB's `EXPLAIN` shows the first, the notes in
# the files show the second.

# %%
import re

carrier = VIEWS[2]
question = f"SELECT avg(late_24h) FROM {offline(carrier)} WHERE month = '2013-07' AND carrier = 'UA'"
plan = db.execute(f"EXPLAIN {question}").fetchone()[1]
july_file = next(store.glob("carrier-*/month=2013-07/*.parquet"))
meta = pq.ParquetFile(july_file).metadata
groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
limits = [group.column(0).statistics for group in groups]
needed = [g for g, limit in zip(groups, limits, strict=True) if limit.min <= "UA" <= limit.max]
kept = sum(g.column(i).total_compressed_size for g in needed for i in range(g.num_columns)
           if g.column(i).path_in_schema in ("carrier", "late_24h"))
total = sum(path.stat().st_size for path in store.glob("carrier-*/*/*.parquet"))
files = re.search(r"Scanning Files: (\d+)/(\d+)", plan)
figures.md(f"The plan reads **{files[1]} of {files[2]}** files. "
           f"In it {len(needed)} of {len(groups)} row groups can hold UA. "
           f"Of these, two columns of {groups[0].num_columns} are needed: "
           f"at most **{kept / total:.2%}** of the view's bytes.")

# %% [markdown]
# Sorting did part of that: in a file sorted by time, every group would hold every carrier, and none could be
# skipped. Partition by what questions always name (time), sort by what they pick (the key).
#
# ### Two times, drawn
#
# One carrier at one airport on a summer day. Each dot is a row of the store: to the right the hour it
# describes, upwards the moment it was known.

# %%
import matplotlib.dates as mdates
import matplotlib.pyplot as plt

told = db.sql(f"""
    SELECT event, created, delay_3h, row_number() OVER (PARTITION BY event ORDER BY created) AS version
    FROM {offline(carrier)} WHERE carrier = 'B6' AND origin = 'JFK'
    AND event BETWEEN '2013-07-10 12:00' AND '2013-07-11 11:00' ORDER BY event, created""").df()
first, again = told[told.version == 1], told[told.version == 2]
moved = (again.set_index("event").delay_3h - first.set_index("event").delay_3h).abs().max()
fig, ax = plt.subplots(figsize=(7.5, 3.4))
ax.plot(first.event, first.created, "o", linestyle="none", label="first known")
ax.plot(again.event, again.created, "D", linestyle="none", label="corrected by the noon run")
asked = pd.Timestamp("2013-07-11 10:30")
ax.axhline(asked, color=figures.RED, linestyle="--", marker="")
ax.text(first.event.iloc[0], asked, "a request: rows above did not exist yet", color=figures.RED, va="top")
ax.set(title="The hour a row describes is not the hour it became known", xlabel="event (UTC, 10 to 11 July)",
       ylabel="created (UTC)")
ax.xaxis.set_major_formatter(mdates.DateFormatter("%H:%M"))
ax.yaxis.set_major_formatter(mdates.DateFormatter("%d July %H:%M"))
ax.legend(loc="lower right")
figures.show(fig, alt=f"Rows of B6 at JFK, created against event. {len(first)} rows lie on the diagonal, "
             f"five minutes after their hour; {len(again)} of the hours were corrected at noon, "
             f"the mean delay of three hours by up to {moved:.1f} minutes.")

# %% [markdown]
# A store that keeps only `event` and the corrected value has lost the diagonal: nobody can say any more what
# a model would have seen. That is the trap of every **backfill**: history computed today is better than what
# was known. Keep both rows, never overwrite.
#
# ## 4 Point-in-time joins
#
# The question of training: for each request, the value as a reader would have had it at `asked`. Among the
# rows **known** by then, the one with the latest **event**. DuckDB's `ASOF JOIN` finds the last row by *one*
# time. To use it with two, first drop each row that arrives after a row with a later event: it never was the
# newest. What is left is in order by both times.


# %%
def as_of(view, rows="requests", where="month <= '2013-08'", known="created", moment="asked"):
    """To each request the newest row of the view known at `moment`, and its age in hours at `asked`."""
    keys, names = ", ".join(view.entity), ", ".join(view.features)
    same = " AND ".join(f"r.{key} = a.{key}" for key in view.entity)
    return db.execute(f"""
        WITH marked AS (
            SELECT *, max(event) OVER (PARTITION BY {keys} ORDER BY {known}, event ROWS UNBOUNDED PRECEDING) AS newest
            FROM {offline(view)} WHERE {where}),
        ahead AS (
            SELECT * FROM marked WHERE event = newest
            QUALIFY row_number() OVER (PARTITION BY {keys}, {known} ORDER BY event DESC, created DESC) = 1)
        SELECT id, {names}, epoch(asked - event) / 3600 AS "{view.name} age"
        FROM (SELECT *, {moment} AS moment FROM {rows}) r ASOF LEFT JOIN ahead a ON {same} AND r.moment >= a.{known}
        ORDER BY id""").df().set_index("id")


def expire(table):
    """Values older than the TTL of their view become missing."""
    table = table.copy()
    for view in VIEWS:
        table.loc[~(table[f"{view.name} age"] <= view.ttl), list(view.features)] = np.nan
    return table


def history(**options):
    """The features of all views, point-in-time unless the options say otherwise."""
    return expire(pd.concat([as_of(view, **options) for view in VIEWS], axis=1))


# %% [markdown]
# Beside it, two joins that are common. **By event**: an as-of join on the event time alone, taking the newest
# correction; most tutorials stop here. **By day**: warehouses often keep one snapshot per day and key, and
# the join is on the date.


# %%
def of_the_day(view, rows="requests", where="month <= '2013-08'"):
    """To each request the last row of the view on the same New York date."""
    keys, date = ", ".join(view.entity), "(({}) AT TIME ZONE 'UTC' AT TIME ZONE 'America/New_York')::DATE"
    last = ", ".join(f"arg_max({name}, (event, created)) AS {name}" for name in view.features)
    return db.execute(f"""
        WITH days AS (SELECT {keys}, {date.format("event")} AS date, {last}
                      FROM {offline(view)} WHERE {where} GROUP BY ALL)
        SELECT id, {", ".join(view.features)} FROM (SELECT *, {date.format("asked")} AS date FROM {rows})
        LEFT JOIN days USING ({keys}, date) ORDER BY id""").df().set_index("id")


def by_day(**options):
    return pd.concat([of_the_day(view, **options) for view in VIEWS], axis=1)


# %%
def by_event(**options):
    return history(known="event", **options)


joins = {"point-in-time": history, "by event": by_event, "by day": by_day}
tables = {name: join() for name, join in joins.items()}
honest = tables["point-in-time"]

# %% [markdown]
# ### Proof
#
# The test of 2.1, put to the store: at a random moment hide every row created later, join again, compare.
# What changes used the future.


# %%
def equal(one, other):
    """Cell by cell: the same value, or both missing."""
    return (one == other) | (one.isna() & other.isna())


pool = trips.index[trips.month.between(2, 7)]
moments = trips.sched[draw.choice(pool, cuts, replace=False)] - pd.Timedelta(minutes=lead)
changed = {name: [] for name in joins}
for cut in moments:
    seen = {"rows": f"(FROM requests WHERE asked BETWEEN TIMESTAMP '{cut}' "
                    f"- INTERVAL 3 HOUR AND TIMESTAMP '{cut}')",
            "where": f"created <= TIMESTAMP '{cut}' AND event > TIMESTAMP '{cut}' - INTERVAL 2 DAY"}
    for name, join in joins.items():
        then = join(**seen)[FEATURES]
        changed[name].append(~equal(then, tables[name].loc[then.index, FEATURES]))
changed = {name: pd.concat(parts) for name, parts in changed.items()}
figures.table(pd.DataFrame({name: part.mean() for name, part in changed.items()}).rename_axis("feature"),
              formats=dict.fromkeys(joins, "{:.1%}"), bars=dict.fromkeys(joins, 1),
              caption=f"Values that change when the future is hidden: {cuts} cuts, "
                      f"{len(changed['by day']):,} requests")

# %% [markdown]
# Zero in the first column. The join by event reads the weather of an hour that was not over, and corrections
# from the next noon. The join by day reads the evening in the morning.
#
# ### What it costs
#
# A gradient boosting model on February to June, tested on July, with each table. Offline it is tested with
# the table it was taught on. **Served**, it gets what was known: the point-in-time values.

# %%
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from helpers.flights import compare

plan_columns = trips[["carrier", "origin", "dest"]].apply(
    lambda names: names.astype("category").cat.codes).join(trips[["day_minute", "weekday", "distance"]])
late, flown = (trips.arr_delay > 15).astype(int), trips.arr_delay.notna()
past, july = trips.index[flown & trips.month.between(2, 6)][::every], trips.index[flown & (trips.month == 7)]
tested = pd.DataFrame({"late": late[july], "time_hour": trips.sched[july].dt.tz_localize("UTC")})


# %%
def fit(table, rows=past):
    """Gradient boosting on the plan and the features of a table; it takes missing values as they are."""
    both = plan_columns.loc[rows].join(table)
    kinds = [name in ("carrier", "origin", "dest") for name in both]
    model = HistGradientBoostingClassifier(max_iter=40, learning_rate=0.2, categorical_features=kinds,
                                           early_stopping=False, random_state=seed)
    with threadpool_limits(1):  # at this size one thread is as fast, and it does not wait for another
        return model.fit(both, late[rows])


def chances(model, table):
    """Chance of being late for July's flights."""
    with threadpool_limits(1):
        return model.predict_proba(plan_columns.loc[july].join(table))[:, 1]


# %%
def pr_auc(given):
    """PR-AUC in July, then on each resample of its days, by name: float64 [1 + draws, names]."""
    areas = compare.resampled(tested, given, draws)
    return pd.DataFrame({name: area[:, 0] for name, area in areas.items()})


nothing = pd.DataFrame(index=trips.index)
predicted = {"plan only": chances(fit(nothing), nothing)}
models = {name: fit(table[FEATURES]) for name, table in tables.items()}
for name, model in models.items():
    predicted[f"{name}, offline"] = chances(model, tables[name][FEATURES])
    predicted[f"{name}, served"] = chances(model, honest[FEATURES])

# %% tags=["atol=1"]
scores = pr_auc(predicted)


def contrast(new, old, of=scores):
    """PR-AUC of `new` minus `old`, with its 95 % interval over days."""
    gain = of[new] - of[old]
    return gain[0], *gain[1:].quantile([0.025, 0.975])


rows = [(name, scores[f"{name}, offline"][0], scores[f"{name}, served"][0],
         *contrast(f"{name}, served", "point-in-time, served")) for name in joins]
rows.append(("plan only", *[scores["plan only"][0]] * 2, *contrast("plan only", "point-in-time, served")))
signed = dict.fromkeys(["served, against point-in-time", "from", "to"], "{:+.3f}")
columns = ["join", "offline", "served", "served, against point-in-time", "from", "to"]
figures.table(pd.DataFrame(rows, columns=columns),
              caption=f"PR-AUC in July; late {late[july].mean():.3f}; 95 % "
                      f"intervals over days", formats=signed)

# %% tags=["atol=1"]
own = (tables["by day"].leg[july] == trips.arr_delay[july]).mean()
gain, low, high = contrast("by day, served", "plan only")
figures.md(f"By day, `leg` is the flight's own delay at arrival for **{own:.0%}** of July's flights. "
           f"Served, that model scores {gain:+.3f} against the plan alone "
           f"(95 % interval {low:+.3f} to {high:+.3f}).")

# %% [markdown]
# **By day** is the model everyone would promote. Served, it is no better than the plan alone: for most
# flights it was taught to read the answer, and the answer is gone. **By event** fails the proof in a large
# share of rows, and its score can't be told from the honest one. It belongs in a review all the same: a leak
# whose cost July does not show is still one, and the next model may lean on it. And the first row against the
# last: the stored features, joined honestly, are worth having. (The intervals resample July's days. The luck
# of training one model is not in them.)
#
# ## 5 The online store
#
# Serving asks another question: *this plane, this airport, now*. For that a **key-value store**. Redis or
# DynamoDB in production; here LMDB, which is embedded, transactional and on disk. The key is `view|entity`,
# the value holds the event time and the features. It has one row per key and no past.
#
# Who writes it? Messages come in the order of *arrival*. A message that got through six hours late, or the
# noon run's corrections of yesterday, must not replace what is newer.

# %% [markdown] exercise="2.10a"
# ### Exercise 2.10a: The rule of writing (1 point)
#
# Write `materialize(rows)`. `rows` is a list of tuples `(key, event, value)` in order of arrival. Return a
# dict from each key to `(event, value)`: what the store should hold at the end. It holds the value with
# the **latest event**; if the same event is told again, that is a correction, and the **later arrival**
# counts.


# %% tags=["starter"] exercise="2.10a"
def materialize(rows):
    """What an online store holds after these rows arrived, in this order: {key: (event, value)}."""
    ...


# %% tags=["solution"] exercise="2.10a"
def materialize(rows):
    """What an online store holds after these rows arrived, in this order: {key: (event, value)}."""
    held = {}
    for key, event, value in rows:
        if key not in held or event >= held[key][0]:
            held[key] = (event, value)
    return held


# %% exercise="2.10a"
materialize = lesson.check("2.10a", materialize=materialize)

# %% [markdown]
# The same rule in LMDB, and the read with its TTL. A missing value is stored as NaN; a reader gets NaN as
# well where the key is unknown or the value has outlived its TTL.

# %%
import struct

import lmdb

UNKNOWN = float("nan")


def key_of(view, entity):
    return "|".join([view.name, *map(str, entity)]).encode()


def put(db_, view, entity, event, values, number="d"):
    """Write the newest values of an entity, unless the store holds a later event. `d` is a 64-bit float."""
    key = key_of(view, entity)
    old = db_.get(key)
    if old is None or struct.unpack_from("<q", old)[0] <= event:
        db_.put(key, struct.pack(f"<q{len(values)}{number}", event, *values))


def get(db_, view, entity, now, number="d"):
    """Age in hours, then the features of an entity at `now` (seconds)."""
    record = db_.get(key_of(view, entity))
    if record is None:
        return [UNKNOWN] * (1 + len(view.features))
    event, *values = struct.unpack(f"<q{len(view.features)}{number}", record)
    age = (now - event) / 3600
    return [age, *(values if age <= view.ttl else [UNKNOWN] * len(values))]


# %% [markdown] exercise="2.10b"
# ### Exercise 2.10b: How old is it? (1 point)
#
# A record of another team's store is a dict: `{"event": …, "written": …, "value": …}`, times in minutes.
# `event` is the moment the value describes, `written` when a job last wrote it. Their job writes everything
# every hour, whether the source sent anything or not. Write `lookup(record, now, ttl)`: the value, or `None`
# if it is **older than** `ttl` minutes or there is no record (`record` is `None`). Which of the two times is
# the age counted from?


# %% tags=["starter"] exercise="2.10b"
def lookup(record, now, ttl):
    """The value if it is fresh enough at `now`, else None."""
    ...


# %% tags=["solution"] exercise="2.10b"
def lookup(record, now, ttl):
    """The value if it is fresh enough at `now`, else None."""
    if record is None or now - record["event"] > ttl:
        return None
    return record["value"]


# %% exercise="2.10b"
lookup = lesson.check("2.10b", lookup=lookup)

# %% [markdown]
# ## 6 Parity
#
# Now the month of July as the online store lives it: every row written when it arrives, every request
# answered from the store as it is at that moment. The replay knows nothing of as-of joins. It has a clock, a
# `put` and a `get`.

# %%
def arrivals(views):
    """All rows of the views that arrive around July, in order of arrival: created, event,
    view, entity, values."""
    rows = []
    for number, view in enumerate(views):
        width = 2 + len(view.entity)
        for row in db.execute(f"""
                SELECT epoch(created)::BIGINT, epoch(event)::BIGINT, {", ".join(view.entity + view.features)}
                FROM {offline(view)} WHERE created BETWEEN '2013-06-29' AND '2013-08-02'""").fetchall():
            values = [UNKNOWN if value is None else value for value in row[width:]]
            rows.append((*row[:2], number, row[2:width], values))
    return sorted(rows, key=lambda row: row[:4])


writes = arrivals(VIEWS)
requests = list(db.sql("""
    SELECT epoch(asked)::BIGINT AS asked, r.carrier, r.origin, r.tailnum, id
    FROM requests r JOIN trips USING (id) WHERE month = 7 ORDER BY asked, id""").df().itertuples(index=False))


# %%
def replay(put=put, get=get, batch=1, writes=writes):
    """July served: each request after the writes due by then, which come in batches every `batch` seconds."""
    served, waiting = {}, iter(writes)
    upcoming = next(waiting)
    with lmdb.open(str(lesson.scratch()), map_size=2**28, sync=False) as env, env.begin(write=True) as online:
        for request in requests:
            while upcoming is not None and -(-upcoming[0] // batch) * batch <= request.asked:
                _, event, view, entity, values = upcoming
                put(online, VIEWS[view], entity, event, values)
                upcoming = next(waiting, None)
            served[request.id] = [value for view in VIEWS for value in get(
                online, view, [getattr(request, name) for name in view.entity], request.asked)]
    columns = [name for view in VIEWS for name in (f"{view.name} age", *view.features)]
    return pd.DataFrame.from_dict(served, orient="index", columns=columns)


served = replay()
same = equal(served[FEATURES], honest.loc[served.index, FEATURES])
other = equal(served[FEATURES], tables["by event"].loc[served.index, FEATURES]).all(axis=1)
figures.md(f"{len(writes):,} writes, {len(served):,} requests, {same.size:,} values: "
           f"**{same.to_numpy().sum():,} are equal** to the offline store's, to the last bit. "
           f"With the join by event, {1 - other.mean():.0%} of the requests would have got something else.")

# %% [markdown]
# That is parity, on every request of the month: rule of writing, TTL, clocks and number format agree. (Both
# stores are filled from one computation of each view. Where serving computes features by code of its own,
# that code belongs in the test as well.) Note what made it possible: the store keeps `created`, and the
# offline join asks for what was known. Against the join by event the replay fails for most requests, and no
# line of the serving code is wrong.
#
# Four colleagues built the same, with one fault each.


# %%
def put_blindly(db_, view, entity, event, values):
    db_.put(key_of(view, entity), struct.pack(f"<q{len(values)}d", event, *values))


def put_narrow(*record):
    put(*record, number="f")


def get_narrow(*question):
    return get(*question, number="f")


def get_zero(*question):
    return [0.0 if value != value else value for value in get(*question)]


# %%
early = history(known="stamped")
made = {
    "missing becomes 0": (honest, replay(get=get_zero)),
    "local clock": (early, served),
    "last write wins": (honest, replay(put=put_blindly)),
    "32-bit floats": (honest, replay(put=put_narrow, get=get_narrow)),
}
behind = dict(zip("ABCD", map(str, draw.permutation(list(made))), strict=True))  # which is which: don't look


# %%
def differences(build):
    """The values of July that differ between a build's stores, one row each."""
    pair = [table.loc[served.index, FEATURES].stack(dropna=False) for table in made[behind[build]]]
    both = pd.concat(pair, axis=1, keys=["offline", "served"]).rename_axis(["id", "feature"]).reset_index()
    hour = (trips.sched - pd.Timedelta(minutes=lead)).dt.hour
    return both.assign(hour=both.id.map(hour))[~equal(both.offline, both.served)]


figures.table(pd.DataFrame([(build, len(differences(build)) / same.size) for build in behind],
                           columns=["build", "values that differ"]), formats={"values that differ": "{:.2%}"})

# %% [markdown] exercise="2.10c"
# ### Exercise 2.10c: Four faults, four builds (1 point)
#
# `differences("A")` lists the values of July in which a build's two stores disagree: id, feature, the hour of
# the request (UTC), the value offline and the value served.
#
# The faults, in no order:
#
# - `"last write wins"`: the online store takes what arrives last, whatever its event;
# - `"missing becomes 0"`: the serving code answers 0 where there is no value, as a default;
# - `"32-bit floats"`: the online store saves half of the bytes;
# - `"local clock"`: the job that fills the *offline* store stamps `created` by a New York clock, read as UTC:
#   rows seem known four hours (in winter five) before they were.
#
# Look at how many disagree, when, and how. Put the fault of each build into `faults`.

# %% tags=["starter"] exercise="2.10c"
faults = {"A": ..., "B": ..., "C": ..., "D": ...}


# %% tags=["solution"] exercise="2.10c"
def fault_of(found):
    """Name a fault from the shape of the differences."""
    if found.offline.isna().all():
        return "missing becomes 0"
    if np.isclose(found.offline, found.served, rtol=1e-6).all():
        return "32-bit floats"
    return "last write wins" if (found.hour == 12).mean() > 0.5 else "local clock"


faults = {build: fault_of(differences(build)) for build in "ABCD"}

# %% exercise="2.10c"
faults = lesson.check("2.10c", faults=faults, given={"behind": behind})

# %% [markdown]
# The shapes: a default turns gaps, and only gaps, into zeros. Narrow floats differ in more than half of the
# values, in the eighth digit. Late writes win between the noon run and the hourly row five minutes later: the
# row held then is half a day old, so the TTL hides it, and nearly all that is served is a gap. The clock
# changes most of what moves. Now the bill. Each build's model is taught on its own offline table and served
# from its online store.

# %% tags=["atol=1"]
usual = models["point-in-time"]
bills = {}
for name, (offline_, served_) in {"none": (honest, served), **made}.items():
    model = fit(early[FEATURES]) if offline_ is early else usual
    bills[f"{name}, offline"] = chances(model, offline_[FEATURES])
    bills[f"{name}, served"] = chances(model, served_[FEATURES])
bill = pr_auc(bills)
rows = [(name, bill[f"{name}, offline"][0], bill[f"{name}, served"][0],
         *contrast(f"{name}, served", "none, served", bill)) for name in ["none", *made]]
signed = dict.fromkeys(["served, against none", "from", "to"], "{:+.4f}")
figures.table(pd.DataFrame(rows, columns=["fault", "offline", "served",
                                          "served, against none", "from", "to"]),
              caption="PR-AUC in July", formats=signed)

# %% [markdown]
# How many values differ says little about the price. More than half do by narrow floats, and nothing happens.
# Zeros stand in one value in twelve, most of them the `leg` of planes of which no landing was heard within a
# day, and a loss can't be shown, for this model in this month. Late writes touch one value in four hundred.
# The clock is the disaster, and it is the one that *looks best offline*. A parity test can't know the price.
# It asks "equal, yes or no", and finds all four; the next model on these stores may pay for what this one
# forgives. Where floats are narrow on purpose, round in **both** stores and keep the test exact.
#
# ## 7 Freshness
#
# **Freshness** is the age of a value when it is read. Even when every row is written at once it is not zero:
# the value describes a moment in the past.

# %%
ages = pd.concat({view.name: 60 * served.loc[july, f"{view.name} age"] for view in VIEWS}, axis=1)
spread = ages.quantile([0.05, 0.5, 0.95]).T.rename_axis("view").set_axis(["5 %", "median", "95 %"], axis=1)
spread["TTL"] = [60 * view.ttl for view in VIEWS]
spread["missing or expired"] = [1 - (ages[view.name] <= 60 * view.ttl).mean() for view in VIEWS]
figures.table(spread, caption="Age of a value when July's requests read it, in minutes",
              formats=dict.fromkeys(["5 %", "median", "95 %", "TTL"], "{:,.0f}")
              | {"missing or expired": "{:.1%}"})

# %% [markdown]
# Writing at once needs a stream processor and someone who is called when it stops. The cheap way is a batch:
# every hour, every night. What does that cost? Parity lets us compute it offline: the value a batch store
# serves is the as-of value at the *last run*. The replay confirms it for an hourly batch.

# %%
db.execute("CREATE TABLE of_july AS SELECT r.* FROM requests r JOIN trips "
           "USING (id) WHERE month = 7 ORDER BY id")
recent = "month BETWEEN '2013-06' AND '2013-08'"


def batched(minutes):
    """July's values from a store filled every so many minutes, up to a month old."""
    moment = f"time_bucket(INTERVAL {minutes} MINUTE, asked)"
    return pd.concat([as_of(view, rows="of_july", where=recent, moment=moment) for view in VIEWS], axis=1)


by_hour = batched(60)
hourly = equal(replay(batch=3600)[FEATURES], expire(by_hour)[FEATURES]).to_numpy()
figures.md(f"Hourly batches: {hourly.sum():,} of {hourly.size:,} values are equal in the replay and offline. "
           f"The queue has outlived its TTL in {(by_hour['queue age'] > VIEWS[1].ttl).mean():.0%} "
           f"of the requests.")

# %% [markdown]
# And when a value is old, what should the store answer? Without TTL: **the old value**, as if it were new.
# With TTL: **missing**. The usual advice is the second. But the model must know what a gap means. Ours
# learned it from flights before dawn, when nothing had left for hours. So a third contestant: a
# model **taught with gaps**, for which a fifth of each view's values were blanked at random in training.
# Which fifth is luck, so we teach `teachings` of them and average their scores.

# %%
def blanked(table):
    """The table with a fifth of each view's values missing, at random."""
    table = table.copy()
    for view in VIEWS:
        table.loc[draw.random(len(table)) < 0.2, list(view.features)] = np.nan
    return table


with_gaps = [fit(blanked(honest[FEATURES])) for _ in range(teachings)]
intervals, answers = [15, 60, 180, 360, 720, 1440], ["old value", "missing", "missing, taught with gaps"]
fresh = {}
for every_minutes in intervals:
    held = batched(every_minutes)
    ways = [([usual], held), ([usual], expire(held)), (with_gaps, expire(held))]
    for answer, (taught, values) in zip(answers, ways, strict=True):
        for number, model in enumerate(taught):
            fresh[every_minutes, answer, number] = chances(model, values[FEATURES])
apart = pr_auc(fresh)
aged = apart.T.groupby(level=[0, 1]).mean().T

# %% tags=["atol=1"]
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for answer in answers:
    ax.plot(range(len(intervals)), [aged[minutes, answer][0] for minutes in intervals], label=answer)
ax.axhline(scores["plan only"][0], color=figures.GREY, marker="", linestyle=":", label="no stored features")
ax.set(title="From one to six hours between runs, an old value beats a gap",
       ylabel="PR-AUC in July", ylim=(0.4, 0.63),
       xlabel="store filled every … minutes", xticks=range(len(intervals)), xticklabels=intervals)
ax.legend()
figures.show(fig, alt="PR-AUC in July by minutes between fillings. " + "; ".join(
    f"{answer}: " + ", ".join(f"{aged[minutes, answer][0]:.2f}" for minutes in intervals)
    for answer in answers)
    + f". Without stored features {scores['plan only'][0]:.2f}.")

# %% tags=["atol=1"]
pairs = {"missing − old": (answers[1], answers[0]), "taught with gaps − old": (answers[2], answers[0]),
         "taught with gaps − missing": (answers[2], answers[1])}
spreads = apart.loc[0].xs(answers[2], level=1).groupby(level=0).agg(np.ptp)
rows = [(name, minutes, *contrast((minutes, new), (minutes, old), aged))
        for name, (new, old) in pairs.items() for minutes in (15, 60, 360, 720, 1440)]
figures.table(pd.DataFrame(rows, columns=["answers", "every … minutes", "PR-AUC", "from", "to"]),
              formats=dict.fromkeys(["PR-AUC", "from", "to"], "{:+.3f}"),
              caption=f"95 % intervals over days; the {teachings} taught models "
                      f"lie up to {spreads.max():.3f} apart")

# %% [markdown]
# Read it by the interval.
#
# - **Every 15 minutes**, the TTL earns a little: nearly all it hides is the `leg` of days ago.
# - **Every hour**, it does harm. The queue lives an hour and the batch comes each hour, so more than a
#   quarter of its values have just expired. A TTL must be longer than the interval of the job plus the age at
#   which values come, or it throws good ones away.
# - **Every six hours**, old values beat gaps by far: a queue from this morning says something about the day.
#   Teaching with gaps wins back about half.
# - **Every twelve hours**, old values are no better than the plan alone (the dotted line): most flights then
#   read what was known at eight in the morning in New York, before the day's delays grow. Only here does a
#   gap win, and only with models taught for it. The interval just leaves out zero, and the taught models
#   differ among themselves by as much: weak evidence. Once a day the old value is that of the evening before
#   (midnight UTC), which misleads less.
#
# So "missing, not stale" is no law. Here a TTL earns its keep only against very old values. What it buys is a
# bound for the outage of unknown length: with models that were taught, the line ends about where the plan
# alone is. The teaching has a price where all is fresh: at 15 minutes, with the same gaps, they score lower.
#
# Here is what freshness is worth in money: the desk acts from a chance of 30 %, earns 100 dollars if the
# flight is late, and spends 30.

# %% tags=["atol=1"]
per_day = len(july) / 31
worth = pd.DataFrame([(minutes,
                       per_day * ((fresh[minutes, "old value", 0] >= 0.3) * (100 * late[july] - 30)).mean())
                      for minutes in intervals], columns=["every … minutes", "dollars a day"])
figures.table(worth, formats={"dollars a day": "{:,.0f}"}, bars=["dollars a day"],
              caption="Without TTL, before the cost of the job")

# %% [markdown] exercise="2.10d"
# ### Exercise 2.10d: How often should it run? (1 point)
#
# A run of the job costs `price` dollars. Write `best_interval(options, price)`: `options` is a list of pairs
# `(minutes, dollars)`, minutes between runs and dollars earned a day. Return the **minutes** of the option
# that earns most a day after paying for its runs. Then try it:
# `best_interval(worth.to_numpy().tolist(), 10)`.


# %% tags=["starter"] exercise="2.10d"
def best_interval(options, price):
    """Minutes between runs of the option that earns most a day, the runs paid."""
    ...


# %% tags=["solution"] exercise="2.10d"
def best_interval(options, price):
    """Minutes between runs of the option that earns most a day, the runs paid."""
    return max(options, key=lambda option: option[1] - 24 * 60 / option[0] * price)[0]


# %% exercise="2.10d"
best_interval = lesson.check("2.10d", best_interval=best_interval)

# %% [markdown]
# ## 8 Do you need one?
#
# Why two stores at all? DuckDB over Parquet can answer for one key as well. We ask both the same question,
# the queue at an airport now. The times differ from machine to machine, so the cell prints only bounds that
# hold on all we tried.

# %%
import time


def seconds(function, questions):
    """Median seconds for an answer."""
    taken = []
    for question in questions:
        start = time.perf_counter()
        function(question)
        taken.append(time.perf_counter() - start)
    return np.median(taken)


def from_parquet(row):
    return db.execute(f"""SELECT queue FROM {offline(VIEWS[1])} WHERE origin = ? AND month = '2013-07'
                          AND created <= make_timestamp(?::BIGINT * 1000000) ORDER BY event DESC LIMIT 1""",
                      [row.origin, row.asked]).fetchone()


with lmdb.open(str(lesson.scratch()), map_size=2**28, sync=False) as env:
    with env.begin(write=True) as online:
        for _, event, number, entity, values in writes:
            put(online, VIEWS[number], entity, event, values)
    with env.begin() as online:
        kept_rows, keys = env.stat()["entries"], {(number, entity) for _, _, number, entity, _ in writes}
        by_key = seconds(lambda row: get(online, VIEWS[1], [row.origin], row.asked), requests[:5000])
one_by_one = seconds(from_parquet, requests[:: len(requests) // 20])
together = seconds(lambda _: as_of(VIEWS[1], rows="of_july", where=recent), range(3)) / len(requests)

# %%
figures.table(pd.DataFrame([
    ("key lookup, against one question to Parquet", "at least 100 times faster", by_key * 100 < one_by_one),
    ("one as-of join for July, against July's questions one by one", "at least 100 times faster",
     together * 100 < one_by_one),
    (f"of {len(writes):,} rows written, the online store holds {kept_rows:,}",
     "one per key", kept_rows == len(keys)),
], columns=["", "bound", "holds"]))

# %% [markdown]
# Each store is good at its own question, and the online store can't train anything: it has no past. (Here
# there is no network in between; with one, both answers take a round trip longer. Lesson 4.2 measures feature
# lookup under load.)
#
# What you built, in Feast's words:
#
# | here | in Feast |
# | --- | --- |
# | `entity` of a view | `Entity`, with join keys |
# | `FeatureView(…)`, `ttl`, `owner`; the list `VIEWS` | `FeatureView`, `ttl`, `owner`; the registry, filled by `feast apply` |
# | Parquet with `event` and `created` | offline store; `timestamp_field` and `created_timestamp_column` of a data source |
# | `history()` | `get_historical_features(entity_df, features)` |
# | `put` in a batch | `materialize` and `materialize_incremental` |
# | `put` at arrival | a push source |
# | `get` | `get_online_features` |
#
# One difference matters: read in your tool's manual whether its historical join compares `created` with the
# moment of the request, or uses it only to choose among rows of the same event. The second is the join by
# event of section 4.
#
# **Don't have one** if predictions are made in batches from the warehouse (then the as-of join is all you
# need); if all features come with the request; if one team has one model, where a table and a cache will do;
# if nobody will own the definitions. It begins to pay when several models share features, values must be
# younger than a nightly job, and training rows span the past.
#
# ## What breaks in production
#
# The airport desk finds the queue jumpy: one plane five hours late moves the mean. It changes the definition
# to the **median**. Same name, same unit, same type, and for a person the better figure. History is
# backfilled with it, the online store follows. The model is that of last month.

# %%
median = dataclasses.replace(VIEWS[1],
                             sql=queue_sql.replace("sum(dep_delay) / count(*)", "median(dep_delay)"))
write(median)
changed_views = [VIEWS[0], median, *VIEWS[2:]]
again = replay(writes=arrivals(changed_views))
backfilled = expire(pd.concat([as_of(view, rows="of_july", where=recent) for view in changed_views], axis=1))
agree = equal(again[FEATURES], backfilled.loc[again.index, FEATURES]).to_numpy().mean()

# %% tags=["atol=1"]
both = {"mean, as taught": chances(usual, served.loc[july, FEATURES]),
        "median": chances(usual, again.loc[july, FEATURES])}
after = pr_auc(both)
rows = [(name, after[name][0], chance.mean(), 1000 * (chance >= 0.3).mean(),
         1000 * ((chance >= 0.3) * (100 * late[july] - 30)).mean()) for name, chance in both.items()]
loss = contrast("median", "mean, as taught", after)
figures.table(pd.DataFrame(rows, columns=["queue is the", "PR-AUC", "mean chance", "alerts", "dollars"]),
              formats={"mean chance": "{:.1%}", "alerts": "{:,.0f}", "dollars": "{:,.0f}"},
              caption=f"PR-AUC {loss[0]:+.3f}, 95 % interval {loss[1]:+.3f} to {loss[2]:+.3f}; "
                      f"late {late[july].mean():.1%}; alerts and dollars per 1,000 flights")

# %% [markdown]
# The mean chance falls by nearly a fifth, the alerts by nearly a quarter, and the money with them. Who
# notices? The parity test of section 6, run again, and a look at the column's mean, month by month:

# %%
by_month = honest.queue.groupby(trips.month).mean()
figures.md(f"Online and offline agree in **{agree:.0%}** of the values. "
           f"The mean of the new column in July is {again.queue.mean():.1f} minutes; that of the old one ran "
           f"from {by_month.min():.1f} to {by_month.max():.1f} over the months from January to July; "
           f"June had {by_month[6]:.1f}.")

# %% [markdown]
# Parity holds: both stores were changed together. A monitor whose limits come from half a year sees a value
# just under that of the quietest month. One that compares with June sees the mean more than halve, and can't
# say whether the traffic changed or the definition. What the model was taught with is the only sure witness,
# so **pin it**: a model carries the digests of the views it was trained on, and whoever serves it compares
# them with the registry before the first request.


# %%
def refuse(pinned, views):
    """Views whose definition is not the one the model was taught with."""
    return [view.name for view in views if pinned.get(view.name) != view.digest]


pinned = {view.name: view.digest for view in VIEWS}  # saved beside the model
figures.table(pd.DataFrame([("as taught", ", ".join(refuse(pinned, VIEWS)) or "nothing"),
                            ("after the change", ", ".join(refuse(pinned, changed_views)))],
                           columns=["registry", "refused"]))

# %% [markdown]
# A digest of the text is strict: a new owner or a comment in the SQL changes it too, and code that the SQL
# calls does not. Teams therefore add a version number that a person raises. The rule that matters is older
# than feature stores: **a published feature is never redefined, only followed by another one**. Both are kept
# until no served model asks for the old: here in two folders, and in the online store under a key that names
# the version too (ours, `view|entity`, does not, so the median overwrote the mean).
#
# ## What you did
#
# - You described four views in a registry, wrote their history to partitioned Parquet, and saw which files
#   and row groups a question leaves unread.
# - You joined by what was known, with late and corrected data, proved it by hiding the future, and saw a join
#   by day promise what it could not keep.
# - You ran a key-value store that keeps the latest event, not the latest write, and lets values expire.
# - You proved parity on every request of July, named four faults by their shape, and saw that size and price
#   of a difference are two things.
# - You priced freshness, found where a TTL helps and where it harms, and pinned the definitions a model was
#   taught with.

# %%
lesson.end()
