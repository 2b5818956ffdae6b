"""The table of the running case: what it holds, what it must never hold, and that nothing in it comes from the future."""

import numpy as np
import pandas as pd
import pytest
import sklearn.metrics

from helpers import datasets
from helpers.flights import examples

LEAKS = {
    "dep_time",
    "dep_delay",
    "arr_time",
    "arr_delay",
    "air_time",
    "year",
    "hour",
    "minute",
    "sched_arr_time",
}


@pytest.fixture(scope="module")
def table():
    return examples.table()


@pytest.fixture(scope="module")
def sources():
    return datasets.flights(), datasets.weather()


def test_the_table_has_the_columns_of_the_contract_in_order_and_of_their_kinds(table):
    assert list(table) == [*examples.IDENTITY, *examples.FEATURES, examples.LABEL]
    assert [*examples.CATEGORIES, *examples.NUMBERS] == examples.FEATURES
    assert str(table["time_hour"].dtype) == "datetime64[ns, UTC]"
    assert (table[["distance", *examples.WEATHER]].dtypes == "float64").all()
    assert (table[["month", "flight", "weekday", "day_minute", "late"]].dtypes == "int64").all()
    assert {type(value) for value in table["tailnum"]} <= {str, type(None)}


def test_no_column_tells_the_outcome(table):
    assert not LEAKS & set(table)


def test_rows_are_the_flights_that_arrived_each_once_in_order_of_time(table, sources):
    assert len(table) == sources[0]["arr_delay"].notna().sum()
    key = table[["time_hour", "origin", "carrier", "flight"]]
    assert not key.duplicated().any()
    assert key.equals(key.sort_values(list(key)))


def test_a_flight_is_late_from_the_sixteenth_minute(sources):
    flights, weather = sources
    two = flights[flights["arr_delay"].isin([15, 16])].groupby("arr_delay").head(1).sort_values("arr_delay")
    late = examples.from_sources(two, weather).set_index("flight")["late"]
    assert [late[number] for number in two["flight"]] == [0, 1]


@pytest.mark.parametrize("hour", ["2013-02-09 14:00", "2013-07-10 22:00", "2013-11-03 11:00"])
def test_features_stay_the_same_when_the_future_is_cut_off(sources, table, hour):
    flights, weather = sources
    now = pd.Timestamp(hour, tz="UTC")
    known = weather[pd.to_datetime(weather["time_hour"], utc=True) < now]
    then = flights[pd.to_datetime(flights["time_hour"], utc=True) <= now]
    cut = examples.from_sources(then[then["month"] == now.month], known)
    rows, whole = (t[t["time_hour"] == now][examples.FEATURES].reset_index(drop=True) for t in (cut, table))
    assert len(rows) and rows.notna().any().all()
    pd.testing.assert_frame_equal(rows, whole)


def test_weather_is_that_of_the_hour_before_also_when_the_clocks_go_back(sources, table):
    weather = sources[1].assign(hour_utc=pd.to_datetime(sources[1]["time_hour"], utc=True))
    day = table[(table["time_hour"] >= "2013-11-03") & (table["time_hour"] < "2013-11-05")].dropna(
        subset="temp"
    )
    seen = weather.set_index(["origin", "hour_utc"])["temp"]
    before = [
        seen[origin, hour - pd.Timedelta(hours=1)]
        for origin, hour in zip(day.origin, day.time_hour, strict=True)
    ]
    assert len(day) > 1000 and np.array_equal(day["temp"], before)


def test_a_month_that_is_none_is_refused():
    with pytest.raises(ValueError, match="from 1 to 12"):
        examples.table([0, 1])


def test_months_can_come_in_any_order_and_twice(table):
    two = examples.table([2, 1, 2])
    pd.testing.assert_frame_equal(two, table[table["month"] <= 2].reset_index(drop=True))


def test_a_missing_number_is_a_feature_without_a_value(table):
    from tensorflow.core.example.example_pb2 import Example

    from helpers.flights import example_gen

    row = table[table["pressure"].isna() & table["temp"].notna()].head(1)
    feature = Example.FromString(example_gen.encode(row)[0]).features.feature
    assert feature["pressure"].WhichOneof("kind") is None
    assert feature["temp"].float_list.value == pytest.approx(row["temp"])
    assert feature["carrier"].bytes_list.value == [row["carrier"].iloc[0].encode()]
    assert feature["day_minute"].int64_list.value == [row["day_minute"].iloc[0]]


def test_areas_of_weighted_rows_are_those_of_scikit_learn():
    from helpers.flights import compare

    random = np.random.default_rng(0)
    late, score, weights = (
        random.integers(0, 2, 500),
        random.integers(0, 40, 500) / 40,
        random.integers(0, 3, 500),
    )
    pr, roc = compare.curves(late, score)(weights)
    assert pr == pytest.approx(sklearn.metrics.average_precision_score(late, score, sample_weight=weights))
    assert roc == pytest.approx(sklearn.metrics.roc_auc_score(late, score, sample_weight=weights))


def test_the_rule_falls_back_to_the_carrier_and_then_to_everyone():
    import model_card

    train = pd.DataFrame({"carrier": ["AA", "AA", "UA"], "day_minute": [60, 120, 60], "late": [1, 0, 0]})
    rows = pd.DataFrame({"carrier": ["AA", "AA", "ZZ"], "day_minute": [119, 600, 60]})
    assert model_card.carrier_hour(train)(rows) == pytest.approx([1, 1 / 2, 1 / 3])
