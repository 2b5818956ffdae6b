"""What a model of "Late?" must reach before it is pushed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow_model_analysis as tfma

GATE = """
model_specs { signature_name: "serving_default" prediction_key: "late" label_key: "late" }
slicing_specs { }
slicing_specs { feature_keys: "origin" }
slicing_specs { feature_keys: "carrier" }
metrics_specs {
  metrics { class_name: "ExampleCount" }
  metrics { class_name: "BinaryCrossentropy" }
  metrics { class_name: "Calibration" }
  metrics { class_name: "AUCPrecisionRecall" config: '"name": "pr_auc"' }
  metrics {
    class_name: "AUC" config: '"name": "roc_auc"'
    per_slice_thresholds {
      slicing_specs { }
      threshold {
        value_threshold { lower_bound { value: %(floor)s } }
        change_threshold { direction: HIGHER_IS_BETTER absolute { value: -0.01 } }
      }
    }
    per_slice_thresholds {
      slicing_specs { feature_keys: "origin" }
      slicing_specs { feature_values { key: "origin" value: "EWR" } }
      slicing_specs { feature_values { key: "origin" value: "JFK" } }
      slicing_specs { feature_values { key: "origin" value: "LGA" } }
      threshold { value_threshold { lower_bound { value: %(slice_floor)s } } }
    }
  }
}
"""


def eval_config(floor: float = 0.70, slice_floor: float = 0.65) -> tfma.EvalConfig:
    """What the gate asks: a ROC-AUC of `floor` on all flights, `slice_floor` at each airport, and no loss of
    more than 0.01 against the last blessed model, if there is one.

    What can't be judged is refused. The airports are named, because `feature_keys` asks only the values that
    occur, and an airport without flights would pass; where none is late, or all are, TFMA gives a ROC-AUC of 0,
    which is below any floor but 0; a score that is NaN ends the evaluation with an error.

    Carriers are measured and not asked: a plain `threshold` would hold for them too, and the smallest has 31
    flights in July, too few to judge any model by.
    """
    import tensorflow_model_analysis as tfma
    from google.protobuf import text_format

    return text_format.Parse(GATE % {"floor": floor, "slice_floor": slice_floor}, tfma.EvalConfig())
