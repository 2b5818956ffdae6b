"""Answers to the exercises of lesson 3.5 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import numpy as np
import tensorflow as tf

from .harness import cases


def _sorted_stages(full, without):
    (name, left), *_ = sorted(without.items(), key=lambda item: item[1])
    return name, full / left


def _feed(parallel=None, last=False, order=None, ahead=1, size=None, before=(), after=()):
    """A pipeline in the usual order, with something changed."""

    def feed(cells, load, at_once, batch):
        for step in before:
            cells = step(cells)
        cells = cells.map(load, num_parallel_calls=parallel or at_once, deterministic=order)
        for step in after:
            cells = step(cells)
        cells = cells.batch(size or batch, drop_remainder=last)
        return cells.prefetch(ahead) if ahead else cells

    return feed


def _sequential(cells, load, at_once, size):
    return cells.map(load).batch(size).prefetch(2)


def _prefetch_first(cells, load, at_once, size):
    return cells.prefetch(2).map(load, num_parallel_calls=at_once).batch(size)


def _by_interleave(cells, load, at_once, size):
    def one(cell):
        return tf.data.Dataset.from_tensors(cell)

    return cells.flat_map(one).map(load, at_once).batch(size).prefetch(tf.data.AUTOTUNE)


def _batch_first(cells, load, at_once, size):
    return cells.batch(size).map(load, num_parallel_calls=at_once).prefetch(1)


def _elements_beforehand(cells, load, at_once, size):
    return cells.map(load, num_parallel_calls=at_once).prefetch(size).batch(size)


def _unbatched(cells, load, at_once, size):
    return cells.map(load, num_parallel_calls=at_once).prefetch(2)


def _not_loaded(cells, load, at_once, size):
    return cells.batch(size).prefetch(1)


def _wrong_content(cells, load, at_once, size):
    return cells.map(load, num_parallel_calls=at_once).map(lambda item: item + 100).batch(size).prefetch(1)


def _a_list(cells, load, at_once, size):
    return [1, 2]


def _returns_nothing(cells, load, at_once, size):
    cells.map(load)


def _raises(cells, load, at_once, size):
    return cells.mapp(load)


def _fresh(number=lambda number, seed: [tf.cast(seed, tf.int64), number]):
    """The lesson's way, with other pairs."""

    def fresh(cells, decode, augment, epochs, seed):
        def turned(n, picture):
            return augment(picture, tf.stack(number(n, seed)))

        return cells.map(decode).cache().repeat(epochs).enumerate().map(turned)

    return fresh


def _by_epoch(cells, decode, augment, epochs, seed):
    """Pairs of place and epoch, moved by the seed; the epochs strung together."""
    kept = cells.map(decode, num_parallel_calls=2).cache().enumerate()

    def of(epoch):
        return kept.map(
            lambda n, picture: augment(picture, tf.stack([n + 1000 * tf.cast(seed, tf.int64), epoch]))
        )

    return tf.data.Dataset.range(epochs).flat_map(of)


def _frozen(cells, decode, augment, epochs, seed):
    def turned(n, picture):
        return augment(picture, tf.stack([tf.cast(seed, tf.int64), n]))

    return cells.map(decode).enumerate().map(turned).cache().repeat(epochs)


def _numbered_before(cells, decode, augment, epochs, seed):
    def turned(n, picture):
        return augment(picture, tf.stack([tf.cast(seed, tf.int64), n]))

    return cells.map(decode).cache().enumerate().repeat(epochs).map(turned)


def _no_cache(cells, decode, augment, epochs, seed):
    def turned(n, picture):
        return augment(picture, tf.stack([tf.cast(seed, tf.int64), n]))

    return cells.map(decode).repeat(epochs).enumerate().map(turned)


def _stateful(cells, decode, augment, epochs, seed):
    def turned(picture):
        return augment(picture, tf.random.uniform([2], maxval=2**30, dtype=tf.int32))

    return cells.map(decode).cache().repeat(epochs).map(turned)


def _drawn_once(cells, decode, augment, epochs, seed):
    drawn = np.random.default_rng(seed)
    return cells.map(decode).cache().repeat(epochs).map(lambda p: augment(p, drawn.integers(0, 1000, 2)))


def _one_epoch(cells, decode, augment, epochs, seed):
    return _fresh()(cells, decode, augment, 1, seed)


def _never_decoded(cells, decode, augment, epochs, seed):
    return _fresh()(cells, lambda cell: cell, augment, epochs, seed)


def _shuffled(cells, decode, augment, epochs, seed):
    return _fresh()(cells.shuffle(5, seed=3), decode, augment, epochs, seed)


def _batched(cells, decode, augment, epochs, seed):
    return _fresh()(cells, decode, augment, epochs, seed).batch(2)


def _too_many(cells, decode, augment, epochs, seed):
    return _fresh()(cells, decode, augment, epochs + 1, seed)


CASES = {
    "3.5a": cases(
        "bottleneck",
        right=[_sorted_stages],
        wrong={
            "Asked are two things": lambda full, without: min(without, key=without.get),
            "Take the first row": lambda full, without: (min(without, key=without.get), 2 * full),
        },
    ),
    "3.5b": cases(
        "feed",
        right=[_feed(ahead=2), _by_interleave, _elements_beforehand],
        wrong={
            "gets a whole batch": _batch_first,
            "single elements. Batches": _unbatched,
            "goes on after the last cell": _feed(after=[lambda cells: cells.repeat(2)]),
            "The last batch is lost": _feed(last=True),
            "the cells themselves": _not_loaded,
            "The order is not that": _feed(order=False),
            "of another size": _feed(size=5),
            "something else than what": _wrong_content,
            "once at a time": _sequential,
            "more often at the same moment": _feed(parallel=6),
            "Fewer calls": _feed(parallel=2),
            "there is a cache": _feed(after=[lambda cells: cells.cache()]),
            "No batch is loaded beforehand": _prefetch_first,
            "very many batches ahead": _feed(ahead=50),
        },
        invalid={
            "it should be a `tf.data.Dataset`": _a_list,
            "given back with `return`": _returns_nothing,
            "raised AttributeError": _raises,
        },
    ),
    "3.5c": cases(
        "fresh",
        right=[_fresh(), _fresh(lambda n, seed: [n, n + tf.cast(seed, tf.int64)]), _by_epoch],
        wrong={
            "Is something batched": _batched,
            "That is one epoch": _one_epoch,
            "it was never decoded": _never_decoded,
            "in their order": _shuffled,
            "each once": _too_many,
            "behind the cache": _no_cache,
            "traced the function": _drawn_once,
            "the augmentation is frozen": _frozen,
            "a generator with a state": _stateful,
            "turned alike": _fresh(lambda n, seed: [tf.cast(seed, tf.int64), n // 5]),
            "more than once": _fresh(lambda n, seed: [tf.cast(seed, tf.int64), n // 2]),
            "isn't part of them": _fresh(lambda n, seed: [n, n]),
        },
    ),
}
