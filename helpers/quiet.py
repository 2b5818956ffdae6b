"""What Beam, TFX and C++ libraries write into a notebook unasked, stopped where it comes from."""

import contextlib
import logging
import os
from collections.abc import Iterator


def beam() -> None:
    """Keep Apache Beam from loading a script from the web into the page, and from missing an extra (its widgets) that we don't use."""
    from apache_beam.runners.interactive import interactive_environment
    from IPython.utils.capture import capture_output

    logging.getLogger(interactive_environment.__name__).setLevel(logging.ERROR)
    with capture_output():  # it is made once per process, and writes the script then
        interactive_environment.current_env()


def tfx(level: str = "error") -> None:
    """Keep TFX from logging each step to stderr as a warning, and the deprecated functions it reads files by; and Beam, as above.

    `level` "fatal" leaves out what a failed component logs, too: for lessons in which one must fail.
    """
    import absl.logging
    import tensorflow as tf

    absl.logging.set_verbosity(level)
    tf.get_logger().setLevel("ERROR")
    beam()


@contextlib.contextmanager
def native() -> Iterator[None]:
    """What C and C++ code of this process writes to stderr goes nowhere meanwhile: LiteRT has no setting for that. What Python raises is raised."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
