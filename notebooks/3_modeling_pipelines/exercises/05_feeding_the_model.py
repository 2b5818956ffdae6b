"""How the exercises of lesson 3.5 are judged."""

import threading
import time

from helpers.exercises.kit import Program, exercise
from helpers.exercises.plain import Blank, NotData, kind
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, number, unless


def _is_answer(output):
    return type(output) is list and len(output) == 2 and type(output[0]) is str and number(output[1])


def _shortest(full, without):
    stage = min(without, key=without.get)
    return [stage, full / without[stage]]


def _longest(full, without):
    stage = max(without, key=without.get)
    return [stage, full / without[stage]]


def _with(value):
    """The right stage, with another number."""

    def rule(full, without):
        stage, _ = _shortest(full, without)
        return [stage, value(full, without[stage])]

    return rule


function(
    "3.5a", "bottleneck",
    [(10, {"store": 4, "decoding": 9}), (10.0, {"decoding": 8.0, "step": 5.0}), (6, {"a": 3, "b": 3}),
        (9, {"a": 9}),
     (12, {"z": 6, "y": 3, "x": 11}), (7.5, {"b": 2.5, "a": 2.5, "c": 5})],
    odd={
        "Your function gives nothing back. Does it `return` the two?": NOTHING,
        "Asked are two things, in a tuple: the stage's name and a number.": unless(_is_answer),
    },
    rule=_shortest,
    said=(
        "The stage whose removal saves most is the bottleneck, and what is left without "
        "it is the limit of its repair."
    ),
    mistakes={
        "You took the stage whose removal leaves the longest epoch: it is the one that costs least.":
            _longest,
        "That is the time saved. Asked is how many times as fast the epoch gets.": _with(lambda f, w: f - w),
        "That is the share of time saved. Asked is how many times as fast the epoch gets.":
            _with(lambda f, w: 1 - w / f),
        "Your factor is turned round: a faster epoch has a factor above 1.": _with(lambda f, w: w / f),
        "You divide by what the stage takes; what remains without it is what counts.":
            _with(lambda f, w: f / (f - w) if f > w else 1.0),
        "In a tie the first stage of the dict is asked for.":
            lambda full, without: _shortest(full, dict(reversed(list(without.items())))),
        "In a tie the first stage of the dict is asked for, not the first of the alphabet.":
            lambda full, without: _shortest(full, dict(sorted(without.items()))),
        "Your function gives the same answer for every epoch.": CONSTANT,
    },
    otherwise="For some epoch the answer is another. Take the first row of the example by hand.",
    hints=(
        "Without which stage is the epoch shortest?",
        "`min(without, key=without.get)` is its name; the epoch gets `full / without[name]` times as fast.",
    ),
)  # fmt: skip


# Both worlds are played without a fork: TensorFlow's threads don't survive one


def _checked(dataset):
    import tensorflow as tf

    if dataset is ...:
        raise Blank("")
    if dataset is None:
        raise NotData("is None: the dataset is to be given back with `return`.")
    if not isinstance(dataset, tf.data.Dataset):
        raise NotData(f"is {kind(dataset)}; it should be a `tf.data.Dataset`.")
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.threading.private_threadpool_size = 16
    return dataset.with_options(options)


class _Counter:
    """A slow function inside a pipeline that counts its calls, and how many there are at once."""

    def __init__(self, seconds):
        self.seconds, self.lock = seconds, threading.Lock()
        self.calls = self.now = self.most = 0
        self.batched = False

    def __call__(self, item):
        with self.lock:
            self.batched |= item.ndim > 0
            self.calls, self.now = self.calls + 1, self.now + 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds(item.min()))
        with self.lock:
            self.now -= 1
        return item

    def load(self, item):
        """As a step of a pipeline: the item, doubled."""
        import tensorflow as tf

        return 2 * tf.ensure_shape(tf.numpy_function(self, [item], tf.int64), item.shape)


_CELLS, _AT_ONCE, _SIZE, _MOST = 22, 3, 4, 45
_WANTED = [[2 * item for item in range(_CELLS)][first : first + _SIZE] for first in range(0, _CELLS, _SIZE)]
# One batch taken and one ready, and behind them what the parallel map holds
_NEEDED = 2 * _SIZE + _AT_ONCE


def _fed(feed):
    """What came of one epoch, of a second, and how far it ran ahead of a model that had taken one batch."""
    import tensorflow as tf

    # Three of nine are slow, the first of them most: together under way, and the others arrive before them
    counter = _Counter(lambda item: (0.06, 0.04, 0.03)[item % 9] if item % 9 < 3 else 0.002)
    dataset = _checked(feed(tf.data.Dataset.range(_CELLS), counter.load, _AT_ONCE, _SIZE))
    first = [batch.tolist() for batch in dataset.take(_MOST).as_numpy_iterator()]
    calls = counter.calls
    found = {
        "first": first,
        "batched": counter.batched,
        "calls": [calls, calls],
        "most": counter.most,
        "ahead": 0,
    }
    # Only of what is right so far more is asked: these waits are long
    if first != _WANTED or counter.batched or counter.most != _AT_ONCE:
        return found
    for _ in dataset.take(_MOST):
        pass
    both = counter.calls
    ahead = _Counter(lambda item: 0.001)
    batches = iter(_checked(feed(tf.data.Dataset.range(100), ahead.load, _AT_ONCE, _SIZE)))
    next(batches)
    # Until nothing more is loaded; a busy machine gets a second to load what is asked for
    before, patience = -1, time.monotonic() + 1
    while ahead.calls > before or (before < _NEEDED and time.monotonic() < patience):
        before = ahead.calls
        time.sleep(0.05)
    return found | {"calls": [calls, both - calls], "most": counter.most, "ahead": before}


@exercise(
    "3.5b",
    feed=Program(_fed, seconds=30, fork=False),
    hints=(
        "Three methods of a dataset, one after the other: `map`, `batch`, `prefetch`.",
        "`map` takes `num_parallel_calls`; results keep their order unless you say otherwise.",
    ),
    said="Waits overlap up to the limit, the order stays, and a batch is loaded while the model works.",
)
def a_parallel_pipeline(feed):
    if feed["batched"]:
        yield "`load` is for one element, and gets a whole batch of them. What comes first, `map` or `batch`?"
    if not all(type(batch) is list for batch in feed["first"]):
        yield "Your dataset gives single elements. Batches of `size` are asked for."
    found = [item for batch in feed["first"] for item in batch]
    if len(found) > _CELLS:
        yield "Your dataset goes on after the last cell. An epoch is each cell once."
    if feed["first"] == _WANTED[:-1]:
        yield "The last batch is lost: it may be smaller, but its cells are data, too."
    if sorted(found) == list(range(_CELLS)):
        yield "The elements are the cells themselves; `load` makes something of them."
    if sorted(found) == [2 * item for item in range(_CELLS)] and found != sorted(found):
        yield (
            "The order is not that of the cells. Does it depend on which of them is loaded "
            "first, or on a shuffle?"
        )
    if len(found) == _CELLS and [len(batch) for batch in feed["first"]] != [len(batch) for batch in _WANTED]:
        yield "The batches are of another size."
    if feed["first"] != _WANTED:
        yield "The batches hold something else than what `load` makes of the cells."
    if feed["most"] == 1:
        yield "`load` is called once at a time: the waits still stand in line."
    if feed["most"] > _AT_ONCE:
        yield "`load` was called more often at the same moment than `at_once` allows: the store would refuse."
    if feed["most"] < _AT_ONCE:
        yield "Fewer calls of `load` are under way at once than the store allows."
    if feed["calls"][0] > 0 and feed["calls"][1] == 0:
        yield (
            "In the second epoch nothing was loaded: there is a cache. It wasn't asked for, "
            "and would freeze what is random."
        )
    if feed["ahead"] < _NEEDED:
        yield (
            "No batch is loaded beforehand: while the model works, only as much is under way "
            "as the map holds. What comes last?"
        )
    if feed["ahead"] > 60:
        yield (
            "Your pipeline loads very many batches ahead, and all of them lie in memory. One is enough here."
        )


_PICTURES, _EPOCHS = 5, 3


def _refreshed(fresh):
    """(cell, pair) of each element, in two builds of one seed and one of another; and
    how often was decoded."""
    import tensorflow as tf

    builds = {}
    for name, seed, state in (("once", 7, 1), ("again", 7, 2), ("other", 8, 1)):
        # The world outside, a global seed included, is another in each run
        tf.random.set_seed(state)
        decoded = _Counter(lambda item: 0)
        dataset = _checked(fresh(tf.data.Dataset.range(_PICTURES), decoded.load, _with_pair, _EPOCHS, seed))
        builds[name] = [element.tolist() for element in dataset.take(_MOST).as_numpy_iterator()]
        builds[f"{name}: decoded"] = decoded.calls
    return builds


def _with_pair(picture, pair):
    """What is handed over as `augment`: the picture and the pair it was given, as three numbers."""
    import tensorflow as tf

    pair = tf.cast(tf.convert_to_tensor(pair), tf.int64)
    return tf.concat([[tf.cast(picture, tf.int64)], tf.ensure_shape(pair, [2])], 0)


@exercise(
    "3.5c",
    fresh=Program(_refreshed, seconds=30, fork=False),
    hints=(
        "What is done once stands before `cache()`, what is fresh in each epoch after it.",
        "`repeat(epochs)` behind the cache, then `enumerate()`: the number goes on from epoch to epoch.",
        "`tf.stack([tf.cast(seed, tf.int64), number])` is a pair.",
    ),
    said="The cache holds what draws nothing, and each pair follows from seed and place alone.",
)
def decoded_once_fresh_in_each_epoch(fresh):
    once, again, other = fresh["once"], fresh["again"], fresh["other"]
    if any(type(element) is not list or len(element) != 3 for element in once):
        yield (
            "An element is not what `augment` gives for one picture. Is something batched, or not augmented?"
        )
    cells = [element[0] for element in once]
    epoch = [2 * item for item in range(_PICTURES)]
    if cells == epoch:
        yield "That is one epoch. All `epochs` are asked for, one after the other."
    if sorted(cells) == sorted(_EPOCHS * [item // 2 for item in epoch]):
        yield "`augment` gets the cell itself: it was never decoded."
    if sorted(cells) == sorted(_EPOCHS * epoch) and cells != _EPOCHS * epoch:
        yield "Each epoch should have the cells in their order."
    if cells != _EPOCHS * epoch:
        yield "The elements are not the cells of each epoch, each once."
    if fresh["once: decoded"] > _PICTURES:
        yield (
            f"`decode` was called {fresh['once: decoded']} times for {_PICTURES} cells: "
            "it stands behind the cache, or the cache behind `repeat`."
        )
    pairs = [tuple(element[1:]) for element in once]
    if len(set(pairs)) == 1:
        yield (
            "There is one pair for all: a constant, or what Python drew once, when TensorFlow "
            "traced the function."
        )
    if pairs == _EPOCHS * pairs[:_PICTURES]:
        yield (
            "Every epoch has the pairs of the first: the augmentation is frozen. Is it, or "
            "the numbering, before `repeat`?"
        )
    if [element[1:] for element in again] != [element[1:] for element in once]:
        yield (
            "Built again with the same `seed` it draws other pairs: they come from a generator with a state."
        )
    if len(set(pairs[:_PICTURES])) == 1:
        yield "All cells of an epoch are augmented by one pair, so all of them are turned alike."
    if len(set(pairs)) < len(pairs):
        yield "A pair is used more than once."
    if other == once:
        yield "Another `seed` gives the same pairs: it isn't part of them."
