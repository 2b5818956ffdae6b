"""The pipeline of "Late?": rows → statistics → validation → transformation → model → evaluation → blessing
→ push.

`create` says what it consists of; `ensure`, from store.py, runs it once and answers where its products are.
TFX is imported only by who creates one: `ensure` answers in a fraction of a second when all is there. Every
component names our functions by their path in this package, so nothing is built or installed at a run.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import ROOT
from helpers.flights.settings import EVALUATE, TRAIN, checked
from helpers.flights.store import Artifacts, PipelineError, ensure

if TYPE_CHECKING:
    import tensorflow_model_analysis as tfma
    from tfx import v1 as tfx

__all__ = ["Artifacts", "PipelineError", "create", "ensure", "eval_config"]

SCHEMA = ROOT / "data" / "flights" / "schema" / "examples.v1.pbtxt"

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


def create(
    root: Path,
    metadata: Path,
    train=TRAIN,
    evaluate=EVALUATE,
    every: int = 1,
    model: dict | None = None,
    gate: dict | None = None,
    source: str = "",
    name: str = "flights",
) -> tfx.dsl.Pipeline:
    """The pipeline, for LocalDagRunner or any other.

    root, metadata: folder of the artifacts, file of ML Metadata's SQLite store. train, evaluate: months of
    the two splits. every: keep each `every`-th flight. model: overrides of settings.MODEL. gate: arguments
    of eval_config. source: digest of code and data; a component whose source changed is not answered from
    the cache. Raises ValueError as settings.checked does.
    """
    asked = checked(
        {"train": train, "evaluate": evaluate, "every": every, "model": model or {}, "gate": gate or {}}
    )
    from tfx import v1 as tfx

    from helpers.flights.example_gen import FlightsExampleGen

    splits = json.dumps({"train": asked["train"], "eval": asked["evaluate"]})
    example_gen = FlightsExampleGen(splits=splits, every=asked["every"], source=source).with_id("ExampleGen")
    examples = example_gen.outputs["examples_out"]
    statistics_gen = tfx.components.StatisticsGen(examples=examples)
    schema_gen = tfx.components.ImportSchemaGen(schema_file=str(SCHEMA)).with_id("SchemaGen")
    schema = schema_gen.outputs["schema"]
    validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema
    )
    transform = tfx.components.Transform(
        examples=examples,
        schema=schema,
        preprocessing_fn="helpers.flights.features.preprocessing_fn",
        materialize=False,
        disable_statistics=True,
        disable_analyzer_cache=True,
        custom_config={"source": source},
    )
    trainer = tfx.components.Trainer(
        examples=examples,
        transform_graph=transform.outputs["transform_graph"],
        schema=schema,
        run_fn="helpers.flights.trainer.run_fn",
        custom_config={"source": source, "model": asked["model"]},
    )
    baseline = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=tfx.types.standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=tfx.types.standard_artifacts.ModelBlessing),
    ).with_id("Baseline")
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        baseline_model=baseline.outputs["model"],
        eval_config=eval_config(**asked["gate"]),
        schema=schema,
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(Path(root) / "serving"))
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name=name,
        pipeline_root=str(root),
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            str(metadata)
        ),
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            validator,
            transform,
            trainer,
            baseline,
            evaluator,
            pusher,
        ],
        # no beam_pipeline_args: with any, TFX builds a package of itself before every Beam component; Beam runs here anyway
    )
