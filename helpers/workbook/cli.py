"""The `workbook` command: list, learn, reset, progress, run, record, new, doctor. Starts in well under a second; each command imports its own."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from helpers import syllabus
from helpers.syllabus import UsageError
from helpers.workbook import kernelspec

app = typer.Typer(
    add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None
)

Lessons = Annotated[
    list[str] | None,
    typer.Argument(metavar="[LESSON]...", help="Lesson ids such as 2.2; all when none is given."),
]


@app.callback()
def workbook() -> None:
    """The MLOps Workbook: learn, run, record and check its lessons."""


@app.command("list")
def list_() -> None:
    """The lessons, and how far you are in each."""
    from helpers import learn_folder
    from helpers.exercises import progress
    from helpers.workbook import show

    states = progress.states(learn_folder())
    for course in dict.fromkeys(lesson.course for lesson in syllabus.load().lessons):
        numbers = "minutes", "exercises right"
        table = show.grid("", "lesson", *numbers, right=numbers, title=course, title_justify="left")
        for lesson in (x for x in syllabus.load().lessons if x.course == course):
            found = progress.of(lesson, states)
            right = sum(standing.is_right for standing in found)
            table.add_row(lesson.id, lesson.title, str(lesson.minutes), f"{right} of {len(found)}")
        show.screen().print(table, "")


@app.command()
def learn(
    lesson: Annotated[str | None, typer.Argument(help="Open this lesson; the start page otherwise.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Make your own copies of the lessons in learn/ and open JupyterLab in them."""
    from helpers.desk import lab

    _heal()
    lab.open_lab(syllabus.load().lesson(lesson) if lesson else None, browser)


@app.command()
def reset(lesson: Annotated[str, typer.Argument(help="The lesson to begin anew.")]) -> None:
    """Begin a lesson anew; your copy is kept under today's date, and your progress stays."""
    from helpers import learn_folder
    from helpers.desk import copies

    kept = copies.reset(learn_folder(), syllabus.load().lesson(lesson))
    print(f"Lesson {lesson} begins anew." + (f" Your copy is kept: {kept}" if kept else ""))
    print("If it is open in JupyterLab, choose File > Reload Notebook from Disk there.")


@app.command()
def progress(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="As CSV, a row per exercise.")] = False,
    folder: Annotated[Path | None, typer.Option(help="Somebody's learn folder; your own otherwise.")] = None,
) -> None:
    """Exercises done, for you or for whoever collects them: as a table, JSON or CSV."""
    from helpers import learn_folder
    from helpers.exercises import progress

    place = folder or learn_folder()
    if folder and not (folder / progress.ledger.NAME).is_file():
        raise UsageError(f"There is no {progress.ledger.NAME} in {folder}: name the folder that holds it.")
    if json or csv:
        print(progress.as_json(place) if json else progress.as_csv(place), end="\n" if json else "")
        return
    from helpers.workbook import show

    table = show.grid("exercise", "standing", "tries", "first right (UTC)")
    for standings in progress.everything(progress.states(place)).values():
        for x in standings:
            table.add_row(x.exercise, f"{progress.MARKS[x.status]} {x.status}", str(x.tries), x.right_at)
    show.screen().print(table)


@app.command()
def run(
    lessons: Lessons = None,
    parameters: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", metavar="NAME=VALUE", help="A parameter: a number, JSON, or text."),
    ] = None,
    each: Annotated[
        Path | None, typer.Option(metavar="TABLE.CSV", help="Run once per row, its columns as parameters.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Lessons at a time.")] = 2,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="TCP://…", help="A Dask scheduler; a pool on this machine otherwise."),
    ] = None,
    fresh: Annotated[bool, typer.Option(help="Run again what has run already.")] = False,
    cell_timeout: Annotated[float, typer.Option(min=1, help="Seconds a cell may take.")] = 600,
    lesson_timeout: Annotated[float, typer.Option(min=1, help="Seconds a lesson may take.")] = 1200,
    memory: Annotated[
        float, typer.Option(min=0.1, help="Gigabytes a lesson may hold, with all it starts.")
    ] = 6,
) -> None:
    """Execute lessons with Papermill, in parallel; what has run and has not changed is kept."""
    from helpers.workbook import report, show
    from helpers.workbook import run as runner
    from helpers.workbook.outcomes import OK, Limits
    from helpers.workbook.parameters import assignments, table
    from helpers.workbook.store import Store
    from helpers.workbook.tasks import tasks

    _heal()
    todo = tasks(lessons or [], assignments(parameters or []), table(each) if each else None)
    store = Store()
    with show.progress(todo, store, jobs) as told:
        results = runner.run(
            todo, store, jobs=jobs, scheduler=scheduler, fresh=fresh, told=told,
            limits=Limits(cell_timeout, lesson_timeout, memory),
        )  # fmt: skip
    index = report.write(todo, results, store)
    show.table(todo, results, index)
    sys.exit(any(result.outcome != OK for result in results.values()))


@app.command()
def record(
    lessons: Lessons = None,
    jobs: Annotated[int, typer.Option(min=1, help="Lessons at a time.")] = 2,
    fresh: Annotated[bool, typer.Option(help="Execute even what has not changed.")] = False,
) -> None:
    """Execute lessons and write their .ipynb; where only prose changed, the outputs are kept."""
    from helpers.workbook import record, show
    from helpers.workbook import run as runner
    from helpers.workbook.store import Store

    _heal()
    todo, prose = record.plan(lessons or [], fresh)
    for lesson in prose:
        record.retext(lesson)
    store = Store()
    with show.progress(todo, store, jobs) as told:
        results = runner.run(todo, store, jobs=jobs, fresh=fresh, pages=False, told=told)
    problems = record.keep(todo, results, store)
    record.list_in_readme()
    executed = len([t for t in todo if not t.is_resource]) - len(problems)
    print(f"{executed} recorded, {len(prose)} given new prose.")
    for problem in problems:
        print(problem, file=sys.stderr)
    sys.exit(bool(problems))


@app.command()
def new(
    lesson: Annotated[str, typer.Argument(help="Its number, such as 3.1.")],
    title: Annotated[str, typer.Argument(help="Its title.")],
) -> None:
    """Make a new lesson: its row in the syllabus, text, exercises and their cases, ready to be filled."""
    from helpers import ROOT
    from helpers.workbook import new

    for file in new.make(lesson, title):
        print(file.relative_to(ROOT))
    print(f"Write the text, then: workbook record {lesson}")


@app.command()
def doctor() -> None:
    """Say what is wrong with this environment, and what to do about it."""
    from helpers.workbook import doctor

    problems = doctor.problems()
    for problem in problems:
        print(f"✗ {problem}")
    if not problems:
        print("✓ Nothing is wrong: packages, data, kernel, disk and memory are as they should be.")
    sys.exit(bool(problems))


def _heal() -> None:
    """See to the kernelspec before kernels are started."""
    print(*(f"{line}\n" for line in kernelspec.heal()), sep="", end="", file=sys.stderr)


def main() -> None:
    try:
        app()
    except (UsageError, SyntaxError) as error:  # of a lesson, its judges or helpers
        said = (
            f"{error.filename}, line {error.lineno}: {error.msg}" if isinstance(error, SyntaxError) else error
        )
        print(f"workbook: {said}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        os._exit(2)  # a run may still have lessons in its pool's threads: leave without waiting for them


if __name__ == "__main__":
    main()
