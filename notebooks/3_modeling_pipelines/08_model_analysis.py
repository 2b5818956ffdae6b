# %% [markdown]
# # 3.8 Model analysis with TFMA
#
# A colleague offers a new model for **Late?**. It is a third of the size of the one in production, it trains
# in a third of the time, and on an unseen month its PR-AUC is higher. Would you let it replace the old one?
# This lesson shows what that one number hides, and puts the question that should have been asked into
# a **gate**: a component of the pipeline that refuses a model, with the reason on file, before anyone has to
# argue.
#
# **You will be able to**
#
# - run TensorFlow Model Analysis (TFMA) on exported models, and read its results as a table;
# - compare a **candidate** with a **champion** on **slices**, where an average hides who pays;
# - write thresholds into an `EvalConfig`, and let the **Evaluator** bless or refuse;
# - put **confidence intervals** on metrics and on differences, and say what they leave out;
# - look at a model at its **threshold**, where it acts;
# - explain how a model can be better on average and worse in every slice;
# - recognise a slice that is **too small to judge** by.
#
# **Needs** lessons 1.1 and 2.2. **Takes** about 80 minutes with its exercises; the computer needs one of
# them.

# %%
from helpers import lesson

lesson.begin("3.8")

# %% tags=["parameters"]
month = 8             # the month on which both models are compared; neither has seen it
every = 2             # of that month's flights, each `every`-th is analysed
allowed_loss = 0.01   # by how much PR-AUC may fall in a slice before the gate refuses

# %% [markdown]
# The text reads the results of these values. Tables, pictures and computed sentences follow other values, the
# rest of the text doesn't.
#
# ## 1 The champion
#
# The **champion** is the model in production: the one that the flights pipeline trained on January to June
# and blessed. The pipeline's store knows where it is. (The pipeline needs a minute or two when it has never
# run on this machine; after that, the answer is immediate.)

# %%
from helpers import figures
from helpers.flights import example_gen, examples, pipeline, scoring, trainer

champion = pipeline.ensure()
[path.name for path in sorted(champion.model.iterdir())]

# %% [markdown]
# A SavedModel: graph, weights, vocabularies. It takes raw features and gives a probability, so whoever
# analyses it needs no code of the one who trained it.
#
# ## 2 The candidate
#
# The colleague looked at the training data and found hours of rain. They are few, noisy, and in them the
# delays "have nothing to do with the carrier". So the colleague removed them as outliers and trained one
# network instead of the champion's three. It is a cleaning step like hundreds that are done each day, done in
# good faith, and one line long.

# %%
past = examples.table(pipeline.TRAIN)
cleaned = past[~(past.precip > 0)]
figures.md(f"{len(past) - len(cleaned):,} of {len(past):,} flights are gone, "
           f"{1 - len(cleaned) / len(past):.1%}. Of those, {past[past.precip > 0].late.mean():.0%} "
           f"were late; of the rest, {cleaned.late.mean():.0%}.")

# %% [markdown]
# We train the candidate for real: the cleaned rows, the champion's transformation, one network.

# %%
import tensorflow_transform as tft

from helpers import quiet

quiet.tfx()

work = lesson.scratch()
example_gen.write(cleaned, work / "cleaned.gz")
transform = tft.TFTransformOutput(str(champion.transform_graph))
inputs, late = trainer.read([str(work / "cleaned.gz")], transform)
network = trainer.fit(inputs, late, trainer.sizes(transform), trainer.DEFAULTS | {"members": 1})
trainer.export(network, transform, str(work / "candidate" / "Format-Serving"))

# %% [markdown]
# ## 3 Data to judge by
#
# Both models are judged on August, which neither has seen in any form: the champion's gate used July. We add
# one column that no model reads: `sky`, dry or rain in the hour before. **A slice may be cut by anything you
# know about a row, not only by features of the model.** Every question "does it work for …?" is a slice.

# %%
import numpy as np

rows = examples.table([month]).iloc[::every].reset_index(drop=True)
rows["sky"] = np.where(rows.precip > 0, "rain", "dry")
example_gen.write(rows, work / "examples" / "Split-eval" / "data.gz", extra=("sky",))
rows.groupby("sky").late.agg(flights="size", late="mean").round(3)

# %% [markdown]
# Keep the two rates in mind. It rains seldom, and when it does, most flights are late. Rain is where a
# passenger needs the alert.
#
# ## 4 The Evaluator, and a gate with two conditions
#
# TFMA is the library; **Evaluator** is the TFX component around it. It takes examples, a candidate,
# a **baseline** to compare it with, and an `EvalConfig`: which models, which slices, which metrics, which
# thresholds. It leaves two artifacts: the evaluation, and a **blessing**, an empty file called `BLESSED` or
# `NOT_BLESSED`. A Pusher downstream ships a model only with the blessing.
#
# The usual gate has one condition: on all flights together, the candidate must not be below the champion.
# Ours has a second: in no sky may it lose more than `allowed_loss` (some loss is allowed, because no two
# trainings agree to the last digit). In the config below, `slicing_specs { }` means all rows together,
# `feature_keys` one slice for each value of a column. A `change_threshold` limits the difference to the
# baseline; a `value_threshold` would be a floor of its own.

# %%
GATE = """
model_specs { name: "champion" is_baseline: true
              signature_name: "serving_default" prediction_key: "late" label_key: "late" }
model_specs { name: "candidate"
              signature_name: "serving_default" prediction_key: "late" label_key: "late" }
slicing_specs { }
slicing_specs { feature_keys: "sky" }
metrics_specs {
  metrics { class_name: "AUC" config: '"name": "roc_auc", "num_thresholds": 1000' }
  metrics {
    class_name: "AUCPrecisionRecall" config: '"name": "pr_auc", "num_thresholds": 1000'
    per_slice_thresholds {
      slicing_specs { }
      threshold { change_threshold { direction: HIGHER_IS_BETTER absolute { value: 0 } } } }
    per_slice_thresholds {
      slicing_specs { feature_keys: "sky" }
      threshold { change_threshold { direction: HIGHER_IS_BETTER absolute { value: %f } } } }
} }
"""

# %% [markdown]
# In the flights pipeline the Evaluator gets its models from a Trainer and a Resolver. Here three Importers
# put our files where the Evaluator expects artifacts; everything else is the same.

# %%
import warnings

import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tfx import v1 as tfx
from tfx.types.standard_artifacts import Examples, Model

for message in ("invalid value encountered in divide", "divide by zero encountered in divide"):
    # TFMA's PR-AUC divides, then drops empty thresholds
    warnings.filterwarnings("ignore", message, RuntimeWarning)


def artifact(name, folder, kind, **properties):
    """A folder as an artifact of the pipeline."""
    return tfx.dsl.Importer(source_uri=str(folder), artifact_type=kind,
                            properties=properties, custom_properties={
        "tfx_version": tfx.__version__, "payload_format": "FORMAT_TF_EXAMPLE"}).with_id(name)


gate_config = text_format.Parse(GATE % -allowed_loss, tfma.EvalConfig())
data = artifact("Data", work / "examples", Examples, split_names='["eval"]')
models = [artifact("Candidate", work / "candidate", Model),
          artifact("Champion", champion.model.parent, Model)]

# %%
evaluator = tfx.components.Evaluator(
    examples=data.outputs["result"], model=models[0].outputs["result"],
    baseline_model=models[1].outputs["result"], eval_config=gate_config)
store = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(work / "metadata.sqlite"))
tfx.orchestration.LocalDagRunner().run(tfx.dsl.Pipeline(
    pipeline_name="gate", pipeline_root=str(work / "gate"), metadata_connection_config=store,
    components=[data, *models, evaluator]))

[blessing] = (work / "gate" / "Evaluator" / "blessing").glob("*/*")
blessing.name

# %% [markdown]
# Refused. The reason is data, too: the Evaluator stores for each slice and metric what failed.

# %%
evaluation = str(next((work / "gate" / "Evaluator" / "evaluation").iterdir()))
refusals = {}
for part in tfma.load_validation_result(evaluation).metric_validations_per_slice:
    slice_name = " & ".join(key.bytes_value.decode() for key in part.slice_key.single_slice_keys) or "all"
    refusals[slice_name] = ", ".join(failure.metric_key.name for failure in part.failures)
refusals

# %% [markdown]
# ## 5 Reading the evaluation
#
# What was measured lies beside it. `load_eval_result` gives a list of slices, each with its metrics by output
# name and class, both empty for a model with one output. TFMA draws this with a widget that loads from the
# web. A table says the same, can be kept, and can be computed with.

# %% tags=["atol=0.003"]
import pandas as pd


def readings(result):
    """One row per slice, a column per metric: a number, or its value,
    low and high end where there is an interval."""
    found = {}
    for slice_key, metrics in result.slicing_metrics:
        name = " & ".join(value for _, value in slice_key) or "all"
        found[name] = {metric: value.get("doubleValue", value.get("boundedValue"))
                       for metric, value in metrics[""][""].items()}
    return pd.DataFrame(found).T.sort_index().rename_axis("slice")


table = readings(tfma.load_eval_result(evaluation, model_name="candidate")).astype(float)
figures.table(table.assign(refused=[refusals.get(name, "") for name in table.index]),
              caption="The candidate, its difference to the champion (_diff), and where the gate refuses",
              formats={name: "{:+.4f}" for name in table if name.endswith("_diff")})

# %% [markdown]
# Read each line as a statement about a part of the product.
#
# - **All:** the candidate is ahead in both metrics, and the first condition is met. A gate that stops there
#   would have written `BLESSED`.
# - **Dry:** next to nothing in either direction.
# - **Rain:** PR-AUC is lower, by more than we allow, and ROC-AUC is lower too.
#
# Look at ROC-AUC once more. It falls in the dry **and** in the rain, and it rises in total. The falls are
# small, but how can the total rise at all? We shall come back to that.
#
# ## 6 How sure is that?
#
# There are few rainy flights. TFMA can put an interval on every metric and on every difference.
# The **jackknife** cuts the rows into twenty parts at random, leaves each part out once, and reads the
# uncertainty from how the metric moves. (The other method it offers, the Poisson bootstrap, recomputes
# everything on twenty resamples and costs as much again for each.) The difference is taken on the same rows
# for both models, so that luck in the rows cancels: a **paired** comparison.
#
# TFMA does not need the models for that. It takes a table of scores as well, from whatever made them, with
# one column per model: `prediction_key` names it. An interval for the rain needs only the rainy flights.

# %%
july = examples.table([7])
july["sky"] = np.where(july.precip > 0, "rain", "dry")
gauge = rows[rows.sky == "rain"].assign(precip=0.0)   # the rainy flights, had the rain gauge shown nothing
tables = {"rows": rows, "gauge": gauge, "july": july}   # sections 7, 8 and 10 need the other two
asked = pd.concat(tables)   # one table: loading a model takes longer than scoring with it
asked["day"] = asked.time_hour.dt.tz_convert("America/New_York").dt.day

folders = {"champion": champion.model, "candidate": work / "candidate" / "Format-Serving"}
for name, folder in folders.items():
    asked[name] = scoring.score(folder, asked)
rows, gauge, july = (asked.loc[name] for name in tables)
rain = rows[rows.sky == "rain"]

# %%
rain_config = text_format.Parse("""
model_specs { name: "champion" is_baseline: true prediction_key: "champion" label_key: "late" }
model_specs { name: "candidate" prediction_key: "candidate" label_key: "late" }
slicing_specs { }
options { compute_confidence_intervals { value: true } confidence_intervals { method: JACKKNIFE } }
""", tfma.EvalConfig())
rain_config.metrics_specs.extend(gate_config.metrics_specs)
# Here we measure; the gate has judged
rain_config.metrics_specs[0].metrics[1].ClearField("per_slice_thresholds")
rain_config = tfma.utils.update_eval_config_with_defaults(rain_config, has_baseline=True)
seeded = tfma.evaluators.MetricsPlotsAndValidationsEvaluator(rain_config, random_seed_for_testing=2013)
_ = tfma.analyze_raw_data(rain[["late", *folders]], rain_config, evaluators=[seeded],
                          output_path=str(work / "rain"))

# %%
result = tfma.load_eval_result(str(work / "rain"), model_name="candidate")
intervals = pd.DataFrame(readings(result).loc["all"].to_dict()).T
intervals = intervals[["value", "lowerBound", "upperBound"]].rename_axis("rain")

# %% tags=["atol=0.005"]
figures.table(intervals, caption="The candidate in the rain, 95 % intervals",
              formats=dict.fromkeys(intervals, "{:+.3f}"))

# %% tags=["atol=0.005"]
flight = intervals.loc["pr_auc_diff"]
figures.md(f"In PR-AUC the candidate's loss in the rain is {-flight.value:.3f}, with an interval from "
           f"{-flight.upperBound:.3f} to {-flight.lowerBound:.3f}; allowed is {allowed_loss}.")

# %% [markdown]
# A value below a limit and an interval below a limit are not the same. **The Evaluator compares the value**;
# what to do when the interval reaches across the limit is for you to decide, in advance. Three answers are
# possible: *worse*, *fine*, and *can't tell*. And don't read the ends of such an interval to the last digit:
# with twenty parts it is itself an estimate, and another cut of the rows moves them.

# %% [markdown] exercise="3.8a"
# ### Exercise 3.8a: Three answers from an interval (1 point)
#
# Write `decide(low, high, allowed)`. It gets the interval of a difference (candidate minus champion, higher
# is better) and the loss that is allowed, a number ≥ 0. It returns `"worse"` when the whole interval lies
# below `-allowed`, `"fine"` when the whole interval lies at or above `-allowed`, and `"can't tell"`
# otherwise.

# %% tags=["starter"] exercise="3.8a"
def decide(low, high, allowed):
    ...

# %% tags=["solution"] exercise="3.8a"
def decide(low, high, allowed):
    if high < -allowed:
        return "worse"
    return "fine" if low >= -allowed else "can't tell"

# %% exercise="3.8a"
decide = lesson.check("3.8a", decide=decide)

# %% [markdown]
# ## 7 What the interval leaves out
#
# The jackknife treats flights as independent. They are not: the flights of a rainy afternoon share one
# thunderstorm. How many days have rain at all?

# %%
rows.groupby("sky").agg(flights=("late", "size"), days=("day", "nunique"))

# %% [markdown]
# That is the honest sample size for rain. To respect it, resample days instead of flights (a **cluster
# bootstrap**) and keep the pairing: both models are scored on the same drawn days. TFMA has no such option;
# on scores in a table it takes a few lines. For speed, flights are counted once by day and score, to the
# thousandth; a draw then only weights the days.

# %%
def drawn(day, draws=1000):
    """Each row's day as a number, and how often each day comes when they are drawn with
    repetition, [draws, days]."""
    place, days = pd.factorize(day)
    return place, np.random.default_rng(2013).multinomial(len(days), np.full(len(days), 1 / len(days)), draws)


def pr_areas(part, model, place, often):
    """PR-AUC (average precision) for each row of `often`, as many times as it counts each day."""
    level = np.unique(-part[model].round(3), return_inverse=True)[1]   # 0 is the highest score
    # On-time and late flights by level and day
    count = np.zeros((2, level.max() + 1, place.max() + 1))
    np.add.at(count, (part.late.to_numpy(), level, place), 1)
    on_time, late = often @ count[0].T, often @ count[1].T
    caught, alerts = late.cumsum(axis=1), (late + on_time).cumsum(axis=1)
    return (late * caught / np.maximum(alerts, 1)).sum(axis=1) / np.maximum(caught[:, -1], 1)


# %%
def by_day(table):
    """The candidate's difference in PR-AUC, in total and by sky, with a 95 % interval over days."""
    found = {}
    for name, part in [("all", table), *table.groupby("sky")]:
        place, often = drawn(part.day)
        often = np.vstack([np.ones(often.shape[1], int), often])   # first the month as it was
        ahead = pr_areas(part, "candidate", place, often) - pr_areas(part, "champion", place, often)
        found[name] = [ahead[0], *np.quantile(ahead[1:], [0.025, 0.975])]
    return pd.DataFrame(found, index=["value", "low", "high"]).T


both = by_day(rows)

# %% tags=["atol=0.005"]
import matplotlib.pyplot as plt

fig, axis = plt.subplots(figsize=(8, 2.8))
axis.errorbar(both.value, both.index, xerr=[both.value - both.low, both.high - both.value],
              fmt="o", color=figures.BLUE, capsize=4, label="by day")
axis.errorbar([flight.value], [2.25], xerr=[[flight.value - flight.lowerBound],
                                            [flight.upperBound - flight.value]],
              fmt="s", color=figures.ORANGE, capsize=4, label="by flight (TFMA)")
axis.axvline(0, color=figures.GREY, linestyle="--")
axis.axvline(-allowed_loss, color=figures.RED, linestyle=":", label="allowed")
proven = ((both.low > 0) | (both.high < 0)).sum()
axis.set(xlabel="PR-AUC, candidate − champion, 95 % interval", ylim=(-0.5, 2.6),
         title=f"By day, {proven} of {len(both)} differences are beyond luck")
axis.legend(loc="lower left")
figures.show(fig, alt="Difference in PR-AUC with intervals by day: " + "; ".join(
    f"{name} {row.value:+.3f} [{row.low:+.3f}, {row.high:+.3f}]" for name, row in both.iterrows()))

# %%
answers = {name: "worse" if row.high < -allowed_loss else "fine" if row.low >= -allowed_loss else "can't tell"
           for name, row in both.iterrows()}
figures.md(f"By day, with an allowed loss of {allowed_loss}: "
           + ", ".join(f"*{name}*: {answer}" for name, answer in answers.items()) + ".")

# %% [markdown]
# So the fair reading is more careful than TFMA's interval. A handful of rainy days points to a loss in the
# rain and does not prove it; with so few days even this interval is rather too narrow. And a month of days
# does not prove the gain on all flights either, on whose strength the first condition was met. When
# resampling one month leaves it open, look at another. July is one that neither model was trained on:

# %% tags=["atol=0.003"]
figures.table(by_day(july).rename_axis("July"),
              caption="PR-AUC, candidate − champion, with 95 % intervals by day",
              formats=dict.fromkeys(both, "{:+.3f}"))

# %% [markdown]
# There the candidate is behind on every line, and in the rain the interval lies below zero, though it still
# reaches across the limit. In total it would have failed the first condition, too. What the average said was
# an answer about August.
#
# So it is right to refuse. With August alone it would be, too: the candidate carries the **burden of proof**.
# The champion has shown what it does in rain, the candidate was trained without ever seeing rain, and "can't
# tell" is no reason to replace what works.

# %% [markdown]
# ## 8 Where the model acts: thresholds
#
# AUCs average over all thresholds. The product uses one. Suppose the alert may go out for the tenth of
# flights with the highest score; each model then has its own threshold, and we compare what they do with it.

# %% tags=["atol=0.006"]
def at_work(part, share=0.1):
    """What each model's alerts are worth in these rows, if it alerts the top `share` of all flights."""
    found = {}
    for model in folders:
        alert = part[model] >= rows[model].quantile(1 - share)
        found |= {f"{model}: alerts": alert.mean(), f"{model}: precision": part.late[alert].mean(),
                  f"{model}: mean score": part[model].mean()}
    return found | {"late": part.late.mean()}


work_table = pd.DataFrame({"all": at_work(rows)} | {sky: at_work(part) for sky, part in rows.groupby("sky")})
figures.table(work_table.rename_axis("share of flights"), caption="At the top tenth",
              formats=dict.fromkeys(work_table, "{:.3f}"))

# %% [markdown]
# In total the candidate's alerts are right more often, and in the dry too: in this month the desk would be
# content with it. In the rain it alerts so many flights that it hardly chooses among them any more: compare
# its precision there with the share that was late anyway. The champion alerts fewer and is right more often.
#
# Now compare the mean score in the rain with the share that was late. The champion is somewhat low, the
# candidate far too high. How can a model be so sure of what it never saw? In its training `precip` had one
# value wherever it was known, so the input worked as a second bias: training moved its weights for the sake
# of dry flights, and nothing told them what rain does. In rain the model multiplies these weights by a number
# they were not made for. We asked both models about the same rainy flights once more, with the rain gauge at
# zero and all other weather as it was:

# %% tags=["atol=0.005"]
means = {name: {"as measured": rain[name].mean(), "gauge at zero": gauge[name].mean(),
                "late": rain.late.mean()}
         for name in folders}
figures.table(pd.DataFrame(means).T.rename_axis("flights in the rain"),
              caption="Mean score, and the share that was late")

# %% [markdown]
# For the champion the gauge adds little to what humidity and sight tell already. For the candidate it
# decides, through weights that are left from the random start and from learning about dry flights. This time
# they push the score up, and most rainy flights of August were late. That is where the better average comes
# from, as the next section shows.
#
# ## 9 How an average can lie
#
# ROC-AUC has a plain meaning: take a late flight and an on-time flight at random; it is the chance that the
# late one has the higher score. The pairs fall into three kinds: both dry, both in rain, one of each. **The
# AUC of all flights is the mean over all pairs; the AUC of a slice sees only its own.** The pairs across are
# in no slice.

# %% [markdown] exercise="3.8b"
# ### Exercise 3.8b: The pairs no slice sees (1 point)
#
# Write `share_across(late_rain, on_time_rain, late_dry, on_time_dry)`. From the four counts of flights,
# return the share of all pairs (one late flight, one on-time flight) that has one flight in the rain and the
# other in the dry.

# %% tags=["starter"] exercise="3.8b"
def share_across(late_rain, on_time_rain, late_dry, on_time_dry):
    ...

# %% tags=["solution"] exercise="3.8b"
def share_across(late_rain, on_time_rain, late_dry, on_time_dry):
    pairs = (late_rain + late_dry) * (on_time_rain + on_time_dry)
    return (late_rain * on_time_dry + late_dry * on_time_rain) / pairs

# %% exercise="3.8b"
share_across = lesson.check("3.8b", share_across=share_across)

# %% [markdown]
# Now the decomposition, for both models: each kind of pair, how many there are, and how often the late flight
# has the higher score.

# %% tags=["atol=0.006"]
def pairs(late, on_time):
    """How many pairs, and the share in which the late flight scores higher; ties count half. By model."""
    found = {"pairs": len(late) * len(on_time)}
    for model in folders:
        order = np.sort(on_time[model])
        below, ties = (order.searchsorted(late[model], side) for side in ("left", "right"))
        found[model] = (below + ties).mean() / 2 / len(on_time)
    return found


groups = {(sky, bool(y)): part for (sky, y), part in rows.groupby(["sky", "late"])}
kinds = pd.DataFrame({
    f"late in {one}, on time in {other}": pairs(groups[one, True], groups[other, False])
    for one in ("dry", "rain") for other in ("dry", "rain")}).T
kinds.insert(1, "share", kinds.pairs / kinds.pairs.sum())
kinds.loc["all"] = [kinds.pairs.sum(), 1, kinds.champion @ kinds.share, kinds.candidate @ kinds.share]
kinds["gain"] = (kinds.candidate - kinds.champion) * kinds.share
figures.table(kinds.rename_axis("pairs of flights"), caption="ROC-AUC, taken apart",
              formats={"pairs": "{:,.0f}", "share": "{:.1%}", "gain": "{:+.4f}"})

# %% [markdown]
# The column `gain` is share times difference; it adds up to the difference of the totals. Look at its signs.
# Within the dry and within the rain, the candidate loses a little. It wins on the pairs *late in rain, on
# time in dry*, merely because it scores every rainy flight higher, and so more late flights of the rain stand
# above on-time flights of the dry. It pays for that with the opposite pairs, *late in dry, on time in rain*;
# but in the rain few flights are on time, so these are few. It has learned nothing about rain. It got louder
# there.
#
# A comparison that points one way in every part and the other way in the total is known as **Simpson's
# paradox** (Simpson 1951). In its usual form the parts are weighted differently in the two totals. Here the
# weights are the same, and the total contains pairs that belong to no part. It is not an oddity of textbooks;
# it needs only a slice with another base rate and a model that shifts its score there.

# %% [markdown] exercise="3.8c"
# ### Exercise 3.8c: Which statement holds? (1 point)
#
# The colleague proposes five ways out. Bind `way_out` to the letter of the one that mends the cause of what
# you have just seen, and would notice if it came back.
#
# - `"A"`: evaluate on a random tenth of January to June instead of a later month; there the sample is larger.
# - `"B"`: put the rainy hours back into training, and keep the gate on the slice.
# - `"C"`: add 0.1 to the score of every dry flight, so that both means fit.
# - `"D"`: judge by the mean of the two slices' ROC-AUCs and drop the total.
# - `"E"`: train three networks on the cleaned rows instead of one, and average them as the champion does.

# %% tags=["starter"] exercise="3.8c"
way_out = ...       # "A", "B", "C", "D" or "E"

# %% tags=["solution"] exercise="3.8c"
way_out = "B"

# %% exercise="3.8c"
way_out = lesson.check("3.8c", way_out=way_out)

# %% [markdown]
# ## 10 What breaks in production: the slice too small to judge
#
# If slices are good, why not demand the same of every slice? Here is what the flights pipeline's own
# Evaluator measured for the champion on July, by carrier. Suppose the gate asked a ROC-AUC of 0.70 of each.

# %% tags=["atol=0.001"]
of_july = tfma.load_eval_result(str(champion.evaluation))
carriers = pd.DataFrame([
    {"carrier": slice_key[0][1], "flights": int(metrics[""][""]["example_count"]["doubleValue"]),
     "roc_auc": metrics[""][""]["roc_auc"]["doubleValue"]}
    for slice_key, metrics in of_july.slicing_metrics if slice_key and slice_key[0][0] == "carrier"])
carriers = carriers.sort_values("flights", ignore_index=True)
figures.table(carriers.head(6), caption=f"The smallest of {len(carriers)} carriers in July: the champion")

# %% [markdown]
# It happened in the making of this workbook: a `threshold` directly under a metric holds for every slice, and
# the first version of the pipeline refused its good model for the sake of Hawaiian Airlines, whose one daily
# flight is some thirty flights a month. How far could its ROC-AUC be off by chance? The scores of July tell,
# by days again.

# %%
def chance(part):
    """95 % interval of the ROC-AUC over days: the share of weighted pairs in which the
    late flight scores higher."""
    place, often = drawn(part.day)
    weights, late, score = often[:, place], part.late.to_numpy() == 1, part.champion.to_numpy()
    above = (1 + np.sign(score[late][:, None] - score[~late])) / 2
    pairs = weights[:, late].sum(axis=1) * weights[:, ~late].sum(axis=1)
    right = ((weights[:, late] @ above) * weights[:, ~late]).sum(axis=1)
    return np.quantile(right[pairs > 0] / pairs[pairs > 0], [0.025, 0.975])


some = pd.concat([carriers.head(5), carriers[carriers.carrier.isin(["VX", "MQ"])]], ignore_index=True)
some[["low", "high"]] = [chance(july[july.carrier == name]) for name in some.carrier]
late_flights = july.groupby("carrier").late.sum()

# %% tags=["atol=0.01"]
fig, axis = plt.subplots(figsize=(8, 3))
axis.errorbar(some.roc_auc, some.carrier + " (" + some.flights.astype(str) + ")",
              xerr=[some.roc_auc - some.low, some.high - some.roc_auc], fmt="o",
              color=figures.BLUE, capsize=4)
axis.axvline(0.7, color=figures.RED, linestyle=":")
axis.set(xlabel="ROC-AUC in July, 95 % interval", ylabel="carrier (flights)",
         title="The smallest slices can't be judged")
figures.show(fig, alt="ROC-AUC by carrier with intervals: " + "; ".join(
    f"{row.carrier} {row.roc_auc:.2f} [{row.low:.2f}, {row.high:.2f}]" for row in some.itertuples()))

# %% tags=["atol=0.01"]
worst = some.iloc[some.roc_auc.argmin()]
figures.md(f"{worst.carrier}: {worst.flights} flights, {late_flights[worst.carrier]} of them late. Its "
           f"ROC-AUC of {worst.roc_auc:.2f} is compatible with anything from "
           f"{worst.low:.2f} to {worst.high:.2f}.")

# %% [markdown]
# And the next month? The same champion, judged on each month by carrier:

# %%
from sklearn.metrics import roc_auc_score

fails = {name: {carrier for carrier, part in table.groupby("carrier")
                if part.late.nunique() == 2 and roc_auc_score(part.late, part.champion) < 0.7}
         for name, table in {7: july, month: rows}.items()}
figures.md("Below 0.70: " + "; ".join(
    f"in month {name}, {', '.join(sorted(found)) or 'none'}" for name, found in fails.items()) + ".")

# %% [markdown]
# Other carriers fail, and Hawaiian passes. Among those that fail is AS, in July the best of the table. A gate
# on such slices refuses by luck, people learn to override it, and the month in which it is right is
# overridden too. What is done about it:
#
# - name the slices that must hold, few, by what is at stake, **before** seeing the result
#   (`per_slice_thresholds`; the flights pipeline asks of the total and of the three airports);
# - require a least size below which a slice is reported and not judged;
# - pool: several months, or small carriers together;
# - judge small slices by the difference to the champion, paired, instead of by a floor.

# %% [markdown] exercise="3.8d"
# ### Exercise 3.8d: What the gate can't judge (1 point)
#
# An AUC is made of pairs of a late and an on-time flight, so what limits it is the **rarer class**: a slice
# can be judged if its rarer class has at least `least` flights. Write `gate(slices, allowed, least)`.
# `slices` is a list of tuples `(name, change, late, on_time)`: a slice's name, candidate minus champion in
# ROC-AUC, and how many flights were late and on time. Return two lists of names:
#
# 1. the slices that **refuse** the candidate: they can be judged, and they lost more than `allowed` (a number
#    ≥ 0);
# 2. the slices that **can't be judged**, whatever their change.

# %% tags=["starter"] exercise="3.8d"
def gate(slices, allowed, least):
    """Names of the slices that refuse, and names of those that can't be judged."""
    ...

# %% tags=["solution"] exercise="3.8d"
def gate(slices, allowed, least):
    """Names of the slices that refuse, and names of those that can't be judged."""
    small = [name for name, change, late, on_time in slices if min(late, on_time) < least]
    refusing = [name for name, change, late, on_time in slices if name not in small and change < -allowed]
    return refusing, small

# %% exercise="3.8d"
gate = lesson.check("3.8d", gate=gate)

# %% [markdown]
# ## What you did
#
# - You ran **TFMA** on two exported models and on a table of scores, and read evaluation and validation as
#   tables.
# - You compared a **candidate** with a **champion** on **slices**: ahead on all flights, behind in the rain,
#   where the alert is needed most.
# - You wrote two conditions into an `EvalConfig`. The one on the average was met; the one on slices made
#   the **Evaluator** refuse, with slice, metric and value on file.
# - You read **intervals** of paired differences, and saw that by day, the unit that is independent here, they
#   are wider than by flight; "can't tell" is an answer, and the candidate carries the burden of proof.
# - You looked at both models at a **threshold**, and found a score in the rain that rests on weights nothing
#   had trained for rain.
# - You took ROC-AUC apart into pairs and found the gain where no slice looks: **Simpson's paradox** in a
#   cleaning step of one line.
# - You saw a good model refused for a slice **too small to judge**, and what to do instead.

# %%
lesson.end()
