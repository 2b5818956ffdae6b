"""The report of a run: a table of every result, and each executed page, readable offline."""

import os
import shutil
from collections.abc import Callable
from html import escape
from pathlib import Path
from urllib.parse import quote

from helpers import build
from helpers.workbook.execute import OK, Result
from helpers.workbook.run import Task
from helpers.workbook.store import Store
from helpers.workbook.syllabus import UsageError, sha

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>MLOps Workbook: report</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
  h1 { font-size: 1.5rem } table { border-collapse: collapse; width: 100% }
  th, td { text-align: left; padding: .45rem .8rem; border-bottom: 1px solid #d9d9d9; vertical-align: top }
  th { border-bottom: 2px solid #555 } td.n { text-align: right; font-variant-numeric: tabular-nums }
  .ok::before { content: "✓ " } .bad { font-weight: 600; color: #8f2d00 } .bad::before { content: "✗ " }
  code { background: #f2f2f2; padding: 0 .25rem }
  @media (prefers-color-scheme: dark) { body { background: #161616; color: #e8e8e8 } th, td { border-color: #444 }
    .bad { color: #ffb08a } a { color: #8ab8ff } code { background: #2a2a2a } }
</style></head><body>
"""


def write(todo: list[Task], results: dict[str, Result], store: Store) -> Path:
    """Write index.html, pages/ and notebooks/ for these results; returns the index."""
    try:
        return _write(todo, results, store, build() / "report")
    except OSError as error:
        raise UsageError(
            f"The report can't be written: {error.strerror}: {error.filename or 'its files'}. Make room, or move away "
            "what is there, and call again: what has finished is kept."
        ) from error


def _write(todo: list[Task], results: dict[str, Result], store: Store, folder: Path) -> Path:
    lessons = [task for task in todo if not task.is_resource and task.name in results]
    names = _file_names(lessons)
    pages = {f"{names[task.name]}.html": store.path(task.key) / "page.html" for task in lessons}
    notebooks = {f"{names[task.name]}.ipynb": store.path(task.key) / "notebook.ipynb" for task in lessons}
    linked = _fill(folder / "pages", pages, _link)
    # Copied, since JupyterLab saves in place: saving a link would change the stored result
    _fill(folder / "notebooks", notebooks, shutil.copyfile)
    index = folder / "index.html"
    text = HEAD + _body(lessons, results, names, linked) + "</body></html>\n"
    part = index.with_suffix(".part")
    part.write_text(text, encoding="utf8")
    os.replace(part, index)
    return index


def _body(lessons: list[Task], results: dict[str, Result], names: dict[str, str], linked: set[str]) -> str:
    good = sum(results[task.name].outcome == OK for task in lessons)
    rows = []
    for task in lessons:
        result, page = results[task.name], f"{names[task.name]}.html"
        values = " ".join(f"<code>{escape(f'{k}={v}')}</code>" for k, v in task.parameters.items())
        title = escape(task.title)
        if page in linked:
            title = f'<a href="pages/{quote(page)}">{title}</a>'
        state = f'<span class="{"ok" if result.outcome == OK else "bad"}">{result.outcome}</span>'
        rows.append(
            f"<tr><td>{escape(task.name)}</td><td>{title} {values}</td>"
            f'<td>{state}<br>{escape(result.detail)}</td><td class="n">{result.seconds:.0f} s</td>'
            f'<td class="n">{result.peak:.1f} GB</td></tr>'
        )
    return (
        f"<h1>MLOps Workbook: {good} of {len(lessons)} lessons ran</h1>\n"
        "<table><thead><tr><th>Lesson</th><th>Title</th><th>Outcome</th><th>Time</th><th>Peak memory</th></tr></thead>\n"
        f"<tbody>\n{chr(10).join(rows)}\n</tbody></table>\n"
    )


def _file_names(lessons: list[Task]) -> dict[str, str]:
    """File names by task name: `/` becomes `-`; a digest sets apart what is then alike, or too long for a disk."""
    files: dict[str, str] = {}
    for name in dict.fromkeys(task.name for task in lessons):
        file = name.replace("/", "-")
        if file in files.values() or len(os.fsencode(file)) > 240:
            file = f"{file[:50]}-{sha(name)}"
        files[name] = file
    return files


def _fill(folder: Path, files: dict[str, Path], put: Callable[[Path, Path], None]) -> set[str]:
    """Put these files in place of those in the folder; returns which there are. A blocked lesson has empty ones."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not old.is_dir():  # such as JupyterLab's .ipynb_checkpoints
            old.unlink(missing_ok=True)
    there = {name for name, source in files.items() if source.exists() and source.stat().st_size}
    for name in there:
        put(files[name], folder / name)
    return there


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
