# %% [markdown]
# # 4.1 Serving a model
#
# The model of "Late?" is trained and blessed, and sits in a folder. The desk that would act on its alerts
# runs other software on other machines, and the model will be replaced while the desk is asking. A **model
# server** stands between the two: it gives the folder an address, keeps the promise of what goes in and
# what comes out, and changes versions without a pause.
#
# **You will be able to**
#
# - read a model's signatures, and write one of your own;
# - ask a served model over REST and gRPC, with one client that gets the same numbers from both;
# - send a missing value so that the model knows it is missing;
# - bring out a version, pin it, label it and roll it back while requests are being answered;
# - stop a version that answers every request correctly formed and wrong.
#
# *Needs: lesson 1.1 and a first model in Keras; HTTP and JSON from a distance. gRPC and Protocol Buffers
# are introduced where they come. Time: about 65 minutes, and 15 more for "Deeper" at the end.*

# %%
from helpers import lesson

lesson.begin("4.1")

# %% tags=["parameters"]
seed = 2013
month = 9    # the month whose flights we ask about, from 2; the model was trained on January to June
rows = 500   # how many of them, from 100

# %% [markdown]
# This is what you will build, with the interface of **TensorFlow Serving**.

# %% tags=["folded"]
import logging

from helpers import figures

logging.getLogger("helpers.serving").setLevel(logging.ERROR)  # what it would warn of, we shall ask it
figures.overview(
    "A server reads versions from a shelf; clients know addresses and labels alone",
    [["pipeline", "shelf: 1, 2, …", "warm-up requests"],
     ["configuration: policy, labels", "model server", "metrics"],
     [None, "REST", "gRPC"],
     ["gate", "client", "desk"]],
    [("pipeline", "shelf: 1, 2, …", "exports"),
     ("warm-up requests", "shelf: 1, 2, …", "lie inside a version"),
     ("shelf: 1, 2, …", "model server", "is loaded by"),
     ("configuration: policy, labels", "model server", "says which"),
     ("model server", "metrics"),
     ("model server", "REST", "port 8501"),
     ("model server", "gRPC", "port 8500"),
     ("REST", "client", "JSON"),
     ("gRPC", "client", "tensors"),
     ("client", "desk", "chances"),
     ("client", "gate", "both versions' chances")],
    new=("model server", "client", "gate"),
)

# %% [markdown]
# ## 1 What a server gets
#
# `pipeline.ensure` hands us what the course's pipeline pushed last (if it never ran, it runs now: a minute
# and a half). We copy it to a shelf of our own. The folder's name is the version, a number.

# %%
import shutil

import tensorflow as tf

from helpers.flights import examples, pipeline

shelf = lesson.scratch() / "late"
shutil.copytree(pipeline.ensure().model, shelf / "1")
first = tf.saved_model.load(str(shelf / "1"))
signatures = first.signatures

# %% [markdown]
# The folder is a **SavedModel**: the computation as a graph, from raw features to probability, with weights
# and vocabularies. There is no Python in it, so a server in C++ can run it, preprocessing included. What
# can be asked stands in its **signatures**: functions with named, typed inputs and outputs.

# %% tags=["folded"]
import pandas as pd


def listed(tensors, order=examples.FEATURES):
    """Names by type, in words."""
    types = pd.Series({name: spec.dtype.name for name, spec in tensors.items()})
    types = types.reindex(sorted(types.index, key=lambda name: order.index(name) if name in order else -1))
    return "; ".join(f"{kind}: {', '.join(names)}" for kind, names in types.groupby(types).groups.items())


figures.table(
    pd.DataFrame(
        [{"signature": name, "inputs": listed(signature.structured_input_signature[1]),
          "outputs": listed(signature.structured_outputs)} for name, signature in sorted(signatures.items())]
    ).set_index("signature")
)

# %% [markdown]
# Four doors into one model. `predict_rows` takes a tensor for each of 14 features; the others take
# serialized `tf.Example` records. In Python we get the reference: what the model says *here*, in this
# process. Whatever answers over a wire must agree with it.

# %%
flights = examples.table(months=[month]).sample(rows, random_state=seed, ignore_index=True)
specs = signatures["predict_rows"].structured_input_signature[1]


def tensors_of(flights):
    """Input name → tensor [n, 1] of the type the signature asks for; a gap is NaN."""
    return {name: tf.constant(flights[[name]].values.tolist(), spec.dtype) for name, spec in specs.items()}


here = signatures["predict_rows"](**tensors_of(flights))["late"].numpy().ravel()

# %% [markdown]
# **On Monday:** list your newest model's signatures, and keep twenty rows with its answers as the
# reference.

# %% [markdown]
# ## 2 A server
#
# In production this one line starts TensorFlow Serving from its public image:
#
# ```bash
# docker run --rm -p 8500:8500 -p 8501:8501 -v "$PWD/late:/models/late" -e MODEL_NAME=late tensorflow/serving:2.16.1
# ```
#
# Here an embedded server stands in, with the same paths, messages and statuses;
# `helpers/serving/__init__.py` lists where it is known to differ. Your requests work against the real one
# when you change the address. (TensorFlow Serving looks at the shelf every second; ours when we call
# `server.poll()`.)

# %%
import httpx

from helpers.serving import ModelServer

server = ModelServer({"late": shelf}, file_system_poll_wait_seconds=0)
http = httpx.Client(base_url=server.rest_url, timeout=30)
print(http.get("/v1/models/late").text)
metadata = http.get("/v1/models/late/metadata").json()["metadata"]["signature_def"]["signature_def"]
inputs = metadata["predict_rows"]["inputs"]
print({name: inputs[name]["dtype"] for name in ("carrier", "weekday", "distance")})

# %% [markdown]
# Two questions to any server. How are your models? Version 1 is `AVAILABLE`. What do they want? `/metadata`
# publishes the signatures, so that nobody needs the folder.
#
# **On Monday:** ask your server for status and metadata, with `curl`, before you write a client.

# %% [markdown]
# ## 3 REST
#
# A request is a `POST` of JSON to `/v1/models/late:predict`. Four flights, two of their features:
#
# | carrier | distance |
# |---|---|
# | DL | 1020.0 |
# | AA | 2586.0 |
# | B6 | 187.0 |
# | UA | 2565.0 |
#
# **Row format** has names once a flight: `{"instances": [{"carrier": ["DL"], "distance": [1020.0]}, …]}`.
# **Column format** has them once a request: `{"inputs": {"carrier": [["DL"], ["AA"], ["B6"], ["UA"]],
# "distance": [[1020.0], …]}}`.

# %% tags=["folded"]
import json

import numpy as np


def rows_of(flights):
    """A dict for each flight: input name → [value]."""
    return [{name: [value] for name, value in row.items()}
            for row in flights[examples.FEATURES].to_dict("records")]


# %%
def columns_of(flights):
    """Input name → list of [value], in plain Python types."""
    return {name: flights[[name]].values.tolist() for name in examples.FEATURES}


def post(content, where="late", signature="predict_rows", method="predict"):
    """HTTP response; `where` is a model, or late/versions/2, or late/labels/stable."""
    body = json.dumps({"signature_name": signature, **content})
    return http.post(f"/v1/models/{where}:{method}", content=body)


# %% tags=["rtol=1e-5"]
print(post({"instances": rows_of(flights.head(2))}).json())
print(post({"inputs": columns_of(flights.head(2))}).json())
print("here:", here[:2])

# %% [markdown]
# Three times the same chances, but for a float's last digits. (`json.dumps` writes a gap as `NaN`, which
# strict JSON does not have; TensorFlow Serving reads it, httpx's own `json=` refuses to write it.)
#
# ### The trap of the gap
#
# `:classify` takes names and values, and the server builds a `tf.Example` of them. We send one flight three
# times: as it is, its distance as a whole number, and a gap as `NaN`.

# %% tags=["rtol=1e-5"]
flight = flights.loc[0, examples.FEATURES].dropna().to_dict()
for record in (flight, {**flight, "distance": int(flight["distance"])}, {**flight, "temp": float("nan")}):
    answer = post({"examples": [record]}, signature="classify", method="classify")
    print(answer.status_code, answer.json().get("results") or answer.json()["error"].splitlines()[0])

# %% [markdown]
# The second is refused: in `:predict` the server knows the signature and makes a float of `1020`; in
# `:classify` the JSON alone decides the type. JavaScript prints `1020.0` as `1020`, and meets this on the
# first round number. The third is worse: **200, and no number**. In `predict_rows` a gap is `NaN`; in a
# record it is a feature that is **not there**, and the model computes with a `NaN` as if it were measured.
#
# Many clients put something in a gap's place: zero, or the average. What does the model say then of the
# flights without air pressure?

# %%
gaps = flights[flights.pressure.isna()]
usual = flights.pressure.mean()
sent = {"left out": gaps, "0": gaps.assign(pressure=0.0), "average": gaps.assign(pressure=usual)}
filled = pd.DataFrame({as_what: np.ravel(post({"inputs": columns_of(table)}).json()["outputs"])
                       for as_what, table in sent.items()})

# %% tags=["folded"]
import matplotlib.pyplot as plt

ordered = filled.sort_values("left out", ignore_index=True)
fig, ax = plt.subplots(figsize=(7.5, 3.6))
for as_what, colour, mark in (("0", figures.RED, "^"), ("average", figures.ORANGE, "v"),
                              ("left out", figures.BLUE, "o")):
    ax.plot(ordered.index + 1, ordered[as_what], mark, color=colour, label=f"sent as {as_what}"
            if as_what != "left out" else as_what, markersize=5)
ax.axhline(0.3, color=figures.GREY, linestyle="--", linewidth=1, marker="")
ax.text(1, 0.31, "alert", color=figures.GREY)
title = f"A gap sent as 0 raises all {len(filled)} chances, sent as the average it lowers them"
if not ((filled["0"] > filled["left out"]) & (filled["average"] < filled["left out"])).all():
    title = f"What {len(filled)} gaps become, sent in three ways"  # of another month
ax.set(title=title, xlabel="flights without air pressure, by chance", ylabel="chance of being late",
       ylim=(0, 1))
ax.legend(loc="upper left", bbox_to_anchor=(0.08, 1), ncols=3)
figures.show(fig, figures.alt(title, filled.mean().rename("mean chance"), "{:.2f}"))

# %% tags=["claim"]
assert len(filled) > 20, "there are flights without air pressure"
assert (filled["0"] > filled["left out"]).all(), "a gap sent as 0 raises every chance"
assert (filled["average"] < filled["left out"]).all(), "a gap sent as the average lowers every chance"
assert ((filled["0"] >= 0.3) != (filled["left out"] >= 0.3)).sum() > 0, "0 changes alerts"
assert ((filled["average"] >= 0.3) != (filled["left out"] >= 0.3)).sum() > 0, "the average changes alerts"

# %% [markdown]
# Both replacements changed alerts (above the dashed line), and all requests got 200. The model was trained
# with gaps; a filler is a measurement to it.
#
# Now you. The desk's system hands over four flights in `asked`, as it has them: a number is an `int` or a
# `float`, whatever the model wants, a gap is `None`, and there is more in a row than the model knows.

# %% tags=["folded"]
desk = flights.head(4).copy()
desk.loc[2, "pressure"] = None
asked = desk[["flight", "tailnum", *examples.FEATURES, "late"]].to_dict("records")
for row in asked:
    row["distance"], row["day_minute"] = int(row["distance"]), float(row["day_minute"])
    row |= {name: None for name in examples.WEATHER if pd.isna(row[name])}
reference = signatures["predict_rows"](**tensors_of(desk))["late"].numpy().ravel()

# %% [markdown] exercise="4.1a"
# ### Exercise 4.1a: Ask about the desk's flights (2 points)
#
# Send **one** request to `:classify` of the running server, with a record for each flight of `asked` in
# their order, and bind the response to `reply`. A record holds the model's features alone
# (`examples.FEATURES`), each in the type that `inputs[name]["dtype"]` names; a gap is left out:
#
# | | flight | distance | day_minute | pressure |
# |---|---|---|---|---|
# | the desk's | 1545 | 1400 | 315.0 | None |
# | sent | | 1400.0 | 315 | |
#
# `post(…)` from above sends it.

# %% tags=["starter"] exercise="4.1a"
reply = ...

# %% tags=["solution"] exercise="4.1a"
python_type = {"DT_STRING": str, "DT_FLOAT": float, "DT_INT64": int}
types = {name: python_type[info["dtype"]] for name, info in inputs.items()}
records = [
    {name: as_type(flight[name]) for name, as_type in types.items() if flight[name] is not None}
    for flight in asked
]
reply = post({"examples": records}, signature="classify", method="classify")

# %% exercise="4.1a"
reply = lesson.check("4.1a", reply=reply, given={"flights": asked, "late": reference})

# %% [markdown]
# **On Monday:** find out what your client sends for a missing value, and compare server and notebook.

# %% [markdown]
# ## 4 gRPC
#
# Services often talk to each other by **gRPC**: calls with binary messages over one lasting connection. The
# messages are **Protocol Buffers**, types fixed in a `.proto` file, of which classes for each language are
# generated; here they come with the package `tensorflow-serving-api`. The class that sends is a **stub**.

# %%
import grpc
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

predictions = PredictionServiceStub(grpc.insecure_channel(server.grpc_target))


def request_of(tensors, label=None, signature="predict_rows"):
    """PredictRequest to a label, or to the highest version there is."""
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = "late", signature
    if label:
        request.model_spec.version_label = label
    for name, tensor in tensors.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return request


# %% [markdown]
# Two habits: pass a `timeout`, for without one a call waits for ever; build tensors by the signature's
# types, for **gRPC converts nothing**. One client hides the protocol, and one test decides whether it may:
# **parity**.

# %%
def chances(flights, protocol, label=None):
    """Chance of being late, float32 [n], over "REST" or "gRPC".
    Raises httpx.HTTPStatusError or grpc.RpcError."""
    if protocol == "REST":
        where = f"late/labels/{label}" if label else "late"
        answer = post({"inputs": columns_of(flights)}, where).raise_for_status().json()["outputs"]
    else:
        response = predictions.Predict(request_of(tensors_of(flights), label), timeout=30)
        answer = tf.make_ndarray(response.outputs["late"])
    return np.float32(answer).ravel()


# %%
answers = {
    "REST": (chances(flights, "REST"), here),
    "gRPC": (chances(flights, "gRPC"), here),
    "you, in 4.1a": ([dict(classes)["late"] for classes in reply.json()["results"]], reference),
}
figures.table(pd.DataFrame(
    [{"asked by": door, "flights": len(said), "within a millionth": np.mean(abs(said - told) < 1e-6)}
     for door, (said, told) in answers.items()]).set_index("asked by"),
    formats={"within a millionth": "{:.0%}"})

# %% tags=["claim"]
assert all(np.allclose(*pair, atol=1e-6) for pair in answers.values()), "parity holds, gaps included"
assert flights[examples.WEATHER].isna().sum().sum() > 0, "there are gaps among the flights"

# %% [markdown]
# Parity holds, gaps included. (With a tolerance: sums in another order may differ in a float's last bit.)
#
# Which is lighter on the wire? We count the bytes of a request for one flight. Commit yourself first.

# %% prediction="4.1p1"
guess = ...     # the smallest request for one flight: "row format", "column format" or "gRPC"
lesson.predict("4.1p1", guess, among=("row format", "column format", "gRPC"))

# %%
sizes = pd.DataFrame({
    n: {"row format": len(json.dumps({"signature_name": "predict_rows", "instances": rows_of(part)})),
        "column format": len(json.dumps({"signature_name": "predict_rows", "inputs": columns_of(part)})),
        "gRPC": request_of(tensors_of(part)).ByteSize()}
    for n in (1, 2, 4, 8, 16, 64, 256) for part in [flights.head(n)]}).T.rename_axis("flights in a request")
lesson.reveal("4.1p1", sizes.loc[1].idxmin())

# %% tags=["folded"]
per_flight = sizes.div(sizes.index, axis=0)
per_flight.index = per_flight.index.astype(str)
figures.lines(per_flight, "gRPC is the heaviest for one flight and the lightest from four on",
              x="flights in a request", y="bytes a flight", form="{:,.0f}")

# %% tags=["claim"]
assert sizes.loc[1].idxmax() == "gRPC", "gRPC is the heaviest for one flight"
assert (sizes.loc[4:].idxmin(axis=1) == "gRPC").all(), "gRPC is the lightest from four flights on"
assert 3.5 < sizes.loc[256, "row format"] / sizes.loc[256, "gRPC"] < 4.5, "four times at 256 flights"

# %% [markdown]
# Each of the 14 tensors brings name, type and shape along; for one flight that weighs more than text. From
# four flights on binary values win, and at 256 row format is four times as heavy. (Time is not only bytes,
# and is not measured here.)
#
# **On Monday:** if your client asks row by row, collect rows before you change the protocol.

# %% [markdown]
# ## 5 A new version
#
# It is the first of September, and August is known. Do version 1's chances fit what came? (The interval
# resamples days, since the flights of a day share their weather.) The desk also has the cheapest repair
# computed: move all log-odds by one constant, so that August comes out right on average
# (**recalibration**).

# %% tags=["folded"]
def interval(error, flights, draws=2000):
    """95 % interval of the mean error, days drawn with replacement."""
    day = flights.time_hour.dt.tz_convert("America/New_York").dt.date.to_numpy()
    days = pd.Series(error).groupby(day).agg(["sum", "size"]).to_numpy(float)
    often = np.random.default_rng(seed).multinomial(len(days), np.full(len(days), 1 / len(days)), draws)
    total = often @ days
    return np.percentile(total[:, 0] / total[:, 1], [2.5, 97.5])


# %% tags=["folded", "atol=0.01"]
from scipy.optimize import brentq

august = examples.table(months=[month - 1])  # the month before, whichever it is
before = chances(august, "gRPC")
excess = before - august.late.to_numpy()
low, high = interval(excess, august)


def shifted(chance, shift):
    """Chances whose log-odds are moved by `shift`."""
    return 1 / (1 + (1 / chance - 1) * np.exp(-shift))


shift = np.float32(brentq(lambda s: shifted(before.astype(float), s).mean() - august.late.mean(), -3, 3))
figures.md(f"Predicted minus late in the month before: **{excess.mean():+.3f}**, 95% interval {low:+.3f} to "
           f"{high:+.3f}. The shift is **{shift:+.2f}**: a chance of 0.30 becomes {shifted(0.3, shift):.2f}.")

# %% tags=["claim"]
assert low < 0 < high, "August alone can't tell whether version 1 says too much"
assert excess.mean() > 0, "the estimate is that it says too much"

# %% [markdown]
# The estimate is that it says too much; the interval holds zero, so August **can't tell**. Such a repair
# one wants to try and take back.
#
# To **export** it, we write a `tf.function` around version 1's signature, fix its input types, and save it
# with what it reads. The last line matters: the folder is written under a name that is no number, which the
# server passes over, then **renamed**, in one step. Otherwise a server may load it half-written.

# %%
from helpers.serving import warmup


def changed(change):
    """The signature predict_rows of version 1 with another last step."""
    @tf.function(autograph=False)
    def serve(**rows):
        return {"late": change(signatures["predict_rows"](**rows)["late"])}

    return serve.get_concrete_function(**specs)


def publish(version, doors, requests=()):
    """Put a version with these signatures on the shelf, in one step; perhaps with warm-up requests."""
    module, aside = tf.Module(), shelf / f"writing-{version}"
    module.weights, module.vocabularies = first.weights, first.vocabularies  # what the signatures read
    tf.saved_model.save(module, str(aside), signatures=doors)
    if requests:
        warmup.write(aside, requests)  # see section 6
    aside.rename(shelf / str(version))


# %% [markdown]
# ### Hot reload
#
# Does a client notice? One asks all the time, over both protocols, while version 2 arrives. A gRPC response
# says **who answered**; REST does not.

# %% tags=["folded"]
import threading

stop, seen, failed = threading.Event(), [], []


def keep_asking(one=flights.head(1)):
    """One flight over both protocols, again and again; notes who answered, and every failure."""
    while not stop.wait(0.01):
        try:
            response = predictions.Predict(request_of(tensors_of(one)), timeout=30)
            seen.append(response.model_spec.version.value)
            post({"inputs": columns_of(one)}).raise_for_status()
        except (grpc.RpcError, httpx.HTTPError) as error:
            failed.append(error)


story = {}


def note(event, **labels):
    """Write down the state of each version after an event, and the labels."""
    status = http.get("/v1/models/late").json()
    versions = status["model_version_status"]
    story[event] = {"status": status, "labels": labels,
                    "states": {int(v["version"]): v["state"] for v in versions},
                    "codes": {int(v["version"]): v["status"]["error_code"] for v in versions}}


def wait_for(version, seconds=30):
    """Until `version` has answered ten more times."""
    start = len(seen)
    for _ in range(100 * seconds):
        if seen[start:].count(version) >= 10:
            break
        stop.wait(0.01)


# %%
note("start")
asking = threading.Thread(target=keep_asking, daemon=True)
asking.start()
wait_for(version=1)
publish(2, {"predict_rows": changed(lambda late: shifted(late, shift))})
print(*server.poll(), sep="\n")
wait_for(version=2)
stop.set()
asking.join()
note("2 arrives")
print("answered by", sorted(set(seen)), "- in order:", seen == sorted(seen), "- failed:", len(failed))

# %% tags=["claim"]
assert set(seen) == {1, 2} and seen == sorted(seen), "version 1 answers, then version 2, and never back"
assert not failed, "no request failed"

# %% [markdown]
# Version 2 was loaded and took all new requests; only then version 1 finished and went. For a moment both
# are in memory. Why did version 1 go? Nothing was said about versions, and then the policy is *latest*: the
# highest number serves everyone. Section 7 changes that; first we see what it lets in.
#
# **On Monday:** write to a temporary name and rename; where the store can't (S3), name the versions.

# %% [markdown]
# ## 6 Health
#
# *Alive* is a server that accepts a connection: if not, it is restarted. *Ready* is one with a version
# `AVAILABLE`: if not, it gets no requests for now. The author of version 3 tidied up: `precip` is called
# `precipitation`. It carries a **warm-up request**, a real request recorded in
# `assets.extra/tf_serving_warmup_requests`, which the server replays before the version answers anybody. It
# is meant to make the first request fast. It does more.

# %% tags=["folded"]
new_name = {name: "precipitation" if name == "precip" else name for name in specs}


@tf.function(autograph=False)
def tidied(**rows):
    """predict_rows of version 1 with one input renamed."""
    return signatures["predict_rows"](**{name: rows[new_name[name]] for name in specs})


tidied_specs = {new_name[name]: tf.TensorSpec(spec.shape, spec.dtype, new_name[name])
                for name, spec in specs.items()}

# %%
recorded = request_of(tensors_of(flights.head(1)))
publish(3, {"predict_rows": tidied.get_concrete_function(**tidied_specs)}, requests=[recorded])
print(*server.poll(), "- status page:", http.get("/v1/models/late").status_code)
note("3 arrives")

# %% tags=["claim"]
assert story["3 arrives"]["states"] == {1: "END", 2: "AVAILABLE", 3: "END"}, "3 ended, 2 serves on"
assert story["3 arrives"]["codes"][3] == "INVALID_ARGUMENT", "for the status of the recorded request"

# %% [markdown]
# Version 3 failed the recorded request, as every client would have, and went to `END`. Version 2 serves on,
# for an old version leaves only when a wanted one is available. That is right, and it is **silent**: a week
# later somebody wonders why the new model changed nothing.
#
# **On Monday:** put recorded requests into every export, and raise an alarm when the highest version on the
# shelf is not the one that answers.

# %% [markdown]
# ## What breaks in production
#
# Somebody exports version 4. In the training code the classes stood in alphabetical order, `["late", "on
# time"]`; the export takes the second column and calls it `late`. Names, types and shapes are as before,
# and the warm-up request passes.

# %% tags=["folded"]
from prometheus_client.parser import text_string_to_metric_families


def requests_by_status():
    """Requests answered so far, by status: the server's own metrics, as Prometheus would collect them."""
    page = http.get("/monitoring/prometheus/metrics").text
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    ours = [s for s in samples if "serving:request_count" in s.name and s.labels["model_name"] == "late"]
    return pd.Series({s.labels["status"]: int(s.value) for s in ours})


# %%
second = chances(flights, "gRPC")  # while version 2 still serves
publish(4, {"predict_rows": changed(lambda late: 1 - late)}, requests=[recorded])
server.poll()
note("4 arrives")
earlier = requests_by_status()
fourth = np.concatenate([chances(part, "gRPC") for part in np.array_split(flights, 10)])
since = requests_by_status() - earlier

# %% tags=["folded"]
candidates = {"Version 2 keeps the order": second, "Version 4 turns it round": fourth}
ranks = {title: pd.Series(said).corr(pd.Series(here), "spearman") for title, said in candidates.items()}
fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.4), sharex=True, sharey=True)
for ax, (title, said), colour in zip(axes, candidates.items(), [figures.BLUE, figures.RED], strict=True):
    ax.plot([0, 1], [0, 1], color=figures.GREY, linestyle="--", linewidth=1, marker="")
    ax.scatter(here, said, s=8, color=colour, alpha=0.5)
    ax.text(0.96, 0.05, f"rank correlation {ranks[title]:.2f}", ha="right")
    ax.set(title=title, xlabel="chance by version 1", xlim=(0, 1), ylim=(0, 1))
axes[0].set_ylabel("chance by the candidate")
figures.show(fig, figures.alt("Version 2 keeps the order of version 1, version 4 turns it round",
                              pd.Series(ranks, name="rank correlation"), "{:.2f}"))
figures.md(f"Answers while version 4 was live, by status: {since[since > 0].to_dict()}")

# %% tags=["claim"]
assert since[since > 0].to_dict() == {"OK": 10}, "ten requests, ten times OK"
assert min(ranks.values()) < -0.999 and max(ranks.values()) > 0.999, "2 keeps the order, 4 turns it round"

# %% [markdown]
# Ten requests, ten times `OK`: every dashboard of the *software* is green. Only the answers are wrong, and
# the labels that show it come hours later. One check needs no labels and can run **before** a version gets
# traffic: ask both versions about the same flights. Four of them:
#
# | flight | stable | candidate A | candidate B |
# |---|---|---|---|
# | 1 | 0.1 | 0.05 | 0.9 |
# | 2 | 0.2 | 0.12 | 0.8 |
# | 3 | 0.3 | 0.20 | 0.7 |
# | 4 | 0.4 | 0.35 | 0.6 |
# | mean | 0.25 | 0.18 | 0.75 |
# | ranks | 1 2 3 4 | 1 2 3 4 | 4 3 2 1 |
#
# **Spearman's rank correlation** is the correlation of the ranks: 1 for A, −1 for B.

# %% [markdown] exercise="4.1d"
# ### Exercise 4.1d: The gate before traffic (1 point)
#
# Write `reasons_to_hold(stable, candidate)`. It gets two arrays of chances for the same flights and returns
# a set with those of these names that apply:
#
# - `"invalid"`: a candidate's chance is not a number, or lies outside 0 to 1. Then nothing else is checked;
# - `"level"`: the means differ by more than 0.1;
# - `"order"`: the rank correlation is below 0.9, or there is none, because the candidate says the same of
#   every flight.
#
# A passes, `set()`; B gets `{"level", "order"}`.

# %% tags=["starter"] exercise="4.1d"
def reasons_to_hold(stable, candidate):
    """Names of the checks that the candidate's chances fail."""
    ...


# %% tags=["solution"] exercise="4.1d"
def reasons_to_hold(stable, candidate):
    """Names of the checks that the candidate's chances fail."""
    stable, candidate = pd.Series(stable, dtype=float), pd.Series(candidate, dtype=float)
    if not candidate.between(0, 1).all():  # False for a gap, too
        return {"invalid"}
    reasons = set()
    if abs(candidate.mean() - stable.mean()) > 0.1:
        reasons.add("level")
    if candidate.nunique() == 1 or candidate.corr(stable, method="spearman") < 0.9:
        reasons.add("order")
    return reasons


# %% exercise="4.1d"
reasons_to_hold = lesson.check("4.1d", reasons_to_hold=reasons_to_hold)

# %% [markdown]
# The gate on the real candidates, beside what the labels said later. (**Precision**: of the alerts, how
# many flights were late; **recall**: of the late flights, how many got an alert; **PR-AUC** as in 1.1.)

# %% tags=["folded"]
from sklearn.metrics import average_precision_score

late, alert = flights.late.to_numpy(), 0.3  # the break-even of lesson 1.1


def told_of(said):
    """The gate's word, and what the labels say of these chances."""
    return {
        "gate": ", ".join(sorted(reasons_to_hold(here, said))) or "passes",
        "mean chance": said.mean(), "alerts": (said >= alert).mean(),
        "precision": late[said >= alert].mean(), "recall": (said[late == 1] >= alert).mean(),
        "PR-AUC": average_precision_score(late, said),
    }


# %% tags=["atol=1"]
compared = pd.DataFrame({"1": told_of(here), "2": told_of(second), "4": told_of(fourth)}).T
figures.table(
    compared.rename_axis("version").infer_objects(),
    caption=f"{rows} flights of month {month}; {late.mean():.1%} were late",
    formats=dict.fromkeys(["mean chance", "alerts", "precision", "recall"], "{:.1%}"),
)

# %% tags=["claim"]
by_day = flights.groupby(flights.time_hour.dt.tz_convert("America/New_York").dt.date).indices
drawn = np.random.default_rng(seed).choice(list(by_day), (500, len(by_day)))
areas = [average_precision_score(late[i], fourth[i]) - late[i].mean()
         for i in (np.concatenate([by_day[day] for day in days]) for days in drawn)]
assert np.percentile(areas, 97.5) < 0, "version 4's PR-AUC is below the share of late flights"
assert interval(second - late, flights)[0] > 0, "version 2 is still too high in September"
assert compared.recall["4"] > 0.95, "version 4's recall alone looks splendid"
assert (second < here).all(), "version 2 says less of every flight"

# %% [markdown]
# Version 4 alerts on nearly every flight and ranks them backwards: its PR-AUC is below the share of late
# flights. A dashboard of recall alone would praise it. The gate asks whether a candidate *changed*, not
# whether it is *good*: version 2 passes, and is still too high for September.
#
# **On Monday:** keep a thousand recent requests, and ask both versions before anybody gets the new one.

# %% [markdown]
# ## 7 Labels and a policy
#
# Under *latest*, whoever can write to the shelf decides what everyone gets. A **model configuration** says
# it otherwise (text of a Protocol Buffer, the file of TensorFlow Serving's `--model_config_file`):
#
# ```
# model_config_list {
#   config {
#     name: "late"
#     base_path: "/models/late"
#     model_platform: "tensorflow"
#     model_version_policy { latest { num_versions: 1 } }    # or: all {}   or: specific { versions: 4 versions: 7 }
#     version_labels { key: "tested" value: 4 }
#   }
# }
# ```
#
# A **label** is a name for a version. Clients ask for it; which number that is, is the operator's business.
# To promote a version is to move a label, to roll back is to move it back.

# %% [markdown] exercise="4.1b"
# ### Exercise 4.1b: Pin two versions and name them (2 points)
#
# Write `config`, the text of a configuration that serves versions 1 and 2 of `late` from `/models/late` and
# *no other*, whatever comes onto the shelf, with version 1 as `stable` and version 2 as `canary`. It will
# roll back the running server.

# %% tags=["starter"] exercise="4.1b"
config = ...

# %% tags=["solution"] exercise="4.1b"
config = """
model_config_list {
  config {
    name: "late"
    base_path: "/models/late"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 1 versions: 2 } }
    version_labels { key: "stable" value: 1 }
    version_labels { key: "canary" value: 2 }
  }
}
"""

# %% exercise="4.1b"
config = lesson.check("4.1b", config=config)

# %% [markdown]
# A running server takes it over gRPC. (Nobody asks who we are: keep that port inside the network.) We send
# `config`, with our shelf in the place where a container would mount it.
#
# With versions 1 and 2 loaded and labelled, who will answer a request **without** a label?

# %% prediction="4.1p2"
guess = ...     # a request without a label goes to "stable", to "canary", or gets "an error"
lesson.predict("4.1p2", guess, among=("stable", "canary", "an error"))

# %%
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

models = ModelServiceStub(grpc.insecure_channel(server.grpc_target))


def put(config, labels=True):
    """Give the running server a configuration, or all of it but its labels; the status it answers."""
    request = ReloadConfigRequest(config=config)
    for model in request.config.model_config_list.config:
        model.base_path = str(shelf)
        if not labels:
            model.version_labels.clear()
    try:
        models.HandleReloadConfigRequest(request, timeout=30)
        return "OK"
    except grpc.RpcError as error:
        return error.code().name


# %% tags=["atol=0.001"]
print(put(config), "-", put(config, labels=False), "-", put(config))
note("1+2 pinned", stable=1, canary=2)
asked_as = {"stable": "stable", "canary": "canary", "no label": None}
three = pd.DataFrame({name: chances(flights, "gRPC", label) for name, label in asked_as.items()})
lesson.reveal("4.1p2", next(name for name in ("stable", "canary") if three[name].equals(three["no label"])))
figures.table(three.head(2))

# %% tags=["claim"]
assert np.allclose(three.stable, here, atol=1e-6), "the rollback brought version 1's answers back"
assert three["no label"].equals(three.canary), "without a label the highest version answers"

# %% [markdown]
# Refused at first: a label can only be moved to a version that *is* serving, so that no operator sends the
# clients of `stable` into a void. So there are two steps: load, then label. The clients of `stable` have
# version 1 again. Without a label the **highest version loaded** answers: to load one "just for a test"
# gives it to everyone who did not ask for a label.
#
# **On Monday:** name the versions in a file under version control, and let every client ask for `stable`.

# %% [markdown]
# ## 8 A signature of your own
#
# The threshold of 0.3 is written into each client, and when its prices change, every client has to
# change. A signature with two outputs brings it along with the model.

# %% [markdown] exercise="4.1e"
# ### Exercise 4.1e: Export `alerts` (2 points)
#
# Write a SavedModel into a new folder (`lesson.scratch() / "5"` is one) and bind its path to `made`. It has
# two signatures:
#
# - `predict_rows`, as version 1 has it, for the clients of today;
# - `alerts`, with the same 14 inputs (names, types, any number of rows), and two outputs: `late`, version
#   1's chance, and `alert`, a `bool` for each flight: whether that chance is at least 0.3. For 0.1, 0.3,
#   0.29, 0.8 it says `False`, `True`, `False`, `True`.
#
# `changed` and `publish` in section 5 show the calls; don't put it on the shelf yet.

# %% tags=["starter"] exercise="4.1e"
made = ...

# %% tags=["solution"] exercise="4.1e"
@tf.function(autograph=False)
def alerts(**rows):
    """Version 1's chance, and whether it is worth an alert."""
    late = signatures["predict_rows"](**rows)["late"]
    return {"late": late, "alert": late >= 0.3}


made, module = lesson.scratch() / "5", tf.Module()
module.weights, module.vocabularies = first.weights, first.vocabularies
doors = {"predict_rows": signatures["predict_rows"], "alerts": alerts.get_concrete_function(**specs)}
tf.saved_model.save(module, str(made), signatures=doors)

# %% exercise="4.1e"
made = lesson.check("4.1e", made=made)

# %% [markdown]
# It goes the way of every version: onto the shelf in one step, loaded, labelled `canary`, past the gate,
# and only then does `stable` move.

# %% tags=["atol=1"]
if not (shelf / "5").exists():
    shutil.copytree(made, shelf / "writing-5")
    (shelf / "writing-5").rename(shelf / "5")
entry = config.model_config_list.config[0]
entry.model_version_policy.specific.versions.append(5)
print(put(config))
entry.version_labels["canary"] = 5
print(put(config), reasons_to_hold(here, chances(flights, "REST", "canary")))
note("5 as canary", stable=1, canary=5)
entry.version_labels["stable"] = 5
print(put(config))
note("5 as stable", stable=5, canary=5)

over_rest = post({"inputs": columns_of(flights)}, "late/labels/stable", "alerts").json()["outputs"]
over_grpc = predictions.Predict(request_of(tensors_of(flights), "stable", "alerts"), timeout=30).outputs
print("alerts:", np.sum(over_rest["alert"]), tf.make_ndarray(over_grpc["alert"]).sum(), (here >= alert).sum())

# %% tags=["claim"]
assert np.array_equal(np.ravel(over_rest["alert"]), here >= alert), "REST gives this process's alerts"
assert np.array_equal(tf.make_ndarray(over_grpc["alert"]).ravel(), here >= alert), "so does gRPC"

# %% [markdown]
# REST, gRPC and this process count the same alerts. The whole story, as the status page told it:

# %% tags=["folded"]
states = pd.DataFrame({event: told["states"] for event, told in story.items()}).sort_index()
codes = pd.DataFrame({event: told["codes"] for event, told in story.items()}).reindex(states.index)
answered = [max(v for v, state in told["states"].items() if state == "AVAILABLE") for told in story.values()]
fig, ax = plt.subplots(figsize=(7.5, 3.6))
described = {}
for x, event in enumerate(states):
    for y, version in enumerate(states.index):
        state = states.loc[version, event]
        if pd.isna(state):
            continue
        kind = "gone" if codes.loc[version, event] == "OK" else "refused"
        kind = "serves" if state == "AVAILABLE" else kind
        names = [label for label, number in story[event]["labels"].items() if number == version]
        ax.add_patch(plt.Rectangle((x - 0.46, y - 0.42), 0.92, 0.84, color={
            "serves": figures.SKY, "gone": "#E4E4E4", "refused": "#F2B79A"}[kind]))
        ax.text(x, y, "\n".join([kind, *names]), ha="center", va="center", fontsize=8)
        described.setdefault(event, []).append(f"{version} {' '.join([kind, *names])}")
ax.set(xlim=(-0.5, len(story) - 0.5), ylim=(-0.5, len(states) - 0.5), ylabel="version",
       title="Under latest one version serves everyone; pinned versions serve side by side")
ax.set_xticks(range(len(story)), [event.replace(" ", "\n", 1) for event in story])
ax.set_yticks(range(len(states)), states.index)
ax.grid(False)
figures.show(fig, "Versions over the rollout. " + " ".join(
    f"{event}: {', '.join(what)}." for event, what in described.items()))

# %% tags=["claim"]
served = {event: {v for v, state in told["states"].items() if state == "AVAILABLE"}
          for event, told in story.items()}
until = list(served)[: list(served).index("1+2 pinned")]
assert all(len(served[event]) == 1 for event in until), "under latest one version serves everyone"
assert [served[event] for event in until] == [{1}, {2}, {2}, {4}], "it is the newest that loaded"
assert served["1+2 pinned"] == {1, 2} and served["5 as canary"] == {1, 2, 5}, "pinned versions stay"

# %% [markdown]
# **On Monday:** put what every client must know (a threshold, a unit, a class name) into a signature.

# %% [markdown]
# ## What you did
#
# - You read four signatures of one SavedModel, and exported one of your own that was served.
# - One client got the notebook's numbers over REST and gRPC.
# - You left a gap out of a record; as `NaN` it had come back as 200 without a number, as 0 or as the
#   average it had moved every chance.
# - You saw version 2 arrive under a client that kept asking, and a configuration pinned two versions, named
#   them, and rolled back version 4.
# - A recorded request stopped a renamed input; the gate stopped an inverted model, which had answered
#   everything with `OK`.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# Readiness as a function (exercise 4.1c), records as bytes, what eight mistakes are answered with and which
# are worth a second try, and a model that loads in Python and fails in a server: about 15 minutes.
#
# ### Alive, ready, right
#
# An orchestrator such as Kubernetes restarts what is not alive and sends no requests to what is not ready.
# A model server that still loads is alive and not ready; one that is restarted for that never finishes
# loading. The status body lists every version the server has seen since it started, the highest first:

# %%
print(json.dumps(story["3 arrives"]["status"]["model_version_status"][-2:], indent=1))

# %% [markdown] exercise="4.1c"
# ### Exercise 4.1c: Ready or not (1 point)
#
# Write `is_ready(status)`. It gets the decoded body of `GET /v1/models/late` as a dict and returns `True`
# if the model can answer requests now, else `False`. The states are `START`, `LOADING`, `AVAILABLE`,
# `UNLOADING` and `END`; where the server knows no such model, the body is `{"error": "…"}`. Four bodies, by
# the states they list: `AVAILABLE, END` is ready; `LOADING` is not; `END, END` is not; an error is not.

# %% tags=["starter"] exercise="4.1c"
def is_ready(status):
    """Whether a model with this status body can answer."""
    ...


# %% tags=["solution"] exercise="4.1c"
def is_ready(status):
    """Whether a model with this status body can answer."""
    return any(version["state"] == "AVAILABLE" for version in status.get("model_version_status", []))


# %% exercise="4.1c"
is_ready = lesson.check("4.1c", is_ready=is_ready)

# %%
bodies = {event: told["status"] for event, told in story.items()}
bodies["a model nobody serves"] = http.get("/v1/models/early").json()
figures.table(pd.DataFrame([{"after": event, "ready": is_ready(body)} for event, body in bodies.items()]))

# %% [markdown]
# Ready all along, version 4 included. Readiness does not say that the version you *meant* answers, nor that
# its answers are right: for that there are the alarm of section 6 and the gate.
#
# ### Records as bytes
#
# A pipeline has serialized `tf.Example` records, and `serving_default` takes them. JSON is text and a
# record is bytes, so over REST it travels as `{"b64": "…"}`.

# %% tags=["folded"]
import base64

LIST_OF = {tf.string: "bytes_list", tf.float32: "float_list", tf.int64: "int64_list"}


def record_of(flight):
    """A flight as serialized tf.Example; gaps are left out."""
    record = tf.train.Example()
    for name, spec in specs.items():
        if pd.notna(flight[name]):
            value = flight[name].encode() if spec.dtype == tf.string else flight[name]
            getattr(record.features.feature[name], LIST_OF[spec.dtype]).value.append(value)
    return record.SerializeToString()


# %%
records = [record_of(flight) for flight in flights.to_dict("records")]
encoded = [{"b64": base64.b64encode(record).decode()} for record in records]
over_rest = post({"inputs": {"examples": encoded}}, "late/versions/1", "serving_default").json()["outputs"]
request = request_of({"examples": records}, signature="serving_default")
request.model_spec.version.value = 1
over_grpc = tf.make_ndarray(predictions.Predict(request, timeout=30).outputs["late"])
print("within a millionth of the notebook:",
      [f"{np.mean(abs(np.ravel(said) - here) < 1e-6):.0%}" for said in (over_rest, over_grpc)])

# %% [markdown]
# ### When it goes wrong
#
# Eight mistakes, over both protocols where they exist in both. The fourth sends doubles, as pandas holds
# numbers; REST converts them, gRPC does not.

# %% tags=["folded"]
import textwrap

good, fine = columns_of(flights.head(1)), tensors_of(flights.head(1))
word, far = {**good, "distance": [["far"]]}, {**fine, "distance": tf.constant([["far"]])}
short, few = ({name: value for name, value in row.items() if name != "humid"} for row in (good, fine))
double = {name: tf.cast(x, tf.float64) if x.dtype == tf.float32 else x for name, x in fine.items()}


def ask(tensors, model="late", **spec):
    """Predict over gRPC, from any model."""
    request = request_of(tensors, **spec)
    request.model_spec.name = model
    return predictions.Predict(request, timeout=30)


mistakes = {
    "model misspelt": (lambda: post({"inputs": good}, "lat"), lambda: ask(fine, model="lat")),
    "label that is not there": (
        lambda: post({"inputs": good}, "late/labels/new"), lambda: ask(fine, label="new")),
    "signature misspelt": (
        lambda: post({"inputs": good}, signature="rows"), lambda: ask(fine, signature="rows")),
    "doubles for floats": (lambda: post({"inputs": good}), lambda: ask(double)),
    "an input missing": (lambda: post({"inputs": short}), lambda: ask(few)),
    "a word for a number": (lambda: post({"inputs": word}), lambda: ask(far)),
    "broken JSON": (lambda: http.post("/v1/models/late:predict", content='{"inputs": '), None),
    "GET for POST": (lambda: http.get("/v1/models/late:predict"), None),
}


def outcome(over_rest, over_grpc):
    """HTTP status, gRPC code, and what the server says of one mistake."""
    response, code = over_rest(), "–"
    said = response.json().get("error", "")
    if over_grpc:
        try:
            over_grpc()
        except grpc.RpcError as error:
            code, said = error.code().name, said or error.details()
    return response.status_code, code, textwrap.shorten(said, 80)


# %%
outcomes = [outcome(*calls) for calls in mistakes.values()]
figures.table(pd.DataFrame(outcomes, columns=["HTTP", "gRPC", "the server says"],
                           index=pd.Index(mistakes, name="mistake")))

# %% tags=["claim"]
assert sum(status == 200 for status, *_ in outcomes) == 1, "REST takes the doubles, and no other mistake"
assert all(400 <= status < 500 for status, *_ in outcomes if status != 200), "the others are 4xx"
assert {code for _, code, _ in outcomes} == {"NOT_FOUND", "INVALID_ARGUMENT", "FAILED_PRECONDITION", "–"}, (
    "gRPC answers with one of three codes")

# %% [markdown]
# All but the doubles over REST are 4xx, or `INVALID_ARGUMENT`, `NOT_FOUND`, `FAILED_PRECONDITION`: **the
# request does not fit the server, and sent again it will not fit again**. Worth another try, a few times
# and after a growing, random pause (**exponential backoff** with jitter), are `UNAVAILABLE` (503) and
# `DEADLINE_EXCEEDED` (504), which speak of the moment. `RESOURCE_EXHAUSTED` (429) can be either: a quota
# that is full now, or a message over the size limit. A prediction changes nothing in the world (it is
# **idempotent**), so asking twice is safe; of an order or a payment that would not be true.
#
# ### Loads here, fails there
#
# That Python can load a folder does not prove that a server can. Python's loader rebuilds objects; a server
# has the graph alone. Here is the most natural way to save a Keras 3 model with a signature.

# %%
import keras

from helpers.serving import ServingError

line = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, kernel_initializer="ones", name="line")])
twice = tf.function(lambda x: {"y": 2 * line(x)},
                    input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
careless = shelf.with_name("careless")
tf.saved_model.save(line, str(careless / "1"), signatures=twice)
loaded = tf.saved_model.load(str(careless / "1"))
print("in Python:", loaded.signatures["serving_default"](x=tf.ones([1, 1]))["y"].numpy())
try:
    ModelServer({"careless": careless})
except ServingError as error:
    print("as a server:", error.message)

# %% [markdown]
# Keras 3 wraps its variables, and `tf.saved_model.save` writes the wrapper's copy where the graph reads the
# original. TensorFlow Serving would load this model, call it `AVAILABLE`, and answer every request with
# "Could not find variable" (as in its issue 2226); ours refuses it at once. The cures stand in the message:
# Keras's own `model.export`, or tracking the variables themselves, as `publish` does. The test that finds
# such a thing is this lesson's: ask the *server*, and compare with the notebook.

# %%
server.close()
