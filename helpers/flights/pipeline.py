"""The pipeline of "Late?": rows → statistics → validation → transformation → model → evaluation → blessing
→ push.

`create` says what it consists of; `ensure` runs it once and answers where its products are, in a folder per
digest of what produces them, so nothing stale is ever handed out; `python -m helpers.flights.pipeline` does it from a
shell. TFX is imported only by who creates one: `ensure` answers in a fraction of a second when all is there. Every
component names our functions by their path in this package, so nothing is built or installed at a run.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from helpers import ROOT, build, imports
from helpers.flights import once
from helpers.flights.gate import eval_config
from helpers.flights.metadata import FILE, Artifacts
from helpers.flights.settings import EVALUATE, TRAIN, checked

if TYPE_CHECKING:
    from tfx import v1 as tfx

SCHEMA = ROOT / "data" / "flights" / "schema" / "examples.v1.pbtxt"


def ensure(folder: Path | None = None, **settings) -> Artifacts:
    """The pipeline's products, from its latest finished run; where there is none, it runs first (a minute
    and a half).

    settings: what `create` takes as train, evaluate, every, model and gate; other settings are other runs.
    folder: default build()/pipelines/flights. Safe to call from several processes, and after one of them
    was killed. Raises ValueError for settings that can't be, at once, and PipelineError.
    """
    settings = checked(settings)
    root = Path(folder or build() / "pipelines" / "flights").resolve() / digest(settings)
    return once.ensure(
        root, [sys.executable, "-m", "helpers.flights.pipeline", str(root), json.dumps(settings)]
    )


def digest(settings: dict) -> str:
    """Twelve hex digits that change with what the code here and all it imports does, with lock, schema or
    settings. The data sets' own digests are code, in datasets.py."""
    files = imports.reached("import helpers.flights.pipeline")
    made_from = json.dumps(settings, sort_keys=True) + imports.digest(
        [*files, SCHEMA, ROOT / "requirements.lock"]
    )
    return hashlib.sha256(made_from.encode()).hexdigest()[:12]


def create(root: Path, source: str = "", **settings) -> tfx.dsl.Pipeline:
    """The pipeline, for LocalDagRunner or any other.

    root: folder of the artifacts and of ML Metadata's SQLite store. settings: train and evaluate, months of the two
    splits; every: keep each `every`-th flight; model: overrides of settings.MODEL; gate: arguments of eval_config.
    source: digest of code and data; a component whose source changed is not answered from the cache. Raises
    ValueError as settings.checked does.
    """
    asked = {"train": TRAIN, "evaluate": EVALUATE, "every": 1, "model": {}, "gate": {}} | checked(settings)
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
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=str(root / "serving"))
        ),
    )
    metadata = tfx.orchestration.metadata.sqlite_metadata_connection_config(str(root / FILE))
    return tfx.dsl.Pipeline(
        pipeline_name="flights",
        pipeline_root=str(root),
        enable_cache=True,
        metadata_connection_config=metadata,
        # no beam_pipeline_args: with any, TFX builds a package of itself before every Beam component; Beam runs here anyway
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
    )


def _run(root: Path, settings: dict) -> None:
    import tensorflow as tf  # here: who finds the work done has not waited for TensorFlow and TFX
    from tfx.v1.orchestration import LocalDagRunner

    tf.config.experimental.enable_op_determinism()
    # sums in one order, however many cores there are
    tf.config.threading.set_intra_op_parallelism_threads(1)
    LocalDagRunner().run(create(root, digest(settings), **settings))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        print(ensure())
    else:
        folder, asked = Path(sys.argv[1]), json.loads(sys.argv[2])
        once.end_with_the_caller()
        once.finish(folder, lambda: _run(folder, asked))
