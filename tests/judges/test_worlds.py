"""Programs judged by rules: each lives through the same worlds, and what comes of it there is compared."""

import pytest

from helpers import exercises
from helpers.exercises import kit
from helpers.exercises.kit import INVALID, NOT_ATTEMPTED
from helpers.exercises.rules import function
from helpers.exercises.signs import follows, listed, number, right_but, some, unless, unlike
from helpers.exercises.worlds import Worlds

from .harness import Cases, cases, faults

# Who arrives each minute, and how many seats there are
WORLDS = {
    "one minute": ([3], [2]),
    "a rush": ([9, 1, 0], [1, 3]),
    "nobody": ([0, 0], [2]),
}


def served(admit, arrivals, tables):
    """How many are let in each minute, of whom the rest waits on; the tables are the world's own list."""
    waiting, path = 0, []
    for count in arrivals:
        waiting += count
        path.append(admit(waiting, tables))
        waiting -= path[-1] if number(path[-1]) else 0
    return path


def _admit(waiting, tables):
    return min(waiting, sum(tables))


def _cleared(waiting, tables):
    """It is right as long as there are tables, and takes them away."""
    found = _admit(waiting, tables)
    tables.clear()
    return found


def _told(**more):
    exercises._registered.pop("9.9a", None)
    told = {
        "form": Worlds(served, WORLDS),
        "odd": {
            "Nothing comes back.": some(lambda path: None in path),
            "That is no number.": unless(listed(number)),
        },
        "mistakes": {
            "You let all in.": lambda waiting, tables: waiting,
            "You count tables, not seats.": lambda waiting, tables: min(waiting, len(tables)),
            "In the end nobody may be left over.": follows(
                lambda waiting, tables: sum(tables), read=lambda path: path[-1]
            ),
            "Only the first minute is right.": right_but(on=lambda world: world == "one minute"),
        },
    }
    function(
        "9.9a", "admit", rule=_admit, said="Seats, or fewer where fewer wait.", hints=("one", "two"),
        otherwise="Play it.", **{**told, **more},
    )  # fmt: skip
    return exercises._registered["9.9a"]


CASES = cases(
    "admit",
    [lambda waiting, tables: sorted([waiting, sum(tables)])[0]],
    {
        "Nothing comes back": lambda waiting, tables: waiting or None,
        "no number": lambda waiting, tables: "2",
        "first minute": _cleared,
        "Play it": lambda waiting, tables: min(waiting, 1),
    },
    invalid={"raised ZeroDivisionError": lambda waiting, tables: waiting / 0},
)


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(exercises, "_registered", {})


def test_a_program_is_judged_by_a_rule_and_mistakes_that_are_programs_and_passes_the_mill():
    assert faults(_told(), CASES) == []


@pytest.mark.parametrize(
    "mistakes, said",
    [
        ({"You let all in.": _admit}, "example of 'You let all in.' is right"),
        (
            {
                "You let in.": lambda waiting, tables: waiting,
                "You let all in.": lambda waiting, tables: waiting,
            },
            "example of 'You let all in.' is wrong: You let in.",
        ),
    ],
    ids=["a mistake that is right", "a mistake that another one hides"],
)
def test_the_derived_tests_find(mistakes, said):
    assert said in " | ".join(faults(_told(mistakes=mistakes), Cases([], {}), examples=0))


def test_the_first_world_that_fails_is_named_with_what_came_of_it():
    verdict = kit.assess(_told(), {"admit": lambda waiting, tables: min(waiting, 1)})
    assert verdict.reason == "Play it. For `one minute` yours gives `[1]`, which is not it."


def test_each_program_lives_in_worlds_of_its_own():
    form = Worlds(served, WORLDS)
    came = form.read(_cleared)
    assert came == form.read(_cleared) and [world["output"] for world in came] == [[2], [4, 0, 0], [0, 0]]
    assert WORLDS["a rush"] == ([9, 1, 0], [1, 3])


def test_the_books_own_programs_are_played_once_in_a_world():
    played = []

    def noted(program, *world):
        played.append((program, str(world)))
        return served(program, *world)

    task = _told(form=Worlds(noted, WORLDS))
    for _ in range(3):  # the learner's is played in a fork, and leaves no trace here
        kit.assess(task, {"admit": lambda waiting, tables: min(waiting, 1)})
    assert len(played) == len(set(played)) >= 5


def test_an_output_can_be_unlike_what_is_due_in_its_form_alone():
    task = _told(odd={"A minute is missing.": unlike(lambda came, due: len(came) == len(due))})
    assert kit.assess(task, {"admit": lambda waiting, tables: 0.5}).reason.startswith("Play it.")


def test_a_program_that_is_blank_or_hangs_is_told_as_any_other():
    form = Worlds(served, WORLDS, seconds=1)
    task = _told(form=form)

    def blank(waiting, tables): ...

    assert kit.assess(task, {"admit": blank}).status == NOT_ATTEMPTED
    assert kit.assess(task, {"admit": 3}).status == INVALID
    verdict = kit.assess(task, {"admit": lambda waiting, tables: [1 for _ in iter(int, 1)]})
    assert "had not returned after 1 second" in verdict.reason
