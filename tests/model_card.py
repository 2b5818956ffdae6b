"""The model of "Late?" beside what anyone would try first, on months none of them has seen: the tables of data/flights/model_card.md.

`python tests/model_card.py` prints them. All are trained on the months the pipeline trains on; intervals are 95 %.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler

from helpers.flights import examples, pipeline, scoring
from helpers.flights.compare import RESAMPLES, SEED, resampled

UNSEEN = {
    "July": [7],
    "August": [8],
    "September": [9],
    "October": [10],
    "November": [11],
    "December": [12],
    "August to December": [8, 9, 10, 11, 12],
}
OURS, RULE, LOGISTIC, BOOSTING = (
    "wide and deep (ours)",
    "carrier-hour rule",
    "logistic regression",
    "gradient boosting",
)


def scores() -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """The rows of all unseen months, and each model's scores [n] for them, by its name."""
    train = examples.table(pipeline.TRAIN)
    rows = examples.table(sorted({month for months in UNSEEN.values() for month in months}))
    given = {RULE: carrier_hour(train)(rows)}
    for name, model in {LOGISTIC: logistic(), BOOSTING: boosting()}.items():
        model.fit(train[examples.FEATURES], train[examples.LABEL])
        given[name] = model.predict_proba(rows[examples.FEATURES])[:, 1]
    return rows, given | {OURS: scoring.score(pipeline.ensure().model, rows)}


def carrier_hour(train: pd.DataFrame) -> Callable[[pd.DataFrame], np.ndarray]:
    """The rule of the trade: how often this carrier was late at this hour of day; the carrier's or the overall rate where
    there was no such flight."""

    def cells(rows: pd.DataFrame) -> pd.MultiIndex:
        return pd.MultiIndex.from_arrays([rows["carrier"], rows["day_minute"] // 60])

    rate = train[examples.LABEL].groupby([train["carrier"], train["day_minute"] // 60]).mean()
    carrier = train.groupby("carrier")[examples.LABEL].mean()

    def predict(rows: pd.DataFrame) -> np.ndarray:
        fallback = rows["carrier"].map(carrier).fillna(train[examples.LABEL].mean())
        return pd.Series(rate.reindex(cells(rows)).to_numpy(), rows.index).fillna(fallback).to_numpy()

    return predict


def logistic():
    """One-hot categories and hours, standardised numbers, indicators of what is missing."""
    columns = ColumnTransformer(
        [
            (
                "categories",
                OneHotEncoder(handle_unknown="ignore", min_frequency=30),
                [*examples.CATEGORIES, "weekday"],
            ),
            (
                "hour",
                make_pipeline(
                    FunctionTransformer(lambda minutes: minutes // 60), OneHotEncoder(handle_unknown="ignore")
                ),
                ["day_minute"],
            ),
            (
                "numbers",
                make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()),
                ["distance", *examples.WEATHER],
            ),
        ]
    )
    return make_pipeline(columns, LogisticRegression(max_iter=500, C=0.1))


def boosting():
    """Histogram gradient boosting; gaps are left to it, destinations are ordered by name."""
    categories = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = ColumnTransformer([("categories", categories, examples.CATEGORIES)], remainder="passthrough")
    return make_pipeline(
        columns,
        HistGradientBoostingClassifier(
            max_iter=300, learning_rate=0.05, categorical_features=[0, 1], random_state=SEED
        ),
    )


def tables(resamples: int = RESAMPLES) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(metrics, differences): per month a row of each model's PR-AUC and ROC-AUC; per month our model minus each other, with
    its interval."""
    rows, given = scores()
    metrics, differences = [], []
    for name, months in UNSEEN.items():
        chosen = rows["month"].isin(months).to_numpy()
        areas = resampled(rows[chosen], {model: score[chosen] for model, score in given.items()}, resamples)
        metrics.append(
            {
                "tested on": name,
                "flights": int(chosen.sum()),
                "no skill": f"{rows[chosen][examples.LABEL].mean():.3f} (.500)",
            }
            | {model: "{:.3f} ({:.3f})".format(*values[0]) for model, values in areas.items()}
        )
        for model in (RULE, LOGISTIC, BOOSTING):
            gap = areas[OURS] - areas[model]
            low, high = np.quantile(gap[1:], [0.025, 0.975], axis=0)
            differences.append(
                {"tested on": name, "ours minus": model}
                | {
                    metric: f"{gap[0, i]:+.3f} [{low[i]:+.3f}, {high[i]:+.3f}]"
                    for i, metric in enumerate(["PR-AUC", "ROC-AUC"])
                }
            )
    return pd.DataFrame(metrics), pd.DataFrame(differences)


def markdown(frame: pd.DataFrame) -> str:
    """The frame as a Markdown table."""
    lines = [frame.columns, ["---"] * len(frame.columns), *frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


if __name__ == "__main__":
    print("\n\n".join(markdown(frame) for frame in tables()))
