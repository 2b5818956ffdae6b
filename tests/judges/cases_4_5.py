"""Answers to the exercises of lesson 4.5 that its own examples can't have: other right ways, mistakes nobody foresaw."""

from .harness import cases


def _counted_in_a_loop(chances, threshold):
    found = 0
    for chance in chances:
        if chance > threshold:
            found += 1
    return found


CASES = {
    "4.5a": cases(
        "alerts",
        right=[_counted_in_a_loop],
        wrong={
            "Count a short list": lambda chances, threshold: len(chances),
            "one whole number": lambda chances, threshold: list(chances[chances > threshold]),
        },
    ),
    "4.5b": cases("known", right=[["distance", "carrier", "carrier"]], wrong={}),
}
