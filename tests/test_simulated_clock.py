"""The clock on which only waiting takes time: waits overlap as they would, however long the computing between takes."""

import threading
import time

import pytest

from helpers.simulated_clock import Clock


def together(*tasks):
    threads = [threading.Thread(target=task) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)


def test_waits_side_by_side_take_as_long_as_the_longest_and_in_a_row_as_long_as_all():
    clock = Clock()
    together(*[lambda: clock.sleep(100)] * 8, lambda: clock.sleep(250))
    assert clock.perf_counter() == 250
    clock.sleep(100)
    clock.sleep(100)
    assert clock.perf_counter() == 450


def test_who_computes_before_it_waits_comes_no_later_for_that():
    clock, ends = Clock(), {}

    def compute_first(seconds):
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        clock.sleep(1)
        ends[seconds] = clock.perf_counter()

    def wait_alone():
        clock.sleep(2)
        ends["alone"] = clock.perf_counter()

    together(wait_alone, lambda: compute_first(0.2), lambda: compute_first(0.5))
    assert ends == {0.2: 1, 0.5: 1, "alone": 2}


def test_a_thread_that_never_waits_is_told_instead_of_a_clock_that_stands_still():
    done = threading.Event()

    def compute():
        while not done.is_set():
            pass

    threading.Thread(target=compute, daemon=True).start()
    clock = Clock(patience=0.3)
    try:
        with pytest.raises(TimeoutError, match="Restart the kernel"):
            clock.sleep(1)
    finally:
        done.set()
    clock.sleep(1)


def test_waits_in_a_pipeline_of_tensorflow_overlap_as_many_as_are_asked_for():
    import tensorflow as tf
    from tensorflow.python.framework import config

    # Another test of this process may have asked for it: then Python functions are called one after the other
    was = config.is_op_determinism_enabled()
    config.disable_op_determinism()
    clock = Clock()

    def wait(number):
        clock.sleep(10)
        return sum(range(200_000)) * 0 + number

    def seconds(at_once):
        options = tf.data.Options()
        options.threading.private_threadpool_size = 8
        numbers = tf.data.Dataset.range(12).map(
            lambda number: tf.numpy_function(wait, [number], tf.int64), at_once
        )
        began = clock.perf_counter()
        assert [*numbers.with_options(options).as_numpy_iterator()] == list(range(12))
        return clock.perf_counter() - began

    try:
        assert [seconds(None), seconds(4), seconds(2)] == [120, 30, 60]
    finally:
        if was:
            config.enable_op_determinism()
