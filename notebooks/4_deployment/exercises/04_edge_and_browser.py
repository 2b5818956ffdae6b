"""How the exercises of lesson 4.4 are judged."""

from helpers.exercises.rules import function, names
from helpers.exercises.signs import CONSTANT, NOTHING, NO_NAME, STRANGE, has, lacks, number, unless


# Probes are what the learner's function is called with: the lesson's own kind of object, small, with what
# bites in it
# (a tie, a missing value, nothing at all). Rules see them as plain data: the Series is a list, NaN is None.
def _probes():
    import pandas as pd

    gap = float("nan")
    return [(pd.Series(chances, dtype=float), threshold) for chances, threshold in [
        ([0.1, 0.5, 0.9], 0.3), ([0.3, 0.31, 0.29], 0.3), ([0.2, gap, 0.7], 0.1), ([], 0.5),
        ([0.6, gap], 0.0),
    ]]  # fmt: skip


function(
    "4.4a", "alerts", _probes,
    odd={
        "Your function gives nothing back. Does it `return` the number?": NOTHING,
        "Asked is how many there are: one whole number.": unless(number),
    },
    rule=lambda chances, threshold: sum(p is not None and p > threshold for p in chances),
    said="A missing chance is above nothing, so it raises no alert.",
    mistakes={
        "A chance that equals the threshold is not above it.":
            lambda chances, threshold: sum(p is not None and p >= threshold for p in chances),
        "A missing chance counts for you as an alert.":
            lambda chances, threshold: sum(p is None or p > threshold for p in chances),
        "That is how many are not above the threshold.":
            lambda chances, threshold: sum(p is not None and p <= threshold for p in chances),
        "Your function gives the same number for every list.": CONSTANT,
    },
    otherwise="For some chances the number is another. Count a short list by hand.",
    hints=(
        "A comparison with NaN is False.",
        "`(chances > threshold)` is a column of True and False; True counts as 1.",
    ),
)

names(
    "4.4b", "known",
    belong=["carrier", "distance"],
    others=["air_time", "arr_delay"],
    reasons={
        "`{}` is not among the four. Copy the names.": STRANGE,
        "None? Somebody has sold tickets for this flight.": NO_NAME,
        "`air_time` is measured under way.": has("air_time"),
        "One of them is what is to be predicted.": has("arr_delay"),
        "One is missing: it stands in the timetable.": lacks("carrier", "distance"),
    },
    said="Both stand in the timetable, months before.",
    hints=("When is each of the four measured?", "Two stand in the timetable."),
)
