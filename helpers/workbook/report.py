"""The report of a run: a table of every result, and each executed page, readable offline."""

import re
import shutil
from html import escape, unescape
from pathlib import Path
from posixpath import dirname, join, normpath
from urllib.parse import quote, unquote

from helpers import build, files, sha, syllabus
from helpers.syllabus import UsageError
from helpers.workbook import page
from helpers.workbook.outcomes import OK, Result
from helpers.workbook.store import Store
from helpers.workbook.tasks import Task

HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>MLOps Workbook: report</title>
<style>
  :root { color-scheme: light dark }
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 68rem; margin: 2rem auto; padding: 0 1rem; color: #1b1b1b }
  h1 { font-size: 1.5rem } table { border-collapse: collapse; width: 100% } a { color: #0b57c2 }
  th, td { text-align: left; padding: .45rem .8rem; border-bottom: 1px solid #d9d9d9; vertical-align: top; overflow-wrap: anywhere }
  thead th { border-bottom: 2px solid #555 } tbody th { font-weight: 400 }
  thead th { overflow-wrap: normal } td:nth-child(2) { min-width: 7rem }
  .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
  .ok::before { content: "✓ " } .bad { font-weight: 600; color: #8f2d00 } .bad::before { content: "✗ " }
  code { background: #f2f2f2; padding: 0 .25rem }
  @media (max-width: 50rem) { table { font-size: .875rem } th, td { padding: .4rem } thead .n { white-space: normal } }
  @media (prefers-color-scheme: dark) { body { background: #161616; color: #e8e8e8 } th, td { border-color: #444 }
    .bad { color: #ffb08a } a { color: #8ab8ff } code { background: #2a2a2a } }
</style></head><body><main>
"""


def write(todo: list[Task], results: dict[str, Result], store: Store) -> Path:
    """Write index.html, pages/ and notebooks/ for these results; returns the index."""
    try:
        with store.locked():  # another run in this folder may be storing, or writing its report
            return _write(todo, results, store, build() / "report")
    except OSError as error:
        raise UsageError(
            f"The report can't be written: {error.strerror}: {error.filename or 'its files'}. Make room, or move away "
            "what is there, and call again: what has finished is kept."
        ) from error


def _write(todo: list[Task], results: dict[str, Result], store: Store, folder: Path) -> Path:
    lessons = [task for task in todo if not task.is_resource and task.name in results]
    pages, notebooks = _empty(folder / "pages"), _empty(folder / "notebooks")
    names = _file_names([task for task in lessons if _has_page(task, store)])
    places = {_place(name): file for name, file in names.items()}
    for task in lessons:
        if task.name in names:
            text = (store.path(task.key) / "page.html").read_text(encoding="utf8")
            text = _with_links(text, task.name, places)
            (pages / f"{names[task.name]}.html").write_text(text, encoding="utf8")
            # Copied, since JupyterLab saves in place: saving a link would change the stored result
            shutil.copyfile(store.path(task.key) / "notebook.ipynb", notebooks / f"{names[task.name]}.ipynb")
    index = folder / "index.html"
    # A parameter may be half a character, which JSON can write
    files.write(index, _index(lessons, results, names).encode(errors="replace"))
    return index


def _index(lessons: list[Task], results: dict[str, Result], names: dict[str, str]) -> str:
    good = sum(results[task.name].outcome == OK for task in lessons)
    rows = "\n".join(_row(task, results[task.name], names.get(task.name)) for task in lessons)
    return (
        f"{HEAD}<h1>MLOps Workbook: {good} of {len(lessons)} lessons ran</h1>\n"
        '<table><thead><tr><th scope="col">Lesson</th><th scope="col">Title</th><th scope="col">Outcome</th>'
        '<th scope="col" class="n">Time</th><th scope="col" class="n">Peak memory</th><th scope="col">Notebook</th>'
        f"</tr></thead>\n<tbody>\n{rows}\n</tbody></table>\n</main></body></html>\n"
    )


def _row(task: Task, result: Result, file: str | None) -> str:
    name, title, notebook = escape(task.name), escape(task.title), "–"
    if file:
        title = f'<a href="pages/{quote(file)}.html">{title}</a>'
        notebook = f'<a href="notebooks/{quote(file)}.ipynb" aria-label="Notebook of {name}">.ipynb</a>'
    values = " ".join(f"<code>{escape(f'{k}={v}')}</code>" for k, v in task.parameters.items())
    state = f'<span class="{"ok" if result.outcome == OK else "bad"}">{result.outcome}</span>'
    seconds = f"{result.seconds:.0f} s" if result.seconds else "–"
    peak = f"{result.peak:.1f} GB" if result.peak else "–"
    return (
        f'<tr><th scope="row">{name}</th><td>{title} {values}</td><td>{state}<br>{escape(result.detail)}</td>'
        f'<td class="n">{seconds}</td><td class="n">{peak}</td><td>{notebook}</td></tr>'
    )


def _has_page(task: Task, store: Store) -> bool:
    """Whether there is something to show of this result; its page is made now where the run left none, or another version's."""
    kept, notebook = (store.path(task.key) / name for name in ("page.html", "notebook.ipynb"))
    try:
        if page.is_current(kept):
            return True
        text = page.html(notebook.read_text(encoding="utf8"), task.title)
    except (FileNotFoundError, ValueError):  # it was blocked, or what is there is no notebook
        return False
    files.write(kept, text)
    return True


def _file_names(lessons: list[Task]) -> dict[str, str]:
    """File names by task name: `/` becomes `-`; a digest sets apart what is then alike, or too long for a disk."""
    names: dict[str, str] = {}
    for name in dict.fromkeys(task.name for task in lessons):
        file = name.replace("/", "-")
        if file.casefold() in map(str.casefold, names.values()) or len(file.encode()) > 240:
            file = f"{file[:50]}-{sha(name)}"
        names[name] = file
    return names


def _with_links(text: str, name: str, pages: dict[tuple[str, str], str]) -> str:
    """The page with links to other notebooks leading to their pages, by place; one that leads nowhere becomes text."""
    place, row = _place(name)

    def link(match: re.Match) -> str:
        to = unescape(match["to"])
        if re.match(r"#|//|[a-z][a-z0-9+.-]*:", to, re.I):
            return match[0]
        to = normpath(join(dirname(place), unquote(re.split("[?#]", to)[0]))).removesuffix(".ipynb")
        file = pages.get((to, row))
        return f'<a href="{quote(file)}.html">{match["text"]}</a>' if file else match["text"]

    head, main, body = text.partition("<main>")
    links = r'<a\b[^>]*?\bhref="(?P<to>[^"]*)"[^>]*>(?P<text>.*?)</a>'
    return head + main + re.sub(links, link, body, flags=re.S)


def _place(name: str) -> tuple[str, str]:
    """Where the notebook of a task lies, without its ending, and its row in the table it was run for."""
    name, row = re.findall(r"\A(.*?)(-row-\d{3,})?\Z", name, re.S)[0]
    for lesson in syllabus.load().lessons:
        if lesson.id == name:
            return f"{lesson.folder}/{lesson.file}", row
    return name, row


def _empty(folder: Path) -> Path:
    """The folder, made, without the files of an earlier report."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if not old.is_dir():  # such as JupyterLab's .ipynb_checkpoints
            old.unlink(missing_ok=True)
    return folder
