# %% [markdown]
# # 4.1 Serving a model
#
# The model of "Late?" is trained, evaluated and blessed. It sits in a folder, and nobody can ask it anything.
# The desk that would act on its alerts runs other software, in another language, on other machines, day and
# night. And the model will be replaced next month, while the desk is asking. What stands between the two is
# a **model server**: it gives the folder an address on the network, keeps the promise of what goes in and
# what comes out, and changes versions without anybody noticing.
#
# This lesson uses the interface of **TensorFlow Serving**, which many companies run and several other servers
# imitate.
#
# **You will be able to**
#
# - read a model's signatures and derive what a client has to send;
# - ask a served model over REST and over gRPC, with a client that gives the same numbers on both;
# - tell from the status whose mistake an error was, and whether trying again can help;
# - bring out a version, hold it back, label it and roll it back while requests are being answered;
# - tell a process that is alive from a model that is ready, and both from a model that is right;
# - stop a version that answers every request correctly formed and wrong.
#
# **Needs** lesson 1.1. **Takes** 60 minutes with its exercises; the computer needs half a minute of that.

# %%
from helpers import lesson

lesson.begin("4.1")

# %% tags=["parameters"]
seed = 2013
month = 9    # the month whose flights we ask about, from 2; the model was trained on January to June
rows = 500   # how many of them

# %% [markdown]
# ## 1 What a server gets
#
# `pipeline.ensure` hands us what the course's pipeline has pushed last; if it has never run, it runs now (a
# minute and a half). We copy the model to a shelf of our own. The name of the folder is the version number,
# and it must be a number: the server compares versions by it.

# %%
import shutil

from helpers.flights import examples, pipeline

shelf = lesson.scratch() / "late"
shutil.copytree(pipeline.ensure().model, shelf / "1")
sorted(str(path.relative_to(shelf)) for path in shelf.rglob("*") if path.is_file())

# %% [markdown]
# This is a **SavedModel**. `saved_model.pb` holds the computation as a graph, from the raw features to the
# probability; `variables` holds the weights; `assets` holds the vocabularies of carriers and airports that
# the transformation learned; `fingerprint.pb` holds hashes of the rest. There is no Python in it. A server
# written in C++ can run it, and it will run the *same* preprocessing as training did, because the
# preprocessing is inside.
#
# What can be asked of it stands in its **signatures**: functions with named, typed inputs and outputs.

# %%
import pandas as pd
import tensorflow as tf

from helpers import figures

first = tf.saved_model.load(str(shelf / "1"))
signatures = first.signatures
doors = {
    name: {
        "inputs": ", ".join(sorted(f.structured_input_signature[1])),
        "outputs": ", ".join(f"{out} {spec.dtype.name}"
                             for out, spec in sorted(f.structured_outputs.items())),
    }
    for name, f in sorted(signatures.items())
}
figures.table(pd.DataFrame(doors).T.rename_axis("signature"))

# %% [markdown]
# Four doors into one model. `predict_rows` takes one tensor for each feature, which is what a caller with a
# row of a table wants. `serving_default` takes flights as serialized `tf.Example` records, which is what a
# pipeline has. `classify` and `regress` take the same records under the fixed names that TensorFlow Serving's
# two convenience methods expect.
#
# Loading the folder in Python gives us the reference: what the model says *here*, in this process. Whatever
# answers over a wire must agree with it.

# %% tags=["atol=0.001"]
flights = examples.table(months=[month]).sample(rows, random_state=seed, ignore_index=True)
specs = signatures["predict_rows"].structured_input_signature[1]
tensors = {name: tf.constant(flights[[name]].values.tolist(), spec.dtype) for name, spec in specs.items()}
here = signatures["predict_rows"](**tensors)["late"].numpy().ravel()
shown = pd.concat([flights.head(2), flights[flights.pressure.isna()].head(1)])
figures.table(
    shown[["carrier", "origin", "dest", "day_minute", "pressure"]].assign(chance=here[shown.index]),
    formats={"pressure": "{:.1f}"},
)

# %% [markdown]
# The `–` is a gap in the weather record, which the model has to live with. Remember it: how a gap travels is
# one of the things two protocols do differently.
#
# ## 2 A server
#
# In production this one line would start TensorFlow Serving, from its public image, with gRPC on port 8500
# and REST on 8501:
#
# ```bash
# docker run --rm -p 8500:8500 -p 8501:8501 -v "$PWD/late:/models/late" -e MODEL_NAME=late tensorflow/serving:2.16.1
# ```
#
# Here an embedded server of the workbook stands in, so that the lesson needs neither Docker nor network. It
# speaks the same two protocols, with the same paths, messages, statuses and, as far as we know them, error
# texts; `helpers/serving/__init__.py` lists where it is known to differ. The requests you write in this
# lesson work against the real one when you change the address. (`file_system_poll_wait_seconds=0` makes ours
# look for new versions only when we call `server.poll()`. TensorFlow Serving looks every second by default;
# with 0 it looks once, at the start.)

# %%
import logging

from helpers.serving import ModelServer

logging.getLogger("helpers.serving").setLevel(logging.ERROR)  # what it would warn of, we shall ask it
server = ModelServer({"late": shelf}, file_system_poll_wait_seconds=0)

# %% [markdown]
# The first question to any server is how its models are. It is a plain `GET`, so a browser or `curl` can ask
# it too.

# %%
import httpx

http = httpx.Client(base_url=server.rest_url, timeout=30)
print(http.get("/v1/models/late").text)

# %% [markdown]
# Version 1 is `AVAILABLE`. The second question is what it wants. `/metadata` publishes the signatures, so a
# client need not be told the types by e-mail.

# %%
metadata = http.get("/v1/models/late/metadata").json()["metadata"]["signature_def"]["signature_def"]
inputs = metadata["predict_rows"]["inputs"]
sizes = {name: "×".join(d["size"] for d in info["tensor_shape"]["dim"]) for name, info in inputs.items()}
figures.table(
    pd.DataFrame(
        {"type": {name: inputs[name]["dtype"] for name in examples.FEATURES}, "shape": pd.Series(sizes)},
        index=pd.Index(examples.FEATURES, name="input"),
    ),
    caption="What predict_rows asks for",
)

# %% [markdown]
# `-1` in a shape means *any number*: as many rows as you like, one column each.
#
# ### Loads here, fails there
#
# That Python can load a folder does not prove that a server can. Python's loader rebuilds objects; a server
# has the graph alone, restores the variables by the graph's own names, and runs it. Here is the most natural
# way to save a Keras 3 model with a signature, and what becomes of it.

# %%
import keras

from helpers.serving import ServingError

line = keras.Sequential([keras.Input([1]), keras.layers.Dense(1, kernel_initializer="ones", name="line")])
double = tf.function(lambda x: {"y": 2 * line(x)},
                     input_signature=[tf.TensorSpec([None, 1], tf.float32, "x")])
careless = shelf.with_name("careless")
tf.saved_model.save(line, str(careless / "1"), signatures=double)
print("in Python:", tf.saved_model.load(str(careless / "1")).signatures["serving_default"](x=tf.ones([1, 1])))
try:
    ModelServer({"careless": careless})
except ServingError as error:
    print("as a server:", error.message)

# %% [markdown]
# Keras 3 wraps its variables, and `tf.saved_model.save` writes the wrapper's copy where the graph reads the
# original. TensorFlow Serving would load this model, call it `AVAILABLE`, and answer every request with
# "Could not find variable" (its issue 2250). Our server is stricter and refuses it at once. The cures stand
# in the message: Keras's own `model.export`, or tracking the variables themselves, as the pipeline's Trainer
# does. The test that finds such a thing is the one of this lesson: ask the *server*, and compare with the
# notebook.
#
# ## 3 REST
#
# A request is a `POST` of a JSON object to `/v1/models/late:predict`. The rows can be laid out in two ways.
# In **row format**, `instances` is a list with an object for each flight. In **column format**, `inputs` has
# a list for each feature.

# %% tags=["rtol=1e-5"]
import json

one = flights.head(1)
row = {name: one[name].tolist() for name in examples.FEATURES}
by_row = {"signature_name": "predict_rows", "instances": [row]}
by_column = {"signature_name": "predict_rows", "inputs": {name: [value] for name, value in row.items()}}
print(json.dumps(by_row))
for body in (by_row, by_column):
    print(http.post("/v1/models/late:predict", content=json.dumps(body)).json())

# %% [markdown]
# Both answers say the same chance. Row format returns `predictions`, column format `outputs`. (The signature
# has one output, so its name is left out; with several, each comes under its name.) For one flight the layout
# does not matter. For many, the column format sends each name once instead of once a flight.
#
# The body is made with `json.dumps`, not with httpx's `json=`, for a reason: a gap is `NaN`, and strict JSON
# has no such number. TensorFlow Serving reads `NaN` all the same; httpx refuses to write it. We now ask for
# all flights with one function. Its `where` is the model's name; in section 6 a version or a label will
# follow it.


# %% tags=["rtol=1e-5"]
def post(columns, where="late", signature="predict_rows"):
    """HTTP response to a predict request in column format; columns: input name → list of [value]."""
    body = json.dumps({"signature_name": signature, "inputs": columns})
    return http.post(f"/v1/models/{where}:predict", content=body)


def columns_of(flights):
    """Input name → list of [value], in plain Python types."""
    return {name: flights[[name]].values.tolist() for name in examples.FEATURES}


post(columns_of(flights.head(3))).json()

# %% [markdown]
# ### Examples instead of tensors
#
# The other three signatures take `tf.Example` records. `:classify` and `:regress` spare the client from
# building them: you send feature names and values, the server builds the record. Here a gap is not `NaN`. The
# feature is **left out**. We send one flight three times: as it is, with its distance as a whole number, and
# with a gap written as `NaN`.

# %% tags=["rtol=1e-5"]
flight = one[examples.FEATURES].iloc[0].dropna().to_dict()
for record in (flight, {**flight, "distance": int(flight["distance"])}, {**flight, "temp": float("nan")}):
    body = json.dumps({"signature_name": "classify", "examples": [record]})
    answer = http.post("/v1/models/late:classify", content=body)
    print(answer.status_code, answer.json().get("results") or answer.json()["error"].splitlines()[0])

# %% [markdown]
# The first answer names the classes with their scores. In the second request the distance is written without
# a decimal point. In `:predict` the server knows the signature and makes a float of it (the other way round,
# `880.0` for an integer, it refuses). In `:classify` it does not look: the JSON decides, a whole number
# becomes an `int64` feature, and inside the graph the parser of `tf.Example` refuses it. Languages that print
# `733.0` as `733`, as JavaScript does, meet this error on the first round number.
#
# The third is worse: **200, and no number**. `predict_rows` takes `NaN` for a gap, as our table writes it.
# The parser of records takes it for a measurement, and the model computes with it. Only a feature that is not
# there gets what the transformation puts in a gap's place.
#
# **Exercise 4.1a.** Write `as_examples(flights)`. It gets a list of flights as dicts, as they come from the
# desk's system: a number may be an `int` or a `float`, whatever the model wants; a gap is `None`; and there
# is more in a flight than the model knows. It returns the body for `:classify`, as a dict like the one above,
# with the model's features alone, each in the type that the table of section 2 names (`inputs[name]["dtype"]`
# has it, too).

# %% tags=["starter"] exercise="4.1a"
def as_examples(flights):
    """Body of a classify request for a list of flights; a gap is None."""
    ...


# %% tags=["solution"] exercise="4.1a"
def as_examples(flights):
    """Body of a classify request for a list of flights; a gap is None."""
    python_type = {"DT_STRING": str, "DT_FLOAT": float, "DT_INT64": int}
    types = {name: python_type[info["dtype"]] for name, info in inputs.items()}
    return {
        "signature_name": "classify",
        "examples": [
            {name: as_type(flight[name]) for name, as_type in types.items() if flight.get(name) is not None}
            for flight in flights
        ],
    }


# %% exercise="4.1a"
lesson.check("4.1a", as_examples=as_examples)

# %% [markdown]
# ## 4 gRPC
#
# REST suits people, browsers and `curl`. Services among themselves mostly use **gRPC**: binary messages whose
# types are fixed in a schema, over one lasting connection. There is no text to parse, which is one reason why
# it is faster (4.2 measures how much). A request is a `PredictRequest`: a `model_spec` that says who is
# asked, and a tensor for each input.

# %%
import grpc
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

predictions = PredictionServiceStub(grpc.insecure_channel(server.grpc_target))


def call(tensors, model="late", signature="predict_rows", version=None, label=None):
    """PredictResponse to tensors, from one version, from one label, or from the highest version there is."""
    request = PredictRequest()
    request.model_spec.name, request.model_spec.signature_name = model, signature
    if version is not None:
        request.model_spec.version.value = version
    if label is not None:
        request.model_spec.version_label = label
    for name, tensor in tensors.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))
    return predictions.Predict(request, timeout=30)


# %% [markdown]
# Always pass a `timeout`: without one, a gRPC call waits for ever. The first try sends the columns as pandas
# holds them.

# %%
try:
    call({name: flights[[name]].to_numpy(str if name in examples.CATEGORIES else None)
          for name in examples.FEATURES})
except grpc.RpcError as error:
    print(error.code().name, "-", error.details())

# %% [markdown]
# pandas keeps numbers as doubles, the model wants floats, and **gRPC converts nothing**. REST read the
# signature and converted for us. So a request that works with `curl` can fail over gRPC. The cure is to ask
# the server for its types once and build tensors by them. That is the `GetModelMetadata` call, the same
# contract as `/metadata`:

# %%
from tensorflow_serving.apis.get_model_metadata_pb2 import GetModelMetadataRequest, SignatureDefMap

question = GetModelMetadataRequest(metadata_field=["signature_def"])
question.model_spec.name = "late"
contract = SignatureDefMap()
predictions.GetModelMetadata(question).metadata["signature_def"].Unpack(contract)
types = {name: tf.as_dtype(info.dtype)
         for name, info in contract.signature_def["predict_rows"].inputs.items()}


def tensors_of(flights):
    """Input name → tensor [n, 1] of the type the server asks for."""
    return {name: tf.constant(flights[[name]].values.tolist(), dtype) for name, dtype in types.items()}


response = call(tensors_of(flights))
print(response.model_spec)

# %% [markdown]
# The response says **who answered**: model, version and signature. REST does not; there, only who asks for a
# version by its number (section 6) knows. A caller who logs the version can later say which model caused
# which decision; you will need it in 4.9.
#
# ### One client for both
#
# A client that hides the protocol needs one method: flights in, chances out.

# %%
import numpy as np


class LateClient:
    """How likely flights are late, asked over "REST" or "gRPC"; of a labelled version if a label is given."""

    def __init__(self, protocol, label=None):
        self.ask = {"REST": self._rest, "gRPC": self._grpc}[protocol]
        self.label = label

    def chances(self, flights):
        """Probability of being late for each flight, float32 [n].
        Raises httpx.HTTPStatusError or grpc.RpcError."""
        return np.float32(self.ask(flights)).ravel()

    def _rest(self, flights):
        where = f"late/labels/{self.label}" if self.label else "late"
        return post(columns_of(flights), where).raise_for_status().json()["outputs"]

    def _grpc(self, flights):
        return tf.make_ndarray(call(tensors_of(flights), label=self.label).outputs["late"])


# %% [markdown]
# And the test it has to pass, which every served model has to pass: **parity**. The same flights through
# every door must give the numbers that the model gave in this process.

# %%
import base64

LIST_OF = {tf.string: "bytes_list", tf.float32: "float_list", tf.int64: "int64_list"}


def record_of(flight):
    """A flight as serialized tf.Example; gaps are left out."""
    record = tf.train.Example()
    for name, dtype in types.items():
        if pd.notna(flight[name]):
            value = flight[name].encode() if dtype == tf.string else flight[name]
            getattr(record.features.feature[name], LIST_OF[dtype]).value.append(value)
    return record.SerializeToString()


records = [record_of(flight) for flight in flights.to_dict("records")]
encoded = [{"b64": base64.b64encode(record).decode()} for record in records]

# %% [markdown]
# JSON is text and a record is bytes, so over REST it travels as `{"b64": "…"}`. Four ways now, each compared
# with the reference.

# %%
answers = {
    "REST, columns": LateClient("REST").chances(flights),
    "gRPC, columns": LateClient("gRPC").chances(flights),
    "REST, records": post({"examples": encoded}, signature="serving_default").json()["outputs"],
    "gRPC, records": tf.make_ndarray(call({"examples": records},
                                          signature="serving_default").outputs["late"]),
}
figures.table(
    pd.DataFrame(
        [
            {"flights": len(flights),
             "within 0.000001 of the notebook": np.mean(abs(np.ravel(chances) - here) < 1e-6)}
            for chances in answers.values()
        ],
        index=pd.Index(answers, name="asked by"),
    ),
    formats={"within 0.000001 of the notebook": "{:.1%}"},
)

# %% [markdown]
# Parity holds, gaps included. It is compared with a tolerance, not with `==`: the same sum, added up in
# another order for another batch size, may differ in the last bit of a float.
#
# ## 5 When it goes wrong
#
# A server is known by its errors. We make eight mistakes, each over both protocols where it exists in both,
# and collect status and message.

# %%
import textwrap

good, fine = columns_of(one), tensors_of(one)
word, far = {**good, "distance": [["far"]]}, {**fine, "distance": tf.constant([["far"]])}
short, few = ({name: value for name, value in row.items() if name != "humid"} for row in (good, fine))
mistakes = {
    "model misspelt": (lambda: post(good, "lat"), lambda: call(fine, model="lat")),
    "version that is not there": (lambda: post(good, "late/versions/9"), lambda: call(fine, version=9)),
    "label that is not there": (lambda: post(good, "late/labels/new"), lambda: call(fine, label="new")),
    "signature misspelt": (lambda: post(good, signature="rows"), lambda: call(fine, signature="rows")),
    "an input missing": (lambda: post(short), lambda: call(few)),
    "a word for a number": (lambda: post(word), lambda: call(far)),
    "broken JSON": (lambda: http.post("/v1/models/late:predict", content='{"inputs": '), None),
    "GET for POST": (lambda: http.get("/v1/models/late:predict"), None),
}

# %%
def outcome(over_rest, over_grpc):
    """HTTP status, gRPC code and the message over REST of one mistake."""
    response, code = over_rest(), "–"
    if over_grpc:
        try:
            over_grpc()
        except grpc.RpcError as error:
            code = error.code().name
    return response.status_code, code, textwrap.shorten(response.json()["error"], 90)


figures.table(
    pd.DataFrame(
        [outcome(*calls) for calls in mistakes.values()],
        columns=["HTTP", "gRPC", "the server says (REST)"],
        index=pd.Index(mistakes, name="mistake"),
    )
)

# %% [markdown]
# All eight are 4xx, or `INVALID_ARGUMENT`, `NOT_FOUND`, `FAILED_PRECONDITION`: **the request does not fit the
# server, and sent again it will not fit again**, until somebody mends one of the two. Retrying only
# multiplies the load. Worth retrying, a few times and after a growing and random pause (**exponential
# backoff** with jitter), are the statuses that speak of the moment: `UNAVAILABLE` (503; the queue is full,
# the server is going down) and `DEADLINE_EXCEEDED` (504). `RESOURCE_EXHAUSTED` (429) can be either: a quota
# that is full now, or a message over gRPC's size limit (4 MB for what a client receives), which stays too
# large. A prediction changes nothing in the world (it is **idempotent**), so asking twice is safe; of an
# order or a payment that would not be true.
#
# One kind of mistake is missing in the table, because nobody reports it: an answer that is well-formed and
# wrong. The `NaN` of section 3 was one, and easy to see. The last section is about one that is not.
#
# ## 6 Versions
#
# It is the first of September. Version 1 was trained on January to June, and August is known by now. How do
# its chances compare with what came? The second line is our sample of September, which the desk cannot know
# yet.

# %% tags=["atol=0.1"]
august = examples.table(months=[month - 1])  # the month before, whichever it is
before = LateClient("gRPC").chances(august)
figures.table(
    pd.DataFrame({"month": [month - 1, month], "flights": [len(august), len(flights)],
                  "late": [august.late.mean(), flights.late.mean()],
                  "predicted by version 1": [before.mean(), here.mean()]}),
    formats={"late": "{:.1%}", "predicted by version 1": "{:.1%}"})

# %% [markdown]
# It says too much. Is that more than chance? A month has about thirty days, and the flights of a day share
# their weather, so the days are resampled, not the flights.

# %% tags=["atol=0.001"]
day = august.time_hour.dt.tz_convert("America/New_York").dt.date
days = (before - august.late).groupby(day).agg(["sum", "size"]).to_numpy(float)
draws = np.random.default_rng(seed).multinomial(len(days), np.full(len(days), 1 / len(days)), 2000) @ days
low, high = np.percentile(draws[:, 0] / draws[:, 1], [2.5, 97.5])
figures.md(f"Predicted minus late: **{(before - august.late).mean():+.3f}**, "
           f"95% interval {low:+.3f} to {high:+.3f} ({len(days)} days, bootstrap).")

# %% [markdown]
# Zero lies at the edge of the interval: one August makes it likely that the model says too much, and does not
# prove it. The desk takes the cheapest repair, and one that is easily taken back: shift all log-odds by one
# constant, chosen so that August comes out right on average (**recalibration** of the intercept; it repairs
# the level and leaves the ranking as it is). Lessons 1.7 and 4.9 ask when more is needed. For us it is a
# version 2.

# %% tags=["atol=0.01"]
from scipy.optimize import brentq


def shifted(chance, shift):
    """Chances whose log-odds are moved by `shift`."""
    return 1 / (1 + (1 / chance - 1) * np.exp(-shift))


shift = brentq(lambda shift: shifted(before.astype(float), shift).mean() - august.late.mean(), -3, 3)
figures.md(f"Version 2 moves the log-odds by **{shift:+.2f}**.")

# %% [markdown]
# `publish` wraps the signatures of version 1, changes their output and writes the result as a new version.
# Look at its last line: the folder is written under a name that is no number, which the server passes over,
# and then **renamed**. Renaming is one step for the file system. Without it the server could see the folder
# half-written and load a model without its weights; TensorFlow Serving has done so (its issue 1086). An
# object store such as S3 has no such step; there, a policy that names its versions (below) keeps an
# unfinished one from being served.

# %%
from helpers.serving import warmup


def wrapped(signature, change, renamed):
    """The signature with its chances changed, and with inputs renamed (old name → new name)."""
    _, specs = signature.structured_input_signature
    new = {name: renamed.get(name, name) for name in specs}

    @tf.function(autograph=False)
    def serve(**rows):
        return {"late": change(signature(**{name: rows[new[name]] for name in new})["late"])}

    specs = {new[name]: tf.TensorSpec(spec.shape, spec.dtype, new[name]) for name, spec in specs.items()}
    return serve.get_concrete_function(**specs)


def publish(version, change, renamed=(), requests=()):
    """Put version 1 with changed chances on the shelf, in one step,
    with warm-up requests if there are any."""
    module, aside = tf.Module(), shelf / f"writing-{version}"
    # What the signatures read is saved along
    module.weights, module.vocabularies = first.weights, first.vocabularies
    doors = {name: wrapped(signatures[name], change, dict(renamed))
             for name in ("serving_default", "predict_rows")}
    tf.saved_model.save(module, str(aside), signatures=doors)
    if requests:
        warmup.write(aside, requests)  # section 7 is about these
    aside.rename(shelf / str(version))


# %% [markdown]
# ### Hot reload
#
# Does anybody notice when versions change? A client asks all the time over both protocols, in a thread of its
# own, while version 2 appears on the shelf and the server looks there (`server.poll()`, which returns what
# changed).

# %%
import threading

stop, seen, failed = threading.Event(), [], []


def keep_asking():
    """One flight over both protocols, again and again; notes who answered, and every failure."""
    tensors, columns = tensors_of(one), columns_of(one)
    while not stop.wait(0.01):
        try:
            seen.append(call(tensors).model_spec.version.value)
            post(columns).raise_for_status()
        except (grpc.RpcError, httpx.HTTPError) as error:
            failed.append(error)


def wait_for(version, seconds=30):
    """Until `version` has answered ten more times."""
    start = len(seen)
    for _ in range(100 * seconds):
        if seen[start:].count(version) >= 10:
            break
        stop.wait(0.01)


asking = threading.Thread(target=keep_asking, daemon=True)
asking.start()
wait_for(version=1)
publish(2, lambda late: shifted(late, np.float32(shift)))
changes = server.poll()
wait_for(version=2)
stop.set()
asking.join()
print(changes)
print("answered by versions", sorted(set(seen)), "in order:", seen == sorted(seen),
      "- failed requests:", len(failed))

# %% [markdown]
# The order is the point: version 2 was loaded, became `AVAILABLE`, took all new requests; only then version 1
# finished what it had begun, and went. The price is that for a moment both are in memory, and the machine has
# to be sized for that. The status keeps the history:

# %%
def states():
    """State by version, as the status page tells it."""
    versions = pd.json_normalize(http.get("/v1/models/late").json()["model_version_status"])
    return figures.table(versions[["version", "state", "status.error_code"]])


states()

# %% [markdown]
# ### Policy and labels
#
# Why did version 1 go? Because nothing was said about versions, and then the policy is *latest*: serve the
# highest number. Whoever can write to the shelf decides what all clients get, within a second. A **model
# configuration** says it explicitly. This is TensorFlow Serving's own format (protobuf text), the file of its
# `--model_config_file`:
#
# ```
# model_config_list {
#   config {
#     name: "late"
#     base_path: "/models/late"
#     model_platform: "tensorflow"
#     model_version_policy { latest { num_versions: 1 } }    # or: all {}   or: specific { versions: 1 versions: 4 }
#     version_labels { key: "stable" value: 1 }
#   }
# }
# ```
#
# A **label** is a name for a version. Clients ask for `stable`; which number that is, is the operator's
# business. To promote a version is to move a label, to roll back is to move it back, and both versions stay
# loaded meanwhile. We ask for two versions, and give them labels, over gRPC. (Nobody asks who we are. Whoever
# reaches the gRPC port can change what is served, so keep it inside the network, or behind TLS with client
# certificates.)

# %%
from google.protobuf import text_format
from tensorflow_serving.apis.model_management_pb2 import ReloadConfigRequest
from tensorflow_serving.apis.model_service_pb2_grpc import ModelServiceStub

models = ModelServiceStub(grpc.insecure_channel(server.grpc_target))


def reload(policy, **labels):
    """Give the server a new configuration for the model, over gRPC, and return the status it answers."""
    labels = "".join(f'version_labels {{ key: "{label}" value: {version} }} '
                     for label, version in labels.items())
    request = ReloadConfigRequest()
    text_format.Parse(
        f'config {{ model_config_list {{ config {{ name: "late" base_path: '
        f'"{shelf}" model_platform: "tensorflow" '
        f"model_version_policy {{ {policy} }} {labels} }} }} }}", request)
    try:
        models.HandleReloadConfigRequest(request, timeout=30)
        return "OK"
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()}"


print(reload("specific { versions: 1 versions: 2 }", stable=1, canary=2))

# %% [markdown]
# Refused, and the old configuration stays in effect. A label can only be moved to a version that *is*
# serving, so that no operator sends the clients of `stable` into a void. Version 1 was unloaded a moment ago.
# So it takes two steps: load first, label then. (TensorFlow Serving answers the first call before the version
# is loaded; there you ask for the status until it is.) Each configuration replaces the one before it whole:
# labels that it does not name are gone.

# %% tags=["atol=0.001"]
print(reload("specific { versions: 1 versions: 2 }"))
print(reload("specific { versions: 1 versions: 2 }", stable=1, canary=2))
chances = {
    "no label": LateClient("gRPC").chances(flights),
    "stable": LateClient("gRPC", label="stable").chances(flights),
    "canary": LateClient("REST", label="canary").chances(flights),
}
figures.table(pd.DataFrame(chances).head(2))

# %% [markdown]
# Read the first column: a request **without a label goes to the highest version loaded**, here the canary. To
# load a version "just for a test" already gives it to everyone who did not ask for a label. So labels protect
# only if all clients use them from the first day.
#
# **Exercise 4.1b.** Write `config`: the text of a configuration file that serves version 1 and 2 of `late`
# from `/models/late` and *no other*, whatever comes onto the shelf, with version 1 as `stable` and version 2
# as `canary`. (A server that *starts* with such a file has nothing loaded yet when it reads the labels, and
# refuses them, unless it is told `--allow_version_labels_for_unavailable_models=true`.)

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
lesson.check("4.1b", config=config)

# %% [markdown]
# ## 7 Health
#
# An orchestrator such as Kubernetes asks every process two questions. *Are you alive?* If not, it is
# restarted. *Are you ready?* If not, it gets no requests for now. For a model server the two have different
# answers, and confusing them has a price: a server that is restarted because its model still loads will never
# finish loading.
#
# To see how little an answer from the status page says, we go back to the policy *latest* and give the server
# a version that does not load: a copy broke off, and the graph is cut in half.

# %%
broken = shelf / "copying"
shutil.copytree(shelf / "1", broken)
graph = (shelf / "1" / "saved_model.pb").read_bytes()
(broken / "saved_model.pb").write_bytes(graph[: len(graph) // 2])
broken.rename(shelf / "3")
print(reload("latest { num_versions: 1 }", stable=1))
print(http.get("/v1/models/late").status_code)
states()

# %% [markdown]
# The configuration asks for the latest version, which is 3, and 3 ended in `DATA_LOSS`. Versions 1 and 2 go
# on serving: an old version is unloaded only when one that the policy wants is available. (TensorFlow Serving
# would try version 3 again for five minutes first, and show it as `LOADING`.) That is as it should be, and it
# is **silent**. The status page says 200, requests succeed, and a week later somebody wonders why the new
# model changed nothing.
#
# **Exercise 4.1c.** Write `is_ready(status)`. It gets the decoded body of `GET /v1/models/late` as a dict and
# returns `True` if the model can answer requests now, else `False`. The states are `START`, `LOADING`,
# `AVAILABLE`, `UNLOADING` and `END`; where the server knows no such model, the body is `{"error": "…"}`.

# %% tags=["starter"] exercise="4.1c"
def is_ready(status):
    """Whether a model with this status body can answer."""
    ...


# %% tags=["solution"] exercise="4.1c"
def is_ready(status):
    """Whether a model with this status body can answer."""
    return any(version["state"] == "AVAILABLE" for version in status.get("model_version_status", []))


# %% exercise="4.1c"
lesson.check("4.1c", is_ready=is_ready)

# %% [markdown]
# Alive, then, is a process that accepts a connection; ready is one with a version `AVAILABLE`. (TensorFlow
# Serving opens its ports only when its first load is done. Give it that time: in Kubernetes, by a
# `startupProbe`.) Neither says that the version you *meant* is the one that answers, and neither says that
# the answers are right.
#
# ### A contract with the model inside
#
# An old trick makes part of "right" a condition of loading. A model's folder may carry **warm-up requests**:
# real requests, recorded, in `assets.extra/tf_serving_warmup_requests`. The server replays them before the
# version answers anybody. They are meant to make the first real request fast, since TensorFlow optimises a
# graph when it first runs. But a version that *fails* on them does not become available. Here comes a version
# 4 whose author tidied up: `precip` is called `precipitation` now.

# %%
recorded = PredictRequest()
recorded.model_spec.signature_name = "predict_rows"
for name, tensor in tensors_of(one).items():
    recorded.inputs[name].CopyFrom(tf.make_tensor_proto(tensor))

shutil.rmtree(shelf / "3")
publish(4, lambda late: late, renamed={"precip": "precipitation"}, requests=[recorded])
print(server.poll())
refused = http.get("/v1/models/late/versions/4").json()["model_version_status"][0]["status"]
print(textwrap.shorten(refused["error_message"], 90))
states()

# %% [markdown]
# Version 4 is refused, with the same message a client would have got. Without the recorded request it would
# have gone live under *latest*, and every client would have failed at once. That is bad. It is also the kind
# of failure everyone notices.
#
# ## What breaks in production
#
# The other kind. Somebody exports version 5. In the training code the classes were `["late", "on time"]`, in
# alphabetical order; the export takes the second column and calls it `late`. Names, types and shapes are as
# before. The warm-up request passes.

# %%
shutil.rmtree(shelf / "4")
publish(5, lambda late: 1 - late, requests=[recorded])
print(server.poll())
print("clients of stable get", post(columns_of(one), "late/labels/stable").status_code)

# %% [markdown]
# It is live, and the label `stable` leads to a version that is no longer loaded. The clients that use it get
# errors. They are the lucky ones. What does monitoring see of the others? We ask for all flights once more
# and read the server's own **metrics**, which Prometheus would collect from it, before and after. (TensorFlow
# Serving publishes them only if its `--monitoring_config_file` says so.)

# %%
from prometheus_client.parser import text_string_to_metric_families


def requests_by_status():
    """Requests answered so far, by status."""
    page = http.get("/monitoring/prometheus/metrics").text
    samples = [s for family in text_string_to_metric_families(page) for s in family.samples]
    ours = [s for s in samples if "serving:request_count" in s.name and s.labels["model_name"] == "late"]
    return pd.Series({s.labels["status"]: int(s.value) for s in ours})


earlier = requests_by_status()
inverted = np.concatenate([LateClient("gRPC").chances(part) for part in np.array_split(flights, 10)])
since = requests_by_status() - earlier
print(since[since > 0].to_dict())

# %% [markdown]
# Ten requests, ten times `OK`. No error, no latency, no log line: every dashboard of the *software* is green.
# And this is what the desk got:

# %% tags=["atol=1"]
from sklearn.metrics import average_precision_score

alert = 0.3  # the break-even of lesson 1.1
late = flights.late.to_numpy()
figures.table(
    pd.DataFrame(
        [
            {
                "version": version,
                "mean chance": said.mean(),
                "alerts": (said >= alert).mean(),
                "precision": late[said >= alert].mean(),
                "recall": (said[late == 1] >= alert).mean(),
                "PR-AUC": average_precision_score(late, said),
            }
            for version, said in {"1": chances["stable"], "2": chances["canary"], "5, live": inverted}.items()
        ]
    ),
    caption=f"The same flights, three versions; {late.mean():.1%} of them were late",
    formats=dict.fromkeys(["mean chance", "alerts", "precision", "recall"], "{:.1%}"),
)

# %% [markdown]
# (**Precision** is the share of alerts whose flight was late, **recall** the share of late flights that got
# an alert.) Version 5 alerts on nearly every flight and ranks them backwards: its PR-AUC is below the share
# of late flights, which is what a coin gets. Its recall is splendid; a dashboard that shows recall alone
# would praise it. Version 2 has the PR-AUC of version 1, because a shift keeps the order; at the same
# threshold it alerts less often.
#
# Whether anyone finds out depends on whether somebody looks at the *answers*, and the labels of these flights
# come hours later. There is a check that needs no labels at all and can run **before** a version gets
# traffic: ask the version that serves and the one that wants to, about the same flights, and compare. The
# candidate answers on a server of its own, or under a label of this one if no client asks without.

# %%
import matplotlib.pyplot as plt

candidates = {"Version 2 says less, in the same order": chances["canary"],
              "Version 5 turns the order round": inverted}
order = [pd.Series(said).corr(pd.Series(chances["stable"]), "spearman") for said in candidates.values()]
fig, axes = plt.subplots(1, 2, figsize=(7.5, 3.4), sharex=True, sharey=True)
for ax, (title, said), rank, colour in zip(axes, candidates.items(), order,
                                           [figures.BLUE, figures.RED], strict=True):
    ax.plot([0, 1], [0, 1], color=figures.GREY, linestyle="--", linewidth=1, marker="")
    ax.scatter(chances["stable"], said, s=8, color=colour, alpha=0.5)
    ax.text(0.96, 0.05, f"rank correlation {rank:.2f}", ha="right")
    ax.set(title=title, xlabel="chance by version 1, stable", xlim=(0, 1), ylim=(0, 1))
axes[0].set_ylabel("chance by the candidate")
figures.show(
    fig,
    alt=f"Chance by the candidate against chance by version 1 for {rows} flights. Version 2 lies on a rising "
    f"curve a little below the diagonal, rank correlation {order[0]:.2f}. Version 5 lies on a falling line, "
    f"rank correlation {order[1]:.2f}.",
)

# %% [markdown]
# Two pictures, two stories. Version 2 says a little less about every flight and keeps their order: that was
# the intention. Version 5 turns the order round. The number in the pictures is **Spearman's rank
# correlation**: 1 where two lists of chances put the flights in the same order, −1 where they put them in the
# opposite one.
#
# **Exercise 4.1d.** Write `reasons_to_hold(stable, candidate)`, the gate before a label is moved. It gets two
# lists of chances for the same flights and returns a set with those of these names that apply:
#
# - `"invalid"`: a candidate's chance is not a number, or lies outside 0 to 1. Then nothing else needs
#   checking;
# - `"level"`: the means differ by more than 0.1;
# - `"order"`: Spearman's rank correlation of the two is below 0.9, or there is none, because the candidate
#   says the same of every flight.
#
# An empty set lets the candidate through. (The two limits are the desk's choice: how much may change
# unasked.)

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
lesson.check("4.1d", reasons_to_hold=reasons_to_hold)

# %% [markdown]
# The gate asks whether a candidate *changed*, not whether it is *good*. Version 2 passes it and is still far
# too high for September, as the table above shows; version 5 fails twice. Which of two versions is better
# needs labels, and 4.8 collects them on live traffic.
#
# Now the rollback. Version 1 is not loaded any more, so it takes the two steps again, and from here on a
# policy that names its versions, so that the shelf alone decides nothing.

# %%
print(reload("specific { versions: 1 versions: 2 }"))
print(reload("specific { versions: 1 versions: 2 }", stable=1, canary=2))
states()

# %% [markdown]
# The three guards together make a release: **warm-up requests** catch a version that cannot answer,
# the **comparison under a label** catches one that answers something else, and a **policy with named
# versions** makes sure that both have the time to. 4.7 puts them into a pipeline; 4.8 lets real traffic
# decide, a little at a time.

# %%
server.close()

# %% [markdown]
# ## What you did
#
# - You read four signatures of one SavedModel, and took names, types and shapes from the server's metadata
#   instead of guessing them.
# - You asked the model in row format, in column format, with records and over gRPC, and saw a gap sent the
#   wrong way come back as 200 without a number. One client hid the difference, and parity with this process
#   held for every flight.
# - You made eight mistakes and read them: 400, 404 and their gRPC codes stay wrong however often they are
#   sent, `UNAVAILABLE` may be better in a moment.
# - You brought out version 2 while a client kept asking and no request failed; you named versions by labels,
#   and saw that a request without label goes to the highest one.
# - You told alive from ready by the state of the versions, and saw a server that was both while its newest
#   version had failed to load.
# - You stopped a renamed input by a recorded request, and an inverted model, which had answered everything
#   with `OK`, by comparing it with the one before.

# %%
lesson.end()
