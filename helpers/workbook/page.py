"""An executed notebook as one HTML page that needs no network and runs no script, whatever the notebook holds."""

import base64
import functools
import re
from html import escape, unescape
from importlib.metadata import version
from pathlib import Path
from typing import Any

from helpers import sha
from helpers.workbook import claims

# The richest form first; no scripts and no widgets, which would need some
SHOWN = ["text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/latex", "text/plain"]
# What the notebook's own HTML may use: text, tables and pictures; no styles that take it out of its place
TAGS = (
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li mark "
    "ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul"
)
ATTRIBUTES = "alt class colspan height id open role rowspan scope start style title width"
LOOKS = "background border border-left caption-side margin margin-top max-width min-width opacity padding"
MOST_ROWS = 10_000  # of the tables in a piece of HTML
UNCLOSED = "br|caption|col|colgroup|dd|dt|hr|img|input|li|link|meta|option|p|tbody|td|tfoot|th|thead|tr|wbr"
TEMPLATES = Path(__file__).with_name("templates")


def html(notebook: str, name: str) -> str:
    """The page of a notebook given as JSON text; `name` is its title.

    A cell that can't be shown, since its outputs are not what their MIME types say, is shown as plain text.
    """
    import nbformat

    node = nbformat.reads(notebook, as_version=4)
    node.metadata = nbformat.NotebookNode()  # may be anything: a title, widgets, a language we don't have
    try:
        page = _page(node, name)
    except Exception:  # noqa: BLE001 - anybody's notebook in nbconvert's hands: no list of what it raises would be whole
        node.cells = [cell if _can_be_shown(cell) else _plain(cell) for cell in node.cells]
        page = _page(node, name)
    return page.encode("utf8", "replace").decode()  # half a surrogate pair can't be written


def is_current(path: Path) -> bool:
    """Whether there is a page there, as this version makes it."""
    try:
        with path.open("rb") as file:
            return _made_by().encode() in file.read(1000)
    except FileNotFoundError:
        return False


def _page(node: Any, name: str) -> str:
    for output in (output for cell in node.cells for output in cell.get("outputs", []) if "data" in output):
        if not any(kind in output.data for kind in SHOWN):
            output.data["text/plain"] = f"{', '.join(output.data) or 'Nothing'}: not shown here."
    resources = {"metadata": {"name": name}, "made_by": _made_by()}
    return _exporter().from_notebook_node(node, resources)[0]


@functools.cache
def _made_by() -> str:
    """Digest of what decides how a page looks, for its head."""
    files = [Path(__file__), *sorted(path for path in TEMPLATES.rglob("*") if path.is_file())]
    return f"MLOps Workbook {sha(version('nbconvert'), *(file.read_bytes() for file in files))}"


def _can_be_shown(cell: Any) -> bool:
    from nbformat.v4 import new_notebook

    try:
        _page(new_notebook(cells=[cell]), "")
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def _plain(cell: Any) -> Any:
    """The cell's source and, of its outputs, the text."""
    from nbformat.v4 import new_code_cell, new_output

    data = [out.get("data") for out in cell.get("outputs", [])]
    texts = [out.get("text") for out in cell.get("outputs", [])]
    texts += [bundle.get("text/plain") for bundle in data if isinstance(bundle, dict)]
    said = "This cell holds what is not of the type it says. The notebook beside this page has all of it."
    text = "\n".join([*(text for text in texts if isinstance(text, str)), said])
    return new_code_cell(str(cell.source), outputs=[new_output("stream", text=text)])


@functools.cache  # which compiles the templates once
def _exporter() -> Any:
    from nbconvert import HTMLExporter
    from traitlets.config import Config

    return HTMLExporter(
        config=Config({"NbConvertBase": {"display_data_priority": SHOWN}}),
        extra_template_basedirs=[str(TEMPLATES)],
        template_name="page",
        sanitize_html=True,
        filters={"clean_html": _clean, "picture": _picture, "summary": _summary},
    )


def _picture(output: Any, kind: str) -> str:
    """A picture in the size it was made for, with its text for those who don't see it."""
    data, about = output.data[kind], output.metadata.get(kind, {})
    if kind == "image/svg+xml":  # as a picture it can neither run a script nor load anything
        data = base64.b64encode(data.encode()).decode()
    text = about.get("alt") or output.data.get("text/plain", "")
    size = "".join(f' {side}="{about[side]:d}"' for side in ("width", "height") if side in about)
    picture = f'<img src="data:{kind};base64,{escape(data)}" alt="{escape(text)}"{size}>'
    return f'<div class="jp-RenderedImage jp-OutputArea-output">{picture}</div>'


def _summary(cell: Any) -> str:
    """What is said of a folded cell: its first comment, or what it is."""
    first = cell.source.strip().partition("\n")[0]
    said = first.lstrip("# ") if first.startswith("#") else ""
    return escape(said or ("Claim" if claims.CLAIM in cell.metadata.tags else "Code"))


def _clean(html: str) -> str:
    """The notebook's own HTML without what runs, loads, sends, or leaves its place."""
    first, *rest = re.split(r"(?i)<(?:script|style)\b", str(html))  # of these, bleach would leave the text
    after = [re.split(r"(?i)</(?:script|style)\s*>", part, maxsplit=1)[1:] for part in rest]
    html = first + "".join(text for texts in after for text in texts)
    if len(re.findall(r"(?i)<tr\b", html)) > MOST_ROWS or _depth(html) > 300:
        raise ValueError("bleach takes hours for a table without end and for elements within each other")
    return _cleaner().clean(html)


def _depth(html: str) -> int:
    """How deep elements are nested, not counting those whose end tag may be left out."""
    depth = deepest = 0
    for end in re.findall(rf"(?i)<(/?)(?!(?:{UNCLOSED})\b)[a-z]", html):
        depth = max(depth + (-1 if end else 1), 0)
        deepest = max(deepest, depth)
    return deepest


@functools.cache
def _cleaner() -> Any:
    from bleach.css_sanitizer import ALLOWED_CSS_PROPERTIES, CSSSanitizer
    from bleach.sanitizer import Cleaner

    def allowed(tag: str, name: str, value: str) -> bool:
        if name == "src":
            return tag == "img" and value.startswith("data:image/")
        if name == "href":
            return tag == "a" and "data:" not in unescape(value).lower()
        return name in ATTRIBUTES.split()

    return Cleaner(
        tags=TAGS.split(),
        attributes=allowed,
        protocols=["http", "https", "mailto", "data"],
        css_sanitizer=CSSSanitizer({*ALLOWED_CSS_PROPERTIES, *LOOKS.split()}),
        strip=True,
    )
