"""The report of a run: a table of every result, and each executed page, readable offline."""

import os
import shutil
from html import escape
from pathlib import Path

from helpers import build
from helpers.workbook.execute import OK, Result
from helpers.workbook.run import Task
from helpers.workbook.store import Store

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


def write(todo: list[Task], results: dict[str, Result], store: Store, folder: Path | None = None) -> Path:
    """Write index.html, pages/ and notebooks/ for these results; returns the index. Pages are linked, not copied, where the disk allows."""
    folder = folder or build() / "report"
    wanted = {"pages": ("page.html", ".html"), "notebooks": ("notebook.ipynb", ".ipynb")}
    lessons = [task for task in todo if not task.is_resource and task.name in results]
    for kind, (file, suffix) in wanted.items():
        (folder / kind).mkdir(parents=True, exist_ok=True)
        names = {_file_name(task.name) + suffix: store.path(task.key) / file for task in lessons}
        for old in set(os.listdir(folder / kind)) - set(names):
            os.unlink(folder / kind / old)
        for name, source in names.items():
            _link(source, folder / kind / name)
    index = folder / "index.html"
    text = HEAD + _body(lessons, results) + "</body></html>\n"
    part = index.with_suffix(".part")
    part.write_text(text, encoding="utf8")
    os.replace(part, index)
    return index


def _body(lessons: list[Task], results: dict[str, Result]) -> str:
    good = sum(results[task.name].outcome == OK for task in lessons)
    rows = []
    for task in lessons:
        result, file = results[task.name], _file_name(task.name)
        values = " ".join(f"<code>{escape(f'{k}={v}')}</code>" for k, v in task.parameters.items())
        has_page = bool(result.seconds)
        title = f'<a href="pages/{file}.html">{escape(task.title)}</a>' if has_page else escape(task.title)
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


def _file_name(name: str) -> str:
    return name.replace("/", "-").removesuffix(".ipynb")


def _link(source: Path, target: Path) -> None:
    if not source.exists():
        target.unlink(missing_ok=True)
        return
    if target.exists() and os.path.samefile(source, target):
        return
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
