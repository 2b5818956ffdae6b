# %% [markdown]
# # 3.6 Distributed training
#
# A model is trained on eight machines overnight. At three o'clock one of them is restarted. In the morning
# the job is dead, or, worse, it has finished: with a checkpoint that two machines wrote over each other, on
# data of which half was read twice and half never. No line of the model is wrong.
#
# **You will be able to**
#
# - train one model in two processes with `MultiWorkerMirroredStrategy` and prove that it is the model one
#   process makes;
# - kill a worker in mid-epoch, resume from a checkpoint, and end with the same weights;
# - say what stale gradients cost, and up to which learning rate they cost nothing;
# - count what a further worker is worth, by Amdahl's law, and what a pipeline leaves idle;
# - see a shard that both workers read, and a checkpoint written by two.
#
# *Needs: lesson 1.1 and a first `GradientTape`. Time: about 65 minutes, and 5 more for "Deeper"; the code
# runs in less than a minute.*

# %%
from helpers import lesson

lesson.begin("3.6")

# %% tags=["parameters"]
seed = 2013
batch = 256    # rows of one step, over all workers
steps = 40     # of the run that is killed; an epoch has 32
killed = 22    # steps that worker 1 has done when it is killed
every = 5      # steps from one checkpoint to the next

# %% tags=["folded"]
# What is built here
from helpers import figures

figures.overview(
    "Two workers read their own rows, add up gradients, and one of them writes checkpoints",
    [["rows of a step", "worker 0", "checkpoint"],
     [None, "all-reduce", None],
     [None, "worker 1", "killed"]],
    [("rows of a step", "worker 0", "one half"), ("rows of a step", "worker 1", "the other"),
     ("worker 0", "all-reduce", "gradient"), ("worker 1", "all-reduce", "gradient"),
     ("worker 0", "checkpoint", "writes"), ("worker 1", "killed", f"step {killed}")],
    new=("all-reduce", "checkpoint", "killed"),
)

# %% [markdown]
# ## 1 Two workers, one model
#
# **Data parallelism**: each worker holds a copy of the weights and takes its share of the rows of a step. The
# gradients are added up over all workers, an **all-reduce**, and each worker takes the same step. So the
# copies stay equal, and the model is the one that a single process would have made of all the rows.
#
# Our workers are real processes on this machine, which talk through sockets; on a cluster each would be a
# machine. (They are forked by a process that has TensorFlow imported: so each run is spared the import.)

# %% tags=["folded"]
# The process that forks workers, which begins to import TensorFlow now; and the data
import multiprocessing
import multiprocessing.forkserver

import numpy as np
import pandas as pd

from helpers import datasets

starter = multiprocessing.get_context("forkserver")
starter.set_forkserver_preload(["tensorflow"])
multiprocessing.forkserver.ensure_running()

sky = ["temp", "wind_speed", "visib", "precip"]
quarter = datasets.flights().query("month <= 3 and arr_delay.notna()").merge(
    datasets.weather()[["origin", "time_hour", *sky]], on=["origin", "time_hour"]
).dropna(subset=sky)
turn = 2 * np.pi * quarter.hour / 24
columns = pd.concat([
    pd.get_dummies(quarter[["origin", "carrier"]]), quarter[["temp", "wind_speed", "visib", "distance"]],
    (quarter.precip > 0).rename("rain"), np.sin(turn).rename("sin"), np.cos(turn).rename("cos"),
], axis=1).astype("float64")  # fmt: skip
early = (quarter.month < 3).to_numpy()
scaled = (columns - columns[early].mean()) / columns[early].std()
chosen = np.random.default_rng(seed).permutation(np.flatnonzero(early))[: 32 * batch]
X, y = scaled.to_numpy("float32")[chosen], (quarter.arr_delay > 15).to_numpy("float32")[chosen]
X_march, y_march = scaled[~early].to_numpy("float32"), (quarter.arr_delay > 15).to_numpy("float32")[~early]
march = quarter[~early]

# %% tags=["folded"]
# Starting processes, and clearing them away
import functools
import json
import os
import pickle
import signal
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import tensorflow as tf
from joblib import wrap_non_picklable_objects

place = lesson.scratch()


def at_work(work, job):
    """In the process: what `work` returns goes to a file; what stops TensorFlow is told by its name."""
    log = os.open(f"{job.result}.log", os.O_CREAT | os.O_WRONLY)
    os.dup2(log, 1)
    os.dup2(log, 2)
    try:
        found = work(job)
    except tf.errors.OpError as error:
        found = {"stopped": type(error).__name__, "said": str(error)}
    with open(f"{job.result}.part", "wb") as file:
        pickle.dump(found, file)
    os.replace(f"{job.result}.part", job.result)


def free_addresses(number):
    """As many addresses as asked for on which nobody listens right now."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    finally:
        for each in sockets:
            each.close()


def started(work, job, workers):
    """What each process returned, or {"killed": signal}; none outlives this call, none takes two minutes."""
    run = place / f"run-{time.monotonic_ns()}"
    run.mkdir()
    jobs = [SimpleNamespace(**vars(job), worker=worker, result=str(run / str(worker)))
            for worker in range(workers)]
    # With the functions of this notebook inside, which pickle alone would look for in a module
    targets = [wrap_non_picklable_objects(functools.partial(at_work, work, each)) for each in jobs]
    processes = [starter.Process(target=target, daemon=True) for target in targets]
    try:
        for process in processes:
            process.start()
        end = time.monotonic() + 120
        for process in processes:
            process.join(max(0, end - time.monotonic()))
        if any(process.is_alive() for process in processes):
            raise TimeoutError("A worker has not come to an end in two minutes.")
    finally:
        for process in processes:
            process.kill()
            process.join()
    for each, process in zip(jobs, processes, strict=True):
        if process.exitcode > 0 and not os.path.exists(each.result):
            lines = Path(f"{each.result}.log").read_text().splitlines()
            raise RuntimeError(f"Worker {each.worker} failed: {lines[-1] if lines else process.exitcode}")
    return [pickle.loads(Path(each.result).read_bytes()) if os.path.exists(each.result)
            else {"killed": signal.Signals(-process.exitcode).name}
            for each, process in zip(jobs, processes, strict=True)]


def run(work, workers=2, **options):
    """Start `work` in as many processes; again if a port was taken, or a starved one was taken for dead."""
    for _ in range(3):
        job = SimpleNamespace(addresses=free_addresses(workers), **options)
        found = started(work, job, workers)
        ends = {each.get("stopped", "killed" if "killed" in each else "") for each in found} - {""}
        busy = any("Could not start gRPC server" in each.get("said", "") for each in found)
        if not busy and ends != {"UnavailableError"}:
            break
    return found

# %% [markdown]
# The data are flights of January and February with the weather at departure; the label says whether a flight
# arrived more than 15 minutes late; March is for testing.

# %% [markdown] exercise="3.6a"
# ### Exercise 3.6a: Who reads which rows? (1 point)
#
# Write `rows_of(step, worker, workers, size, batch, seed)`: the numbers of the rows that `worker` (from 0)
# reads in `step` (from 0, and it goes on counting from epoch to epoch).
#
# - An epoch reads each of the `size` rows once, in steps of `batch` rows over all workers; its last step
#   has what is left.
# - The rows of a step are dealt to the workers so that shares differ by one row at most.
# - Each epoch has an order of its own, drawn from `seed` and the epoch's number.
# - A worker that was restarted asks for step 22 without having asked for the others, and must get the same
#   rows: nothing may be remembered from call to call.
#
# With 5 rows, `batch` 4 and two workers, if the drawn order is 3, 0, 4, 1, 2:
#
# | step | worker 0 | worker 1 |
# | --- | --- | --- |
# | 0 | 3, 4 | 0, 1 |
# | 1 | 2 | none |
# | 2 (a new epoch) | two of another order | two others |

# %% tags=["starter"] exercise="3.6a"
def rows_of(step, worker, workers, size, batch, seed):
    """Numbers of the rows that this worker reads in this step."""
    ...


# %% tags=["solution"] exercise="3.6a"
def rows_of(step, worker, workers, size, batch, seed):
    """Numbers of the rows that this worker reads in this step."""
    epoch, within = divmod(step, -(-size // batch))
    order = np.random.default_rng([seed, epoch]).permutation(size)
    return order[within * batch : (within + 1) * batch][worker::workers]


# %% exercise="3.6a"
rows_of = lesson.check("3.6a", rows_of=rows_of)

# %% [markdown]
# The model is a small network of bare variables: under this strategy Keras 3's `fit` fails (in this
# TensorFlow), so the loop is ours.


# %%
def logits(weights, X):
    """One hidden layer: rows → a number each, the log-odds of being late."""
    hidden = tf.nn.relu(X @ weights[0] + weights[1])
    return (hidden @ weights[2] + weights[3])[:, 0]


draw = np.random.default_rng(seed)
shapes = [(X.shape[1], 32), (32,), (32, 1), (1,)]
first = [(draw.normal(size=shape) / shape[0] ** 0.5 * (len(shape) > 1)).astype("float32") for shape in shapes]

# %% [markdown]
# Now the step. `strategy.run` calls `on_replica` once for each copy of the model; `all_reduce` adds up over
# all of them, wherever they are. The loss is divided by the rows of the **whole** step: then the sum of the
# workers' gradients is the gradient of all rows, whatever each one's share is.


# %%
def update_of(strategy, weights, speeds):
    """A compiled step of gradient descent with momentum, over all replicas of the strategy."""

    def on_replica(X, y):
        with tf.GradientTape() as tape:
            losses = tf.nn.sigmoid_cross_entropy_with_logits(y, logits(weights, X))
            loss = tf.reduce_sum(losses) / batch
        gradients = tape.gradient(loss, weights)
        summed = tf.distribute.get_replica_context().all_reduce("sum", gradients)
        for weight, speed, gradient in zip(weights, speeds, summed, strict=True):
            speed.assign(0.9 * speed + gradient)
            weight.assign_sub(0.05 * speed)
        return loss

    @tf.function(autograph=False)
    def update(X, y):
        return strategy.reduce("sum", strategy.run(on_replica, (X, y)), axis=None)

    return update


# %% [markdown]
# Around it, the loop. `step` is made outside `strategy.scope()`: inside it would be mirrored, and no longer
# an integer to count with. What `job.resume` does comes in section 2.


# %%
def train(strategy, job):
    """Train to `job.steps`, from the checkpoint that `job.resume` finds; the weights, and the rows read."""
    with strategy.scope():
        weights = [tf.Variable(values) for values in first]
        speeds = [tf.Variable(np.zeros_like(values)) for values in first]
    step = tf.Variable(0, dtype=tf.int64)
    checkpoint = tf.train.Checkpoint(weights=weights, speeds=speeds, step=step)
    manager = job.resume(checkpoint, job.folder, job.worker) if job.folder else None
    update, began, read = update_of(strategy, weights, speeds), int(step), []

    def share(context):
        rows = job.rows_of(int(step), context.replica_id_in_sync_group, context.num_replicas_in_sync,
                           len(X), batch, seed)
        read.append(np.asarray(rows))
        return tf.constant(X[rows]), tf.constant(y[rows])

    while int(step) < job.steps:
        if (job.worker, int(step)) == (1, job.killed):
            os.kill(os.getpid(), signal.SIGKILL)
        update(*strategy.experimental_distribute_values_from_function(share))
        step.assign_add(1)
        if manager and int(step) % job.every == 0:
            manager.save()
    return {"weights": [weight.numpy() for weight in weights], "began": began, "read": read}


# %% [markdown]
# Three strategies run this loop. `MultiWorkerMirroredStrategy` learns from the environment variable
# `TF_CONFIG` who belongs to the cluster, and which of them it is. `MirroredStrategy` has its copies in one
# process, on several devices; we cut our processor into two **logical devices**, which must be done before
# TensorFlow's first operation. `OneDeviceStrategy` is the plain case, the yardstick.


# %%
def two_workers(job):
    task = {"type": "worker", "index": job.worker}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": job.addresses}, "task": task})
    return train(tf.distribute.MultiWorkerMirroredStrategy(), job)


def two_devices_and_one(job):
    (processor,) = tf.config.list_physical_devices("CPU")
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [half, half])
    return {"two devices": train(tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), job),
            "one device": train(tf.distribute.OneDeviceStrategy("CPU:0"), job)}


# %%
plain = {"rows_of": rows_of, "steps": steps, "every": every, "killed": None, "folder": None, "resume": None}
whole = run(two_workers, **plain)
(devices,) = run(two_devices_and_one, workers=1, **plain)


# %%
def apart(one, other):
    """The largest difference between two runs' weights."""
    return max(np.abs(a - b).max() for a, b in zip(one["weights"], other["weights"], strict=True))


# %% tags=["folded"]
# The table of differences
one = devices["one device"]
moved = apart(one, {"weights": first})
gaps = pd.Series({"two workers: one and the other": apart(*whole),
                  "two workers and one device": apart(whole[0], one),
                  "two logical devices and one": apart(devices["two devices"], one)})
figures.table(pd.DataFrame({
    "largest difference": [
        "0" if gap == 0 else "below 0.000001" if gap < 1e-6 else f"{gap:.6f}" for gap in gaps
    ],
    "training moved a weight by up to": f"{moved:.1f}",
}).rename_axis("weights of"))

# %% tags=["claim"]
assert gaps.iloc[0] == 0, "the two workers' weights are the same bit for bit"
assert gaps.max() < 1e-6, "all three are the same model within floating point"
assert moved > 0.1, "training moved the weights"

# %% [markdown]
# The two workers agree bit for bit. With one device they agree within floating point: it adds up 256 rows in
# another order than 128 and 128. If your workers' copies **differ from each other**, something isn't reduced.
#
# **On Monday:** train forty steps with one worker and with two, on equal rows, and compare weights. That
# finds a loss divided by the wrong number of rows.

# %% [markdown]
# ## 2 Killed in mid-epoch
#
# Training on many machines is training with failures: Llama 3's took 54 days on 16,384 GPUs and was
# interrupted 466 times, which is every three hours. It lost less than a tenth of its time, because it could
# go on from **checkpoints**. A checkpoint holds all that the next step depends on: the weights, the
# optimizer's state (here the speeds) and the number of the step, from which follow the rows.
#
# In a synchronous cluster the weights are the same everywhere, so **one** worker writes, the **chief**
# (worker 0), and **all** read. But the others call `save`, too, as some strategies demand; each of them gets
# a folder that nobody looks into.

# %% [markdown] exercise="3.6b"
# ### Exercise 3.6b: One writes, all read (2 points)
#
# Write `resume(checkpoint, folder, worker)`. `checkpoint` is a `tf.train.Checkpoint`, and `folder` a path
# that all workers share. If `folder` holds checkpoints, restore the newest of them into `checkpoint`, on
# every worker. Give back a `tf.train.CheckpointManager` for `checkpoint` that keeps the last two: worker
# 0's writes to `folder`, any other's to a folder of its own, f"{folder}-{worker}". What lies in those is
# never read.
#
# | in `folder` | worker | is restored | writes to |
# | --- | --- | --- | --- |
# | nothing | 0 | nothing | `/run` |
# | steps 10, 15, 20 | 0 | 20 | `/run` |
# | steps 15, 20 | 1 | 20 | `/run-1` |
# | nothing (though `/run-1` has 20) | 1 | nothing | `/run-1` |

# %% tags=["starter"] exercise="3.6b"
def resume(checkpoint, folder, worker):
    """Restore the newest checkpoint; the CheckpointManager that this worker saves with."""
    ...


# %% tags=["solution"] exercise="3.6b"
def resume(checkpoint, folder, worker):
    """Restore the newest checkpoint; the CheckpointManager that this worker saves with."""
    newest = tf.train.latest_checkpoint(folder)
    if newest:
        checkpoint.restore(newest)
    own = folder if worker == 0 else f"{folder}-{worker}"
    return tf.train.CheckpointManager(checkpoint, own, max_to_keep=2)


# %% exercise="3.6b"
resume = lesson.check("3.6b", resume=resume)

# %% [markdown]
# Your function goes into the workers. Worker 1 is killed after 22 steps by `SIGKILL`, as the system does
# when memory runs out: it can't say goodbye. Then both are started again with the same command. From which
# step will they go on?

# %% prediction="3.6p1"
guess = ...  # a number of steps done
lesson.predict("3.6p1", guess)

# %%
safe = plain | {"resume": resume, "folder": str(place / "run")}
crashed = run(two_workers, **safe | {"killed": killed})
resumed = run(two_workers, **safe)

# %%
lesson.reveal("3.6p1", resumed[0]["began"], within=2, form="{:.0f} steps done")
figures.table(pd.DataFrame({
    "first run": ["trained" if "weights" in crashed[0] else "stopped, too", crashed[1]["killed"]],
    "goes on after step": [each["began"] for each in resumed],
    "steps done again": [killed - each["began"] for each in resumed],
    "largest difference to the undisturbed run": [f"{apart(each, whole[0]):g}" for each in resumed],
}, index=pd.Index([0, 1], name="worker")))

# %% tags=["claim"]
assert "weights" not in crashed[0] and crashed[1] == {"killed": "SIGKILL"}, "the survivor stops, too"
# Without the name where TensorFlow's heartbeat was faster and ended the process
assert crashed[0].get("stopped", "UnavailableError") == "UnavailableError", "by the name of UnavailableError"
assert [each["began"] for each in resumed] == [20, 20], "both go on from the last checkpoint"
assert max(apart(each, whole[0]) for each in resumed) == 0, "the weights are those of the undisturbed run"

# %% tags=["folded"]
# The picture of who did which step
import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(7.5, 2.4))
for row, (colour, begin, stop) in enumerate([(figures.BLUE, 0, steps), (figures.ORANGE, 0, killed),
                                             (figures.GREEN, resumed[0]["began"], steps)]):
    ax.barh(row, stop - begin, left=begin, height=0.5, color=colour)
ax.set_yticks(range(3), ["undisturbed", "killed", "resumed"])
ax.invert_yaxis()
for at in range(0, killed + 1, every):
    ax.axvline(at, color=figures.GREY, linewidth=0.8, linestyle=":", marker="")
title = f"Two steps are done again: from the checkpoint of step {resumed[0]['began']} to the kill at {killed}"
ax.set(title=title, xlabel="step; dotted: checkpoints of the killed run")
figures.show(fig, f"{title}. The undisturbed run goes from 0 to {steps}, the killed one to {killed}, the "
             f"resumed one from {resumed[0]['began']} to {steps}.")

# %% [markdown]
# The survivor does not wait for ever: its all-reduce fails with `UnavailableError`, as the other's connection
# is gone, and it stops, for a synchronous step needs everybody. After the restart two steps were done again,
# and the weights at the end are the undisturbed run's, bit for bit: your `rows_of` finds the rows of step 20
# without having seen the others.
#
# **On Monday:** kill a worker of your job, on purpose, on a Tuesday afternoon, and compare the end.

# %% [markdown]
# ## 3 Synchronous, or stale
#
# A synchronous step lasts as long as its slowest worker. **Asynchronous** training doesn't wait: a worker
# fetches weights, computes a gradient, and when it is ready the gradient is applied, whatever the others
# have done to the weights in between. Such a gradient is **stale**.
#
# We simulate the time, with a drawn duration for each gradient, and compute every gradient really, on our
# flights, in a logistic regression. Eight workers; one of them is three times as slow as the others.

# %%
ones = np.c_[X, np.ones(len(X))]
ones_march = np.c_[X_march, np.ones(len(X_march))]


def gradient(weights, rows):
    chance = 1 / (1 + np.exp(-np.clip(ones[rows] @ weights, -30, 30)))
    return ones[rows].T @ (chance - y[rows]) / len(rows)


# %% tags=["folded"]
# March's loss, and how long each gradient takes
def log_loss(weights, X=ones_march, y=y_march):
    score = X @ weights
    return float(np.mean(np.logaddexp(0, score) - y * score))


def durations(seed, workers=8):
    """For each worker, seconds of its gradients in a row; the last worker takes three times as long."""
    draws = np.random.default_rng(seed).gamma(10, 0.1, (workers, 2000))
    return draws * np.where(np.arange(workers) == workers - 1, 3, 1)[:, None]


# %%
def asynchronous(rate, seed, until, workers=8):
    """Updates as (seconds, staleness, weights), each with a gradient at weights fetched earlier."""
    waits, done = durations(seed, workers), np.zeros(workers, int)
    weights, fetched = np.zeros(ones.shape[1]), [(0, np.zeros(ones.shape[1]))] * workers
    ready, history = waits[:, 0].copy(), []
    while ready.min() < until:
        worker = int(ready.argmin())
        since, old = fetched[worker]
        rows = rows_of(len(history), 0, 1, len(X), batch, seed)
        weights = weights - rate * gradient(old, rows)
        history.append((ready[worker], len(history) - since, weights))
        fetched[worker] = len(history), weights
        done[worker] += 1
        ready[worker] += waits[worker, done[worker]]
    return history


# %% tags=["folded"]
# The same with all waiting for the slowest
def synchronous(rate, seed, until, workers=8):
    """A step of all workers' rows, the mean of their gradients, whenever the slowest is ready."""
    ends = durations(seed, workers).max(axis=0).cumsum()
    weights, history = np.zeros(ones.shape[1]), []
    for step, second in enumerate(ends[ends < until]):
        rows = rows_of(step, 0, 1, len(X), workers * batch, seed)
        weights = weights - rate * gradient(weights, rows)
        history.append((second, 0, weights))
    return history


# %%
ways = {"synchronous, 0.3": (synchronous, 0.3), "synchronous, 3": (synchronous, 3.0),
        "asynchronous, 0.3": (asynchronous, 0.3), "asynchronous, 1": (asynchronous, 1.0)}
races = {name: [way(rate, seed + i, until=60) for i in range(3)] for name, (way, rate) in ways.items()}
staleness = np.mean([late for history in races["asynchronous, 0.3"] for _, late, _ in history])

# %% tags=["folded", "rtol=0.05"]
# The picture of the race
seconds = np.arange(5, 61, 5)


def losses_of(history):
    ends = [second for second, _, _ in history]
    return [log_loss(history[np.searchsorted(ends, second) - 1][2]) for second in seconds]


curves = {name: np.array([losses_of(history) for history in runs]) for name, runs in races.items()}
updates = {name: np.mean([len(history) for history in runs]) for name, runs in races.items()}
means = pd.DataFrame({name: runs.mean(axis=0) for name, runs in curves.items()}, index=seconds)
spans = {name: (runs.min(axis=0), runs.max(axis=0)) for name, runs in curves.items()}
figures.lines(means, "At a rate of 0.3 asynchronous is ahead, at a rate of 1 it is lost",
              x="simulated seconds", y="log loss in March", form="{:.2f}", bands=spans)
figures.md(f"Mean staleness {staleness:.1f} updates; {updates['synchronous, 3']:.0f} synchronous steps and "
           f"{updates['asynchronous, 1']:.0f} asynchronous updates in 60 s.")

# %% tags=["claim"]
slow, fast = curves["synchronous, 0.3"], curves["asynchronous, 0.3"]
assert (fast < slow).all(), "at a rate of 0.3 asynchronous is ahead, in each run and at each time"
assert (curves["asynchronous, 1"] > fast).all(), "at a rate of 1 it is lost, in each run and at each time"
assert (curves["synchronous, 3"][:, 1:] - fast[:, 1:]).max() < 0.01, (
    "synchronous training stands a rate of 3, and has caught up after ten seconds"
)
assert abs(staleness - 7) < 0.5, "with eight workers a gradient is about seven updates old"

# %% [markdown]
# Nobody waits, so there are many more updates, each of a single worker's rows, and at a rate of 0.3 the
# loss falls sooner. The price: a gradient is seven updates old on average, for the other seven workers were
# not idle. At a rate of 1 the asynchronous model is lost. Synchronous training stands a rate of 3, and with
# it has caught up within a hundredth after ten seconds: the equal rate was what held it back.
#
# On a parabola of curvature λ, with gradients `d` updates old, gradient descent
# converges for rates below `2·sin(π / (4d + 2)) / λ`. Without delay that is 2/λ, with a delay of one 1/λ. How
# large may the rate be with a delay of 16, in percent of what it may be without?

# %% prediction="3.6p2"
guess = ...  # in percent
lesson.predict("3.6p2", guess)


# %% tags=["folded"]
# The limits, tried on a parabola
def converges(delay, rate):
    """Whether descent on w²/2, with gradients so many updates old, comes to rest."""
    trail = [1.0] * (delay + 1)
    for _ in range(4000):
        trail.append(trail[-1] - rate * trail[-1 - delay])
        if abs(trail[-1]) > 1e6:
            return False
    return max(map(abs, trail[-100:])) < 1


delays = [0, 1, 4, 16]
theory = {delay: 2 * np.sin(np.pi / (4 * delay + 2)) for delay in delays}
curvature = np.linalg.eigvalsh(ones.T @ ones / (4 * len(ones))).max()
limits = pd.DataFrame({
    "converges at 0.97 ×": [converges(delay, 0.97 * theory[delay]) for delay in delays],
    "converges at 1.03 ×": [converges(delay, 1.03 * theory[delay]) for delay in delays],
    "limit on our flights": [theory[delay] / curvature for delay in delays],
}, index=pd.Index(delays, name="delay"))
lesson.reveal("3.6p2", 100 * theory[16] / theory[0], within=3, form="{:.0f} percent")
figures.table(limits, formats={"limit on our flights": "{:.2f}"})


# %%
def delayed(delay, rate, seed):
    """March's log loss after eight epochs of gradients that are `delay` updates old."""
    trail = [np.zeros(ones.shape[1])] * (delay + 1)
    for step in range(256):
        rows = orders[seed][step]
        trail.append(trail[-1] - rate * gradient(trail[-1 - delay], rows))
    return log_loss(trail[-1])


orders = {seed + i: [rows_of(step, 0, 1, len(X), batch, seed + i) for step in range(256)] for i in range(3)}
rates = [0.03, 0.1, 0.3, 1.0]
ends = np.array([[[delayed(delay, rate, each) for delay in delays] for rate in rates] for each in orders])

# %% tags=["folded", "rtol=0.05"]
# The picture of delay and rate
after = pd.DataFrame(ends.mean(axis=0), index=[f"{rate:g}" for rate in rates],
                     columns=[f"delay {delay}" for delay in delays])
bands = {name: (ends[:, :, i].min(axis=0), ends[:, :, i].max(axis=0)) for i, name in enumerate(after)}
figures.lines(after, "A delay does harm at rates beyond its limit", x="learning rate",
              y="log loss in March", form="{:.2f}", bands=bands)

# %% tags=["claim"]
worse = ends - ends[:, :, :1]
for i, rate in enumerate(rates):
    for j, delay in enumerate(delays):
        beyond = rate > limits["limit on our flights"][delay]
        assert beyond == (worse[:, i, j].min() > 0.005), f"rate {rate}, delay {delay}: harm beyond the limit"
        assert beyond or worse[:, i, j].max() < 0.005, f"rate {rate}, delay {delay}: little within it"
assert limits.iloc[:, 0].all() and not limits.iloc[:, 1].any(), "the formula's limit is the parabola's"

# %% [markdown]
# In each of the three runs, every pair of rate and delay beyond its limit costs more than 0.005, and no
# pair within it does. (Our curvature is the largest the logistic loss can have, so the limit is on the
# careful side.) So staleness is no tax that is always paid: it takes away the **large rates**. With more
# workers comes more delay, and the rate has to fall.
#
# **On Monday:** if a job is asynchronous, log each gradient's staleness, and lower the rate by its formula
# before you blame the data.

# %% [markdown]
# ## 4 What is another worker worth?
#
# Some of a step can be divided among `n` workers, and some can't: reading the weights, adding up, waiting.
# If the share `s` can't, a step takes `s + (1 − s)/n` of its time, and the **speedup** is
# `1 / (s + (1 − s)/n)`. That is **Amdahl's law**: with s = 0.1 no number of workers gives more than 10.

# %% [markdown] exercise="3.6c"
# ### Exercise 3.6c: What can't be divided (1 point)
#
# Write `serial_share(workers, speedup)`: the share `s` for which Amdahl's law gives this speedup with this
# many workers, two or more. It may come out negative, or above one: then the law isn't what was measured.
#
# | workers | speedup | share |
# | --- | --- | --- |
# | 2 | 2 | 0 |
# | 2 | 1 | 1 |
# | 4 | 2 | 1/3 |
# | 2 | 0.8 | 1.5 |

# %% tags=["starter"] exercise="3.6c"
def serial_share(workers, speedup):
    """The share of a step that can't be divided, by Amdahl's law."""
    ...


# %% tags=["solution"] exercise="3.6c"
def serial_share(workers, speedup):
    """The share of a step that can't be divided, by Amdahl's law."""
    return (1 / speedup - 1 / workers) / (1 - 1 / workers)


# %% exercise="3.6c"
serial_share = lesson.check("3.6c", serial_share=serial_share)

# %% [markdown]
# First on a simulated clock, where we know the truth: 5 % of a step are serial. In one cluster all workers
# are even; in the other each one's time is drawn anew at each step, and the step waits for the slowest.


# %% tags=["folded"]
# The simulated clock, and the picture of what the law makes of it
def mean_step(workers, spread, draw):
    """Simulated mean time of a step; `spread` is the standard deviation of a worker's time, as a share."""
    own = draw.gamma(spread**-2, spread**2, (4000, workers)) if spread else np.ones((1, workers))
    return 0.05 + 0.95 / workers * own.max(axis=1).mean()


numbers = [2, 4, 8, 16, 32, 64]
draw = np.random.default_rng(seed)
shares = pd.DataFrame({
    name: [serial_share(n, mean_step(1, spread, draw) / mean_step(n, spread, draw)) for n in numbers]
    for name, spread in {"even workers": 0, "times vary by 20 %": 0.2}.items()
}, index=pd.Index(numbers, name="workers"))
figures.lines(shares, "Even workers give back the 5 %; waiting for the slowest looks like serial work",
              x="workers", y="serial share by Amdahl's law", form="{:.1%}")

# %% tags=["claim"]
assert np.allclose(shares["even workers"], 0.05), "even workers give back the known share"
varied = shares["times vary by 20 %"]
assert (varied > 0.052).all(), "waiting for the slowest looks like serial work"
assert varied[2] > 2 * varied[64] > 0.1, "with two workers it looks like more than twice as much as with 64"

# %% [markdown]
# The law is exact where its assumption holds. Where times vary, the step waits, and the fitted share is too
# large: with two workers more than twice what it is with 64.
#
# Now the real clock. Two workers, one thread each, and a wider network. Worker 0 does steps of all rows
# alone; then both do the same steps, half of the rows each, with an all-reduce.


# %% tags=["folded"]
# The two on the clock, in turns, in one process each with one thread
def race(job):
    tf.config.threading.set_intra_op_parallelism_threads(1)
    task = {"type": "worker", "index": job.worker}
    os.environ["TF_CONFIG"] = json.dumps({"cluster": {"worker": job.addresses}, "task": task})
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    wide = np.random.default_rng(seed).normal(size=(26, 512)).astype("float32")
    with strategy.scope():
        shared = tf.Variable(wide)
    own = tf.Variable(wide)

    def gradient(weight, rows):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.tanh(rows @ weight) ** 2)
        return tape.gradient(loss, weight)

    def on_replica(rows):
        return tf.distribute.get_replica_context().all_reduce("sum", gradient(shared, rows))

    wanted = [tf.TensorSpec([None, 26])]
    alone = tf.function(lambda rows: gradient(own, rows), wanted, autograph=False)
    together = tf.function(lambda rows: strategy.run(on_replica, (rows,)), wanted, autograph=False)

    def seconds(step, rows):
        began = time.perf_counter()
        np.asarray(strategy.experimental_local_results(step(rows))[0])
        return time.perf_counter() - began

    found = {}
    for size in job.sizes:
        rows = tf.random.stateless_normal([size, 26], [seed, 0])
        for _ in range(60 if size < 1000 else 6):  # the shorter of each is kept: others use this machine, too
            if job.worker == 0:
                found.setdefault((size, "alone"), []).append(seconds(alone, rows))
            seconds(together, rows[:1])  # wait for each other
            found.setdefault((size, "together"), []).append(seconds(together, rows[: size // 2]))
    return {"seconds": {key: min(times) for key, times in found.items()}}


# %% tags=["folded"]
# The measurement
sizes = [32, 256, 2048, 8192]
measured = pd.Series(run(race, sizes=sizes)[0]["seconds"]).unstack()
speedups = measured["alone"] / measured["together"]
measured_share = speedups.map(lambda each: serial_share(2, each))

# %% tags=["folded"]
# The picture of the measurement, and a curve with the one constant that fits it best
constants = np.linspace(0, 0.05, 5001)
fits = [np.sum((np.log(measured.together) - np.log(measured.alone / 2 + each)) ** 2) for each in constants]
constant = constants[int(np.argmin(fits))]
fig, ax = plt.subplots()
ax.plot(measured.index, speedups, "o", linestyle="none", label="measured")
ax.plot(measured.index, measured.alone / (measured.alone / 2 + constant), "--", marker="",
        label="half of the work, and a constant")
ax.axhline(2, color=figures.GREY, linewidth=1, linestyle=":", marker="")
ax.axhline(1, color=figures.RED, linewidth=1, linestyle=":", marker="")
ax.set_xscale("log")
title = "With 32 rows a step the second worker makes it slower"
ax.set(title=title, xlabel="rows of a step", ylabel="speedup by the second worker")
ax.set_ylim(0, max(2.2, 1.1 * speedups.max()))
ax.legend()
figures.show(fig, f"{title}: points for steps of {', '.join(map(str, sizes))} rows, with a curve "
             "(half of the work, and a constant) and lines at 1 and 2; the first point is below 1.")

# %% tags=["claim"]
assert speedups[32] < 1, "with 32 rows a step the second worker makes it slower"
assert measured_share[32] > 1, "by the law more than all of that step is serial"

# %% [markdown]
# With 32 rows a step, the second worker makes it slower: the all-reduce costs more than half a step saves.
# Amdahl's share comes out above one there, which no share can be: what was added isn't serial work but
# **new** work. The curve has one fitted number, a constant, which to the right is divided by more work. How
# near your points come to 2 depends on who else uses your two cores.
#
# **On Monday:** before you rent 64, measure two, four and eight at your batch size. Only if `s` stays the
# same does the law tell what 64 give.

# %% [markdown]
# ## 5 A pipeline of stages
#
# Where the model doesn't fit on one machine, its layers are divided: **stage** 1 has the first layers,
# stage 2 the next. Then a batch goes through one stage after the other, and all but one are idle.
# **Pipeline parallelism** cuts the batch into **micro-batches**: while stage 2 has the first, stage 1 takes
# the second.

# %% [markdown] exercise="3.6d"
# ### Exercise 3.6d: When does each stage start? (1 point)
#
# Write `starts(seconds, micro)`: `seconds` says for each stage how long it takes for a micro-batch, `micro`
# how many micro-batches there are. Give back a list for each stage with the second at which it starts each
# micro-batch: as early as possible, in their order, one at a time, and not before the stage in front has
# finished that micro-batch. Everything begins at 0. With `seconds` [1, 2] and `micro` 3:
#
# | stage | starts | ends |
# | --- | --- | --- |
# | first | 0, 1, 2 | 1, 2, 3 |
# | second | 1, 3, 5 | 3, 5, 7 |
#
# So `starts([1, 2], 3)` is `[[0, 1, 2], [1, 3, 5]]`.

# %% tags=["starter"] exercise="3.6d"
def starts(seconds, micro):
    """For each stage, when it starts each micro-batch."""
    ...


# %% tags=["solution"] exercise="3.6d"
def starts(seconds, micro):
    """For each stage, when it starts each micro-batch."""
    plan, arrived = [], [0] * micro
    for lasts in seconds:
        free, row = 0, []
        for arrival in arrived:
            row.append(max(free, arrival))
            free = row[-1] + lasts
        plan.append(row)
        arrived = [start + lasts for start in row]
    return plan


# %% exercise="3.6d"
starts = lesson.check("3.6d", starts=starts)


# %%
def schedule(stages, micro):
    """Forward through all stages, then backward, each a second: rows (stage, micro-batch, pass, start)."""
    forward = [(stage, m, "forward", start) for stage, row in enumerate(starts([1] * stages, micro))
               for m, start in enumerate(row)]
    turn = max(start for *_, start in forward) + 1
    return forward + [(stages - 1 - stage, m, "backward", turn + start) for stage, m, _, start in forward]


def bubble(stages, micro):
    """The share of all stages' time in which they are idle."""
    plan = schedule(stages, micro)
    end = max(start for *_, start in plan) + 1
    return 1 - len(plan) / (stages * end)


counts = [1, 4, 16, 32]
idle = pd.DataFrame({"scheduled": [bubble(4, m) for m in counts],
                     "(K−1)/(M+K−1)": [3 / (m + 3) for m in counts]},
                    index=pd.Index(counts, name="micro-batches"))
figures.table(idle)

# %% tags=["folded"]
# The picture of the schedule
fig, ax = plt.subplots(figsize=(7.5, 2.6))
for stage, m, way, start in schedule(4, 4):
    colour = figures.BLUE if way == "forward" else figures.ORANGE
    ax.barh(stage, 1, left=start, color=colour, edgecolor="white")
    ax.text(start + 0.5, stage, str(m + 1), ha="center", va="center", color="white", fontsize=9)
ax.set_yticks(range(4), [f"stage {stage + 1}" for stage in range(4)])
ax.invert_yaxis()
title = f"Four stages, four micro-batches: idle for {idle.scheduled[4]:.0%} of the time"
ax.set(title=title, xlabel="second; blue: forward, orange: backward")
figures.show(fig, f"{title}. Forward, each stage starts a second after the one before it; backward, a "
             "second after the one behind it.")

# %% tags=["claim"]
assert np.allclose(idle.iloc[:, 0], idle.iloc[:, 1]), "the bubble is (K−1)/(M+K−1)"
assert [round(share, 3) for share in idle.scheduled] == [0.75, 0.429, 0.158, 0.086], "as published"

# %% [markdown]
# The white corners are the **bubble**. With K stages and M micro-batches it is (K − 1)/(M + K − 1): more
# micro-batches, less of it, as long as a micro-batch is still work worth a message. Does the
# schedule change the model? We carry it out, box by box of the picture, on a network of four layers in
# float64, and compare with the whole batch at once.


# %%
def carried_out(micro, layers, X, y):
    """Gradients of mean squared error, in the order of the schedule; each stage knows its own layer alone."""
    parts, targets = np.array_split(X, micro), np.array_split(y, micro)
    kept, sums = {}, [np.zeros_like(layer) for layer in layers]
    for stage, m, way, _ in sorted(schedule(len(layers), micro), key=lambda cell: cell[3]):
        if way == "forward":
            kept[stage, m] = parts[m]
            parts[m] = np.tanh(parts[m] @ layers[stage])
            continue
        if stage == len(layers) - 1:
            parts[m] = 2 * (parts[m] - targets[m][:, None]) / len(X)
        out = np.tanh(kept[stage, m] @ layers[stage])
        back = parts[m] * (1 - out**2)
        sums[stage] += kept[stage, m].T @ back
        parts[m] = back @ layers[stage].T
    return sums


draw = np.random.default_rng(seed)
sides = [(X.shape[1], 16), (16, 16), (16, 8), (8, 1)]
layers = [draw.normal(size=shape) / shape[0] ** 0.5 for shape in sides]
given = X[:512].astype("float64"), y[:512].astype("float64")
at_once = carried_out(1, layers, *given)
in_parts = carried_out(16, layers, *given)
differs = max(np.abs(a - b).max() for a, b in zip(at_once, in_parts, strict=True))
print("same gradient:", "yes" if differs < 1e-12 else f"no, by {differs:.1e}")

# %% tags=["claim"]
assert differs < 1e-12, "sixteen micro-batches give the whole batch's gradient"
values, nudge = [], np.zeros_like(layers[2])
nudge[3, 2] = 1e-5
for sign in (1, -1):
    out = given[0]
    for stage, layer in enumerate(layers):
        out = np.tanh(out @ (layer + sign * nudge if stage == 2 else layer))
    values.append(np.mean((out[:, 0] - given[1]) ** 2))
assert abs((values[0] - values[1]) / 2e-5 - at_once[2][3, 2]) < 1e-8, "and it is the slope of the loss"
assert abs(at_once[2][3, 2]) > 1e-4, "which isn't zero"

# %% [markdown]
# It does not: the gradient of a sum is the sum of the gradients. (Nudging a weight gives the same slope.)
# (Batch normalization would break it: it looks at the micro-batch.)
#
# **On Monday:** count your stages and micro-batches, and compute the bubble, before you profile.

# %% [markdown]
# ## 6 What breaks in production
#
# **A shard that both workers read.** Flights are kept in two files: Newark in one, the other two airports in
# the other; a worker reads the file of its number. On the cluster the number was taken from the wrong
# variable, and is 0 everywhere. Nothing raises.

# %%
airport = quarter.origin.to_numpy()[chosen]
files = [np.flatnonzero(airport == "EWR"), np.flatnonzero(airport != "EWR")]


def of_its_file(step, worker, workers, size, batch, seed):
    own = files[worker]
    return own[rows_of(step, 0, 1, len(own), batch // workers, seed)]


def of_file_0(step, worker, workers, size, batch, seed):
    return of_its_file(step, 0, workers, size, batch, seed + worker)


long = plain | {"steps": 128}
sound, faulty = (run(two_workers, **long | {"rows_of": reads}) for reads in (of_its_file, of_file_0))

# %% tags=["folded", "atol=1"]
# What it costs: March's loss, both models on the same flights, with an interval over days
def odds(weights, X):
    return (np.maximum(X @ weights[0] + weights[1], 0) @ weights[2] + weights[3])[:, 0]


def losses(result):
    score = odds(result["weights"], X_march)
    return np.logaddexp(0, score) - y_march * score


cost = pd.DataFrame({"day": march.day.to_numpy(), "newark": (march.origin == "EWR").to_numpy(),
                     "more": losses(faulty[0]) - losses(sound[0])})
draw = np.random.default_rng(seed)
rows = []
for newark, part in cost.groupby("newark"):
    days = part.groupby("day").more.agg(["sum", "size"])
    drawn = days.to_numpy()[draw.integers(len(days), size=(1000, len(days)))].sum(axis=1)
    rows.append(("Newark" if newark else "JFK and LaGuardia", part.more.mean(),
                 *np.quantile(drawn[:, 0] / drawn[:, 1], [0.025, 0.975])))
harm = pd.DataFrame(rows, columns=["flights from", "more loss", "low", "high"]).set_index("flights from")
covered = {name: len(set(np.concatenate([rows for each in runs for rows in each["read"]])))
           for name, runs in {"sound": sound, "faulty": faulty}.items()}
figures.bars(harm["more loss"], f"{covered['faulty']:,} of {len(X):,} rows were ever read by the faulty run",
             x="more log loss in March than the sound run; interval over days", form="{:+.3f}",
             errors={None: (harm.low, harm.high)})

# %% tags=["claim"]
assert covered["faulty"] == len(files[0]) < 0.5 * len(X), "less than half of the rows were ever read"
assert (harm.low > 0).all(), "its model is worse for the airports it was never shown, and even for Newark"

# %% [markdown]
# The run did as many steps, on as many rows. What gives it away is **counting**: rows read by all workers
# in an epoch, and how many of them are different. Its model is worse for the two airports that it was never
# shown, and even for Newark. (The intervals are over March's days: they speak of these two models.)
#
# **A checkpoint written by two.** What if no worker is the chief, and each one's manager writes to
# `folder`? Parts of a checkpoint are written first, and then merged: two writers take each other's parts
# away. Here they save after each step.

# %%
def all_write(checkpoint, folder, worker):
    return tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)


both_write = plain | {"resume": all_write, "folder": str(place / "clash"), "every": 1, "steps": 400}
clash = run(two_workers, **both_write)

# %% [markdown]
# A crash is the lucky case. On a store that takes one file after the other, the index may come from one
# worker, and the data, which it points to, from another that is a save apart. We put such a pair together
# from our two workers' files.

# %%
import shutil

torn = place / "torn"
torn.mkdir()
newest, older = (tf.train.get_checkpoint_state(str(place / name)).all_model_checkpoint_paths[at]
                 for name, at in (("run", -1), ("run-1", -2)))
for file, end in ((newest, "index"), (older, "data-00000-of-00001")):
    shutil.copy(f"{file}.{end}", torn / f"ckpt.{end}")

# %% tags=["folded"]
# What became of them
def read(path):
    """The step of a checkpoint of which every tensor could be read, or the error."""
    try:
        reader = tf.train.load_checkpoint(str(path))
        kept = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    except tf.errors.OpError as error:
        return "checksum does not match" if "Checksum does not match" in str(error) else "another error"
    return f"step {kept['step/.ATTRIBUTES/VARIABLE_VALUE']}"


# Whichever it is that misses a file, its error names the folder
misses = any(str(place / "clash") in each.get("said", "") for each in clash)
reads = {"the chief's": read(newest), "the other worker's, one save earlier": read(older),
         "index of the one, data of the other": read(torn / "ckpt"),
         "both write to one folder": "a worker misses a file and stops" if misses else "both come to the end"}
figures.table(pd.Series(reads, name="what happens").to_frame().rename_axis("checkpoint"))

# %% tags=["claim"]
assert misses, "two writers take each other's files away, and a worker stops"
assert reads["index of the one, data of the other"] == "checksum does not match", "the torn one is refused"
assert reads["the chief's"] == f"step {steps}", "the chief's is whole"

# %% [markdown]
# Which worker misses a file, and at which save, is chance; its end is the job's. TensorFlow keeps a checksum
# for each tensor, and refuses the torn pair. A loop that saves `weights.npy` and
# `step.npy` by hand has none: it restores weights of one step and the number of another, and repeats or
# skips rows without a word. The cure is your `resume`: one writes. And keep more than one checkpoint, so
# that an older whole one is there.
#
# **On Monday:** log rows read and different rows, summed over workers, each epoch; and restore last night's
# checkpoint today.

# %% [markdown]
# ## What you did
#
# - You trained one model in two processes and on two logical devices, and proved it to be one process's.
# - You killed a worker, resumed from a checkpoint, and ended with the undisturbed run's weights.
# - You saw what stale gradients cost, and the rate up to which they cost nothing.
# - You counted what a worker is worth, by Amdahl's law, and what a pipeline leaves idle.
# - You saw a shard that both workers read, and a checkpoint written by two.

# %%
lesson.end()

# %% [markdown]
# ## Deeper
#
# How often to save? Young's formula for the interval between checkpoints, against work lost on a simulated
# clock; and bytes counted against FLOPs; about 5 minutes.
#
# A checkpoint costs `C` minutes, and a failure comes every `M` minutes on average. Saving rarely loses much
# work with each failure, saving often costs its time. Per minute of training, the one costs `C / interval`,
# the other about `interval / (2·M)`, and the sum is least at **`√(2·C·M)`**. With Llama 3's 466
# interruptions in 54 days, and a minute for a checkpoint (that is our assumption):

# %%
cost, between = 1.0, 54 * 24 * 60 / 466
young = (2 * cost * between) ** 0.5


def time_lost(interval, failures):
    """The share of the time that was no progress; `failures` are the minutes from each to the next."""
    kept = failures // (interval + cost) * interval
    return 1 - kept.sum() / failures.sum()


intervals = [2, 5, 10, round(young), 40, 80, 160]
minutes = np.random.default_rng(seed).exponential(between, (20, 2000))
lost = pd.DataFrame([[time_lost(each, row) for row in minutes] for each in intervals],
                    index=pd.Index(intervals, name="minutes between checkpoints"))
spans = {None: (lost.quantile(0.025, axis=1), lost.quantile(0.975, axis=1))}
title = f"Young's {young:.0f} minutes lose {lost.loc[round(young)].mean():.0%} of the time"
figures.bars(lost.mean(axis=1), title,
             x="share of the time lost", form="{:.1%}", errors=spans)

# %% tags=["claim"]
others = lost.drop([10, round(young)]) - lost.loc[round(young)]
assert others.min().min() > 0, "Young's interval loses less, each time"
assert abs(lost.loc[round(young)].mean() - (2 * cost / between) ** 0.5) < 0.02, "as much as the formula says"

# %% [markdown]
# In each of twenty simulations of 2,000 failures Young's interval loses less than 2, 5, 40, 80 and 160
# minutes. About a tenth of the time is lost, within two points of what the formula says; the restart is
# left out.

# %% [markdown]
# What doesn't shrink with more workers can be **counted**. An all-reduce in a ring sends `2(n − 1)/n` times
# the gradient's bytes from each worker in each step, whatever its share of the rows.

# %%
weights = sum(values.size for values in first)
counted = pd.DataFrame([
    {"workers": n, "rows each": batch // n, "million FLOPs each": 6 * weights * batch / n / 1e6,
     "bytes sent by each": round(2 * (n - 1) / n * 4 * weights)} for n in (2, 4, 16, 64)
]).set_index("workers")
counted["FLOPs per byte"] = counted["million FLOPs each"] * 1e6 / counted["bytes sent by each"]
figures.table(counted, formats={"million FLOPs each": "{:.2f}", "FLOPs per byte": "{:.0f}"})

# %% tags=["claim"]
assert counted["FLOPs per byte"].is_monotonic_decreasing, "less and less computing for each byte"
assert counted["bytes sent by each"].is_monotonic_increasing, "and no fewer bytes"

# %% [markdown]
# A weight costs about six floating-point operations a row (two forward, four backward). With 64 workers on
# a fixed batch there is a handful of rows for each and as much to send as ever. So clusters enlarge the
# batch with the workers, and the rate with the batch, and section 3 says how far that goes.
