"""Measures how far the lessons' numbers move when the same sums are added up in another order.

`make spread` executes every lesson in copies of this checkout, once with the settings of helpers/environment.py and
once under each of `VARIANTS`: other threads, another library for the products of matrices, other instructions, and
first weights a millionth off, which shows what rounding can grow to in training, whatever path through the libraries
it takes. It says of each cell how much of its tolerance that took, in units of the tolerance (1 is the limit), and
which tolerance would be enough. All of it stands in build/spread/spread.csv; cells beyond half of their tolerance are
printed, and the exit status is 1 if one is beyond it. `python tests/spread.py 1.5 --variant "one thread"` measures a
part. Runs are kept in build/spread as long as what produced them stays as it is. Takes as long as the lessons eight
times over.
"""

import argparse
import csv
import json
import math
import sys
import tempfile
from pathlib import Path

import nbformat
import nbformat.v4 as v4
import twice

from helpers import build, syllabus
from helpers.environment import ENVIRONMENT
from helpers.workbook import compare, stamp

AS_SET = "as set"
NO_AVX = "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL AVX2 FMA3"
VARIANTS = {
    AS_SET: {},
    "one thread": {"OMP_NUM_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1"},
    "four threads": {"OMP_NUM_THREADS": "4", "TF_NUM_INTEROP_THREADS": "4", "TF_NUM_INTRAOP_THREADS": "4"},
    "AVX-512": {"ONEDNN_MAX_CPU_ISA": "DEFAULT"},
    "oneDNN": {"ONEDNN_MAX_CPU_ISA": "DEFAULT", "TF_ENABLE_ONEDNN_OPTS": "1"},
    "Eigen": {"TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL": "false"},  # its loops in place of oneDNN's sgemm
    "SSE": {
        "NPY_DISABLE_CPU_FEATURES": NO_AVX,
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
}
DISTURBED = "disturbed"  # the settings as they are, and each weight a millionth off before training
VARIANTS[DISTURBED] = {}
DISTURBANCE = """

import keras

if not hasattr(keras.Layer, "undisturbed"):
    keras.Layer.undisturbed = keras.Layer.add_weight

    def add_weight(self, *args, **options):
        weight = self.undisturbed(*args, **options)
        if weight.trainable:
            weight.assign(weight * (1 + 1e-6))
        return weight

    keras.Layer.add_weight = add_weight
"""
ADDED = {DISTURBED: dict.fromkeys(["helpers/lesson.py", "helpers/flights/model.py"], DISTURBANCE)}
FOUND = """
import json, os
import numpy, threadpoolctl
from numpy._core._multiarray_umath import __cpu_features__
from tensorflow.python.util._pywrap_util_port import IsMklEnabled
print(json.dumps({
    "environment": dict(os.environ),
    "blas": sorted({pool["architecture"] for pool in threadpoolctl.threadpool_info() if "architecture" in pool}),
    "numpy": [name for name in ("AVX2", "AVX512F") if __cpu_features__[name]],
    "oneDNN": IsMklEnabled(),
}))
"""


# ---- running ------------------------------------------------------------------------------------------------------


def measure(variant: str, lessons: list, jobs: int) -> dict:
    """The lessons executed under a variant, by id: from build/spread, or run now and kept there."""
    folder = build() / "spread" / variant.replace(" ", "-").replace(",", "")
    folder.mkdir(parents=True, exist_ok=True)
    kept = {lesson.id: read(folder / f"{lesson.id}.ipynb", stamped(lesson, variant)) for lesson in lessons}
    missing = [name for name, notebook in kept.items() if notebook is None]
    if not missing:
        return kept
    with tempfile.TemporaryDirectory(prefix="spread-") as place:
        settings = ENVIRONMENT | VARIANTS[variant]
        checkout = Path(place, "checkout")
        checkout.mkdir()
        nbformat.write(v4.new_notebook(cells=[v4.new_code_cell(FOUND)]), checkout / "found.ipynb")
        executed = twice.executed(Path(place), [*missing, "found.ipynb"], jobs, settings, ADDED.get(variant))
    found = json.loads(executed.pop("found").cells[0].outputs[0].text)
    in_force = found.pop("environment")
    if settings != {name: in_force.get(name) for name in settings}:
        raise SystemExit(f"The kernels of {variant!r} did not have its settings: {in_force}")
    print(f"{variant}: {in_force['WORKBOOK_KERNEL']} kernels, {found}", flush=True)
    for name, notebook in executed.items():
        notebook.metadata["stamp"] = stamped(syllabus.load().lesson(name), variant)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    return kept | executed


def stamped(lesson, variant: str) -> dict:
    """What produces a lesson's outputs under a variant."""
    return {**stamp.of(lesson), "variant": VARIANTS[variant], "added": ADDED.get(variant, {})}


def read(file: Path, stamp: dict):
    """The executed notebook in this file, if it is there and what produced it has not changed since."""
    notebook = nbformat.read(file, 4) if file.exists() else None
    return notebook if notebook and notebook.metadata["stamp"] == stamp else None


# ---- comparing ----------------------------------------------------------------------------------------------------


def used(old: list, new: list, tags: list[str]) -> tuple[float, str]:
    """How much of its tolerance a cell's deviation takes: 0 for none, 1 for all, infinity where text differs; with the difference."""
    said = compare.outputs_differ(old, new)
    if not said:
        return 0.0, ""
    rtol, atol = compare.tolerance(tags)
    if not (rtol or atol):
        return math.inf, said
    return smallest(lambda share: holds(old, new, share * rtol, share * atol, atol >= 1)), said


def enough(old: list, new: list) -> float:
    """The smallest rtol that would hold by itself: 0 for no difference, infinity where text differs or a zero moves."""
    return smallest(lambda rtol: holds(old, new, rtol, 0, False)) if compare.outputs_differ(old, new) else 0.0


def holds(old: list, new: list, rtol: float, atol: float, counts: bool) -> bool:
    """Whether the comparison finds no difference. An atol for counts (1 or more) is another rule: at no share of a tolerance
    does one become the other."""
    absolute = {atol, max(atol, 1)} if counts else {min(atol, 0.999)}
    return not any(compare.outputs_differ(old, new, [f"rtol={min(rtol, 1)}", f"atol={a}"]) for a in absolute)


def smallest(holds) -> float:
    """The smallest number, to two digits, for which it holds, by bisection between 1/10,000 and 100; else infinity."""
    low, high = 1e-4, 100.0
    if not holds(high):
        return math.inf
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def rows(lesson, runs: dict[str, dict]) -> list[dict]:
    """A row for each code cell that a variant moves or that declares a tolerance: what the variants take of it."""
    code = {
        variant: [c.outputs for c in run[lesson.id].cells if c.cell_type == "code"]
        for variant, run in runs.items()
    }
    as_set = code.pop(AS_SET)
    found = []
    for number, cell in enumerate(c for c in lesson.notebook().cells if c.cell_type == "code"):
        tags = [tag for tag in cell.metadata.get("tags", []) if tag.startswith(("rtol=", "atol="))]
        shares = {name: used(as_set[number], outputs[number], tags) for name, outputs in code.items()}
        most = max(shares, key=lambda name: shares[name][0])
        if tags or shares[most][1]:
            row = {"lesson": lesson.id, "cell": number, "tolerance": " ".join(tags) or "exact"}
            row |= {"used": shares[most][0], "most by": most, "difference": shares[most][1]}
            row |= {"rtol alone": max(enough(as_set[number], outputs[number]) for outputs in code.values())}
            found.append(row | {name: share for name, (share, _) in shares.items()})
    return found


def main():
    say = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    say.add_argument("lessons", nargs="*", help="ids; all when none is given")
    say.add_argument("--variant", action="append", choices=[name for name in VARIANTS if name != AS_SET])
    say.add_argument("--jobs", type=int, default=2)
    asked = say.parse_args()
    lessons = [syllabus.load().lesson(name) for name in asked.lessons] or list(syllabus.load().lessons)
    variants = [AS_SET, *(asked.variant or [name for name in VARIANTS if name != AS_SET])]
    runs = {variant: measure(variant, lessons, asked.jobs) for variant in variants}
    table = [row for lesson in lessons for row in rows(lesson, runs)]
    with (build() / "spread" / "spread.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0] if table else ["lesson"])
        writer.writeheader()
        writer.writerows(
            {k: f"{v:.3g}" if isinstance(v, float) else v for k, v in row.items()} for row in table
        )
    for row in table:
        if row["used"] > 0.51:  # half, as far as bisection tells
            mark = "✗" if row["used"] > 1 else "·"
            print(
                f"{mark} {row['lesson']} cell {row['cell']}: {row['used']:.2g} of {row['tolerance']}",
                end="; ",
            )
            print(f"{row['most by']}: {row['difference']}")
    beyond = sum(row["used"] > 1 for row in table)
    print(f"{beyond} of {len(table)} cells beyond their tolerance; the table is {file.name}")
    sys.exit(bool(beyond))


if __name__ == "__main__":
    main()
