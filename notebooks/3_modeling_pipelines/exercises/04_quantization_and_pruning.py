"""How the exercises of lesson 3.4, Quantization and pruning, are judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.exercises.kit import Made, NotData, exercise
from helpers.exercises.rules import function
from helpers.exercises.signs import CONSTANT, NOTHING, follows, listed, number, optional, unless

# ---- 3.4a: eight bits, there and back ----------------------------------------------------------------------


def _back(values, low, high, *, widen=True, steps=255, cut=True, rounded=round, hit_zero=True, stays=False,
          rounded_zero=None, wrap=False):  # fmt: skip
    """The rule, and with its options what people do instead; a range for each value, or one for all."""
    lows, highs = ([end] * len(values) if number(end) else end for end in (low, high))
    said = []
    for value, least, most in zip(values, lows, highs, strict=True):
        if widen:
            least, most = min(least, 0), max(most, 0)
        scale = (most - least) / steps
        zero = -128 - least / scale
        if hit_zero:
            zero = (rounded_zero or rounded)(zero)
        q = rounded(value / scale + zero)
        q = min(127, max(-128, q)) if cut else q
        q = (q + 128) % 256 - 128 if wrap else q
        said.append(q if stays else scale * (q - zero))
    return said


def _symmetric(values, low, high):
    lows, highs = ([end] * len(values) if number(end) else end for end in (low, high))
    edges = [max(abs(least), abs(most)) for least, most in zip(lows, highs, strict=True)]
    return [
        min(127, max(-127, round(value / (edge / 127)))) * (edge / 127)
        for value, edge in zip(values, edges, strict=True)
    ]


def _one_range(values, low, high):
    low, high = (end if number(end) else pick(end) for end, pick in ((low, min), (high, max)))
    return _back(values, low, high)


def _down(value):
    return int(np.floor(value))


def _both_sides(values, low, high):
    lows, highs = ([end] * len(values) if number(end) else end for end in (low, high))
    ends = zip(lows, highs, strict=True)
    ends = [
        (min(least, -most), max(most, -least)) if least > 0 or most < 0 else (least, most)
        for least, most in ends
    ]
    return _back(values, *map(list, zip(*ends, strict=True)))


def _array(*values: float) -> np.ndarray:
    return np.array(values, float)


function(
    "3.4a",
    "there_and_back",
    [
        (_array(-0.5, 0.0, 0.26, 1.2), -0.5, 1.0),
        (_array(0.0, 0.208, 0.71), 0.5, 1.0),
        (_array(-3.0, -1.3, 0.0), -2.0, -1.0),
        (_array(0.013, -0.377, 0.8131, 0.0), -0.377, 0.8131),
        (_array(300.0, 255.0, 17.0, 0.0), 0.0, 255.0),
        (_array(0.31, 0.3, -0.2), _array(-1.0, -0.3, -0.2), _array(2.0, 0.4, 0.9)),
    ],
    odd={
        "Your function gives nothing back. Does it `return` an array?": NOTHING,
        "Asked is an array with a number for each value.": unless(listed(number)),
        "The values come back unchanged. Eight bits can't do that.":
            follows(lambda values, low, high: list(values)),
    },
    rule=_back,
    said="Inside the range the error is at most half a step; zero comes back as zero; what lies "
    "outside is cut off.",
    mistakes={
        "You give the integers *q*. Asked is what comes back: scale · (q − zero point).":
            lambda *given: _back(*given, stays=True),
        "Values outside the range come back as if there were more than 256 integers. Cut *q* "
        "off at −128 and 127.":
            lambda *given: _back(*given, cut=False),
        "A range that doesn't contain 0 must be widened: where all values are positive it begins at 0, where "
        "all are negative it ends there.": lambda *given: _back(*given, widen=False),
        "From −128 to 127 there are 256 values and 255 steps between them.":
            lambda *given: _back(*given, steps=256),
        "You cut the fraction off, towards zero. Round to the nearest integer.": follows(
            lambda *given: _back(*given, rounded=int),
            lambda *given: _back(*given, rounded=int, rounded_zero=round),
        ),
        "You round down. Round to the nearest integer.": follows(
            lambda *given: _back(*given, rounded=_down),
            lambda *given: _back(*given, rounded=_down, rounded_zero=round),
        ),
        "A *q* beyond 127 came round to the other end: `int8` wraps. Cut off first, then change the type.":
            lambda *given: _back(*given, cut=False, wrap=True),
        "Widened is to 0, and not to the other side of it: 0.5 to 1 becomes 0 to 1.": _both_sides,
        "Your zero point is no integer, so 0 does not come back as 0. Round it, too.":
            lambda *given: _back(*given, hit_zero=False),
        "Your range is symmetric about 0. Asked is the range from `low` to `high`, with a "
        "zero point of its own.":
            _symmetric,
        "Where `low` and `high` are arrays, each value has a range of its own; you use one for all.":
            _one_range,
        "Your function gives the same for every input.": CONSTANT,
    },
    otherwise="Some values come back as others. Follow the four rows of the table, one "
    "column after the other.",
    hints=(
        "First the range: `low = np.minimum(low, 0)` takes numbers and arrays alike.",
        "scale = (high − low) / 255; zero point = round(−128 − low / scale); then q, cut off.",
        "Last: scale · (q − zero point).",
    ),
)  # fmt: skip


# ---- 3.4b: the file of whole numbers -----------------------------------------------------------------------

KEPT = slice(None, None, 40)  # of all pictures, as in the lesson: those whose chances are given


def _look_at_file(content: Any) -> dict[str, Any]:
    """What the file holds and says: types of its ends and numbers, the input's scale, and some chances."""
    if isinstance(content, bytearray | memoryview):
        content = bytes(content)
    if type(content) is not bytes:
        raise NotData("should be bytes, as `converter.convert()` gives them back")
    if content[4:8] != b"TFL3":
        raise NotData(
            "are bytes, but not the content of a LiteRT file; it should be what `converter.convert()` gives"
        )
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    from helpers import datasets, quiet

    shown = datasets.solar_cells(64)[0][KEPT, ..., None].astype("float32")
    with quiet.native():
        try:
            interpreter = Interpreter(
                model_content=content,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            interpreter.resize_tensor_input(interpreter.get_input_details()[0]["index"], shown.shape)
            interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as refused:
            raise NotData(f"are a file that LiteRT can't run: {str(refused)[:120]}") from None
    into, out = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    scale, zero = into["quantization"]
    if np.issubdtype(into["dtype"], np.integer):
        ends = np.iinfo(into["dtype"])
        shown = np.clip(np.round(shown / scale) + zero, ends.min, ends.max).astype(into["dtype"])
    interpreter.set_tensor(into["index"], shown)
    interpreter.invoke()
    chances = interpreter.get_tensor(out["index"]).ravel().astype(float)
    if out["dtype"] != np.float32:
        chances = out["quantization"][0] * (chances - out["quantization"][1])
    types = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    operators = {step["op_name"] for step in interpreter._get_ops_details()}
    return {
        "in": np.dtype(into["dtype"]).name, "out": np.dtype(out["dtype"]).name, "types": sorted(types),
        "operators": sorted(operators), "step": float(scale), "chances": chances.tolist(),
    }  # fmt: skip


@exercise(
    "3.4b",
    integer=Made("the content of a LiteRT file, bytes", _look_at_file),
    hints=(
        "`converter.optimizations = [tf.lite.Optimize.DEFAULT]` first; then the four settings of the task.",
        'A picture as the network gets it: `one[None, ..., None].astype("float32")`, from uint8 [64, 64].',
        "The dataset is the function itself, not what it gives: `converter.representative_dataset = shown`, "
        "where `shown` yields `[picture]` for each picture.",
    ),
    said="Every tensor is an integer, in and out as well; on the pictures asked it says what the "
    "float network says.",
)
def whole_numbers_alone(integer, given):
    kinds = set(integer["types"])
    if "float16" in kinds:
        yield "The weights are halved floats (float16). Asked are integers of eight bits."
    if "int8" not in kinds:
        yield "Nothing in it is stored in eight bits: it is the float network. Is `optimizations` set?"
    if not {"QUANTIZE", "DEQUANTIZE"} & set(integer["operators"]) and "float32" in kinds:
        yield (
            "Kernels are integers, activations floats: that is dynamic range. Without a "
            "`representative_dataset` the converter can't know the activations' ranges."
        )
    if integer["in"] == integer["out"] == "float32":
        yield (
            "Inside it computes in integers, but floats go in and come out. Set `inference_input_type` and "
            "`inference_output_type`."
        )
    for end, name in (("in", "input"), ("out", "output")):
        if integer[end] != "int8":
            yield f"Its {name} is of `{integer[end]}`; asked is `tf.int8`, by `inference_{name}_type`."
    if integer["step"] < 0.1:
        yield (
            "A step of its input is less than a tenth of a grey value, so all bright pixels are cut off to "
            "the same. Were the pictures for calibration divided, by 255 perhaps? The network gets 0 to 255."
        )
    apart = np.abs(np.subtract(integer["chances"], given["chances"]))
    if np.quantile(apart, 0.9) > 0.1:
        yield (
            "It is of whole numbers alone, and says something else than the float network: the ranges don't "
            "fit. Calibrate with all pictures of `calibration`, in grey values as they are."
        )


# ---- 3.4c: the smallest that may go ------------------------------------------------------------------------


def _table(*rows: tuple[str, float, float, float]) -> Any:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["name", "from", "to", "zipped"]).set_index("name")
    middle = (frame["from"] + frame["to"]) / 2
    frame.insert(0, "ROC-AUC", 0.75 + middle)
    # As in the lesson's table: the size before zipping, and its order is another
    frame.insert(3, "file", [31.0 if place % 2 else 100.0 for place in range(len(frame))])
    return frame.rename_axis("variant")


_FOUR = _table(("a", -0.01, 0.01, 40), ("b", -0.03, 0.02, 10), ("c", -0.02, 0.0, 28), ("d", 0.0, 0.02, 29))


def _tables() -> list[tuple]:
    return [
        (_FOUR, 30, 0.02),
        (_FOUR, 30, 0.05),
        (_FOUR, 9, 0.05),
        (_FOUR, 28, 0.02),
        (_FOUR, 100, 0.0),
        (_table(("x", -0.01, 0.01, 20), ("y", -0.01, 0.03, 20), ("z", -0.09, 0.12, 5)), 50, 0.01),
        (_table(("x", -0.04, 0.05, 8), ("y", -0.002, 0.001, 12), ("z", 0.01, 0.03, 90)), 50, 0.01),
        (_table(("x", -0.2, -0.1, 1)), 50, 0.05),
        (_table(("x", -0.01, 0.01, 20)), 20, 0.05),
        (_table(("x", 0.0, 0.01, 20), ("y", -0.01, 0.04, 12), ("z", -0.02, 0.0, 30)), 50, 0.05),
    ]


def _choice(
    fits=lambda row, budget, margin: row["zipped"] <= budget and row["from"] >= -margin,
    key=lambda row: row["zipped"],
):
    """The rule, made of what fits and of what is smallest; the plain form of a table
    has them under `variant`."""

    def choose(variants, budget, margin):
        rows = [row for row in variants if fits(row, budget, margin)]
        return min(rows, key=key)["variant"] if rows else None

    return choose


def _by_first(variants, budget, margin):
    best = variants[0]["ROC-AUC"] - margin
    return _choice(lambda row, budget, margin: row["zipped"] <= budget and row["ROC-AUC"] >= best)(
        variants, budget, margin
    )


function(
    "3.4c",
    "choose",
    _tables,
    odd={
        "Asked is the name of a variant, a text, or None where none is left.": unless(
            optional(lambda output: type(output) is str)
        ),
    },
    rule=_choice(),
    said="The interval decides, not the value: what may have lost more than the margin stays where it is.",
    mistakes={
        "A variant of exactly `budget` kilobytes fits, and an interval from exactly −`margin` may go.":
            _choice(
            lambda row, budget, margin: row["zipped"] < budget and row["from"] > -margin
        ),
        "A variant of exactly `budget` kilobytes fits.": _choice(
            lambda row, budget, margin: row["zipped"] < budget and row["from"] >= -margin
        ),
        "An interval that ends exactly at −`margin` may go.": _choice(
            lambda row, budget, margin: row["zipped"] <= budget and row["from"] > -margin
        ),
        "You don't ask what may be lost. The smallest is no use if it may have lost more than the margin.":
            _choice(
            lambda row, budget, margin: row["zipped"] <= budget
        ),
        "You don't look at the budget: some choice is too large for the link.": _choice(
            lambda row, budget, margin: row["from"] >= -margin
        ),
        "You ask the middle, or the upper end. Of a loss we can be sure only by the *lower* end.": follows(
            _choice(lambda row, budget, margin: row["zipped"] <= budget and row["to"] >= -margin),
            _choice(
                lambda row, budget, margin: row["zipped"] <= budget and row["from"] + row["to"] >= -2 * margin
            ),
        ),
        "You ask for an interval above zero or +`margin`. A loss up to the margin is allowed.": follows(
            _choice(lambda row, budget, margin: row["zipped"] <= budget and row["from"] >= margin),
            _choice(lambda row, budget, margin: row["zipped"] <= budget and row["from"] >= 0),
        ),
        "You choose the best ROC-AUC among those that may go. Asked is the smallest file.": _choice(
            key=lambda row: -row["ROC-AUC"]
        ),
        "You choose the largest file that fits. Asked is the smallest.": _choice(
            key=lambda row: -row["zipped"]
        ),
        "You choose the one with the highest lower end. Asked is the smallest file.": _choice(
            key=lambda row: -row["from"]
        ),
        "You go by `file`, the size before zipping. The link carries the zipped one.": follows(
            _choice(
                lambda row, budget, margin: row["file"] <= budget and row["from"] >= -margin,
                lambda row: row["file"],
            ),
            _choice(key=lambda row: row["file"]),
            _choice(lambda row, budget, margin: row["file"] <= budget and row["from"] >= -margin),
        ),
        "You compare ROC-AUC with the first row's. Whether a loss is one, the interval says.": _by_first,
        "Of two equally small ones take the first in the table, not the last.":
            lambda variants, budget, margin: (
            _choice()(variants[::-1], budget, margin)
        ),
        "You refuse variants that may be better than the margin. Only a loss counts: `to` has no limit.":
            _choice(
            lambda row, budget, margin: (
                row["zipped"] <= budget and -margin <= row["from"] <= row["to"] <= margin
            )
        ),
        'Where none is left, the answer is None, not the text "none".': lambda variants, budget, margin: (
            _choice()(variants, budget, margin) or "none"
        ),
        "Where none is left, the answer is None.": lambda variants, budget, margin: (
            _choice()(variants, budget, margin) or variants[0]["variant"]
        ),
        "Your function gives the same for every table.": CONSTANT,
    },
    otherwise="For some table another variant is chosen.",
    hints=(
        "Two conditions on columns, joined by `&`, each in brackets; then the smallest "
        "`zipped` of what is left.",
        '`variants["from"]` is the lower end. A margin of 0.02 allows −0.02.',
        "`fit.zipped.idxmin()` is the name; ask `fit.empty` first.",
    ),
)


# ---- 3.4d: equal ranges on both sides ----------------------------------------------------------------------


def _largest(kernel: list, place: int) -> list[float]:
    kernel = np.abs(np.array(kernel, float))
    return kernel.max(axis=tuple(axis for axis in range(4) if axis != place)).tolist()


def _factors(formula, dead=lambda one, other: 1.0):
    """The rule: for each channel a formula of its largest weights in both kernels;
    `dead` where one of them is zero."""

    def equalize(first, second):
        pairs = zip(_largest(first, 3), _largest(second, 2), strict=True)
        return [formula(one, other) if one and other else dead(one, other) for one, other in pairs]

    return equalize


def _of_sizes(first, second):
    """By the root mean square of a channel instead of its largest weight."""
    one, other = (
        np.sqrt((np.array(kernel) ** 2).mean(axis=axes))
        for kernel, axes in ((first, (0, 1, 2)), (second, (0, 1, 3)))
    )
    return [float(np.sqrt(b / a)) if a and b else 1.0 for a, b in zip(one, other, strict=True)]


def _signed(first, second):
    one, other = (
        np.array(kernel).max(axis=axes) for kernel, axes in ((first, (0, 1, 2)), (second, (0, 1, 3)))
    )
    return [float(np.sqrt(abs(b / a))) if a and b else 1.0 for a, b in zip(one, other, strict=True)]


def _wrong_axis(first, second):
    """Of the second kernel its last axis, as of the first."""
    pairs = zip(_largest(first, 3), _largest(second, 3), strict=False)
    return [float(np.sqrt(b / a)) if a and b else 1.0 for a, b in pairs]


def _root(one, other):
    return float(np.sqrt(other / one))


def _kernels() -> list[tuple]:
    draw = np.random.default_rng(4)

    def kernel(*shape: int) -> np.ndarray:
        return np.round(draw.normal(size=shape), 3)

    table = np.zeros((1, 1, 1, 3)), np.zeros((1, 1, 3, 1))
    table[0][..., :] = [4, -1, 0]
    table[1][0, 0, :, 0] = [-1, 9, 5]
    cases = [table, (kernel(3, 3, 2, 4), kernel(3, 3, 4, 4)), (kernel(7, 7, 1, 3), kernel(3, 3, 3, 5))]
    gone = kernel(3, 3, 1, 4), kernel(1, 1, 4, 2)
    gone[1][:, :, 2] = 0
    gone[0][..., 1] *= 100
    return [*cases, gone]


function(
    "3.4d",
    "equalize",
    _kernels,
    odd={
        "Your function gives nothing back. Does it `return` an array?": NOTHING,
        "Asked is an array with a number for each channel.": unless(listed(number)),
    },
    rule=_factors(_root),
    said="One factor for each channel, and both kernels meet at the square root of the "
    "product of their ranges.",
    mistakes={
        "Some factor is 0: the second kernel divided by it is infinite. A channel without weights keeps 1.":
            follows(
            _factors(_root, lambda one, other: 0.0),
            _factors(_root, lambda one, other: 0.0 if one else 1.0),
        ),
        "You bring both to their mean; multiplied here and divided there, both meet at another number.":
            _factors(
            lambda one, other: (one + other) / 2 / one
        ),
        "Your factor is turned round: it multiplies in `first` and divides in `second`.": _factors(
            lambda one, other: 1 / _root(one, other)
        ),
        "With the quotient itself the large one changes sides: 4 · 0.25 = 1, and 1 / 0.25 = 4.": _factors(
            lambda one, other: other / one
        ),
        "Your factor brings the first kernel to 1 and does not ask what the second gets.": _factors(
            lambda one, other: 1 / one
        ),
        "That is the range both meet at, not the factor that brings them there.": _factors(
            lambda one, other: float(np.sqrt(one * other))
        ),
        "You compare root mean squares or means. A range is made by the largest weight.": _of_sizes,
        "Weights may be negative: the largest *absolute* weight makes the range.": _signed,
        "In `second` the channels are the third axis: it reads what `first` writes. You take its last.":
            _wrong_axis,
        "Your function gives the same for every pair of kernels.": CONSTANT,
    },
    otherwise="For some kernels a channel's largest weight is not the same in both afterwards.",
    hints=(
        "`np.abs(first).max(axis=(0, 1, 2))` has a number for each channel; of `second` it is "
        "another three axes.",
        "first · f = second / f. Solve it for f.",
        "`np.where` on the channels of which both are above 0, and 1 elsewhere; divide only "
        "where it is allowed.",
    ),
)
