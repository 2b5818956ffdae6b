"""Every judge, through the harness; and the harness itself, on judges that are broken on purpose."""

import dataclasses
import functools
import importlib
import itertools
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from helpers import syllabus
from helpers.exercises import every, kit, lesson_of, source
from helpers.exercises.kit import Exercise, right, wrong

from .harness import Cases, _on_made_up, faults, leaks, made_up, unsaid


@functools.cache
def cases_of(lesson_id: str) -> dict[str, Cases]:
    """By exercise. Imported when asked for: some make models with TensorFlow."""
    return importlib.import_module(f"{__package__}.cases_{lesson_id.replace('.', '_')}").CASES


TASKS = every()
LESSONS = [lesson for lesson in syllabus.load().lessons if lesson.source.is_file()]


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_judge_accepts_the_right_rejects_the_wrong_with_their_reasons_and_survives_garbage(name):
    assert faults(TASKS[name], cases_of(lesson_of(name))[name]) == []


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_every_reason_is_given_to_some_answer(lesson):
    tasks = {name: task for name, task in TASKS.items() if lesson_of(name) == lesson.id}
    assert unsaid(lesson.exercises, tasks, cases_of(lesson.id)) == []


def _loops(*world):
    while True:
        pass


def _sleeps(*world):
    time.sleep(8)


def _sleeps_in_its_pipeline(cells, *world):
    import tensorflow as tf

    def late(cell):
        time.sleep(8)
        return cell

    return cells.map(lambda cell: tf.numpy_function(late, [cell], tf.int64))


WITHOUT_FORK = [
    name
    for name in sorted(TASKS)
    if any(isinstance(form, kit.Program) and not form.fork for form in TASKS[name].forms.values())
]


HANGING = [(name, hangs) for name in WITHOUT_FORK for hangs in (_loops, _sleeps)]


@pytest.mark.parametrize(
    "name, hangs", [*HANGING, ("3.5b", _sleeps_in_its_pipeline), ("3.5c", _sleeps_in_its_pipeline)]
)
def test_an_answer_that_hangs_in_this_process_is_told_and_a_right_one_after_it_is_right(
    name, hangs, monkeypatch
):
    (answer, form), *_ = TASKS[name].forms.items()
    cases = cases_of(lesson_of(name))[name]
    with monkeypatch.context() as patch:
        patch.setattr(form, "seconds", 1)
        verdict = kit.assess(TASKS[name], {answer: hangs}, cases.given)
    assert verdict.status == kit.INVALID and "had not returned after 1 second" in verdict.reason
    assert kit.assess(TASKS[name], cases.right[0], cases.given).status == kit.RIGHT


def test_every_judge_has_cases_and_all_cases_have_a_judge():
    files = Path(__file__).parent.glob("cases_*.py")
    have = [name for file in files for name in cases_of(file.stem[len("cases_") :].replace("_", "."))]
    assert sorted(TASKS) == sorted(have)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.id)
def test_every_exercise_of_a_lesson_has_starter_solution_check_and_judge(lesson):
    used = {name for name, _, _ in source.cells(lesson)}
    assert used == {name for name in TASKS if lesson_of(name) == lesson.id}
    for name in used:
        cells = source.of(name)
        assert [sum(tag in tags for tags, _ in cells) for tag in ("starter", "solution")] == [1, 1], name
        assert any(f'lesson.check("{name}"' in text for _, text in cells), name


@pytest.mark.parametrize(
    "lesson", [x for x in LESSONS if x.recording.is_file()], ids=lambda lesson: lesson.id
)
def test_the_shipped_solutions_are_right_in_the_recording(lesson):
    for cell in json.loads(lesson.recording.read_text())["cells"]:
        if "lesson.check(" in "".join(cell["source"]) and cell["cell_type"] == "code":
            said = ["".join(output["data"]["text/plain"]) for output in cell["outputs"]]
            assert [text[:7] for text in said] == ["✓ Right"], said


def test_the_judges_import_neither_tensorflow_nor_jupyter():
    code = (
        "import sys; from helpers.exercises import every; every(); "
        "sys.exit(', '.join({'tensorflow', 'IPython', 'tfx'} & set(sys.modules)) or 0)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


@pytest.mark.parametrize("name", sorted(TASKS))
def test_a_judge_that_accepts_or_rejects_everything_would_be_found(name):
    task, cases = TASKS[name], cases_of(lesson_of(name))[name]
    assert faults(_with(task, lambda *a, **k: right("Always.")), cases, examples=0)
    assert faults(_with(task, lambda *a, **k: wrong("Never.")), cases, examples=0)


# ---- the harness on a small exercise, sound and then broken in one way at a time ---------------------------------

SMALL = Cases(
    right=[{"share": 0.237, "columns": {"dep_delay"}}, {"share": 0.2371, "columns": ["dep_delay"]}],
    wrong={
        "percent": {"share": 23.7, "columns": {"dep_delay"}},
        "share of the punctual": {"share": 0.763, "columns": {"dep_delay"}},
        "known before": {"share": 0.237, "columns": {"dep_delay", "carrier"}},
        "leaves out": {"share": 0.237, "columns": set()},
    },
)


def _judge(share, columns):
    if share > 1:
        return wrong("That is in percent.")
    if abs(share - 0.763) < 0.001:
        return wrong("That is the share of the punctual ones.")
    if columns != ["dep_delay"]:
        return wrong("One of them is known before departure." if columns else "It leaves out something.")
    return right("So it is.") if abs(share - 0.237) < 0.001 else wrong("Count again.")


TASK = Exercise(
    "9.9a", {"share": kit.Number(), "columns": kit.Names()}, ("a", "b"), _judge, takes_given=False
)


def _with(task: Exercise, judge) -> Exercise:
    return dataclasses.replace(task, judge=judge)


def test_the_harness_finds_no_fault_in_a_sound_judge():
    assert faults(TASK, SMALL) == []


def _leaky(share, columns):
    verdict = _judge(share, columns)
    return verdict if verdict.status == "right" else wrong(verdict.reason + " It is 23.7 %.")


def _one_reason(share, columns):
    verdict = _judge(share, columns)
    return (
        verdict
        if verdict.status == "right"
        else wrong("percent, share of the punctual, known before, leaves out")
    )


def _names_it(share, columns):
    verdict = _judge(share, columns)
    return verdict if columns else wrong(verdict.reason + " Think of `dep_delay`.")


def _fickle(share, columns, calls=[]):  # noqa: B006 - the judge remembers, which is the fault to be found
    calls.append(1)
    return (
        right(f"Call {len(calls)}.") if _judge(share, columns).status == "right" else _judge(share, columns)
    )


def _fragile(share, columns):
    return _judge(share, columns) if columns else wrong(f"leaves out something, {columns[0]}")


@pytest.mark.parametrize(
    "judge, said",
    [
        (lambda share, columns: right("Yes."), "is right: Yes."),
        (lambda share, columns: wrong("No."), "right answer 0 is wrong"),
        (_leaky, "shows the expected value 0.237"),
        (_names_it, "shows the expected value 'dep_delay'"),
        (_one_reason, "reasons of their own"),
        (_fickle, "differently the second time"),
        (_fragile, "IndexError"),
        (lambda share, columns: _judge(share, columns[-1:]), "'known before' is right"),
        (
            lambda share, columns: _judge(share, columns) if columns.append("x") else right("Yes."),
            "changes the data",
        ),
    ],
    ids=[
        "accepts all",
        "rejects all",
        "leaks a number",
        "leaks a name",
        "one reason for all",
        "fickle",
        "fragile",
        "looks at the last name only",
        "changes data",
    ],
)
def test_the_harness_finds_a_judge_that(judge, said):
    assert said in " | ".join(faults(_with(TASK, judge), SMALL))


def test_made_up_answers_are_as_many_as_asked_for_all_different_and_of_every_kind():
    made = made_up(60)
    assert len(made) == len(set(map(repr, made))) == 60
    assert {type(junk) for junk in made} == {type(None), bool, int, float, str, list, dict}


@pytest.mark.parametrize(
    "form, judge",
    [
        # No garbage of ours is a dict of dicts with a text in it, nor has it a list in a right answer's place
        (
            kit.Mapping(),
            lambda box: right("Yes.") if box == {"a": 1.5} else wrong(f"No: {max(box.values(), default=0)}"),
        ),
        (
            kit.Function([(1,), (2,)]),
            lambda box: (
                right("Yes.")
                if [r["output"] for r in box] == [1, 2]
                else wrong(f"No: {sum(r['output'] for r in box)}")
            ),
        ),
    ],
    ids=["a dict", "a function"],
)
def test_the_harness_finds_a_judge_that_made_up_json_breaks(form, judge):
    task = Exercise("9.9a", {"box": form}, ("a", "b"), judge, takes_given=False)
    cases = Cases([{"box": {"a": 1.5}}] * 2 if isinstance(form, kit.Mapping) else [{"box": abs}] * 2, {})
    assert "on made-up JSON" in " | ".join(_on_made_up(task, cases, 60))


def test_the_harness_finds_an_answer_that_is_read_differently_the_second_time():
    reads = itertools.count()
    form = kit.Made("a box", lambda box: next(reads))
    task = Exercise("9.9a", {"box": form}, ("a", "b"), lambda box: right("So it is."), takes_given=False)
    cases = Cases([{"box": object}, {"box": dict}], {})
    assert "right answer 0 is read differently the second time" in faults(task, cases)


def test_the_harness_finds_cases_that_are_too_few():
    few = Cases(SMALL.right[:1], dict(list(SMALL.wrong.items())[:3]))
    assert ["fewer than 2" in "".join(faults(TASK, few)), "fewer than 4" in "".join(faults(TASK, few))] == [
        True,
        True,
    ]


def test_a_reason_may_name_what_the_learner_gave_but_no_expected_number_however_rounded():
    data = {"share": 0.3, "columns": ["carrier"]}
    assert leaks(TASK, SMALL, data, "0.3 is too much, and `carrier` is known.") == []
    for text in ("It is 0.237.", "about 24 %? No: 23.7 %", "near 0.24", "`dep_delay`"):
        assert leaks(TASK, SMALL, data, text), text
