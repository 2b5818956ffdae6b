"""What a run says of the time that is left."""

import re
from pathlib import Path

import pytest

from helpers.workbook import show
from helpers.workbook.outcomes import OK, Result
from helpers.workbook.tasks import Task


class Memory:
    times: dict = {}  # of an earlier run: none


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(show.time, "monotonic", lambda: now[0])
    return now


def left(said):
    return [int(seconds) for seconds in re.findall(r"about (\d+) s left", said)]


def test_lessons_that_wait_for_a_worker_have_all_their_time_before_them(capsys, clock):
    todo = [Task(name, name, name, str, seconds=50) for name in ("a", "b", "c")]
    with show.progress(todo, Memory(), jobs=1) as told:
        for task in todo:
            told("start", task, None)
        for task in todo:
            clock[0] += 50
            told("end", task, Result(OK, seconds=50.0))
    assert left(capsys.readouterr().out) == [100, 50]


def test_a_machine_at_half_the_speed_is_noticed(capsys, clock):
    todo = [Task(name, name, name, str, seconds=50) for name in ("a", "b", "c")]
    with show.progress(todo, Memory(), jobs=2) as told:
        for task in todo:
            told("start", task, None)
        clock[0] += 100
        told("end", todo[0], Result(OK, seconds=100.0))
    assert left(capsys.readouterr().out) == [50], (
        "b is due now (1 s at the least), c has 100 s, on two workers"
    )


def test_a_resource_that_was_there_already_says_nothing_of_the_pace(capsys, clock):
    resource, lesson = (
        Task("r", "r", "r", str, seconds=80, is_resource=True),
        Task("a", "a", "a", str, seconds=50),
    )
    with show.progress([resource, lesson], Memory(), jobs=1) as told:
        told("start", resource, None)
        clock[0] += 3
        told("end", resource, Result(OK, seconds=3.0))
    assert left(capsys.readouterr().out) == [50]


def test_names_print_as_they_are_whatever_signs_they_have(capsys):
    """Rich would take brackets for its own markup, and :smile: for a picture."""
    task = Task("[red]x[bold] :smile:", "[/] title", "key", str, seconds=1)
    result = Result("cell error", "Cell 1: KeyError: '[/b] :+1:'")
    with show.progress([task], Memory(), jobs=1) as told:
        told("end", task, result)
    show.table([task], {task.name: result}, Path("[b]report"))
    said = capsys.readouterr().out
    assert said.count("[red]x[bold] :smile:") == 3 and said.count("[/] title") == 2
    assert "'[/b] :+1:'" in said and "[b]report" in said
