"""How the exercises of lesson 3.6 are judged."""

import tempfile

from helpers.exercises.kit import Program, exercise
from helpers.exercises.plain import NotData, kind
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, listed, number, unless

# ---- 3.6a: what the workers read over two epochs -----------------------------------------------------------

# (size, batch, workers): even, an uneven end, fewer rows than workers, one worker, more workers than rows,
# and many steps
_CLUSTERS = [(12, 4, 2), (11, 4, 2), (9, 4, 3), (5, 5, 1), (3, 8, 4), (60, 6, 2)]


def _read(rows_of):
    """By cluster: each worker's rows in each step of two epochs; then step 1 asked
    again, and another seed."""
    return [_played(rows_of, *cluster) for cluster in _CLUSTERS]


def _played(rows_of, size, batch, workers):
    def shares(step, seed):
        return [_rows(rows_of, step, worker, workers, size, batch, seed) for worker in range(workers)]

    try:
        read = [shares(step, 7) for step in range(2 * -(-size // batch))]
    except ZeroDivisionError:
        if size >= batch:
            raise
        # Whoever rounds the number of steps down has none here
        return {"cluster": [size, batch, workers], "read": None}
    return {"cluster": [size, batch, workers], "read": read, "again": shares(1, 7), "other": shares(0, 8)}


def _rows(rows_of, *given):
    import numpy as np

    found = rows_of(*given)
    if found is None:
        raise NotData("is None: does it `return` the rows?")
    try:
        rows = np.asarray(found)
    except ValueError:
        rows = None
    if rows is None or rows.ndim != 1 or (len(rows) and rows.dtype.kind not in "iu"):
        raise NotData(f"is {kind(found)}; it should be a plain list or an array of row numbers.")
    return rows.tolist()


@exercise(
    "3.6a",
    rows_of=Program(_read, seconds=20),
    hints=(
        "An epoch has `-(-size // batch)` steps (rounded up); `divmod(step, that)` is the epoch "
        "and the place in it.",
        "`np.random.default_rng([seed, epoch]).permutation(size)` is the same order for "
        "whoever asks, whenever.",
        "Of an order, `order[a:b]` are the rows of a step, and `[worker::workers]` every so many of them.",
    ),
    said="Each row is read once in an epoch, and the step's number says by whom: a restart needs no memory.",
)
def who_reads_which_rows(rows_of):
    for found in rows_of:
        size, batch, workers = found["cluster"]
        told = f" (With {size} rows, `batch` {batch}, {workers} worker{'s' * (workers > 1)}.)"
        if found["read"] is None:
            yield "An epoch with fewer rows than `batch` has a step, too; you divide by zero." + told
            continue
        half = len(found["read"]) // 2
        epochs = [found["read"][:half], found["read"][half:]]
        rows = [[row for step in epoch for share in step for row in share] for epoch in epochs]
        if any(not 0 <= row < size for epoch in rows for row in epoch):
            yield "There are row numbers that no row has." + told
        sizes = [[len(share) for share in step] for step in found["read"]]
        if workers > 1 and all(step[0] and step[0] == step[1] for step in found["read"]):
            yield "Both workers read the same rows: the worker's number plays no part." + told
        if found["again"] != found["read"][1]:
            yield (
                "Asked again for step 1 it gives other rows. What is remembered, or drawn without a seed?"
                + told
            )
        if any(sum(step) > batch for step in sizes):
            yield "A step has more than `batch` rows: `batch` is of all workers together." + told
        if any(sum(step) < batch for step in sizes[: half - 1]):
            yield (
                "A step before the last has fewer than `batch` rows: `batch` is of all workers together."
                + told
            )
        if sum(sizes[half - 1]) != size - batch * (half - 1):
            yield "The last rows of the epoch are lost: its last step has what is left, be it few." + told
        if any(len(set(epoch)) < size for epoch in rows):
            yield (
                "In an epoch some rows are never read, and others twice. Is the order drawn "
                "anew in each step?"
                + told
            )
        if any(max(step) - min(step) > 1 for step in sizes):
            yield "The shares of a step differ by more than one row." + told
        if size > 8 and [row for step in epochs[0] for row in sorted(sum(step, []))] == list(range(size)):
            yield "The rows come in the order of the table: nothing is drawn." + told
        if size > 8 and epochs[0] == epochs[1]:
            yield "The second epoch has the order of the first." + told
        together = [[set(sum(step, [])) for step in epoch] for epoch in epochs]
        if half > 9 and all(max(len(new & old) for old in together[0]) > batch - 2 for new in together[1]):
            yield "In the second epoch the same rows come together again: its order isn't drawn anew." + told
        if size > 8 and found["other"] == found["read"][0]:
            yield "Another seed gives the same order." + told


# ---- 3.6b: played with real checkpoints, in this process: TensorFlow's threads don't survive a fork --------


def _saved(resume):
    """What workers find and write, from an empty folder to the third start; steps as numbers."""
    import os

    import tensorflow as tf

    def start(folder, worker):
        step = tf.Variable(-1, dtype=tf.int64)
        manager = resume(tf.train.Checkpoint(step=step), folder, worker)
        if not isinstance(manager, tf.train.CheckpointManager):
            raise NotData(f"is {kind(manager)}; it should be a `tf.train.CheckpointManager`.")
        return step, manager

    def save(step, manager, *numbers):
        for each in numbers:
            step.assign(each)
            manager.save()

    def steps_in(folder):
        # By the list the folder itself keeps of its checkpoints
        state = tf.train.get_checkpoint_state(folder)
        paths = state.all_model_checkpoint_paths if state else []
        try:
            return [int(tf.train.load_variable(path, "step/.ATTRIBUTES/VARIABLE_VALUE")) for path in paths]
        except tf.errors.NotFoundError:
            return [-2]

    with tempfile.TemporaryDirectory() as place:
        folder = os.path.join(place, "run")
        found = {"fresh": [], "resumed": [], "names": []}
        managers = []
        for worker in range(3):
            step, manager = start(folder, worker)
            found["fresh"].append(int(step))
            found["names"].append(os.path.relpath(os.path.abspath(manager.directory), place))
            managers.append((step, manager))
        # The chief is at 20, the others are a save ahead
        save(*managers[1], 15, 20, 25)
        found["untouched"] = steps_in(folder)
        save(*managers[2], 15, 20, 25)
        # Ten saves: by their names as text the ninth would be the newest
        save(*managers[0], *range(2, 21, 2))
        found["kept"] = steps_in(folder)
        managers = [start(folder, worker) for worker in range(3)]
        found["resumed"] = [int(step) for step, _ in managers]
        save(*managers[0], 30)
        found["after"] = steps_in(folder)
        # A folder without checkpoints, though worker 1's own has some
        other = os.path.join(place, "new")
        save(*start(other, 1), 20)
        found["own"] = int(start(other, 1)[0])
        return found


@exercise(
    "3.6b",
    resume=Program(_saved, seconds=30, fork=False),
    hints=(
        "`tf.train.latest_checkpoint(folder)` is the newest one's path, or None.",
        "`checkpoint.restore(path)` fills the variables. `manager.latest_checkpoint` is of the "
        "manager's own folder.",
        "`tf.train.CheckpointManager(checkpoint, own, max_to_keep=2)`, with a folder that "
        "depends on the worker.",
    ),
    said="Whoever starts finds the chief's newest checkpoint, and only the chief writes where all read.",
)
def one_writes_all_read(resume):
    if resume["names"] == ["run"] * 3:
        yield "All workers write to `folder`: that is the checkpoint written by two."
    if resume["names"][0] != "run":
        yield "Worker 0's manager doesn't write to `folder`."
    if resume["names"][1] == resume["names"][2]:
        yield "Workers 1 and 2 write to one folder; each needs its own."
    if resume["names"] != ["run", "run-1", "run-2"]:
        yield "The folders of the other workers have other names than asked for."
    if resume["kept"] == [-2]:
        yield "The manager saves something else than `checkpoint`: the step isn't in its files."
    if resume["untouched"]:
        yield "`resume` writes a checkpoint by itself; to save is the loop's task."
    if resume["resumed"] == [-1] * 3:
        yield "After a restart nothing is restored: every worker begins with its first weights."
    if resume["resumed"][0] == 20 and resume["resumed"][1] == -1:
        yield "Only worker 0 is restored; the others begin with their first weights, and the copies differ."
    if resume["resumed"][0] == 20 and resume["resumed"][1] == 25 or resume["own"] == 20:
        yield (
            "Worker 1 is restored from its own folder, which nobody is to read: all read what the "
            "chief has written."
        )
    if set(resume["resumed"]) & set(range(20)):
        yield "It isn't the newest checkpoint that is restored."
    if resume["resumed"] != [20] * 3:
        yield "Not all workers are restored to the chief's newest checkpoint."
    if len(resume["kept"]) > 2 or len(resume["after"]) > 2:
        yield "More than the last two checkpoints are kept."
    if len(resume["kept"]) < 2:
        yield "Only one checkpoint is kept; if that one is damaged there is none."


# ---- 3.6c --------------------------------------------------------------------------------------------------


function(
    "3.6c", "serial_share", [(2, 2), (2, 1), (4, 2), (2, 0.8), (8, 5.0), (3, 3.5), (64, 10.0)],
    odd={
        "Your function gives nothing back. Does it `return` the share?": NOTHING,
        "Asked is a single number.": unless(number),
    },
    rule=lambda workers, speedup: (1 / speedup - 1 / workers) / (1 - 1 / workers),
    said="The measured time lies between 1 (all serial) and 1/n (all divided), or beyond; "
    "the share says where.",
    mistakes={
        "That is the efficiency lost, `1 − speedup / workers`; Amdahl's law is in times, not in speedups.":
            lambda workers, speedup: 1 - speedup / workers,
        "That is the speedup's place between `workers` and 1; the law mixes times, so take `1 / speedup`.":
            lambda workers, speedup: (workers - speedup) / (workers - 1),
        "That is the share which **can** be divided.":
            lambda workers, speedup: 1 - (1 / speedup - 1 / workers) / (1 - 1 / workers),
        "`1 / speedup` is the step's time; from it goes what is divided among the workers, too.":
            lambda workers, speedup: 1 / speedup,
        "You subtract `1 / workers` as if all of the step were divided; only `1 − s` of it is.":
            lambda workers, speedup: 1 / speedup - 1 / workers,
        "You cut the share off at 0 or at 1. What lies outside says that the law isn't what was measured.":
            lambda workers, speedup: min(1, max(0, (1 / speedup - 1 / workers) / (1 - 1 / workers))),
        "You cut the share off at 0. Below it the workers are faster than the law allows.":
            lambda workers, speedup: max(0, (1 / speedup - 1 / workers) / (1 - 1 / workers)),
        "You cut the share off at 1. Above it work was added, which the law doesn't know.":
            lambda workers, speedup: min(1, (1 / speedup - 1 / workers) / (1 - 1 / workers)),
        "Your function gives the same share for everything.": CONSTANT,
    },
    otherwise="For some speedup the share is another. Put yours into Amdahl's law, and see "
    "which speedup it gives.",
    hints=(
        "`1 / speedup = s + (1 − s) / workers`. Solve for `s`.",
        "The right side is `1 / workers + s · (1 − 1 / workers)`.",
    ),
)  # fmt: skip


# ---- 3.6d --------------------------------------------------------------------------------------------------


def _starts(seconds, micro):
    plan, arrived = [], [0] * micro
    for lasts in seconds:
        free, row = 0, []
        for arrival in arrived:
            row.append(max(free, arrival))
            free = row[-1] + lasts
        plan.append(row)
        arrived = [start + lasts for start in row]
    return plan


def _never_busy(seconds, micro):
    """Each micro-batch goes on as soon as it has arrived, though the stage has another."""
    return [[m * seconds[0] + sum(seconds[:stage]) for m in range(micro)] for stage in range(len(seconds))]


def _no_wait(seconds, micro):
    """Each stage works without a break once the first micro-batch has arrived."""
    return [[sum(seconds[:stage]) + m * lasts for m in range(micro)] for stage, lasts in enumerate(seconds)]


function(
    "3.6d", "starts",
    [
        ([1, 2], 3),
        ([1, 1, 1, 1], 4),
        ([2, 1], 3),
        ([1, 3, 2], 3),
        ([0.5, 2.0, 0.25], 2),
        ([4], 2),
        ([2, 1, 3], 1),
    ],
    odd={
        "Your function gives nothing back. Does it `return` the plan?": NOTHING,
        "Asked is a list for each stage, with a number for each micro-batch.": unless(listed(listed(number))),
    },
    rule=_starts,
    said="A stage starts when it is free and its micro-batch is there: the later of the two.",
    mistakes={
        "Those are the ends. Asked is when each stage starts.": lambda seconds, micro: [
            [start + lasts for start in row] for row,
            lasts in zip(_starts(seconds, micro), seconds, strict=True)
        ],
        "One micro-batch goes through all stages before the next one starts: that is no pipeline.":
            lambda seconds, micro: [
                [m * sum(seconds) + sum(seconds[:stage]) for m in range(micro)]
                for stage in range(len(seconds))
            ],
        "A stage waits until the one in front has finished all micro-batches.":
            lambda seconds, micro: [
                [micro * sum(seconds[:stage]) + m * lasts for m in range(micro)]
                for stage, lasts in enumerate(seconds)
            ],
        "All stages keep step with the slowest one; each starts as early as it can.":
            lambda seconds, micro: [
                [(stage + m) * max(seconds) for m in range(micro)] for stage in range(len(seconds))
            ],
        "A stage starts a micro-batch while it is still at work on another.": _never_busy,
        "A stage starts a micro-batch that the one in front hasn't finished.": _no_wait,
        "Your list has a row for each micro-batch; asked is one for each stage.":
            lambda seconds, micro: [list(row) for row in zip(*_starts(seconds, micro), strict=True)],
        "Your function gives the same plan for all.": CONSTANT,
    },
    otherwise="Some micro-batch starts at another time. Draw the stages of the example as rows.",
    hints=(
        "Go through the stages in order; for each, keep when it is free, and when each micro-batch arrives.",
        "`max(free, arrival)` is the start; the end is when the next stage's arrives.",
    ),
)  # fmt: skip
