"""What is compared of a cell's outputs: a text for each thing they show.

Where plain nbval looks away, the reason stands here:
- stdout and text/plain as a terminal shows them: carriage returns and backspaces overwrite, colours are left out. What
  stands before an output and what after it is seen; nbval joins all that a cell prints. stderr is not compared, for
  recordings hold none, and libraries warn as they like. An address (0x7f…) differs at each run and is seen: print none.
- Errors by name and message; tracebacks, execution counts and metadata are not compared, as in nbval.
- JSON (application/json, vega, plotly, anything in +json) by value: the order of keys is free, that of lists is not.
  A widget's view is JSON with a random model_id, which is left out; what a widget holds isn't compared. nbval skips both.
- Pictures (PNG, JPEG, GIF, WebP) by format and size, SVG by size and words, PDF by the sizes of its pages: pixels, ids
  and dates in them differ between machines; what they show is said in text beside them. nbval skips PNG and JPEG.
- HTML, Markdown, LaTeX, JavaScript and what isn't named here as text; so is what isn't what its MIME type promises.
"""

import base64
import io
import itertools
import json
import re
from collections.abc import Container, Iterable
from typing import Any
from xml.etree import ElementTree

WIDGET = "application/vnd.jupyter.widget-view+json"
TERMINAL = ("stdout", "error", "text/plain")
CONTROL = re.compile(r"\x1b\[([\d;?]*)[ -/]*([@-~])|(.)", re.DOTALL)


def parts(outputs: list, skip: Container[str] = ()) -> Iterable[tuple[str, str]]:
    """(what it is, text) of all that is compared."""
    for number, bundle in enumerate(_bundles(outputs), 1):
        for kind in sorted(bundle):
            if kind not in skip:
                for place, text in _texts(kind, bundle[kind]):
                    yield f"output {number}, {kind}{place}", text


def _bundles(outputs: list) -> Iterable[dict]:
    """Each output as contents by kind; adjacent pieces of what a cell prints are one."""
    seen = [output for output in outputs if output.get("name") != "stderr"]
    for printed, group in itertools.groupby(seen, lambda output: output["output_type"] == "stream"):
        if printed:
            if text := "".join("".join(output["text"]) for output in group):
                yield {"stdout": text}
            continue
        for output in group:
            if output["output_type"] == "error":
                yield {"error": f"{output['ename']}: {output['evalue']}"}
            else:
                yield output.get("data", {})


def _texts(kind: str, content: Any) -> Iterable[tuple[str, str]]:
    """(place in it, text) of what is compared of a content: one, or as many as a JSON value has leaves."""
    if kind == WIDGET and isinstance(content, dict):
        content = {name: value for name, value in content.items() if name != "model_id"}
    is_lines = isinstance(content, list) and all(isinstance(line, str) for line in content)
    if is_lines and not kind.endswith("json"):
        content = "".join(content)
    if not isinstance(content, str):
        yield from _leaves(content)
    elif kind.startswith("image/") or kind == "application/pdf":
        yield "", _picture(kind, content)
    else:
        yield "", _shown(content) if kind in TERMINAL else content


def _leaves(value: Any, place: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for name in sorted(value):
            yield from _leaves(value[name], f"{place}[{name!r}]")
    elif isinstance(value, list) and value:
        for number, item in enumerate(value):
            yield from _leaves(item, f"{place}[{number}]")
    else:
        yield place, json.dumps(value, ensure_ascii=False)


def _picture(kind: str, content: str) -> str:
    """What is compared of a picture; the content itself when it is none."""
    from PIL import Image

    try:
        if kind == "image/svg+xml":
            return _svg(ElementTree.fromstring(content))
        data = base64.b64decode(content)
        if kind == "application/pdf":
            pages = re.findall(rb"/MediaBox\s*\[([^\]]*)\]", data)
            return f"PDF, pages of {pages}" if data.startswith(b"%PDF") else content
        with Image.open(io.BytesIO(data)) as picture:
            return f"{picture.format} of {picture.width}×{picture.height} pixels"
    except (ValueError, OSError, ElementTree.ParseError, Image.DecompressionBombError):
        return content


def _svg(root: ElementTree.Element) -> str:
    for metadata in root.findall("{*}metadata"):  # a date
        root.remove(metadata)
    size = [root.get(name) for name in ("width", "height", "viewBox")]
    return f"SVG of {size}: {' '.join(' '.join(root.itertext()).split())}"


def _shown(text: str) -> str:
    """What a terminal shows of a text: \\r, \\b and the codes that erase do their work, colours are left out."""
    return "\n".join(map(_line, text.split("\n"))) if re.search("[\r\b\x1b]", text) else text


def _line(text: str) -> str:
    shown: list[str] = []
    at = 0
    for found in CONTROL.finditer(text.removesuffix("\r")):
        if found[2] == "K":
            del shown[0 if found[1] == "2" else at :]
        elif found[3] == "\r":
            at = 0
        elif found[3] == "\b":
            at = max(0, at - 1)
        elif found[3]:
            shown += " " * (at - len(shown))
            shown[at : at + 1] = found[3]
            at += 1
    return "".join(shown)
