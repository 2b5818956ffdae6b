# %% [markdown]
# # 4.3 Batch inference
#
# Every night a job asks the model about all flights of a timetable, and writes a file of chances. One night
# a row is broken, and a thousand flights have no chance. Another night the job dies in the middle and is
# started again, and some flights stand in the file twice. Both mornings the job has ended without an error.
#
# **You will be able to**
#
# - run a model over a year's flights with Beam's `RunInference` and TFX's `BulkInferrer`, and keep one
#   broken row from taking others along;
# - prove that the batch says what the server says, to the last digit that means anything;
# - write output that is there once, however often the job was killed and run again;
# - reconcile: in = out + rejected, by keys and digests, and find what no count finds;
# - run a job on a cluster by changing options, and find out what the cluster's runner left out.
#
# *Needs: lessons 1.1 and 4.1. Beam is explained where it comes. Time: about 65 minutes, and 5 more for
# "Deeper"; the code runs in less than a minute.*

# %%
from helpers import lesson

lesson.begin("4.3")

# %% tags=["parameters"]
seed = 2013
keep = 4         # of the year's flights every fourth (1: all of them)
month = 7        # whose file has three broken rows
batch = 1000     # flights of one run of the model's graph, from 100
asked = 500      # flights that are also asked about one by one, over the network
killed = 6       # the month in whose middle the job is killed, from 2

# %% tags=["folded"]
# What is built here
from helpers import figures

figures.overview(
    "Each file of flights becomes one file of chances, and what came out is held against what went in",
    [["files of flights", "check", "rejected"],
     [None, "model", "server"],
     ["Dask, Spark, …", "one file, one rename", None],
     [None, "reconcile", None]],
    [("files of flights", "check", "row by row"), ("check", "rejected", "with the reason"),
     ("check", "model", "batches"), ("server", "model", "parity"),
     ("model", "one file, one rename"), ("Dask, Spark, …", "one file, one rename", "options"),
     ("one file, one rename", "reconcile", "keys, digests")],
    new=("check", "one file, one rename", "reconcile"),
)

# %% tags=["folded"]
# A process that forks others begins to import TensorFlow; meanwhile the flights go into twelve files
import multiprocessing
import multiprocessing.forkserver
import warnings

import numpy as np
import pandas as pd

starter = multiprocessing.get_context("forkserver")
starter.set_forkserver_preload([
    "tensorflow", "pandas", "distributed", "apache_beam.ml.inference.base", "helpers.flights.scoring",
    "apache_beam.runners.dask.dask_runner",
])
multiprocessing.forkserver.ensure_running()

import logging

from helpers import quiet
from helpers.flights import examples, pipeline

quiet.tfx()
logging.getLogger("apache_beam").setLevel(logging.CRITICAL)  # jobs that stop: they raise, and that we read
FEATURES = examples.FEATURES
place = lesson.scratch()
(place / "feed").mkdir(exist_ok=True)
year = examples.table()[::keep].assign(row=lambda kept: kept.index)
broken = year.index[year.month == month][[600, 2600, 4600]]
feed = year[["row", *FEATURES]].copy()
feed.loc[broken[0], "day_minute"] = 1500
feed.loc[broken[1], "distance"] = np.nan
feed.loc[broken[2], "carrier"] = None
sources = {f"2013-{m:02}": str(place / "feed" / f"2013-{m:02}.parquet") for m in range(1, 13)}
for path, (_, flights) in zip(sources.values(), feed.groupby(year.month), strict=True):
    flights.to_parquet(path, index=False)
here = f"2013-{month:02}"

# %% [markdown]
# ## 1 One file, flight by flight
#
# Our flights are every fourth of the year's, in twelve files, a month in each.
#
# **Apache Beam** describes a job as a graph: collections of elements, and steps that make new collections
# of them. A **runner** then executes the graph, here or on a cluster. The step that asks a model is
# `RunInference`. It collects elements into batches and needs a **model handler**, which says how the model
# is loaded (once in each worker) and how it is asked.

# %%
import apache_beam as beam
import tensorflow as tf
from apache_beam.ml.inference.base import ModelHandler, PredictionResult, RunInference
from apache_beam.options.pipeline_options import PipelineOptions

from helpers.flights.scoring import tensors


class Late(ModelHandler):
    """The SavedModel in `folder`, asked about `size` flights (dicts) at a time."""

    def __init__(self, folder, size):
        self.folder, self.size = str(folder), size

    def load_model(self):
        return tf.saved_model.load(self.folder)

    def batch_elements_kwargs(self):
        return {"min_batch_size": self.size, "max_batch_size": self.size}

    def run_inference(self, batch, model, inference_args=None):
        said = model.signatures["predict_rows"](**tensors(pd.DataFrame(batch)))["late"].numpy().ravel()
        return [PredictionResult(flight, chance) for flight, chance in zip(batch, said, strict=True)]


# %% [markdown]
# A job reads files (`FlatMap`: one file in, many flights out), asks, and writes. A `DoFn` is a step with a
# life of its own: ours opens a file for each **bundle**, the elements that a worker takes at once.

# %%
import uuid


def read(path):
    yield from pd.read_parquet(path).to_dict("records")


def line(result):
    return f"{result.example['row']},{float(result.inference)!r}"


class WriteLines(beam.DoFn):
    """Each bundle's lines into a file of its own in `folder`."""

    def __init__(self, folder):
        self.folder = folder

    def start_bundle(self):
        self.file = open(f"{self.folder}/{uuid.uuid4()}.csv", "w")  # noqa: SIM115 - until the bundle ends

    def process(self, text):
        self.file.write(f"{text}\n")
        return []

    def finish_bundle(self):
        self.file.close()


# %% tags=["folded"]
# Reading what was written
import glob
import os
import shutil


def folder(name):
    """An empty folder for what a job writes."""
    shutil.rmtree(place / name, ignore_errors=True)
    (place / name).mkdir()
    return str(place / name)


def lines_in(name):
    """The lines of all files of a folder."""
    return [text for path in sorted(glob.glob(str(place / name / "*.csv"))) for text in open(path)]


def chances_in(name):
    """The chances that a job has written, float32, by row."""
    pairs = [text.split(",") for text in lines_in(name)]
    return pd.Series({int(row): np.float32(chance) for row, chance in pairs}, dtype="float32").sort_index()


# %%
late = Late(pipeline.ensure().model, batch)
try:
    with beam.Pipeline() as job:
        (job | beam.Create([sources[here]]) | beam.FlatMap(read) | RunInference(late)
         | beam.Map(line) | beam.ParDo(WriteLines(folder("first"))))
except Exception as error:  # noqa: BLE001 - a runner may wrap it in any type
    message = str(error)
print("Stopped. Does the message say which flight? ", "yes" if str(broken[0]) in message else "no")

# %% [markdown]
# Somewhere in this file are broken rows, and the job stops at the first that the model can't take.
# TensorFlow speaks of a place in a batch, not of a flight. Beam has a remedy: with
# `with_exception_handling()` the step gives a second collection, of what failed, and goes on. Three rows
# are broken. How many flights of this file will be left without a chance?

# %% prediction="4.3p1"
guess = ...  # a number of flights
lesson.predict("4.3p1", guess)

# %%
with beam.Pipeline() as job:
    scored, failed = (job | beam.Create([sources[here]]) | beam.FlatMap(read)
                      | RunInference(late).with_exception_handling())
    scored | beam.Map(line) | beam.ParDo(WriteLines(folder("second")))

chances = chances_in("second")
inside = year[year.month == month].row.to_numpy()
none, not_a_number = len(inside) - len(chances), int(chances.isna().sum())
lesson.reveal("4.3p1", none + not_a_number, within=100, form="{:,.0f} flights")

# %% tags=["folded"]
# The picture of what was lost
lost = pd.Series({"broken rows": len(broken), "no chance: their whole batch failed": none,
                  "NaN as a chance, without an error": not_a_number})
figures.bars(lost, f"Three broken rows leave {none + not_a_number:,} flights without a chance", x="flights")

# %% tags=["claim"]
assert none == 2 * batch and not_a_number == 1, "two batches failed whole, and one row became NaN in silence"
assert set(inside) - set(chances.index) >= {broken[0], broken[2]} and np.isnan(chances[broken[1]]), (
    "which row did what")

# %% [markdown]
# What fails is the **batch**: each of two broken rows took along all flights that happened to be in its
# batch. The third is worse. Its distance is missing, the model computes with it, and the answer is NaN: no
# exception, so nothing to handle. So rows are checked one by one, before they are batched.

# %% [markdown] exercise="4.3a"
# ### Exercise 4.3a: A check that rejects by name (2 points)
#
# Write `checked(flight)` for `beam.FlatMap`: it gets one flight, a dict, and gives back a list with one
# element. A flight that the model can take is passed on as it is. Any other becomes
# `beam.pvalue.TaggedOutput("rejected", (row, name))`: its `row`, and the first feature that is wrong, in
# the order of the list `FEATURES` (the names of a flight's features). A tagged output goes to a collection
# of that name.
#
# The model needs `carrier`, `origin`, `dest` (text that is not empty), and `distance`, `weekday`,
# `day_minute` (numbers that are known; `weekday` 0 to 6, `day_minute` 0 to 1439). Weather may be missing.
# What is missing is `None` or NaN.
#
# | row | carrier | … | distance | weekday | day_minute | temp | |
# |---|---|---|---|---|---|---|---|
# | 1 | "UA" | | 1400.0 | 1 | 315 | NaN | passed on |
# | 2 | None | | NaN | 1 | 315 | 39.0 | rejected, `(2, "carrier")` |
# | 3 | "B6" | | 187.0 | 1 | 1440 | 39.0 | rejected, `(3, "day_minute")` |
# | 4 | "AA" | | NaN | 1 | 540 | 39.0 | rejected, `(4, "distance")` |

# %% tags=["starter"] exercise="4.3a"
def checked(flight):
    """The flight in a list, or its rejection in a list."""
    ...


# %% tags=["solution"] exercise="4.3a"
def checked(flight):
    """The flight in a list, or its rejection in a list."""
    highest = {"distance": float("inf"), "weekday": 6, "day_minute": 1439}
    for name in FEATURES:
        value = flight[name]
        if name in examples.CATEGORIES:
            fits = isinstance(value, str) and value != ""
        else:
            fits = name not in highest or (value is not None and 0 <= value <= highest[name])
        if not fits:
            return [beam.pvalue.TaggedOutput("rejected", (flight["row"], name))]
    return [flight]


# %% exercise="4.3a"
checked = lesson.check("4.3a", checked=checked)

# %%
with beam.Pipeline() as job:
    split = (job | beam.Create([sources[here]]) | beam.FlatMap(read)
             | beam.FlatMap(checked).with_outputs("rejected", main="fit"))
    (split.fit | RunInference(late) | beam.Map(line) | "scored" >> beam.ParDo(WriteLines(folder("third"))))
    (split.rejected | "words" >> beam.MapTuple("{},{}".format)
     | "rejects" >> beam.ParDo(WriteLines(folder("rejects"))))

chances = chances_in("third")
print(f"{len(inside):,} in, {len(chances):,} out, rejected:", " ".join(lines_in("rejects")).split())

# %% tags=["claim"]
assert len(chances) + len(lines_in("rejects")) == len(inside), "in = out + rejected"
assert not chances.isna().any() and len(lines_in("rejects")) == 3, "three rejections, no NaN"

# %% [markdown]
# In is out plus rejected, and each rejection names its reason. A **dead-letter queue** that
# nobody reads is a slower way of losing rows.
#
# **On Monday:** put one broken row into a copy of last night's input, and count what is missing afterwards.

# %% [markdown]
# ## 2 Does the batch say what the server says?
#
# The same model answers single requests, as in 4.1. We ask the embedded server about flights of this file
# one by one over gRPC, and hold its answers against the batch.

# %% tags=["folded"]
# The server of 4.1, and flights as serialized tf.Examples
import time

import grpc
import pyarrow as pa
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub
from tfx_bsl.coders.example_coder import RecordBatchToExamplesEncoder

from helpers.serving import ModelServer

logging.getLogger("helpers.serving").setLevel(logging.ERROR)


def records_of(flights):
    """A serialized tf.Example for each flight, its row inside; gaps are left out."""
    columns = {}
    for name in ["row", *FEATURES]:
        known = flights[name].notna().to_numpy()
        values = flights[name][known]
        if name in examples.CATEGORIES:
            values = pa.array([text.encode() for text in values], pa.large_binary())
        else:
            whole = name in ("row", "weekday", "day_minute")
            values = pa.array(values.to_numpy("int64" if whole else "float32"))
        columns[name] = pa.LargeListArray.from_arrays(np.r_[0, known.cumsum()].astype("int64"), values)
    return RecordBatchToExamplesEncoder().encode(pa.RecordBatch.from_arrays([*columns.values()], [*columns]))


def online(flights):
    """Each flight's chance, asked over gRPC one by one; bytes over the wire, and seconds."""
    (place / "shelf").mkdir(exist_ok=True)
    if not (place / "shelf" / "1").exists():
        os.symlink(late.folder, place / "shelf" / "1")
    said, size, records = [], 0, records_of(flights)
    request = PredictRequest()
    request.model_spec.name = "late"
    with ModelServer({"late": place / "shelf"}) as server, grpc.insecure_channel(server.grpc_target) as wire:
        stub, began = PredictionServiceStub(wire), time.perf_counter()
        for record in records:
            request.inputs["examples"].CopyFrom(tf.make_tensor_proto([record]))
            response = stub.Predict(request, timeout=60)
            said.append(response.outputs["late"].float_val[0])
            size += request.ByteSize() + response.ByteSize()
        return np.float32(said), size, time.perf_counter() - began


# %%
fit = year[["row", *FEATURES]].drop(index=broken)
some = fit[fit.row.isin(inside)].sample(asked, random_state=seed).sort_index()
one_by_one, wire_bytes, wire_seconds = online(some)
in_batches = chances[some.row].to_numpy()
print("all equal:", bool((one_by_one == in_batches).all()),
      "- all within 0.000001:", bool((np.abs(one_by_one - in_batches) < 1e-6).all()))

# %% [markdown]
# Not equal; is that an error, or rounding? Floats don't lie evenly: near 1 they are 6e-8 apart, near 0.01
# less than 1e-9. The natural unit is the distance from one float32 to the next, a **ulp** (unit in the last
# place).

# %% [markdown] exercise="4.3b"
# ### Exercise 4.3b: How many floats apart? (1 point)
#
# Write `ulps(one, other)`: two arrays of float32 chances (0 to 1) go in, an array of whole numbers comes
# out: for each pair, how many steps from one float32 to the next lead from one to the other. The bits of a
# float32 that is not negative, read as a whole number (`array.view("int32")`), count exactly that.
#
# | one | other | their bits as numbers | steps |
# |---|---|---|---|
# | 0.5 | 0.5 | 1056964608, 1056964608 | 0 |
# | 0.5 | 0.50000006 | 1056964608, 1056964609 | 1 |
# | 0.5 | 0.49999997 | 1056964608, 1056964607 | 1 |
# | 0.1 | 0.10000002 | 1036831949, 1036831951 | 2 |

# %% tags=["starter"] exercise="4.3b"
def ulps(one, other):
    """Steps between each pair of float32 numbers, whole numbers."""
    ...


# %% tags=["solution"] exercise="4.3b"
def ulps(one, other):
    """Steps between each pair of float32 numbers, whole numbers."""
    return np.abs(one.view("int32").astype("int64") - other.view("int32"))


# %% exercise="4.3b"
ulps = lesson.check("4.3b", ulps=ulps)

# %% [markdown]
# With your unit: does the size of the batch show in the answer? We ask the model itself about the same
# flights in batches of 1, 2, 16 and 64, and compare each time with one large batch.

# %%
model = tf.saved_model.load(late.folder)
ask, records = model.signatures["serving_default"], records_of(some)


def in_parts(size):
    return np.concatenate([ask(tf.constant(records[i : i + size]))["late"].numpy().ravel()
                           for i in range(0, len(records), size)])


whole = in_parts(len(records))
steps = pd.DataFrame({size: ulps(in_parts(size), whole) for size in (1, 2, 16, 64)})

# %% tags=["folded"]
# The picture of batch sizes
figures.bars(10 * (10 * (steps > 0).mean()).round().rename(index="batches of {}".format),
             "In batches of 1 or 2 many answers differ in their last digits, in large ones hardly any",
             x="% of flights that differ from one large batch, to the next ten", form="{:.0f}")

# %% tags=["claim"]
share = (steps > 0).mean()
assert share[[1, 2]].min() > 0.2 and share[[16, 64]].max() < 0.02, (
    "small batches differ often, large ones hardly")
assert steps.to_numpy().max() <= 32, "never by more than 32 steps"

# %% [markdown]
# A sum of floats depends on the order of its terms, and a matrix product may take another order for another
# number of rows. That gives a tolerance: as many steps as the same model, in one process, differs
# from itself. Here that was at most 32, which we take. Now all is held against large batches; and,
# to see a real difference, a client that rounds temperatures to whole degrees.
#
# **BulkInferrer**, TFX's component for this, takes Examples and a model as artifacts and
# writes a `PredictionLog` for each flight, request and answer, in no promised order: the key must be in the
# Example. It gets every 40th of our flights.

# %% tags=["folded"]
# Every 40th flight as Examples, and the model, become artifacts by Importers; what is written is read
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog
from tfx import v1 as tfx
from tfx.orchestration.experimental.interactive.interactive_context import InteractiveContext

every = fit[::40]
(place / "examples" / "Split-all").mkdir(parents=True, exist_ok=True)
with tf.io.TFRecordWriter(str(place / "examples" / "Split-all" / "data.gz"), "GZIP") as file:
    for record in records_of(every):
        file.write(record)
shutil.copytree(late.folder, place / "imported" / "Format-Serving", dirs_exist_ok=True)
context = InteractiveContext(pipeline_name="bulk", pipeline_root=str(place / "bulk"))
artifacts = tfx.types.standard_artifacts
given = tfx.dsl.Importer(source_uri=str(place / "examples"), artifact_type=artifacts.Examples,
                         properties={"split_names": '["all"]'}).with_id("examples")
served = tfx.dsl.Importer(source_uri=str(place / "imported"), artifact_type=artifacts.Model).with_id("model")
for node in (given, served):
    context.run(node)


def logged():
    """The chance in each PredictionLog, by the row that stands in its request."""
    found = {}
    for path in sorted(place.glob("bulk/BulkInferrer/inference_result/*/*.gz")):
        for text in tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator():
            log = PredictionLog.FromString(text).predict_log
            features = tf.train.Example.FromString(log.request.inputs["examples"].string_val[0]).features
            row = features.feature["row"].int64_list.value[0]
            found[row] = log.response.outputs["late"].float_val[0]
    return pd.Series(found, dtype="float32").sort_index()


# %%
bulk = tfx.components.BulkInferrer(
    examples=given.outputs["result"], model=served.outputs["result"], data_spec=tfx.proto.DataSpec(),
    model_spec=tfx.proto.ModelSpec(model_signature_name=["serving_default"]),
)
context.run(bulk)
from_bulk = logged()

# %% tags=["folded"]
# The year in large batches, in this process: what the others are held against
predict = model.signatures["predict_rows"]


def score(flights, size=8192):
    """Chances, float32 [n]."""
    parts = [predict(**tensors(flights[i : i + size]))["late"].numpy().ravel()
             for i in range(0, len(flights), size)]
    return np.concatenate(parts) if parts else np.empty(0, "float32")


score(fit[:8192])
began = time.perf_counter()
reference = pd.Series(score(fit), index=fit.row)
batch_seconds = (time.perf_counter() - began) / len(fit)
faster = wire_seconds / asked / batch_seconds

# %% tags=["folded"]
# Four ways, each against large batches
uneven = some[some.temp.notna() & (some.temp != some.temp.round())]
rounded = uneven.assign(temp=uneven.temp.round())
ways = {
    "online, one by one": (one_by_one, reference[some.row]),
    f"RunInference, batches of {batch}": (chances.to_numpy(), reference[chances.index]),
    "BulkInferrer": (from_bulk.to_numpy(), reference[from_bulk.index]),
    "temperature rounded": (score(rounded), reference[uneven.row]),
}
gaps = {way: ulps(one, other.to_numpy()) for way, (one, other) in ways.items()}
flips = {way: int(((one >= 0.3) != (other.to_numpy() >= 0.3)).sum()) for way, (one, other) in ways.items()}

# %% tags=["folded"]
# The table of ways
figures.table(pd.DataFrame({
    "flights": {way: len(gap) for way, gap in gaps.items()},
    "within 32 ulps": {way: "all" if (gap <= 32).all() else
                       "fewer than 1 in 20" if np.mean(gap <= 32) < 0.05 else "some"
                       for way, gap in gaps.items()},
    "alerts that change": flips,
}).rename_axis("against large batches"))

# %% tags=["folded"]
# The picture of two kinds of difference
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7.5, 2.8))
edges = 2.0 ** np.arange(-1, 20)
for way, colour in (("online, one by one", figures.BLUE), ("temperature rounded", figures.ORANGE)):
    ax.hist(np.maximum(gaps[way], 0.6), bins=edges, color=colour, alpha=0.7, label=way)
ax.axvline(32, color=figures.GREY, linestyle="--", linewidth=1, marker="")
title = "Arithmetic stays within 32 steps, a rounded input seldom does"
ax.set(title=title, xscale="log", xlabel="steps (ulps) from the large batch; the first bar: none",
       ylabel="flights")
ax.legend(loc="upper center")
figures.show(fig, figures.alt(title, pd.Series({
    f"{way}, share within 32 steps": np.mean(gaps[way] <= 32)
    for way in ("online, one by one", "temperature rounded")}), "{:.1f}"))

# %% tags=["claim"]
arithmetic = [gap for way, gap in gaps.items() if way != "temperature rounded"]
assert all(gap.max() <= 32 for gap in arithmetic), "three ways agree within 32 steps, on every row"
assert np.median(gaps["temperature rounded"]) > 1000, "a rounded temperature is far beyond"
assert (gaps["temperature rounded"] > 32).mean() > 0.95, "and nearly always seen"
assert flips["online, one by one"] == flips["BulkInferrer"] == 0, "arithmetic changes no alert"
assert len(gaps["BulkInferrer"]) == len(every) and faster > 20, "BulkInferrer lost none; a batch is faster"

# %% [markdown]
# Online, RunInference and BulkInferrer agree on every row within the tolerance; a wrong input does not. No
# alert changed by arithmetic here. It can: a chance that lies within 32 steps of the threshold may fall on
# either side, so alerts are compared with a margin, not exactly.
#
# Why batch at all? Count what a flight costs.

# %% tags=["folded"]
# What a flight costs
stored = os.path.getsize(sources[here]) / len(inside)
figures.table(pd.DataFrame({
    "runs of the graph per 1,000 flights": ["1,000", f"{1000 / batch:g}"],
    "bytes read or sent per flight": [f"{wire_bytes / asked:.0f}", f"{stored:.0f}"],
    "time per flight": ["1", "less than a 20th" if faster > 20 else "more than a 20th"],
}, index=pd.Index(["online, one by one", f"in batches of {batch}"], name="way")))

# %% [markdown]
# The clock's column is coarse: so it holds on a busy machine. What the batch can't do is answer for a
# flight that was not in its file.
#
# **On Monday:** ask your server about a hundred rows of last night's batch, and count steps between answers.

# %% [markdown]
# ## 3 Once, however often it runs
#
# A job of hours is killed now and then: memory, a spot machine taken back, a deployment. Somebody starts it
# again. The plain way to write is to append lines to one file:

# %%
def append(lines, source, folder):
    with open(f"{folder}/chances.csv", "a", buffering=1) as file:
        file.writelines(f"{line}\n" for line in lines)


# %% [markdown]
# After a kill in the middle, what is appended stays, and the second run appends it again. The remedy makes
# the work **idempotent**: doing it twice leaves what doing it once leaves. One input file (a **shard**)
# becomes one output file whose name says only which input it is of; it is written under another name, and
# renamed when it is whole. `os.replace` renames **atomically** within a file system: a reader sees the old
# file or the new one, never a half.

# %% [markdown] exercise="4.3c"
# ### Exercise 4.3c: Whole or not there (2 points)
#
# Write `write_shard(lines, source, folder)`. `lines` is an iterator of texts without line ends; `source` a
# name such as `"2013-07"`; `folder` a path as text, on a file system of its own. Afterwards the lines
# stand, each with `"\n"` behind it, in `{folder}/{source}.csv`, and:
#
# - a reader who lists `*.csv` at any moment sees each file whole or not at all (the old one until the new one
#   is whole);
# - after a kill at any line, the same call again leaves exactly one `*.csv`, right (what a killed call left
#   under other names may lie about);
# - two processes may write the same shard at once (the scheduler took one for dead, and it was slow): what
#   remains is one whole file, and neither fails;
# - a shard without lines has an empty file: "done" must differ from "not yet".
#
# | moment | `*.csv` in the folder |
# |---|---|
# | killed at line 3 of 5 | none |
# | run again | `2013-07.csv`, 5 lines |
# | run a third time | `2013-07.csv`, 5 lines |
# | `2013-08` written | `2013-07.csv`, `2013-08.csv` |

# %% tags=["starter"] exercise="4.3c"
def write_shard(lines, source, folder):
    """Write the lines to {folder}/{source}.csv, whole or not at all."""
    ...


# %% tags=["solution"] exercise="4.3c"
def write_shard(lines, source, folder):
    """Write the lines to {folder}/{source}.csv, whole or not at all."""
    attempt = f"{folder}/{source}.{uuid.uuid4()}.part"
    with open(attempt, "w") as file:
        file.writelines(f"{line}\n" for line in lines)
    os.replace(attempt, f"{folder}/{source}.csv")


# %% exercise="4.3c"
write_shard = lesson.check("4.3c", write_shard=write_shard)

# %% [markdown]
# Now the job of the year. Its element is a whole file, and a file is a batch. A line has the flight's row,
# a **digest** of the features that the model was asked with, and the chance, empty where the flight is
# rejected: so scored and rejected come in one file, by one rename.

# %%
def digests(flights):
    return pd.util.hash_pandas_object(flights[FEATURES], index=False).map("{:016x}".format)


def sound(flights):
    """Which flights the model can take: `checked`, for a whole table at once."""
    known = flights[[*examples.CATEGORIES, "distance"]].notna().all(axis=1)
    return known & flights.weekday.between(0, 6) & flights.day_minute.between(0, 1439)


class LateFiles(Late):
    """The same model, asked about a file (a path) at a time; the inference is the file's lines."""

    def run_inference(self, batch, model, inference_args=None):
        for path in batch:
            flights = pd.read_parquet(path)
            fits = sound(flights).to_numpy()
            said = np.full(len(flights), "", object)
            late = model.signatures["predict_rows"](**tensors(flights[fits]))["late"].numpy().ravel()
            said[fits] = late.astype(str)
            yield PredictionResult(path, flights.row.astype(str) + "," + digests(flights) + "," + said)


# %% tags=["folded"]
# The kill
import signal
from pathlib import Path


def until_killed(lines, is_killed):
    """The lines; with `is_killed`, this process is gone after 2,000."""
    for i, text in enumerate(lines):
        if is_killed and i == 2_000:
            os.kill(os.getpid(), signal.SIGKILL)
        yield text


# %%
def score_files(sources, out, write=write_shard, killed=None, ask=RunInference, runner=None, options=()):
    def to_do(path):
        return not os.path.exists(f"{out}/{Path(path).stem}.csv")

    def written(result):
        name = Path(result.example).stem
        write(until_killed(result.inference, name == killed), name, out)
        Path(f"{out}/{name}.by-{os.getpid()}").touch()

    with beam.Pipeline(runner, PipelineOptions(list(options))) as job:
        (job | beam.Create(sources) | beam.Filter(to_do) | ask(LateFiles(late.folder, 1))
         | beam.Map(written))


# %% tags=["folded"]
# A job in a process of its own, which may be killed; it does not outlive the call
import functools

from joblib import wrap_non_picklable_objects


def at_work(work, log):
    """In the process: what it says goes to a file."""
    file = os.open(log, os.O_CREAT | os.O_WRONLY)
    os.dup2(file, 1)
    os.dup2(file, 2)
    work()


def apart(job):
    """Run a job; how it has ended: "done", or the signal that killed it."""
    log = str(place / f"{uuid.uuid4()}.log")
    process = starter.Process(
        target=wrap_non_picklable_objects(functools.partial(at_work, job, log)), daemon=True)
    try:
        process.start()
        process.join(150)
        code = process.exitcode
        if code is None or code > 0:
            raise RuntimeError(f"A job did not come to its end: {Path(log).read_text()[-1500:]}")
        return "done" if code == 0 else signal.Signals(-code).name
    finally:
        process.kill()
        process.join()


def output(name):
    """Every line of a folder as row, digest and chance."""
    fields = pd.DataFrame([text.rstrip("\n").split(",") for text in lines_in(name)],
                          columns=["row", "digest", "chance"])
    return fields.astype({"row": int})


# %% [markdown]
# Two jobs, each in a process of its own: one appends, one writes by your function. Both get `SIGKILL`,
# which no program can catch, after the same line. Then both are started again.

# %%
everything, stop = list(sources.values()), f"2013-{killed:02}"
plain = functools.partial(score_files, everything, folder("appended"), append)
careful = functools.partial(score_files, everything, folder("shards"), write_shard)
ends = [apart(functools.partial(job, killed=stop)) for job in (plain, careful)]
after_kill = {name: output(name) for name in ("appended", "shards")}
again = apart(lambda: (plain(), careful()))
after_rerun = {name: output(name) for name in ("appended", "shards")}

# %% tags=["folded"]
# The table of rows after the kill and after the rerun
by_month = year.set_index("row").month
figures.table(pd.DataFrame({
    "ended": ends, "lines": [len(table) for table in after_kill.values()],
    "run again": again, "lines then": [len(table) for table in after_rerun.values()],
    "flights twice": [int(table.row.duplicated().sum()) for table in after_rerun.values()],
}, index=pd.Index(["appended", "one file, one rename"], name="output")))

# %% tags=["claim"]
assert ends == ["SIGKILL"] * 2 and again == "done", "both were killed, and both ended the second time"
assert sorted(after_rerun["shards"].row) == list(year.row), "by shards every flight is there once"
once = after_rerun["shards"].query("chance != ''").set_index("row").chance.astype("float32")
assert ulps(once.to_numpy(), reference[once.index].to_numpy()).max() <= 32, "with the chances of section 2"
assert set(after_kill["shards"].row.map(by_month)) == set(range(1, killed)), "after the kill: whole months"
times = after_rerun["appended"].row.map(by_month).value_counts().sort_index() / by_month.value_counts()
assert (times[: killed - 1] == 2).all() and (times[killed:] == 1).all(), (
    "appended, earlier months are there twice")
assert len(after_kill["appended"]) == (year.month < killed).sum() + 2_000, "and 2,000 of the kill's month"

# %% [markdown]
# Appended, all months before the kill are there twice, and 2,000 flights of its own month. By shards, the
# second run found the finished months and did only the rest: not because a record of progress
# was kept, but because a file that is there is whole. (If the *input* may change under its name, put its
# digest into the output's name; else an old result passes for the new one. Against a power cut, `os.fsync`
# before renaming.)
#
# **On Monday:** kill your batch job in the middle, run it again, and count keys that are there twice.

# %% [markdown]
# ## 4 What breaks in production
#
# In autumn 2020 England's health agency lost 15,841 positive tests from its daily counts. Laboratories'
# files were copied into sheets of an old format which end at row 65,536; what came after was cut, and
# nothing raised. Here is that sheet, with our flights.

# %%
whole_year = after_rerun["shards"]
cut = whole_year.head(65_536)

# %% tags=["folded"]
# The picture of what the sheet cut
gone = by_month.value_counts().sort_index().sub(cut.row.map(by_month).value_counts(), fill_value=0)
figures.bars(gone.rename(index="2013-{:02}".format),
             f"Full in month {(gone > 0).idxmax()}, the sheet loses {gone.sum():,.0f} flights in silence",
             x="flights beyond the sheet's last row")

# %% tags=["claim"]
assert gone.sum() == len(year) - 65_536 > 0 and gone.iloc[-1] == (year.month == 12).sum(), (
    "what is beyond the last row is lost, December whole")

# %% [markdown]
# What finds this? **Reconciliation**: what came out is held
# against what went in, by key. Counts do not do: one flight lost and another doubled leave them
# right.

# %% [markdown] exercise="4.3d"
# ### Exercise 4.3d: Reconcile (1 point)
#
# Write `reconcile(source, scored, rejected)`. Each is a DataFrame with the columns `row` and `digest`; a
# row is in `source` once. Give back the set of the faults there are:
#
# - `"missing"`: a row of `source` is in neither of the two others;
# - `"twice"`: a row stands more than once in `scored` and `rejected` together;
# - `"unknown"`: a row of `scored` or `rejected` is not in `source`;
# - `"changed"`: a row has another digest than in `source`.
#
# | source | scored | rejected | faults |
# |---|---|---|---|
# | 1a 2b 3c | 3c 1a | 2b | none: `set()` |
# | 1a 2b 3c | 1a 1a | 2b | missing (3), twice (1), though three in, three out |
# | 1a 2b | 1a 2b | 2b | twice |
# | 1a 2b | 1a 2x 4d | | changed (2), unknown (4) |
#
# It will get all our flights: look up in an index or a set, not in a list.

# %% tags=["starter"] exercise="4.3d"
def reconcile(source, scored, rejected):
    """The set of faults: missing, twice, unknown, changed."""
    ...


# %% tags=["solution"] exercise="4.3d"
def reconcile(source, scored, rejected):
    """The set of faults: missing, twice, unknown, changed."""
    out = pd.concat([scored, rejected])
    both = out.merge(source, on="row", suffixes=("", "_before"))
    found = {
        "missing": not source.row.isin(out.row).all(),
        "twice": out.row.duplicated().any(),
        "unknown": not out.row.isin(source.row).all(),
        "changed": (both.digest != both.digest_before).any(),
    }
    return {fault for fault, there in found.items() if there}


# %% exercise="4.3d"
reconcile = lesson.check("4.3d", reconcile=reconcile)

# %% [markdown]
# The digests of the source are computed from the files, not from what the job says it read. Five outputs of
# the year; the last two are made up: one lost flight and one doubled, and temperatures that somebody turned
# into °C on their way to the model.

# %%
source = pd.concat([pd.read_parquet(path) for path in everything], ignore_index=True)
source["digest"] = digests(source)
celsius = whole_year.assign(digest=digests(source.assign(temp=(source.temp - 32) / 1.8)).to_numpy())
outputs = {
    "one file, one rename": whole_year, "appended": after_rerun["appended"], "through a sheet": cut,
    "one lost, one twice": pd.concat([whole_year.iloc[1:], whole_year.tail(1)]), "in °C": celsius,
}


def faults_of(out, source=source):
    rejected = out.chance == ""
    return reconcile(source[["row", "digest"]], out.loc[~rejected, ["row", "digest"]],
                     out.loc[rejected, ["row", "digest"]])


faults = {name: faults_of(out) for name, out in outputs.items()}

# %% tags=["folded"]
# The table of outputs and their faults
figures.table(pd.DataFrame({
    "in": len(source), "out": {name: int((out.chance != "").sum()) for name, out in outputs.items()},
    "rejected": {name: int((out.chance == "").sum()) for name, out in outputs.items()},
    "counts agree": {name: len(out) == len(source) for name, out in outputs.items()},
    "faults": {name: ", ".join(sorted(said)) or "none" for name, said in faults.items()},
}).rename_axis("output"))

# %% tags=["claim"]
assert faults["one file, one rename"] == set() and "twice" in faults["appended"], "exactly once, or twice"
assert faults["through a sheet"] == {"missing"}, "the sheet's cut is found"
assert set(whole_year.row[whole_year.chance == ""]) == set(broken), "`sound` rejects what `checked` does"
assert faults["one lost, one twice"] == {"missing", "twice"} and faults["in °C"] == {"changed"}, (
    "what counts do not see")
assert all(len(outputs[name]) == len(source) for name in ("one lost, one twice", "in °C")), "counts agree"

# %% [markdown]
# **On Monday:** write the number and a digest of what went in beside last night's input, before the job runs.

# %% [markdown]
# ## 5 Elsewhere, by options alone
#
# Beam's promise is that a job does not know where it runs. We start a **Dask** cluster of two worker
# processes and hand the jobs to Beam's `DaskRunner`, by name and two options. (It refuses to start in a
# notebook; `apart` takes the job to a process of its own.)

# %% tags=["folded"]
# The cluster: two worker processes, forked by the process that has TensorFlow imported
import dask

dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"})
from distributed import LocalCluster

logging.getLogger("distributed").setLevel(logging.ERROR)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # of a port that another dashboard has
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0",
                           memory_limit=None, silence_logs=logging.ERROR)

# %%
on_dask = {
    "runner": "apache_beam.runners.dask.dask_runner.DaskRunner",
    "options": [f"--dask_client_address={cluster.scheduler_address}", "--dask_npartitions=2"],
}


# %% [markdown]
# First the job of section 3 as it is; it has just done all twelve files without a fault. On Dask, too, it
# ends without an error. Of twelve files, how many will have their chances?

# %% prediction="4.3p2"
guess = ...  # a number of files, up to twelve
lesson.predict("4.3p2", guess)

# %%
job = functools.partial(score_files, everything, folder("on dask"), **on_dask)
ended = apart(job)
there = {Path(path).stem for path in glob.glob(str(place / "on dask" / "*.csv"))}
first_faults = faults_of(output("on dask"))
lesson.reveal("4.3p2", len(there), within=0.5, form="{:.0f} files")
print(ended, "- faults:", *first_faults, "- without chances:", *sorted(set(sources) - there))

# %% tags=["claim"]
assert ended == "done" and first_faults == {"missing"}, "done, and flights are missing"
assert set(sources) - there == {"2013-06", "2013-12"}, "the last file of each of two partitions"

# %% [markdown]
# "Done", and the last file of each of the cluster's two partitions is missing. `RunInference` holds a batch
# back until the next element comes, and sends the last when a bundle is finished; this runner collects a
# bundle's results *before* it lets steps finish. Three more graphs, a hundred numbers each, run by both
# runners:

# %% tags=["folded"]
# The small jobs, here and there
def split_in_two(number):
    return [beam.pvalue.TaggedOutput("ten", number) if number % 10 == 0 else number]


def small_jobs(out, runner=None, options=()):
    for kind in ("text", "tagged", "two ends"):
        os.mkdir(f"{out}/{kind}")
        with beam.Pipeline(runner, PipelineOptions(list(options))) as job:
            numbers = job | beam.Create(range(100))
            if kind == "text":
                numbers | beam.Map(str) | beam.io.WriteToText(f"{out}/{kind}/all", ".csv")
            elif kind == "tagged":
                parts = numbers | beam.FlatMap(split_in_two).with_outputs("ten", main="others")
                parts.others | beam.ParDo(WriteLines(f"{out}/{kind}"))
            else:
                numbers | "first" >> beam.ParDo(WriteLines(f"{out}/{kind}"))
                numbers | "second" >> beam.ParDo(WriteLines(f"{out}/{kind}"))


small_jobs(folder("small here"))
_ = apart(functools.partial(small_jobs, folder("small there"), **on_dask))

# %% tags=["folded"]
# The table of the small jobs
asked_for = {"text": "WriteToText of 100 numbers", "tagged": "the 90 that are not tagged",
             "two ends": "100 numbers to each of two ends"}
small = pd.DataFrame(
    {where: [len(lines_in(f"{name}/{kind}")) for kind in asked_for] for where, name in
     (("lines by DirectRunner", "small here"), ("lines by DaskRunner", "small there"))},
    index=pd.Index(asked_for.values(), name="what was asked"))
figures.table(small)

# %% tags=["claim"]
assert small["lines by DirectRunner"].tolist() == [100, 90, 200], "the reference runner does what was asked"
assert small["lines by DaskRunner"].tolist() == [0, 100, 100], "DaskRunner does not, and raises nothing"

# %% [markdown]
# No line is written; tagged rows are mixed with the others; only the last end of a graph is executed; and
# no error. A runner that does not support a step may not say so. So our job must need less: one chain, no
# tags, nothing held back. A small DoFn does what `RunInference` does without collecting. We run into the
# same folder: what is there is skipped.

# %%
class Ask(beam.DoFn):
    """RunInference without batches: the handler's model, loaded once a worker, asked at each element."""

    def __init__(self, handler):
        self.handler = handler

    def setup(self):
        self.model = self.handler.load_model()

    def process(self, element):
        yield from self.handler.run_inference([element], self.model)


# %%
ended = apart(functools.partial(job, ask=lambda handler: beam.ParDo(Ask(handler))))
by = {int(path.rpartition("-")[2]) for path in glob.glob(str(place / "on dask" / "*.by-*"))}
workers = {nanny.pid for nanny in cluster.workers.values()}
second_faults = faults_of(output("on dask"))
print(ended, "- faults:", *(second_faults or ["none"]), "- all by the cluster's workers:", by <= workers,
      "- same bytes as before:", lines_in("on dask") == lines_in("shards"))
cluster.close()

# %% tags=["claim"]
assert ended == "done" and second_faults == set() and by <= workers, "every flight once, by the workers"
assert lines_in("on dask") == lines_in("shards"), "the same bytes as in one process"

# %% [markdown]
# The cluster's processes have written the bytes of one. For two other runners, we let Beam parse the
# options, without a cluster:

# %%
asked_of = {
    "FlinkRunner": ["--flink_master=flink:8081", "--environment_type=DOCKER", "--max_parallelism=32",
                    "--paralelism=8"],
    "DataflowRunner": ["--project=late", "--region=us-east1", "--temp_location=gs://late/tmp",
                       "--max_num_workers=8", "--sdk_container_image=late/worker:7"],
}
parsed = {runner: PipelineOptions(flags).get_all_options(drop_default=True)
          for runner, flags in asked_of.items()}

# %% tags=["folded"]
# What Beam has understood, and what it says where something is forgotten
from apache_beam.options.pipeline_options_validator import PipelineOptionsValidator
from apache_beam.runners.runner import create_runner

forgotten = PipelineOptions(["--runner=DataflowRunner", "--project=late"])
missing = PipelineOptionsValidator(forgotten, create_runner("DataflowRunner")).validate()
means = {
    "flink_master": "where the cluster is", "max_parallelism": "how many workers at most",
    "environment_type": "workers run Python in containers", "project": "who pays", "region": "where",
    "temp_location": "a bucket, for files must be seen by all",
    "max_num_workers": "the ceiling of autoscaling",
    "sdk_container_image": "an image with our code and model",
}
told = [(runner, name, value, means[name]) for runner, found in parsed.items()
        for name, value in sorted(found.items())]
told += [("Dataflow, --project alone", "refused", said, "") for said in missing]
columns = ["runner", "option", "value", "what it changes"]
figures.table(pd.DataFrame(told, columns=columns).set_index("runner"))

# %% tags=["claim"]
assert len(parsed["FlinkRunner"]) == len(asked_of["FlinkRunner"]) - 1, "the misspelt option is dropped"
assert any("region" in said for said in missing), "what Dataflow must have is asked for"

# %% [markdown]
# Workers are elsewhere, so our code must come in an image, paths must be seen by all (`gs://`; there a
# rename is a copy, so the final name is written in one upload), and whoever pays sets a ceiling. Dataflow
# asks for what it must have; but of Flink's four options **three** arrived: Beam drops a misspelt one
# (`--paralelism`) with a warning in the log.
#
# **On Monday:** run your batch job on a runner it has never seen, with a week of data, and reconcile.

# %% [markdown]
# ## What you did
#
# - You saw three broken rows take two thousand flights along in `RunInference`, and rejected them by name.
# - You counted the floats between answers: online and batch agreed within 32 steps on every row, a rounded
#   temperature did not.
# - You killed the job in the middle and ran it again: by shards each flight was there once.
# - You reconciled five outputs by key and digest, and found a cut sheet, and two faults that counts miss.
# - You ran the job on a Dask cluster by options: it lost two files and said "done"; with a step that holds
#   nothing back it wrote the same bytes as one process.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# The same job on Spark, about 5 minutes. Beam's own Spark runner needs a server in Java that no Python
# package brings, so this is Spark's own way: `mapInPandas` hands each worker tables of rows. It needs Java
# 17 and pyspark (300 MB; in the workbook's folder `uv pip install --python .venv "pyspark<4"`, where uv may
# be `.venv/tools/bin/uv`); where one of them is missing, the cell does nothing, and shows the same.

# %%
import importlib.util
import sys


def score_tables(tables):
    """For mapInPandas: tables of flights in, tables of row and chance out."""
    ask = tf.saved_model.load(late.folder).signatures["predict_rows"]
    for flights in tables:
        good = flights[sound(flights)]
        yield good[["row"]].assign(late=ask(**tensors(good))["late"].numpy().ravel())


# %%
def on_spark(paths):
    """The chances of these files' flights, by row, from Spark's own Python workers."""
    from pyspark.sql import SparkSession

    os.environ |= {"SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
    builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.ui.showConsoleProgress", "false")
    for key in ("spark.driver.host", "spark.driver.bindAddress"):
        builder = builder.config(key, "127.0.0.1")
    spark = builder.config("spark.sql.warehouse.dir", str(place / "spark")).getOrCreate()
    try:
        table = spark.read.parquet(*paths).mapInPandas(score_tables, "row long, late float")
        return table.toPandas().set_index("row").late.sort_index()
    finally:
        spark.stop()


if importlib.util.find_spec("pyspark") and shutil.which("java"):
    found = on_spark(everything[:1])
    assert ulps(found.to_numpy(), reference[found.index].to_numpy()).max() <= 32, "Spark's chances are ours"
    assert len(found) == (year.month == 1).sum(), "and none is missing"
print("Where Spark is installed, its chances of January are those of the batch, within 32 steps.")
