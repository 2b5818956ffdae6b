"""How good scores of flights are, and how sure that is: areas under both curves, by resampling days with replacement (the flights
of a day share its weather and its queues, so they are not independent), paired: the same days for all that is compared."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from helpers.flights import examples

RESAMPLES = 500
SEED = 2013


def curves(late: np.ndarray, score: np.ndarray) -> Callable[[np.ndarray], tuple[float, float]]:
    """A function from row weights [n] to (PR-AUC as average precision, ROC-AUC), ties counted as ties; what scikit-learn
    computes, with the sorting done once for all resamples."""
    level = np.unique(-score, return_inverse=True)[1]

    def areas(weights: np.ndarray) -> tuple[float, float]:
        positives = np.bincount(level, weights * late)
        negatives = np.bincount(level, weights * (1 - late))
        caught, alarms = positives.cumsum(), (positives + negatives).cumsum()
        precision = np.divide(caught, alarms, out=np.zeros_like(caught), where=alarms > 0)
        ranked = caught - positives / 2  # positives above each level, those at it by half
        return (
            float(positives @ precision / caught[-1]),
            float(negatives @ ranked / (caught[-1] * negatives.sum())),
        )

    return areas


def resampled(
    rows: pd.DataFrame, given: dict[str, np.ndarray], resamples: int = RESAMPLES
) -> dict[str, np.ndarray]:
    """Per model float64 [1 + resamples, 2]: PR-AUC and ROC-AUC on the rows, then on resampled days."""
    late = rows[examples.LABEL].to_numpy()
    day = pd.factorize(rows["time_hour"].dt.tz_convert("America/New_York").dt.date)[0]
    draws = np.random.default_rng(SEED).multinomial(
        day.max() + 1, np.full(day.max() + 1, 1 / (day.max() + 1)), resamples
    )
    weights = [np.ones(len(rows)), *(draw[day].astype("float64") for draw in draws)]
    return {
        name: np.array([areas(weight) for weight in weights])
        for name, areas in ((name, curves(late, score)) for name, score in given.items())
    }
