# %% [markdown]
# # 4.5 Orchestrating pipelines
#
# A pipeline that was started by hand once is a script. In production it starts each month by itself, a step
# fails at night and is tried again, and sometimes many months have to be run anew. Each of these can push a
# wrong model although every component is right: what is wrong then is the **orchestration**.
#
# You will be able to
#
# - run one definition over **monthly spans**, and read from the store what ran, what was cached, what was
#   skipped;
# - write the **condition** under which a model is pushed;
# - retry a failed step without redoing the rest, and say why "the **latest blessed** model" spoils that;
# - compile a pipeline for **Kubeflow Pipelines**, read the spec and check it;
# - schedule a **backfill**, and say what its order costs;
# - write a **custom component** that finds duplicated rows, which the validator lets through.
#
# *Needs: lessons 2.7 and 2.8. Time: about 65 minutes, and 5 more for "Deeper"; the code runs in less than a
# minute.*

# %%
from helpers import lesson

lesson.begin("4.5")

# %% tags=["parameters"]
seed = 2013           # of the hours that runs take in section 4
every = 10            # of each month's flights, every `every`-th is delivered
least = 1000          # a model is pushed if it has learned from more rows than this
most = 3              # runs of a backfill at the same time

# %% tags=["folded"]
# What is built here
from helpers import figures

figures.overview(
    "Each month one run: the rival comes out of the store, and a condition stands before the push",
    [["span", "ExampleGen", "Statistics", "ExampleValidator"],
     [None, "Trainer", "Gate", "store"],
     [None, None, "Condition", "Pusher"]],
    [("span", "ExampleGen"), ("ExampleGen", "Statistics"), ("Statistics", "ExampleValidator"),
     ("ExampleGen", "Trainer"), ("Trainer", "Gate"), ("store", "Gate", "rival"),
     ("Gate", "Condition", "blessed?"), ("Condition", "Pusher")],
    new=["Condition", "store"])

# %% [markdown]
# ## 1 One definition, many runs
#
# The parts are those of 2.7 and 2.8. A **span** is a month. Its run learns from the two months before and is
# judged on the month itself. Trainer, ImportSchemaGen, ExampleValidator and Pusher are TFX's own. Folded are
# four small components of ours: `SpanGen` copies the files of a span; `Statistics` computes in memory what
# StatisticsGen does, because starting Beam takes longer; `Gate`, in Evaluator's place, blesses a model whose
# log loss is at most 0.005 above its rival's; `Announce`, the last, tells the desk of the new model. (A month
# with the real StatisticsGen and Evaluator runs in "Deeper".)

# %% tags=["folded"]
# The module that Trainer names: a logistic regression, exported with what it does to raw examples
import hashlib
import json
import shutil
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from tensorflow_data_validation import StatsOptions
from tensorflow_data_validation.statistics import stats_impl
from tfx import v1 as tfx
from tfx.types import artifact_utils
from tfx.types.standard_artifacts import (
    Examples, ExampleStatistics, Model, ModelBlessing, PushedModel, String)
from tfx.dsl.placeholder.placeholder import logical_and
from tfx_bsl.coders import example_coder

from helpers import ROOT, quiet
from helpers.flights import example_gen, examples, pipeline

quiet.tfx("fatal")   # it logs a component that fails; we read the store
work, house = lesson.scratch(), Path(pipeline.__file__).parents[2]
(work / "code").mkdir()
sys.path.insert(0, str(work / "code"))
_ = (work / "code" / "monthly.py").write_text('''
"""What Trainer and the resolver of the monthly pipeline run. `rival_of` is put in from the notebook."""
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from tfx import v1 as tfx

from helpers.flights import examples
from helpers.flights.example_gen import INTEGERS

CARRIERS = "9E AA AS B6 DL EV F9 FL HA MQ OO UA US VX WN YV"
WORDS = {"carrier": CARRIERS.split(), "origin": ["EWR", "JFK", "LGA"]}
SPEC = {name: tf.io.RaggedFeature(tf.int64 if name in INTEGERS else tf.float32) for name in examples.NUMBERS}
SPEC |= {name: tf.io.FixedLenFeature([1], tf.string) for name in WORDS}


def columns(serialized):
    """Numbers, NaN where one is missing, and a column of 0 and 1 for each word."""
    rows = tf.io.parse_example(serialized, SPEC)
    numbers = [tf.cast(rows[name], tf.float32).to_tensor(default_value=np.nan, shape=[None, 1])
               for name in examples.NUMBERS]
    return tf.concat(numbers + [tf.cast(rows[name] == tf.constant([WORDS[name]]), tf.float32)
                                for name in WORDS], 1)


def labels(serialized):
    return tf.io.parse_example(serialized, {"late": tf.io.FixedLenFeature([], tf.int64)})["late"].numpy()


def run_fn(fn_args):
    files = sorted(file for pattern in fn_args.train_files for file in tf.io.gfile.glob(pattern))
    rows = tf.constant(list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()))
    known = columns(rows).numpy()
    mean, spread = np.nanmean(known, 0), np.nanstd(known, 0) + 1e-6
    model = LogisticRegression(C=0.1, max_iter=500).fit(np.nan_to_num((known - mean) / spread), labels(rows))
    fitted = [tf.constant(part, tf.float32) for part in (mean, spread, model.coef_.T, model.intercept_)]

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")], autograph=False)
    def serving_default(examples):
        mean, spread, weights, bias = fitted
        scaled = (columns(examples) - mean) / spread
        return {"late": tf.sigmoid(tf.where(tf.math.is_nan(scaled), 0.0, scaled) @ weights + bias)}

    signatures = {"serving_default": serving_default}
    tf.saved_model.save(tf.Module(), fn_args.serving_model_dir, signatures=signatures)


class RivalOf(tfx.dsl.experimental.ResolverStrategy):
    """The rival by `rival_of`, for a span."""

    def __init__(self, span):
        self.span = span

    def resolve_artifacts(self, store, input_dict):
        verdicts = [{"model": a.get_int_custom_property("current_model_id"),
                     "span": a.get_int_custom_property("span"),
                     "blessed": a.get_int_custom_property("blessed")} for a in input_dict["verdicts"]]
        found = rival_of(self.span, verdicts)
        return {"model": [model for model in input_dict["model"] if model.id == found], "verdicts": []}
''')
import monthly

# %% tags=["folded"]
# Four components of ours, and what delivers a month
component, Parameter = tfx.dsl.components.component, tfx.dsl.components.Parameter
InputArtifact, OutputArtifact = tfx.dsl.components.InputArtifact, tfx.dsl.components.OutputArtifact


GZIP = tf.io.TFRecordOptions("GZIP")


def records(artifact, split):
    """The serialized rows of a split."""
    [folder] = artifact_utils.get_split_uris([artifact], split)
    files = sorted(tf.io.gfile.glob(f"{folder}/*.gz"))
    # Without threads, so that it works in the process that judges exercise 4.5d
    return [row for file in files for row in tf.compat.v1.io.tf_record_iterator(file, GZIP)]


@component
def SpanGen(examples: OutputArtifact[Examples], span: Parameter[int], landing: Parameter[str],
            content: Parameter[str]):
    """Two months to learn from, and the span. `content`, a digest of the files, is there for the cache."""
    examples.split_names = artifact_utils.encode_split_names(["train", "eval"])
    examples.set_string_custom_property("payload_format", "FORMAT_TF_EXAMPLE")
    for split, months in {"train": [span - 2, span - 1], "eval": [span]}.items():
        folder = Path(examples.uri) / f"Split-{split}"
        folder.mkdir(parents=True)
        for month in months:
            shutil.copy(Path(landing) / f"month-{month}.gz", folder)
    examples.set_int_custom_property("rows", len(records(examples, "train")))


@component
def Statistics(examples: InputArtifact[Examples], statistics: OutputArtifact[ExampleStatistics]):
    """TFDV's statistics of each split."""
    statistics.split_names = examples.split_names
    for split in ("train", "eval"):
        rows = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records(examples, split))
        folder = Path(statistics.uri) / f"Split-{split}"
        folder.mkdir(parents=True)
        found = stats_impl.generate_statistics_in_memory(rows, StatsOptions())
        (folder / "FeatureStats.pb").write_bytes(found.SerializeToString())


@component
def Gate(examples: InputArtifact[Examples], blessing: OutputArtifact[ModelBlessing], span: Parameter[int],
         model: InputArtifact[Model] = None, baseline: InputArtifact[Model] = None,
         slack: Parameter[float] = 0.005):
    """Bless the model unless its log loss on the span is more than `slack` above the rival's."""
    blessing.set_int_custom_property("blessed", 0)
    blessing.set_int_custom_property("span", span)
    if model is None:   # nothing was trained, section 5
        return
    rows = tf.constant(records(examples, "eval"))
    late = monthly.labels(rows)

    def losses(artifact):
        loaded = tf.saved_model.load(str(Path(artifact.uri) / "Format-Serving"))
        chances = loaded.signatures["serving_default"](rows)["late"].numpy().ravel()
        return -np.log(np.where(late == 1, chances, 1 - chances))

    own = losses(model)
    worse = own - losses(baseline) if baseline else np.full(len(own), -1.0)
    blessing.set_int_custom_property("blessed", int(worse.mean() <= slack))
    blessing.set_int_custom_property("current_model_id", model.id)
    blessing.set_int_custom_property("rival", baseline.id if baseline else 0)
    blessing.set_float_custom_property("worse", float(worse.mean()) if baseline else 0.0)
    blessing.set_float_custom_property("error", float(worse.std() / len(worse) ** 0.5))


@component
def Announce(pushed: InputArtifact[PushedModel], note: OutputArtifact[String], span: Parameter[int],
             line: Parameter[str]):
    """Tell the desk; fails while its line is down."""
    if (Path(line) / "down").exists():
        raise ConnectionError("the desk does not answer")
    note.value = f"model of month {span}"


landing = work / "landing"
landing.mkdir()


def key_of(rows):
    """What a flight is known by: hour, airport, carrier and number."""
    return rows.time_hour.dt.strftime("%m%d%H ") + rows.origin + " " + rows.carrier + rows.flight.astype(str)


def deliver(month, rows):
    """A month of flights in the landing zone, each with its key."""
    example_gen.write(rows.assign(key=key_of(rows)), landing / f"month-{month}.gz", ("key",))


flights = examples.table(range(1, 9)).iloc[::every]
for month, rows in flights.groupby("month"):
    deliver(month, rows)
contract = work / "contract.pbtxt"   # the course's schema, and the key
_ = contract.write_text(pipeline.SCHEMA.read_text(encoding="utf-8") + """
feature { name: "key" type: BYTES presence { min_fraction: 1.0 min_count: 1 } shape { dim { size: 1 } } }
""", encoding="utf-8")

# %% [markdown]
# This is the definition up to the gate. What changes from run to run is the span, and a digest of the files
# it reads. The **resolver** `Baseline` asks the store for a model of an earlier run: the latest that was
# blessed.

# %%
def digest(span):
    """What the files of a span hold."""
    parts = [(landing / f"month-{month}.gz").read_bytes() for month in (span - 2, span - 1, span)]
    return hashlib.sha256(b"".join(parts)).hexdigest()[:12]


def latest_blessed(span):
    return tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy, model=tfx.dsl.Channel(type=Model),
        model_blessing=tfx.dsl.Channel(type=ModelBlessing)).with_id("Baseline")


def taken_in(span, resolver):
    """The components that come before the training, by name."""
    rows = SpanGen(span=span, landing=str(landing), content=digest(span)).with_id("ExampleGen")
    statistics = Statistics(examples=rows.outputs["examples"])
    schema = tfx.components.ImportSchemaGen(schema_file=str(contract)).with_id("SchemaGen")
    validator = tfx.components.ExampleValidator(
        statistics=statistics.outputs["statistics"], schema=schema.outputs["schema"])
    return {part.id: part for part in (rows, statistics, schema, validator, resolver(span))}


def trained(parts):
    """Trainer."""
    data, schema = parts["ExampleGen"].outputs["examples"], parts["SchemaGen"].outputs["schema"]
    trainer = tfx.components.Trainer(
        examples=data, schema=schema, run_fn="monthly.run_fn",
        train_args=tfx.proto.TrainArgs(splits=["train"]), eval_args=tfx.proto.EvalArgs(splits=["eval"]))
    trainer.add_upstream_node(parts["ExampleValidator"])
    return {"Trainer": trainer}


def judged(parts, span):
    """Gate."""
    return {"Gate": Gate(examples=parts["ExampleGen"].outputs["examples"], span=span,
                         model=parts["Trainer"].outputs["model"],
                         baseline=parts["Baseline"].outputs["model"])}

# %% [markdown]
# Behind the gate a condition is needed. When the definition is written, nothing has run. So a condition is
# no Python truth but an object that the orchestrator evaluates later: a **predicate**.
# `channel.future()[0].custom_property("rows")` stands for the property `rows` of the artifact that will be
# there; a comparison of it with a number is a predicate. TFX's `logical_and(one, other)`, imported above,
# joins two predicates. Python's `and` can't do that: it picks one of its two sides at once.

# %% [markdown] exercise="4.5a"
# ### Exercise 4.5a: When may it be pushed? (2 points)
#
# Write `worth_pushing(blessing, examples, least)`. The first two are output channels, of the gate and of
# ExampleGen; `least` is a whole number. Return one predicate: the `blessing` has the custom property
# `blessed` equal to 1, and the `examples` have a custom property `rows` above `least`. With `least` 1,000
# it must come out so:
#
# | `blessed` | `rows` | pushed? |
# | --- | --- | --- |
# | 1 | 5,000 | yes |
# | 0 | 5,000 | no |
# | 1 | 1,000 | no |
# | 0 | 200 | no |

# %% tags=["starter"] exercise="4.5a"
def worth_pushing(blessing, examples, least):
    """A TFX predicate: blessed, and learned from more than `least` rows."""
    ...


# %% tags=["solution"] exercise="4.5a"
def worth_pushing(blessing, examples, least):
    """A TFX predicate: blessed, and learned from more than `least` rows."""
    return logical_and(blessing.future()[0].custom_property("blessed") == 1,
                       examples.future()[0].custom_property("rows") > least)


# %% exercise="4.5a"
worth_pushing = lesson.check("4.5a", worth_pushing=worth_pushing)

# %% [markdown]
# What is created inside `with tfx.dsl.Cond(predicate):` runs only if the predicate comes out true, and what
# reads from it is skipped as well. (Pusher could read the blessing by itself. It would then run, push
# nothing, and Announce behind it would tell the desk of a model that isn't there.)

# %%
def pushing(parts, span):
    """Pusher and Announce, for a model that was judged."""
    shelf = tfx.proto.PushDestination.Filesystem(base_directory=str(work / "serving"))
    pusher = tfx.components.Pusher(model=parts["Trainer"].outputs["model"],
                                   push_destination=tfx.proto.PushDestination(filesystem=shelf))
    announce = Announce(pushed=pusher.outputs["pushed_model"], span=span, line=str(work))
    return {"Pusher": pusher, "Announce": announce}


def may_push(parts):
    return worth_pushing(parts["Gate"].outputs["blessing"], parts["ExampleGen"].outputs["examples"], least)


def monthly_run(span, resolver=latest_blessed):
    """All components of a span's run."""
    parts = taken_in(span, resolver)
    parts |= trained(parts)
    parts |= judged(parts, span)
    with tfx.dsl.Cond(may_push(parts)):
        parts |= pushing(parts, span)
    return parts

# %% [markdown]
# A folded `run` gives a definition to LocalDagRunner and reads from ML Metadata what each component came to:
# `ran`, `cache`, `failed`, or `skipped`, if the store has no execution of it.

# %% tags=["folded"]
# Run, and read the states; the picture of the runs
import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as pb

connection = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(work / "metadata.sqlite"))
store = mlmd.MetadataStore(connection)
STATES = {"COMPLETE": "ran", "CACHED": "cache", "FAILED": "failed"}
ORDER = ["ExampleGen", "SchemaGen", "Statistics", "ExampleValidator", "Uniqueness", "Trainer", "Baseline",
         "Gate", "Pusher", "Announce"]
history = {}


def run(title, parts):
    """Run them; what stopped the run, if anything did."""
    earlier = {execution.id for execution in store.get_executions()}
    stopped = None
    try:
        tfx.orchestration.LocalDagRunner().run(tfx.dsl.Pipeline(
            pipeline_name="monthly", pipeline_root=str(work / "out"), enable_cache=True,
            metadata_connection_config=connection, components=list(parts.values())))
    except ConnectionError as problem:
        stopped = str(problem)
    states = dict.fromkeys(parts, "skipped")
    for execution in store.get_executions():
        if execution.id not in earlier:
            [node] = [c.name for c in store.get_contexts_by_execution(execution.id) if c.type == "node"]
            state = pb.Execution.State.Name(execution.last_known_state)
            states[node.removeprefix("monthly.")] = STATES[state]
    history[title] = states
    return stopped


def worked(title):
    """The components that did work in a run: without the resolver, which is asked each time."""
    return [name for name in ORDER if history[title].get(name) in ("ran", "failed") and name != "Baseline"]


def verdicts():
    """What the gate said, in order."""
    found = sorted(store.get_artifacts_by_type("ModelBlessing"), key=lambda artifact: artifact.id)
    table = pd.DataFrame([{name: getattr(value, value.WhichOneof("value"))
                           for name, value in artifact.custom_properties.items()} for artifact in found])
    table.loc[table.rival == 0, ["worse", "error"]] = np.nan   # which the store can't hold
    return table[["span", "current_model_id", "rival", "worse", "error", "blessed"]]


def shown(title, runs):
    """A picture of runs: a row for each component, a column for each run."""
    import textwrap

    import matplotlib.pyplot as plt

    names = [name for name in ORDER if any(name in history[one] for one in runs)]
    colours = {"ran": figures.BLUE, "cache": figures.SKY, "failed": figures.RED, "skipped": "white"}
    fig, ax = plt.subplots(figsize=(7.5, 0.33 * len(names) + 1.4))
    for x, one in enumerate(runs):
        for y, name in enumerate(names):
            state = history[one].get(name, "–")
            ax.add_patch(plt.Rectangle((x, y), 0.96, 0.9, color=colours.get(state, "white")))
            ax.text(x + 0.48, y + 0.45, state, ha="center", va="center", fontsize=9,
                    color="white" if state in ("ran", "failed") else "black")
    ax.set_xticks([x + 0.48 for x in range(len(runs))], runs)
    ax.set_yticks([y + 0.45 for y in range(len(names))], names)
    ax.set(xlim=(0, len(runs)), ylim=(len(names), 0))
    fig.suptitle(textwrap.fill(title, 66), x=0.01, ha="left", fontweight="bold", fontsize=11)
    ax.grid(False)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    states = "; ".join(f"{one}: " + ", ".join(f"{name} {history[one].get(name, '–')}" for name in names)
                       for one in runs)
    figures.show(fig, f"{title}. {states}.")


# %%
for span, title in ((3, "March"), (4, "April"), (5, "May")):
    run(title, monthly_run(span))

# %% tags=["folded", "atol=0.0005"]
# The three runs, and what the gate said
shown("Three spans: the schema came from the cache twice, May's model stayed behind the condition",
      ["March", "April", "May"])
NAMES = ["March", "April", "May", "June", "July", "August"]
first = verdicts()
made = dict(zip(first.current_model_id, first.span, strict=True))
figures.table(pd.DataFrame({
    "span": [NAMES[span - 3] for span in first.span],
    "rival": [NAMES[made[rival] - 3] if rival else "none" for rival in first.rival],
    "log loss above the rival's": first.worse, "standard error": first.error,
    "blessed": first.blessed == 1}).set_index("span"),
    formats={"log loss above the rival's": "{:+.4f}", "standard error": "{:.4f}"})

# %% [markdown]
# March had no rival. April's model beat March's on April's flights. May's is worse than April's on May's
# flights, by more than twice the standard error: the gate refused it, the predicate came out false, and
# Pusher and Announce have no execution at all. That is what "skipped" looks like in a store: nothing.
#
# **On Monday:** for your pipeline's last skipped step, find out how anybody would know that it was skipped.

# %% tags=["claim"]
assert history["May"]["Pusher"] == history["May"]["Announce"] == "skipped", "May's model stayed behind"
assert [history[one]["SchemaGen"] for one in ("March", "April", "May")] == ["ran", "cache", "cache"], "schema"
assert first.worse[1] + 2 * first.error[1] < 0, "April's model beat March's"
assert first.worse[2] - 2 * first.error[2] > 0, "May's is worse by more than twice the standard error"
assert first.blessed.tolist() == [1, 1, 0] and first.rival[0] == 0, "March had no rival, May was refused"

# %% [markdown]
# ## 2 A step fails and is tried again
#
# June's run begins while the line to the desk is down. Announce is the last step, and it fails.

# %%
(work / "down").touch()
run("June", monthly_run(6))
(work / "down").unlink()

# %% [markdown]
# The line is up again, and the run is started again, as any orchestrator would do. Nothing has changed:
# same files, same code, same parameters; only the last step is missing. Of the eight components (the
# resolver not counted), how many will do work?

# %% prediction="4.5p1"
guess = ...     # a number of components, 0 to 8
lesson.predict("4.5p1", guess)

# %%
time.sleep(1)   # Pusher names a version by the second
run("June again", monthly_run(6))
lesson.reveal("4.5p1", len(worked("June again")), within=0.5, form="{:.0f} components")
run("May again", monthly_run(5))

# %% tags=["folded", "atol=0.0005"]
# The runs and the retries, and who was compared with whom
shown("The retry of Announce also judged and pushed June's model a second time",
      ["June", "June again", "May again"])
after = verdicts()
made = dict(zip(after.current_model_id, after.span, strict=True))
rivals = pd.DataFrame({
    "run": ["March", "April", "May", "June", "June again", "May again"],
    "rival": [NAMES[made[rival] - 3] if rival else "none" for rival in after.rival],
    "log loss above the rival's": after.worse, "blessed": after.blessed == 1}).set_index("run")
figures.table(rivals, formats={"log loss above the rival's": "{:+.4f}"})

# %% [markdown]
# Gate and Pusher worked again. Why? A cached answer holds for the same inputs, and one input was another:
# between the two runs June's model had been blessed. It was "the latest blessed model" now, so the resolver
# handed it out as its own rival. (The third column is May, started again by somebody who looks into the
# refusal.)
#
# June's model was compared with itself: the difference is exactly 0, and no model can fail that. It was
# pushed again, under a second version number. May's was compared with June's, which has *learned from May*:
# the difference grew, and it means nothing. Neither run failed. So the rule "latest" has made the outcome
# depend on when a run is started. A run that can be repeated, in the field's word **idempotent**, must ask
# for the rival as of its span.

# %% tags=["claim"]
assert worked("June again") == ["Gate", "Pusher", "Announce"], "Gate and Pusher worked again"
assert after.worse[4] == 0 and after.rival[4] == after.current_model_id[4], "compared with itself"
assert rivals.rival["May again"] == "June" and after.worse[5] > after.worse[2], "the difference grew"
pushes = sorted(store.get_artifacts_by_type("PushedModel"), key=lambda artifact: artifact.id)
versions = [push.custom_properties["pushed_version"].string_value for push in pushes]
assert len(versions) == 4 and versions[2] != versions[3], "June's model has a second version number"

# %% [markdown] exercise="4.5b"
# ### Exercise 4.5b: The rival as of a span (1 point)
#
# Write `rival_of(span, verdicts)`. `verdicts` is a list of dicts, one for each verdict of the gate, in no
# particular order: `model` (an id; later models have greater ids), `span`, `blessed` (1 or 0). Return the
# id of the blessed model of the newest span *before* `span`; if that span has several, the one with the
# greatest id. None, if there is none.
#
# | `model` | `span` | `blessed` |
# | --- | --- | --- |
# | 12 | 4 | 1 |
# | 20 | 5 | 0 |
# | 27 | 6 | 1 |
# | 31 | 3 | 1 |
#
# For span 6 it is 12: 20 was refused, 27 is its own, 31 was made late, and for an older span.

# %% tags=["starter"] exercise="4.5b"
def rival_of(span, verdicts):
    """The id of the newest span's blessed model before `span`, or None."""
    ...


# %% tags=["solution"] exercise="4.5b"
def rival_of(span, verdicts):
    """The id of the newest span's blessed model before `span`, or None."""
    found = [(v["span"], v["model"]) for v in verdicts if v["blessed"] == 1 and v["span"] < span]
    return max(found)[1] if found else None


# %% exercise="4.5b"
rival_of = lesson.check("4.5b", rival_of=rival_of)

# %% [markdown]
# A resolver can be given a strategy of one's own: a class that gets the artifacts of a type and returns those
# that are wanted. `RivalOf`, in the folded module, hands your function the gate's verdicts.

# %%
monthly.rival_of = rival_of


def as_of_span(span):
    return tfx.dsl.Resolver(
        strategy_class=monthly.RivalOf, config={"span": span}, model=tfx.dsl.Channel(type=Model),
        verdicts=tfx.dsl.Channel(type=ModelBlessing)).with_id("Baseline")


run("May, as of", monthly_run(5, as_of_span))
(work / "down").touch()
run("July", monthly_run(7, as_of_span))
(work / "down").unlink()
run("July again", monthly_run(7, as_of_span))

# %% tags=["folded"]
# The runs that ask as of their span
shown("With a rival as of the span, May repeats its refusal, and July's retry does the one step that failed",
      ["May, as of", "July", "July again"])

# %% [markdown]
# Now the retry does what is wanted, and May's verdict is the one it was, out of the cache. What fails
# before it has left anything is cheap to retry. What failed *after* an effect outside the store is not: had
# Announce sent its message and then lost the line, the desk would hear of the model twice. No cache helps
# there; the receiver must know a message by its id.
#
# **On Monday:** start last month's run again, on a copy of the store. Whatever works, though nothing has
# changed, is not idempotent.

# %% tags=["claim"]
assert worked("July again") == ["Announce"], "July's retry does the one step that failed"
assert worked("May, as of") == [], "May's verdict is the one it was"
assert history["May, as of"]["Gate"] == "cache", "out of the cache"

# %% [markdown]
# ## 3 The same definition for a cluster
#
# LocalDagRunner runs one step after another in this process, keeps no schedule and retries nothing. On a
# cluster an orchestrator does. **Kubeflow Pipelines** takes a spec: a JSON document with a container for
# each task. `KubeflowV2DagRunner` does not run anything; it compiles. (Airflow, the other common
# orchestrator, reads Python; it is not among this course's packages.) First the course's own pipeline, as
# it is, then ours.

# %%
experimental = tfx.orchestration.experimental


def compiled(name, definition, image="registry.example.org/late:1.4.2"):
    """The spec of a pipeline, as read from the compiled file."""
    config = experimental.KubeflowV2DagRunnerConfig(default_image=image)
    file = work / f"{name}.json"
    experimental.KubeflowV2DagRunner(config=config, output_filename=str(file)).run(definition, write_out=True)
    return json.loads(file.read_text())


def ours(parts):
    return tfx.dsl.Pipeline(pipeline_name="monthly", pipeline_root=str(work / "out"), enable_cache=True,
                            components=list(parts.values()))


specs = {"the course's": compiled("course", pipeline.create(work / "course")),
         "ours": compiled("ours", ours(monthly_run(6)))}

# %% tags=["folded"]
# What our spec says
job = specs["ours"]["pipelineSpec"]
pusher = job["root"]["dag"]["tasks"]["Pusher"]
figures.md("\n\n".join([
    f"Schema {job['schemaVersion']}, `{job['sdkVersion']}`, {len(job['root']['dag']['tasks'])} tasks.",
    f"Pusher waits for {', '.join(pusher['dependentTasks'])}, and runs if "
    f"`{pusher['triggerPolicy']['condition']}`.",
    f"It is `{' '.join(job['deploymentSpec']['executors']['Pusher_executor']['container']['command'])}` "
    f"in the image `{job['deploymentSpec']['executors']['Pusher_executor']['container']['image']}`."]))

# %% [markdown]
# Your predicate has become a text that the cluster evaluates. The resolver has become two tasks, one that
# asks for a blessing and one for the model it names. Would it run? The spec's own definition is a message
# of protobuf, which can be asked first; then we ask what it can't know.

# %%
import graphlib

from google.protobuf import json_format
from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec


def misfit(spec):
    """What the spec's own definition says against it."""
    try:
        json_format.ParseDict(spec["pipelineSpec"], PipelineSpec())
    except json_format.ParseError as problem:
        return str(problem).rpartition("Message type ")[2].partition(" at ")[0]


def objections(spec):
    """(task, problem) for what the definition allows and a cluster can't run."""
    job = spec["pipelineSpec"]
    tasks = job["root"]["dag"]["tasks"]
    needs = {name: task.get("dependentTasks", []) for name, task in tasks.items()}
    list(graphlib.TopologicalSorter(needs).static_order())   # raises CycleError
    for name, task in tasks.items():
        label = job["components"][task["componentRef"]["name"]]["executorLabel"]
        container = job["deploymentSpec"]["executors"][label].get("container")
        for other in set(needs[name]) - set(tasks):
            yield name, f"waits for {other}, which is no task"
        if container and any("__main__" in word for word in container["args"]):
            yield name, "its code is in a notebook"
        if container and container["image"].rpartition(":")[2] in (container["image"], "latest"):
            yield name, "its image has no version"
        if container and "retryPolicy" not in task:
            yield name, "is never tried again"
        if any(place in json.dumps(task.get("inputs", {})) for place in map(str, (house, work))):
            yield name, "reads or writes a folder of this machine"

# %% tags=["folded"]
# What both specs are told
problems = pd.DataFrame([(which, *found) for which, spec in specs.items() for found in objections(spec)],
                        columns=["pipeline", "task", "problem"])
figures.table(problems.groupby(["problem", "pipeline"]).task.agg(["size", ", ".join]).reset_index()
              .rename(columns={"size": "tasks", "join": "which"}))

# %% [markdown]
# Both fit the definition, and neither would get far. Our four components live in the notebook, `__main__`,
# and a container has no notebook: they must move to a module in the image, as the course's have. Both name
# folders of this machine: the schema's file, the place to push to, in ours the landing zone. The root of
# the artifacts is one, too, in `runtimeConfig`. And nobody retries: TFX writes no `retryPolicy` ("Deeper"
# adds one).
#
# One thing is lost on the way. Our resolver of section 2 has a strategy that the compiler doesn't know:

# %%
try:
    compiled("as_of", ours(monthly_run(6, as_of_span)))
except TypeError as problem:
    figures.md(f"`{str(problem).split(' but got')[0]}`")

# %% [markdown]
# It knows two: the latest artifact, the latest blessed model. So on Kubeflow the rival's choice must be a
# component of its own, or its id a parameter of the run; or else retries and backfills meet section 2.
#
# **On Monday:** compile your pipeline in CI, and search the result for `__main__`, for your home folder,
# and for `latest`.

# %% tags=["claim"]
assert misfit(specs["ours"]) is None and misfit(specs["the course's"]) is None, "both fit the definition"
by = problems.groupby(["pipeline", "problem"]).task.apply(set)
assert by["ours", "its code is in a notebook"] == {"ExampleGen", "Statistics", "Gate", "Announce"}, "four"
assert ("the course's", "its code is in a notebook") not in by.index, "the course's have moved"
assert by["the course's", "reads or writes a folder of this machine"] == {"SchemaGen", "Pusher"}, "folders"
assert by["ours", "reads or writes a folder of this machine"] > {"SchemaGen", "Pusher"}, "folders"
assert all(str(house) in spec["runtimeConfig"]["gcsOutputDirectory"] or str(work) in
           spec["runtimeConfig"]["gcsOutputDirectory"] for spec in specs.values()), "the root is one, too"

# %% [markdown]
# ## 4 A backfill
#
# A schema was wrong for ten months, and now all ten runs are to be done again: a **backfill**. Settings
# decide how, here in Airflow's words. *Run backwards*: the newest first. *Max active runs*: how many at a
# time. *Depends on past*: a run waits until the one before it has succeeded. (*Catch-up* decides whether
# missed runs are started without being asked for.) We simulate; which runs may start is for you to say.

# %% [markdown] exercise="4.5c"
# ### Exercise 4.5c: What may start now? (1 point)
#
# Write `startable(states, most, depends_on_past)`. `states` maps each span, a whole number, to `"waiting"`,
# `"running"`, `"done"` or `"failed"`. Return a list of the spans to start now, oldest first: waiting ones,
# so many that at most `most` run at once. (Somebody may have lowered the limit: more may be running than
# `most`.) With `depends_on_past` a span starts only if the span before it, `span - 1`, is done, or isn't in
# `states`.
#
# | span | state | with `most` 3 | and `depends_on_past` |
# | --- | --- | --- | --- |
# | 3 | done | | |
# | 4 | running | | |
# | 5 | waiting | start | 4 isn't done |
# | 6 | waiting | start | 5 isn't done |

# %% tags=["starter"] exercise="4.5c"
def startable(states, most, depends_on_past):
    """The spans to start now, oldest first."""
    ...


# %% tags=["solution"] exercise="4.5c"
def startable(states, most, depends_on_past):
    """The spans to start now, oldest first."""
    free = most - sum(state == "running" for state in states.values())
    ready = [span for span in sorted(states) if states[span] == "waiting"
             and (not depends_on_past or states.get(span - 1, "done") == "done")]
    return ready[:max(free, 0)]


# %% exercise="4.5c"
startable = lesson.check("4.5c", startable=startable)

# %% [markdown]
# The simulation, `backfill`, is folded: its clock jumps to the next end of a run. Each run takes two to six
# hours, the same for all ways.

# %% tags=["folded"]
# The hours that runs take, and the simulation of a backfill
def drawn(seed):
    """Span → hours."""
    return dict(zip(range(3, 13), np.random.default_rng(seed).integers(2, 7, 10).tolist(), strict=True))


hours = drawn(seed)


def backfill(most, depends_on_past, broken=(), spans=tuple(hours), hours=hours):
    """Span → (start, end) in hours, and the spans in the order in which they were done."""
    states, times, done, clock = dict.fromkeys(spans, "waiting"), {}, [], 0
    while True:
        for span in startable(states, most, depends_on_past):
            states[span], times[span] = "running", (clock, clock + hours[abs(span)])
        running = [span for span in spans if states[span] == "running"]
        if not running:
            return times, done
        span = min(running, key=lambda one: (times[one][1], one))
        clock = times[span][1]
        states[span] = "failed" if span in broken else "done"
        done += [span] if states[span] == "done" else []

# %% [markdown]
# The rival of a span is the model of the span before, if all are blessed. "Latest" takes whichever was done
# last. So we count, for each way, how many of the ten gates would get another rival than they should.

# %% prediction="4.5p2"
guess = ...     # three at a time, oldest first: how many of 10 gates get a wrong rival?
lesson.predict("4.5p2", guess)

# %%
def wrong_rivals(done):
    """How many spans, when they are done, find another model on top than that of the span before."""
    on_top = [None, *done[:-1]]
    return sum(latest != (span - 1 if span > 3 else None) for latest, span in zip(on_top, done, strict=True))


lesson.reveal("4.5p2", wrong_rivals(backfill(most, False)[1]), within=1, form="{:.0f} gates")

# %% tags=["folded"]
# When each run was under way, and what came of it
import matplotlib.pyplot as plt

ways = {"one at a time": backfill(1, False), f"{most} at a time": backfill(most, False),
        f"{most} at a time, depends on past": backfill(most, True)}
# Newest first: your function starts the smallest number, so the spans are given with a minus
times, done = backfill(most, False, spans=tuple(-span for span in hours))
ways[f"{most} at a time, newest first"] = {-span: x for span, x in times.items()}, [-span for span in done]
table = pd.DataFrame([{"way": way, "hours": max(end for _, end in times.values()),
                       "December is done after": times[12][1], "wrong rivals": wrong_rivals(done)}
                      for way, (times, done) in ways.items()]).set_index("way")
title = (f"{most} at a time need {table.hours.iloc[1]} hours instead of {table.hours.iloc[0]}; "
         "if each waits for the one before, nothing is won")
fig, axes = plt.subplots(1, 4, sharey=True, figsize=(9, 3.2))
for ax, (way, (times, _)) in zip(axes, ways.items(), strict=True):
    for span, (start, end) in times.items():
        ax.barh(span, end - start, left=start, color=figures.BLUE, height=0.7)
    ax.set_title(way.replace(", ", ",\n"), fontsize=9)
    ax.set(xlabel="hours", xlim=(0, max(table.hours) + 1), ylim=(12.6, 2.4))
axes[0].set(ylabel="month", yticks=list(hours))
fig.suptitle(title, x=0.01, ha="left", fontweight="bold", fontsize=11)
figures.show(fig, figures.alt(title, table, "{:,.0f}"))
figures.table(table)
spread = [wrong_rivals(backfill(most, False, hours=drawn(other))[1]) for other in range(200)]
low, middle, high = np.percentile(spread, [5, 50, 95])
stuck = {way: len(backfill(most, past, broken=[5])[1])
         for way, past in (("depends on past", True), ("without", False))}
figures.md(f"{most} at a time, 200 draws of the hours: {middle:.0f} wrong rivals in the median, {low:.0f} to "
           f"{high:.0f} in nine of ten draws.\n\nMay's run fails for good. Depends on past: "
           f"{stuck['depends on past']} of 10 runs are done. Without: {stuck['without']}.")

# %% [markdown]
# Three at a time is faster, and gates get a wrong rival; how many is chance, and rarely it is none. *Depends
# on past* makes every rival right, and costs all that was won: of three places two stay empty. And one broken
# month stops all that follow, silently: a run that waits has no failure to report. *Newest first* has
# December ready soonest, which the desk may want; a rule that asks for "latest" then compares with models of
# the future. So settings don't solve it. A rival as of the span, section 2, leaves the order free for
# training: only a gate has to wait for the one before it.
#
# **On Monday:** look up these settings for your own schedule. Where nobody chose, a default did.

# %% tags=["claim"]
assert table.hours.iloc[1] < table.hours.iloc[0] and table["wrong rivals"].iloc[1] > 0, "faster, some wrong"
assert middle >= 5 and high - low >= 3 and spread.count(0) < 0.05 * len(spread), "chance, rarely none"
assert table.hours.iloc[2] == table.hours.iloc[0] == sum(hours.values()), "costs all that was won"
assert table["wrong rivals"].iloc[2] == 0, "every rival right"
soonest = table["December is done after"]
assert soonest.idxmin().endswith("newest first") and soonest.nsmallest(2).diff().iloc[1] > 0, "soonest"
assert stuck == {"depends on past": 2, "without": 9}, "one broken month stops all that follow"

# %% [markdown]
# ## 5 What breaks in production
#
# On 18 November 2025 a change of rights at Cloudflare let a database query see the same tables twice. Its
# result, a feature file for bot detection, doubled. The file went to every machine; the proxy there had room
# for a fixed number of features, and crashed, worldwide. Each row was right. There were two of it.
#
# We do the same to August. Before delivery the flights are joined with a register of planes, in which each
# eighth plane now stands twice.

# %%
august = flights[flights.month == 8]
planes = pd.DataFrame({"tailnum": sorted(flights.tailnum.dropna().unique())})
register = pd.concat([planes, planes[::8]])
joined = august.merge(register, on="tailnum", how="left")
deliver(8, joined)
run("August", monthly_run(8, as_of_span))

# %% tags=["folded"]
# What ExampleValidator found, and the months' sizes
def anomalies_of(title):
    """How many anomalies ExampleValidator found in the newest span, both splits."""
    newest = max(store.get_artifacts_by_type("ExampleAnomalies"), key=lambda artifact: artifact.id)
    from tensorflow_metadata.proto.v0 import anomalies_pb2
    files = sorted(Path(newest.uri).rglob("SchemaDiff.pb"))
    assert len(files) == 2
    read = [anomalies_pb2.Anomalies.FromString(file.read_bytes()) for file in files]
    return sum(len(one.anomaly_info) + one.HasField("dataset_anomaly_info") for one in read)


sizes = flights.groupby("month").size()
sizes.index = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug"]
sizes["Aug, joined"] = len(joined)
growth = (sizes / sizes.shift()).iloc[:8].max()
figures.bars(sizes, "August, joined, is the largest delivery, and grew less than March did",
             x="rows delivered")
found = anomalies_of("August")
figures.md(f"{len(joined) - len(august)} of {len(joined):,} rows are repeats. "
           f"ExampleValidator: {found} anomalies. Announce: {history['August']['Announce']}.")

# %% [markdown]
# The validator looks at one column at a time: types, ranges, shares. Rows that come twice stay within all
# of these here. A rule about the number of rows, as in 2.7, would have to let March through, which grew
# more over February than August did over July. (Counted by day August stands out; it would not if only each
# thirty-second plane stood twice.) So nobody objects, until a reader of the file does. The desk's table has
# a primary key:

# %% tags=["folded"]
# The desk writes the flights into its table
import sqlite3

desk = sqlite3.connect(":memory:")
desk.execute("CREATE TABLE alerts (flight TEXT PRIMARY KEY, late INTEGER)")
try:
    alerts = zip(key_of(joined), joined.late.tolist(), strict=True)
    desk.executemany("INSERT INTO alerts VALUES (?, ?)", alerts)
except sqlite3.IntegrityError as problem:
    figures.md(f"The desk, at six in the morning: `{problem}`")
desk.close()

# %% tags=["claim"]
assert found == 0, "nobody objects"
assert history["August"]["Announce"] == "ran", "pushed and announced"
assert sizes["Aug, joined"] / sizes["Jul"] < sizes["Mar"] / sizes["Feb"] == growth, "March grew more"
assert sizes.idxmax() == "Aug, joined", "the largest delivery"
daily = sizes.to_numpy() / [31, 28, 31, 30, 31, 30, 31, 31, 31]
usual = max(daily[1:8] / daily[:7])
fewer = len(august.merge(pd.concat([planes, planes[::32]]), on="tailnum", how="left")) / 31
assert daily[8] / daily[6] > 1.5 * (usual - 1) + 1, "counted by day August stands out"
assert fewer / daily[6] < usual, "with fewer planes doubled it would not"

# %% [markdown]
# What is missing is one assertion, and a component to hold it. Like the checks of 2.7 it records and does not
# judge. A folded `keys_of(examples)` gives the keys of an Examples artifact, split → list.

# %% tags=["folded"]
class KeyReport(tfx.dsl.Artifact):
    """What a look at the keys has found."""

    TYPE_NAME = "KeyReport"


def keys_of(artifact):
    """Split → the keys of its rows."""
    splits = artifact_utils.decode_split_names(artifact.split_names)
    return {split: [tf.train.Example.FromString(row).features.feature["key"].bytes_list.value[0].decode()
                    for row in records(artifact, split)] for split in splits}


# %% [markdown] exercise="4.5d"
# ### Exercise 4.5d: A component that counts repeats (2 points)
#
# Write `uniqueness`, the function of a component. It has two annotated arguments: `examples`, an
# `InputArtifact[Examples]`, and `report`, an `OutputArtifact[KeyReport]`. It sets two properties of the
# report by `report.set_int_custom_property(name, value)`: `rows`, the rows of all splits together, and
# `repeats`, how many rows have a key that a row before them had. A flight that stands in `train` and again in
# `eval` is a repeat as well: the model would be judged on what it has learned. Splits may have other names.
#
# | split | key |
# | --- | --- |
# | train | a |
# | train | b |
# | train | a |
# | eval | b |
#
# These are 4 `rows` and 2 `repeats`. The lesson makes a component of your function,
# `component(uniqueness)`, so no decorator is needed.

# %% tags=["starter"] exercise="4.5d"
def uniqueness(examples, report):
    """Write rows and repeats onto the report. The annotations are still missing."""
    ...


# %% tags=["solution"] exercise="4.5d"
def uniqueness(examples: InputArtifact[Examples], report: OutputArtifact[KeyReport]):
    """Write rows and repeats onto the report."""
    keys = [key for split in keys_of(examples).values() for key in split]
    report.set_int_custom_property("rows", len(keys))
    report.set_int_custom_property("repeats", len(keys) - len(set(keys)))


# %% exercise="4.5d"
uniqueness = lesson.check("4.5d", uniqueness=uniqueness)

# %% [markdown]
# It goes in before Trainer, which gets a condition of its own. Gate stays outside and refuses where there is
# no model: so the second condition always finds a verdict. (One condition inside the other is allowed, too.
# But TFX evaluates the two in no fixed order; when the inner one comes first it finds no verdict, and the
# store says `failed`, not skipped.)

# %%
import inspect

# TFX reads the signature of the function itself; the check has put a guard around it
Uniqueness = component(inspect.unwrap(uniqueness))


def guarded_run(span):
    """A span's run, in which nothing is learned from rows that repeat."""
    parts = taken_in(span, as_of_span)
    keys = Uniqueness(examples=parts["ExampleGen"].outputs["examples"]).with_id("Uniqueness")
    parts["Uniqueness"] = keys
    with tfx.dsl.Cond(keys.outputs["report"].future()[0].custom_property("repeats") == 0):
        parts |= trained(parts)
    parts |= judged(parts, span)
    with tfx.dsl.Cond(may_push(parts)):
        parts |= pushing(parts, span)
    return parts


run("Aug, guarded", guarded_run(8))
deliver(8, august)   # the register is mended, August delivered again
run("Aug, mended", guarded_run(8))

# %% tags=["folded"]
# August three times, and what the component reported
shown("With the assertion nothing was learned from the doubled August; the mended one went through",
      ["August", "Aug, guarded", "Aug, mended"])
reports = sorted(store.get_artifacts_by_type("KeyReport"), key=lambda artifact: artifact.id)
figures.table(pd.DataFrame([{"run": title, "rows": report.custom_properties["rows"].int_value,
                             "repeats": report.custom_properties["repeats"].int_value}
                            for title, report in zip(("guarded", "mended"), reports, strict=True)]))

# %% [markdown]
# Where nobody had objected, one component that asks the right question stopped the run. The mended file was
# seen, though name and span are the same, because its digest is among ExampleGen's parameters (2.7).
#
# **On Monday:** write down the key of each of your tables, and assert it where the table arrives. A second
# line of defence belongs to the reader: it should refuse a file beyond its limit, and keep the last good
# one.

# %% tags=["claim"]
repeats = [report.custom_properties["repeats"].int_value for report in reports]
assert repeats == [len(joined) - len(august), 0], "the component counted each repeat"
stopped = [name for name in ORDER if history["Aug, guarded"][name] == "skipped"]
assert stopped == ["Trainer", "Pusher", "Announce"], "nothing was learned from the doubled August"
assert history["Aug, guarded"]["Gate"] == "ran", "Gate refuses where there is no model"
assert history["Aug, mended"]["ExampleGen"] == history["Aug, mended"]["Announce"] == "ran", "went through"

# %% [markdown]
# ## 6 How far is this automated?
#
# Google's guide to MLOps has three levels. They say who starts the next model. This repository has something
# of all three; the last column says what is missing:

# %% tags=["folded"]
# The three levels, and what stands here
checked_by = (ROOT / ".ci" / "run").read_text(encoding="utf-8").strip()
components = [part.id for part in pipeline.create(work / "course").components]
figures.table(pd.DataFrame([
    {"level": 0, "who starts the next model": "a person, in a notebook",
     "here": "lessons 1.3 to 1.6: trained by hand; nothing but the recording says with what",
     "missing for more": "a definition that others can run"},
    {"level": 1, "who starts the next model": "new data, or a clock, through a pipeline",
     "here": f"helpers.flights.pipeline: {len(components)} components with validation, gate, store and "
             "cache; your monthly runs",
     "missing for more": "the clock itself: `ensure` runs when somebody asks"},
    {"level": 2, "who starts the next model": "a change of code, too: the pipeline itself is tested",
     "here": ".ci/run calls make test: it lints, tests, executes every lesson again, compares each output",
     "missing for more": "delivery: no image is built, no cluster gets the compiled spec (4.6, 4.7)"},
]).set_index("level"))

# %% [markdown]
# A level belongs to a model, not to a team. The guide recommends level 1 where new models come from new
# data rather than from new ideas, and level 2 where pipelines themselves change often. A model that is
# trained once a year may stay at 0, if what was done is written down.
#
# **On Monday:** write beside each of your models its level, and the step that is still done by hand.

# %% tags=["claim"]
assert {"ExampleValidator", "Evaluator", "Pusher"} <= set(components), "validation, gate, push"
assert checked_by.endswith("make test"), ".ci/run calls make test"

# %% [markdown]
# ## What you did
#
# - You ran one definition over monthly spans, and read from the store what ran, was cached and was skipped.
# - You wrote the condition under which a model is pushed, as a predicate that is evaluated later.
# - You retried a failed step, saw that "latest blessed" made the model its own rival, and asked as of the
#   span.
# - You compiled two pipelines for Kubeflow Pipelines, read the spec, and found what no cluster could run.
# - You scheduled a backfill: faster with wrong rivals, right with nothing won.
# - You wrote a component that found the doubled rows which the validator had let through.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# Retries written into the spec, and what each check of it sees; a span as a parameter of the run, so that one
# compiled spec serves all months; and a month with StatisticsGen and Evaluator: about 5 minutes.
#
# A task's `retryPolicy` says how often, after how long, and by what factor the wait grows. We add one to each
# task of the course's pipeline. In one copy we then misspell it, in another we let a task wait for one that
# isn't there.

# %%
mended = json.loads(json.dumps(specs["the course's"]))
for task in mended["pipelineSpec"]["root"]["dag"]["tasks"].values():
    task["retryPolicy"] = {"maxRetryCount": 2, "backoffDuration": "60s", "backoffFactor": 2}
misspelt, dangling = json.loads(json.dumps(mended)), json.loads(json.dumps(mended))
misspelt["pipelineSpec"]["root"]["dag"]["tasks"]["Pusher"]["retryPolicy"] = {"retries": 2}
dangling["pipelineSpec"]["root"]["dag"]["tasks"]["Pusher"]["dependentTasks"] += ["Approval"]
new = {name: set(objections(spec)) - set(objections(mended))
       for name, spec in (("misspelt", misspelt), ("dangling", dangling))}
figures.table(pd.DataFrame([
    {"change": "a retry policy for each task", "definition": misfit(mended), "our check": "no retries missing"
     if not any("again" in what for _, what in objections(mended)) else "retries missing"},
    {"change": "`retries` for `maxRetryCount`", "definition": misfit(misspelt),
     "our check": "; ".join(what for _, what in new["misspelt"]) or None},
    {"change": "Pusher waits for `Approval`", "definition": misfit(dangling),
     "our check": "; ".join(what for _, what in new["dangling"]) or None}]))

# %% tags=["claim"]
assert not any("again" in what for _, what in objections(mended)) and misfit(mended) is None, "it fits"
assert misfit(misspelt) and not new["misspelt"], "the definition alone sees the name"
assert misfit(dangling) is None and new["dangling"], "our check alone sees the task"

# %% [markdown]
# The definition knows names and types; whether a task exists, it does not know. Each check sees what the
# other doesn't. (Retry what is idempotent, and nothing else: section 2.)
#
# The spec of section 3 has June written into it: for July one would have to compile again. A
# `RuntimeParameter` stays open until a run is started.

# %%
span = tfx.dsl.experimental.RuntimeParameter(name="span", ptype=int, default=6)


@component
def Ask(note: OutputArtifact[String], span: Parameter[int]):
    """A component with one parameter."""
    note.value = f"month {span}"


recurring = compiled("recurring", ours({"Ask": Ask(span=span)}))["pipelineSpec"]
asked = recurring["root"]["dag"]["tasks"]["Ask"]["inputs"]["parameters"]["span"]
figures.md(f"The spec's input: `{json.dumps(recurring['root']['inputDefinitions']['parameters'])}`; "
           f"the task's: `{json.dumps(asked)}`.")

# %% [markdown]
# The task names an input of the whole pipeline instead of a number. A recurring run fills it in; so does a
# backfill, once for each month. Our `digest` can't be one: it is computed where the definition is written.
# On a cluster the look at the files belongs into a component, as TFX's own ExampleGens do it.

# %% tags=["claim"]
assert asked == {"componentInputParameter": "span"}, "the task names an input of the pipeline"

# %% [markdown]
# Last the whole pipeline, for June: StatisticsGen and Evaluator are in the places of `Statistics` and `Gate`.
# Evaluator gets the same rule: log loss, its `BinaryCrossentropy`, at most 0.005 above the rival's. The
# predicate is yours, and reads Evaluator's blessing.

# %% tags=["folded"]
# A span's run with StatisticsGen and Evaluator
import tensorflow_model_analysis as tfma


def whole_run(span):
    """A span's run with StatisticsGen and Evaluator."""
    parts = taken_in(span, as_of_span)
    del parts["Statistics"]
    data, schema = parts["ExampleGen"].outputs["examples"], parts["SchemaGen"].outputs["schema"]
    parts["StatisticsGen"] = tfx.components.StatisticsGen(examples=data)
    parts["ExampleValidator"] = tfx.components.ExampleValidator(
        statistics=parts["StatisticsGen"].outputs["statistics"], schema=schema)
    parts |= trained(parts)
    rule = tfma.MetricThreshold(change_threshold=tfma.GenericChangeThreshold(
        absolute={"value": 0.005}, direction=tfma.MetricDirection.LOWER_IS_BETTER))
    loss = tfma.MetricConfig(class_name="BinaryCrossentropy", threshold=rule)
    model = tfma.ModelSpec(label_key="late", signature_name="serving_default", prediction_key="late")
    parts["Evaluator"] = tfx.components.Evaluator(
        examples=data, model=parts["Trainer"].outputs["model"], example_splits=["eval"],
        baseline_model=parts["Baseline"].outputs["model"], eval_config=tfma.EvalConfig(
            model_specs=[model], slicing_specs=[tfma.SlicingSpec()],
            metrics_specs=[tfma.MetricsSpec(metrics=[loss])]))
    with tfx.dsl.Cond(may_push(parts | {"Gate": parts["Evaluator"]})):
        parts |= pushing(parts, span)
    return parts

# %% tags=["atol=0.0005"]
run("June, whole", whole_run(6))
newest = max(store.get_artifacts_by_type("ModelEvaluation"), key=lambda artifact: artifact.id)
[(_, metrics)] = tfma.load_eval_result(newest.uri).slicing_metrics
difference = metrics[""][""]["binary_crossentropy_diff"]["doubleValue"]
whole = history["June, whole"]
figures.md(f"June's log loss above April's: {difference:+.4f} by Evaluator, {after.worse[3]:+.4f} by Gate. "
           f"StatisticsGen: {whole['StatisticsGen']}. Evaluator: {whole['Evaluator']}. Trainer: "
           f"{whole['Trainer']}. Pusher: {whole['Pusher']}.")

# %% [markdown]
# Evaluator, whose code isn't ours, comes to Gate's number. For this one rule Gate is enough; Evaluator can
# judge slices, too. Trainer's model came from the cache, though other components stood around it.

# %% tags=["claim"]
assert abs(difference - after.worse[3]) < 1e-4, "Evaluator comes to Gate's number"
assert whole["StatisticsGen"] == whole["Evaluator"] == whole["Pusher"] == "ran", "the whole pipeline"
assert whole["Trainer"] == "cache", "from the cache"
