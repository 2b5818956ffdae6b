"""Answers to the exercises of lesson 3.6 that its own examples can't have: other right ways, mistakes nobody foresaw."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from .harness import cases


def _reader(worker=None, epochs=True, cut=None, order=None, places=None):
    """The lesson's way, with something changed."""

    def rows_of(step, worker_, workers, size, batch, seed):
        epoch, within = divmod(step, -(-size // batch))
        drawn = order(size, seed, epoch, step) if order else _drawn(size, seed, epoch if epochs else 0, step)
        rows = drawn[within * batch : (within + 1) * batch]
        return (cut or _dealt)(rows, worker_ if worker is None else worker, workers)

    return rows_of


def _drawn(size, seed, epoch, step):
    return np.random.default_rng([seed, epoch]).permutation(size)


def _dealt(rows, worker, workers):
    return rows[worker::workers]


def _blocks(step, worker, workers, size, batch, seed):
    """As in the example: the first half to worker 0; a list; another generator."""
    per_epoch = (size + batch - 1) // batch
    epoch = step // per_epoch
    order = np.random.RandomState(seed * 1000 + epoch).permutation(size)
    begin = step % per_epoch * batch
    return np.array_split(order[begin : begin + batch], workers)[worker].tolist()


def _first_rows_first(step, worker, workers, size, batch, seed):
    """An end of fewer than `batch` rows is given to the last workers: still once each."""
    per_epoch = -(-size // batch)
    order = list(np.random.default_rng((seed, step // per_epoch)).permutation(size))
    rows = order[step % per_epoch * batch :][:batch]
    return [row for place, row in enumerate(reversed(rows)) if place % workers == worker]


def _two_batches(step, worker, workers, size, batch, seed):
    return _reader()(step, worker, 1, size, batch * workers, seed)


def _batch_divided(step, worker, workers, size, batch, seed):
    return _reader()(step, worker, workers, size, batch // 2, seed)


def _once_drawn(size, seed, epoch, step):
    return np.random.default_rng([seed, step]).permutation(size)


def _rest_to_the_last(rows, worker, workers):
    share = len(rows) // workers
    return rows[worker * share : (worker + 1) * share if worker < workers - 1 else None]


def _unseeded(size, seed, epoch, step):
    return np.random.default_rng().permutation(size)


def _forgets(step, worker, workers, size, batch, seed):
    order = _drawn(size, seed, 0, step)
    order[worker::workers]


def _resume(read=None, own=None, keep=2, give=None, who=lambda worker: True):
    """The lesson's way, with something changed."""

    def resume(checkpoint, folder, worker):
        place = own(folder, worker) if own else folder if worker == 0 else f"{folder}-{worker}"
        manager = tf.train.CheckpointManager(checkpoint, place, max_to_keep=keep)
        newest = read(manager, folder) if read else tf.train.latest_checkpoint(folder)
        if newest and who(worker):
            checkpoint.restore(newest)
        return give(manager) if give else manager

    return resume


def _by_a_reader(checkpoint, folder, worker):
    """Reads through a manager of the chief's folder, which never saves."""
    reader = tf.train.CheckpointManager(checkpoint, folder, max_to_keep=2)
    reader.restore_or_initialize()
    if worker == 0:
        return reader
    return tf.train.CheckpointManager(checkpoint, folder + "-" + str(worker), 2)


def _without_asking(checkpoint, folder, worker):
    """Restoring None does nothing."""
    checkpoint.restore(tf.train.latest_checkpoint(folder)).expect_partial()
    return tf.train.CheckpointManager(checkpoint, folder + (f"-{worker}" if worker else ""), max_to_keep=2)


def _in_a_matrix(seconds, micro):
    begin = np.zeros((len(seconds), micro))
    for k in range(len(seconds)):
        for m in range(micro):
            own = begin[k, m - 1] + seconds[k] if m else 0
            front = begin[k - 1, m] + seconds[k - 1] if k else 0
            begin[k, m] = max(own, front)
    return begin


def _plainly_floored(step, worker, workers, size, batch, seed):
    """The last rows lost, and no step at all where there are fewer rows than `batch`."""
    epoch, at = divmod(step, size // batch)
    return _drawn(size, seed, epoch, step)[at * batch : (at + 1) * batch][worker::workers]


def _only_few_lost(step, worker, workers, size, batch, seed):
    if size < batch:
        return _plainly_floored(step, worker, workers, size, batch, seed)
    return _reader()(step, worker, workers, size, batch, seed)


def _moved_along(size, seed, epoch, step):
    return np.roll(_drawn(size, seed, 0, step), epoch)


def _by_name(manager, folder):
    found = sorted(Path(folder).glob("ckpt-*.index"))
    return found and str(found[-1]).removesuffix(".index")


def _of_another(checkpoint, folder, worker):
    checkpoint.restore(tf.train.latest_checkpoint(folder))
    return tf.train.CheckpointManager(tf.train.Checkpoint(), f"{folder}-{worker}" if worker else folder, 2)


def _saves_at_once(manager):
    manager.save()
    return manager


CASES = {
    "3.6a": cases(
        "rows_of",
        right=[_blocks, _first_rows_first],
        wrong={
            "numbers that no row has": lambda *given: _reader()(*given) + 1,
            "plays no part": _reader(worker=0),
            "last rows of the epoch are lost": _plainly_floored,
            "divide by zero": _only_few_lost,
            "come together again": _reader(order=_moved_along),
            "drawn anew in each step": _reader(order=_once_drawn),
            "more than `batch`": _two_batches,
            "differ by more than one": _reader(cut=_rest_to_the_last),
            "Asked again": _reader(order=_unseeded),
            "nothing is drawn": _reader(order=lambda size, *_: np.arange(size)),
            "order of the first": _reader(epochs=False),
            "Another seed": _reader(order=lambda size, seed, epoch, step: _drawn(size, 0, epoch, step)),
            "fewer than `batch`": _batch_divided,
        },
        invalid={"plain list or an array": lambda *given: 3, "is None": _forgets},
    ),
    "3.6b": cases(
        "resume",
        right=[_by_a_reader, _resume(), _without_asking],
        wrong={
            "written by two": _resume(own=lambda folder, worker: folder),
            "doesn't write to `folder`": _resume(own=lambda folder, worker: f"{folder}-{worker}"),
            "one folder; each": _resume(own=lambda folder, worker: folder if worker == 0 else f"{folder}-x"),
            "other names": _resume(
                own=lambda folder, worker: folder if worker == 0 else f"{folder}/{worker}"
            ),
            "nothing is restored": _resume(who=lambda worker: False),
            "Only worker 0 is restored": _resume(who=lambda worker: worker == 0),
            "its own folder": _resume(read=lambda manager, folder: manager.latest_checkpoint),
            "Not all workers": _resume(who=lambda worker: worker < 2),
            "isn't the newest": _resume(read=_by_name),
            "something else than `checkpoint`": _of_another,
            "by itself": _resume(give=_saves_at_once),
            "More than the last two": _resume(keep=5),
            "Only one checkpoint": _resume(keep=1),
        },
        invalid={"should be a `tf.train.CheckpointManager`": _resume(give=lambda manager: manager.directory)},
    ),
    "3.6c": cases(
        "serial_share",
        right=[
            lambda n, s: (n / s - 1) / (n - 1),
            lambda workers, speedup: np.float64(workers - speedup) / (speedup * (workers - 1)),
        ],
        wrong={
            "Put yours into": lambda workers, speedup: workers / speedup - 1,
            "a single number": lambda workers, speedup: [speedup / workers],
        },
    ),
    "3.6d": cases(
        "starts",
        right=[
            _in_a_matrix,
            lambda seconds, micro: [list(map(float, row)) for row in _in_a_matrix(seconds, micro)],
        ],
        wrong={
            "Draw the stages": lambda seconds, micro: [[m + 1 for m in range(micro)] for _ in seconds],
            "a number for each micro-batch": lambda seconds, micro: [float(m) for m in range(micro)],
        },
    ),
}
