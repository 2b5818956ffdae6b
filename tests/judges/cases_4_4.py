"""Answers to the exercises of lesson 4.4 that its own examples can't have: other right ways, mistakes nobody foresaw."""

import functools
import io
import json
import zipfile

import numpy as np

from .harness import cases

FACTS = {
    "vocabularies": {"carrier": ["UA", "B6"]},
    "scaled": [{"name": "temp", "mean": 50.9, "deviation": 16.5}],
}
SELFTEST = {"flights": [{"carrier": "UA", "pressure": None}], "late": [0.125]}


@functools.cache
def _model():
    """A small LiteRT file: it gives out what it takes in. Made without TensorFlow, whose import is slow."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    number, graph, model = schema.TensorT(), schema.SubGraphT(), schema.ModelT()
    number.shape, number.name, number.buffer = [1, 2], "x", 0
    graph.tensors, graph.inputs, graph.outputs, graph.operators = [number], [0], [0], []
    model.version, model.subgraphs, model.buffers, model.operatorCodes = 3, [graph], [schema.BufferT()], []
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _packed(
    front=None,
    write=json.dumps,
    mode="a",
    names=("facts.json", "selftest.json"),
    held=(FACTS, SELFTEST),
    **how,
):
    file = io.BytesIO(_model() if front is None else front)
    with zipfile.ZipFile(file, mode, **how) as archive:
        for name, content in zip(names, held, strict=False):
            archive.writestr(name, write(content))
    return file.getvalue()


def _unclosed():
    file = io.BytesIO(_model())
    file.seek(0, 2)
    archive = zipfile.ZipFile(file, "a")
    archive.writestr("facts.json", json.dumps(FACTS))
    content = file.getvalue()
    archive.close()
    return content


def _broken():
    """A model whose inside was overwritten, its mark left as it was."""
    model = _model()
    return _packed(model[:8] + bytes(len(model) - 8))


def _in_a_loop(here, there, ulps):
    for i in range(len(here)):
        if np.isnan(there[i]):
            return i
        if abs(float(there[i]) - float(here[i])) / float(np.spacing(np.float32(abs(here[i])))) > ulps:
            return i
    return None


def _nonzero(here, there, ulps):
    far = np.abs(np.subtract(there, here, dtype=float)) > ulps * np.spacing(
        np.abs(here), dtype=np.float32
    ).astype(float)
    found = np.flatnonzero(far | np.isnan(there))
    return found[0] if len(found) else None


def _stage_by_norm(here, there, within):
    for name in here:
        gap = np.linalg.norm(np.ravel(there[name]) - np.ravel(here[name])) / np.size(here[name]) ** 0.5
        spread = np.ptp(here[name])
        if gap > within * (spread if spread > 0 else 1):
            return name
    return None


def _at_least(here, there, within):
    return next((n for n in here if np.abs(here[n] - there[n]).max() >= 3 * within), None)


def _script(gap, scaled="(x - mean) / deviation", log="log ? Math.log1p(100 * value) : value", clip="{}"):
    body = clip.format(scaled) if clip != "{}" else f"Math.min(4, Math.max(-4, {scaled}))"
    return (
        "function standardised(value, {mean, deviation, log}) {\n"
        f"  {gap}\n  const x = {log};\n  return {body};\n}}\n"
    )


ALL = "if (value == null || Number.isNaN(value)) return 0;"
ARROW = """
const standardised = (value, fact) => {
  if (!Number.isFinite(value)) return 0;
  const {mean, deviation, log} = {...fact};
  const z = ((log ? Math.log1p(100 * value) : value) - mean) / deviation;
  return z > 4 ? 4 : z < -4 ? -4 : z;
};
"""


def _by_loop(options, limits):
    best = None
    for name, row in options.iterrows():
        if any(row[kind] > limits[kind] for kind in ("latency", "memory", "libraries")):
            continue
        if limits["private"] and row["leaves"]:
            continue
        if best is None or row["memory"] < options.loc[best, "memory"]:
            best = name
    return best


def _by_sort(options, limits):
    fits = options[(options.latency <= limits["latency"]) & (options.memory <= limits["memory"])
                   & (options.libraries <= limits["libraries"])]  # fmt: skip
    fits = fits[~fits.leaves] if limits["private"] else fits
    return fits.sort_values("memory", kind="stable").index[0] if len(fits) else None


CASES = {
    "4.4a": cases(
        "packed",
        right=[
            _packed(), bytearray(_packed(compression=zipfile.ZIP_DEFLATED)),
            _packed(names=("selftest.json", "facts.json"), held=(SELFTEST, FACTS)),
            _packed(write=lambda content: json.dumps(content, indent=1)),
        ],
        wrong={
            "does not begin with the model": _packed(mode="w"),
            "at the end no archive": _unclosed(),
            "archive is empty": _packed(names=()),
            "has no `selftest.json`.": _packed(names=("facts.json",)),
            "under a longer name": _packed(names=("app/facts.json", "app/selftest.json")),
            "is no JSON": _packed(write=str),
            "are swapped": _packed(held=(SELFTEST, FACTS)),
            "through `json.dumps` twice": _packed(write=lambda content: json.dumps(json.dumps(content))),
            "`facts.json` is JSON and holds": _packed(held=({"scaled": []}, SELFTEST)),
            "`selftest.json` is JSON and holds": _packed(held=(FACTS, {"late": []})),
            "there is something else": _packed(_model() + b"something else"),
            "can't open the model": _broken(),
        },
        given={"model": len(_model()), "facts": FACTS, "selftest": SELFTEST},
        invalid={
            "should be bytes": "packed.tflite",
            "is the file object": io.BytesIO(_packed()),
        },
    ),
    "4.4b": cases(
        "first_row",
        right=[_in_a_loop, _nonzero],
        wrong={
            "one index": lambda here, there, ulps: np.flatnonzero(here != there).tolist(),
            "Divide the difference": lambda here, there, ulps: (
                int(np.argmax(np.abs(here - there) > 1e-3)) if (np.abs(here - there) > 1e-3).any() else None
            ),
        },
    ),
    "4.4c": cases(
        "first_stage",
        right=[_stage_by_norm],
        wrong={
            "name of a stage": lambda here, there, within: 1,
            "table's four numbers": _at_least,
        },
    ),
    "4.4d": cases(
        "mended",
        right=[_script(ALL), ARROW, _script("if (typeof value !== 'number' || isNaN(value)) { return 0; }"),
               _script("value = value ?? mean; if (log && value === mean) return 0; if (value !== value) return 0;")],
        wrong={
            "gives nothing back": _script("if (value == null) return;"),
            "that is no number": _script("if (value == null) return '0';"),
            "A measured 0 is taken": _script("if (!value) return 0;"),
            "Large values": _script(ALL, clip="Math.max(-4, {})"),
            "no longer cut off": _script(ALL, clip="({})"),
            "without its logarithm": _script(ALL, log="value"),
            "come out otherwise": _script(ALL, scaled="(x - mean) / deviation ** 2"),
            "still reckoned with as 0": _script("if (Number.isNaN(value)) return 0;"),
            "`null` does not give 0": _script("if (value == null) return mean;"),
            "`undefined` and `NaN` are not": _script("if (value === null) return 0;"),
            "`undefined` slips": _script("if (value === null || Number.isNaN(value)) return 0;"),
            "`NaN` slips": _script("if (value == null) return 0;"),
        },
        invalid={
            "should be the text": 5,
            "defines no function": "const x = 5;",
            "SyntaxError": "function standardised(value { return 0 }",
            "ReferenceError": _script("if (isGap(value)) return 0;"),
            "a loop without an end": _script("while (true) {}"),
            "Node gave no answer": 'this.constructor.constructor("return process")().exit()',
            "longer than any": "x" * 20_001,
        },
    ),
    "4.4e": cases(
        "choose",
        right=[_by_loop, _by_sort],
        wrong={
            "name of an option": lambda options, limits: 0,
            "row by row": lambda options, limits: "c" if len(options) > 2 else None,
        },
    ),
}  # fmt: skip
