"""What the gate of the pipeline does with what can't be judged: it stays shut."""

import numpy as np
import pandas as pd
import pytest

from helpers.flights import example_gen, pipeline


@pytest.fixture
def flights():
    """Twenty flights of each airport, of which the model is sure and right."""
    number = np.arange(60)
    late = number // 3 % 2
    origin = np.array(["EWR", "JFK", "LGA"])[number % 3]
    return pd.DataFrame({"origin": origin, "carrier": "UA", "late": late, "score": 0.1 + 0.8 * late})


@pytest.fixture
def judge(tmp_path):
    """Runs the gate on a table of scores; its verdict, as the Evaluator reads it."""
    import tensorflow_model_analysis as tfma

    def judge(rows, **gate):
        config = pipeline.eval_config(**gate)
        config.model_specs[0].ClearField("signature_name")
        config.model_specs[0].prediction_key = "score"
        config = tfma.utils.update_eval_config_with_defaults(config, has_baseline=False, rubber_stamp=True)
        # in lists: a bare NaN would be a missing score, and an error
        rows = rows.assign(score=[[score] for score in rows["score"]])
        tfma.analyze_raw_data(rows, config, output_path=str(tmp_path))
        return tfma.load_validation_result(str(tmp_path))

    return judge


def test_an_airport_without_flights_is_refused(flights, judge):
    verdict = judge(flights[flights["origin"] != "JFK"])
    assert not verdict.validation_ok
    [missing] = verdict.missing_slices
    assert missing.feature_values == {"origin": "JFK"}


def test_an_airport_without_a_late_flight_is_refused(flights, judge):
    flights.loc[flights["origin"] == "JFK", "late"] = 0
    verdict = judge(flights)
    assert not verdict.validation_ok
    [part] = verdict.metric_validations_per_slice
    assert [key.bytes_value for key in part.slice_key.single_slice_keys] == [b"JFK"]
    assert part.failures[0].metric_value.double_value.value == 0


def test_a_model_some_of_whose_scores_are_no_numbers_ends_the_evaluation(flights, judge):
    flights.loc[flights["late"].eq(0) & (flights.index % 4 == 0), "score"] = np.nan
    with pytest.raises(RuntimeError, match="nan"):  # no blessing either
        judge(flights)


@pytest.mark.parametrize("every", [20_000, 10**9])
def test_a_split_with_nothing_to_learn_or_to_judge_by_is_refused_with_the_way_out(every):
    with pytest.raises(
        ValueError, match=rf"the split eval \(months \[2\], every={every}\).*take more months"
    ):
        example_gen.split_rows("eval", [2], every)


def test_a_split_is_each_nth_flight_of_its_months():
    rows = example_gen.split_rows("train", [1, 2], 20)
    assert set(rows["month"]) == {1, 2} and set(rows.index % 20) == {0}
