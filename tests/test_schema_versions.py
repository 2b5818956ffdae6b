"""The contracts' versions: each month passes the version of its time, what narrows says so, and CHANGES.md tells the truth."""

import re

import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from helpers import ROOT, datasets
from helpers.flights import examples

FOLDER = ROOT / "data" / "flights" / "schema"


def load(table, number):
    return text_format.Parse((FOLDER / f"{table}.v{number}.pbtxt").read_text("utf-8"), schema_pb2.Schema())


def numbers(table):
    return sorted(int(path.name.split(".")[1][1:]) for path in FOLDER.glob(f"{table}.v*.pbtxt"))


VERSIONS = {
    table: {n: load(table, n) for n in numbers(table)} for table in ("flights", "examples", "weather")
}
STEPS = [(table, n) for table, versions in VERSIONS.items() for n in versions if n > 1]
FLIGHTS = VERSIONS["flights"]
NEW = {
    2: set(),
    3: {"BGR", "CHO"},
    4: {"ABQ"},
    5: {"ACK", "MVY"},
    6: {"TVC"},
    7: {"ANC"},
    8: {"SBN"},
    9: {"ILM"},
    10: {"LEX"},
}


def first_month(schema):
    """From the tag of the version; version 1 has none and holds from January."""
    return int(schema.annotation.tag[0].removeprefix("from 2013-")) if schema.annotation.tag else 1


def of_its_time(month):
    return max(n for n, schema in FLIGHTS.items() if first_month(schema) <= month)


def values(schema, feature):
    if feature.HasField("string_domain"):
        return set(feature.string_domain.value)
    return next(
        (set(d.value) for d in schema.string_domain if feature.domain and d.name == feature.domain), None
    )


def narrowed(old, new):
    """The features whose terms refuse something that the old version's accept, comparators included; and "rows"."""
    fewest = old.dataset_constraints.min_examples_count
    rows = {"rows"} if new.dataset_constraints.min_examples_count > fewest else set()
    return rows | {
        f.name
        for f in new.feature
        if (before := {g.name: g for g in old.feature}.get(f.name)) is None
        or _tighter(before, f, values(old, before), values(new, f))
    }


def _tighter(old, new, old_values, new_values):
    def limits(feature):
        kind = feature.WhichOneof("domain_info")
        domain = getattr(feature, kind) if kind in ("int_domain", "float_domain") else None
        low = domain.min if domain is not None and domain.HasField("min") else -float("inf")
        return low, domain.max if domain is not None and domain.HasField("max") else float("inf")

    def mass(feature):
        return (
            feature.distribution_constraints.min_domain_mass
            if feature.HasField("distribution_constraints")
            else 1.0
        )

    def limit(feature, comparator, distance):
        one = getattr(getattr(feature, comparator), distance)
        return one.threshold if one.HasField("threshold") else float("inf")

    (low, high), (new_low, new_high) = limits(old), limits(new)
    comparators = [
        (c, d)
        for c in ("drift_comparator", "skew_comparator")
        for d in ("infinity_norm", "jensen_shannon_divergence")
    ]
    return (
        old.type != new.type
        or (
            new_values is not None
            and (old_values is None or old_values - new_values or mass(new) > mass(old))
        )
        or new_low > low
        or new_high < high
        or new.presence.min_fraction > old.presence.min_fraction
        or (new.WhichOneof("shape_type") == "shape" and old.WhichOneof("shape_type") != "shape")
        or not set(old.not_in_environment) <= set(new.not_in_environment)
        or any(limit(new, *c) < limit(old, *c) for c in comparators)
    )


@pytest.fixture(scope="module")
def tfdv():
    import tensorflow_data_validation

    return tensorflow_data_validation


@pytest.fixture(scope="module")
def months(tfdv):
    """Statistics of each month of flights, with outcomes: each month is read once for all tests."""
    flights = datasets.flights()
    return {
        month: tfdv.generate_statistics_from_dataframe(rows.reset_index(drop=True))
        for month, rows in flights.groupby("month")
    }


def findings(tfdv, statistics, schema, **context):
    found = tfdv.validate_statistics(statistics, schema, **context).anomaly_info
    return {name: info.description for name, info in found.items()}


def test_versions_are_numbered_without_gaps_and_begin_in_order():
    for table, versions in VERSIONS.items():
        assert list(versions) == list(range(1, len(versions) + 1)), table
        starts = [first_month(schema) for schema in versions.values()]
        assert starts == sorted(set(starts)), table


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("environment", ["TRAINING", "SERVING"])
def test_every_month_passes_the_version_of_its_time_but_for_julys_flight_to_laguardia(
    tfdv, months, month, environment
):
    if environment == "SERVING":
        batch = without_outcomes(months[month])
    else:
        batch = months[month]
    found = findings(tfdv, batch, FLIGHTS[of_its_time(month)], environment=environment)
    assert set(found) == ({"dest", "distance"} if month == 7 else set()), found
    if month == 7:
        assert "LGA" in found["dest"] and "17" in found["distance"]


def without_outcomes(statistics):
    copy = type(statistics)()
    copy.CopyFrom(statistics)
    later = {f.name for f in FLIGHTS[1].feature if "SERVING" in f.not_in_environment}
    kept = [f for f in copy.datasets[0].features if f.path.step[0] not in later]
    del copy.datasets[0].features[:]
    copy.datasets[0].features.extend(kept)
    return copy


def test_july_passes_once_the_flight_to_laguardia_is_dropped(tfdv):
    july = datasets.flights().query("month == 7 and distance >= 25").reset_index(drop=True)
    assert (
        findings(tfdv, tfdv.generate_statistics_from_dataframe(july), FLIGHTS[7], environment="TRAINING")
        == {}
    )


@pytest.mark.parametrize("number", [n for n in FLIGHTS if n > 2])
def test_the_version_before_reports_exactly_the_new_destinations(tfdv, months, number):
    month = first_month(FLIGHTS[number])
    found = findings(tfdv, months[month], FLIGHTS[number - 1], environment="TRAINING")["dest"]
    assert set(re.findall(r"\b([A-Z]{3}) \(", found)) - {"LGA"} == NEW[number]


def test_the_open_list_of_version_1_reports_no_new_destination(tfdv, months):
    assert not any(
        "dest" in findings(tfdv, batch, FLIGHTS[1], environment="TRAINING") for batch in months.values()
    )


def test_the_newest_version_still_accepts_every_month_that_passed(tfdv, months):
    for month, batch in months.items():
        assert set(findings(tfdv, batch, FLIGHTS[max(FLIGHTS)], environment="TRAINING")) <= (
            {"dest", "distance"} if month == 7 else set()
        )


@pytest.mark.parametrize(("table", "number"), STEPS)
def test_a_version_narrows_only_if_it_says_so(table, number):
    old, new = VERSIONS[table][number - 1], VERSIONS[table][number]
    tag = new.annotation.tag[1]
    assert bool(narrowed(old, new)) == (tag == "narrows"), narrowed(old, new)
    assert tag in ("narrows", "widens") and new.annotation.comment[0]
    assert {f.name for f in old.feature} == {f.name for f in new.feature}


def test_the_rule_notices_each_way_of_narrowing_in_silence():
    def tightened(change):
        schema = load("flights", 10)
        change({f.name: f for f in schema.feature}, schema)
        return narrowed(FLIGHTS[10], schema)

    assert tightened(lambda f, s: None) == set()
    assert tightened(lambda f, s: s.string_domain[2].value.remove("ACK")) == {"dest"}
    assert tightened(lambda f, s: setattr(f["distance"].int_domain, "min", 50)) == {"distance"}
    assert tightened(lambda f, s: setattr(f["tailnum"].presence, "min_fraction", 0.99)) == {"tailnum"}
    assert tightened(
        lambda f, s: setattr(f["carrier"].drift_comparator.infinity_norm, "threshold", 0.01)
    ) == {"carrier"}
    assert tightened(lambda f, s: s.feature.add(name="gate")) == {"gate"}
    assert tightened(lambda f, s: setattr(s.dataset_constraints, "min_examples_count", 1)) == {"rows"}
    assert tightened(lambda f, s: f["air_time"].ClearField("not_in_environment")) == {"air_time"}


def test_each_destination_added_is_an_airport_where_a_flight_arrived_and_laguardia_is_none():
    flights, register = datasets.flights(), set(datasets.airports().faa)
    for number, expected in NEW.items():
        old, new = (
            {v for d in FLIGHTS[n].string_domain if d.name == "dest" for v in d.value}
            for n in (number - 1, number)
        )
        assert (new - old, old - new) == (expected, set())
        rows = flights[flights.dest.isin(expected) & (flights.month == first_month(FLIGHTS[number]))]
        assert set(rows[rows.arr_delay.notna()].dest) == expected <= register
    assert flights[flights.dest == "LGA"].arr_delay.notna().sum() == 0


def test_the_second_contract_of_the_examples_adds_comparators_and_nothing_else(tfdv):
    old, new = VERSIONS["examples"][1], load("examples", 2)
    watched = {
        f.name for f in new.feature if f.HasField("drift_comparator") and f.HasField("skew_comparator")
    }
    assert watched == {"carrier", "origin", "dest", "distance", "day_minute", "temp", "wind_speed"}
    january = tfdv.generate_statistics_from_dataframe(examples.table([1])[[f.name for f in old.feature]])
    assert findings(tfdv, january, new, environment="TRAINING") == {}
    for feature in new.feature:
        feature.ClearField("drift_comparator"), feature.ClearField("skew_comparator")
    new.ClearField("annotation")
    assert new == old


def test_the_third_contract_of_the_examples_changes_dest_and_the_number_of_rows_alone():
    old, new = VERSIONS["examples"][2], load("examples", 3)
    assert narrowed(old, new) == {"dest", "rows"}
    [dest], [before] = ([f for f in schema.feature if f.name == "dest"] for schema in (new, old))
    for kind in ("drift_comparator", "skew_comparator"):
        both = getattr(dest, kind)
        assert both.HasField("infinity_norm") and both.HasField("jensen_shannon_divergence")
        getattr(dest, kind).CopyFrom(getattr(before, kind))
    new.ClearField("annotation"), new.ClearField("dataset_constraints")
    old = load("examples", 2)
    old.ClearField("annotation")
    assert new == old


def test_the_third_contract_is_silent_in_every_healthy_month_and_hears_new_codes_of_a_week(tfdv):
    months = {m: rows.reset_index(drop=True) for m, rows in examples.table().groupby("month")}
    names = [f.name for f in load("examples", 3).feature]
    statistics = {m: tfdv.generate_statistics_from_dataframe(rows[names]) for m, rows in months.items()}
    for month in range(2, 13):
        context = {"previous_statistics": statistics[month - 1], "environment": "TRAINING"}
        found = tfdv.validate_statistics(statistics[month], load("examples", 3), **context)
        assert not found.anomaly_info and not found.HasField("dataset_anomaly_info"), month
    rows = months[8]
    late = rows.time_hour.dt.tz_convert("America/New_York").dt.day > 24
    rows["dest"] = rows.dest.where(~late | (rows.carrier != "B6"), "K" + rows.dest)
    switched = tfdv.generate_statistics_from_dataframe(rows[names])
    for version, heard in [(2, set()), (3, {"dest"})]:
        context = {"previous_statistics": statistics[7], "environment": "TRAINING"}
        assert set(findings(tfdv, switched, load("examples", version), **context)) == heard


@pytest.fixture(scope="module")
def batch():
    """Some rows of January's examples, for what TFDV says of broken ones: the lessons and the pipeline live on it."""
    return (
        examples.table([1])[[f.name for f in load("examples", 2).feature]].iloc[::50].reset_index(drop=True)
    )


def test_to_tfdv_a_batch_without_rows_has_no_anomaly_and_data_missing_alone_tells(tfdv, batch):
    contract = load("examples", 2)
    none, some = (tfdv.generate_statistics_from_dataframe(rows) for rows in (batch.head(0), batch))
    found = tfdv.validate_statistics(none, contract, previous_statistics=some)
    assert found.data_missing and not found.anomaly_info and not found.HasField("dataset_anomaly_info")
    assert not tfdv.validate_statistics(some, contract).data_missing


def test_to_tfdv_a_baseline_without_features_is_no_drift(tfdv, batch):
    from tensorflow_metadata.proto.v0 import statistics_pb2

    some = tfdv.generate_statistics_from_dataframe(batch)
    nothing = statistics_pb2.DatasetFeatureStatisticsList()
    nothing.datasets.add()  # what it makes of a TFRecord file without records
    found = tfdv.validate_statistics(some, load("examples", 2), previous_statistics=nothing)
    assert not found.anomaly_info and not found.drift_skew_info


def test_tfdv_names_a_feature_that_vanished_one_that_is_new_and_one_that_is_often_nan(tfdv, batch):
    broken = batch.drop(columns="pressure").assign(extra=1)
    broken["temp"] = broken["temp"].where(broken.index % 2 == 0)
    broken["origin"] = broken["origin"].where(broken.index % 3 > 0)
    found = findings(
        tfdv, tfdv.generate_statistics_from_dataframe(broken), load("examples", 2), environment="TRAINING"
    )
    assert set(found) == {"pressure", "extra", "temp", "origin"}


def test_changes_md_tells_what_the_files_say():
    text = (FOLDER / "CHANGES.md").read_text("utf-8")
    for table, versions in VERSIONS.items():
        section = text.split(f"\n## {table}\n")[1].split("\n## ")[0]
        listed = re.findall(r"^\| (\d+) \| 2013-(\d\d) \| (\w*) ?\| (.+) \|$", section, re.M)
        assert [int(n) for n, *_ in listed] == list(versions), table
        for n, month, kind, reason in listed[1:]:
            annotation = versions[int(n)].annotation
            assert [f"from 2013-{month}", kind] == list(annotation.tag) and reason == annotation.comment[0]
