"""The lesson kit: whatever a learner binds or writes, a verdict comes out, progress is kept, and nothing is given away."""

import dataclasses
import json
import multiprocessing
import os
import pathlib
import re
import resource
import subprocess
import sys
import threading
import types

import numpy as np
import pandas as pd
import pytest

from helpers import display, exercises, lesson, syllabus
from helpers.exercises import UnknownExercise, kit, ledger, progress, source
from helpers.exercises.kit import INVALID, NOT_ATTEMPTED, RIGHT, right, wrong
from helpers.exercises.plain import NotData, plain, strict


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    """Exercises of a test are forgotten after it; the real ones stay."""
    exercises.every()
    monkeypatch.setattr(exercises, "_registered", dict(exercises._registered))


@pytest.fixture(autouse=True)
def session(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lesson, "_session", lesson._Session("1.1"))


@pytest.fixture
def said(monkeypatch):
    """What the kit displays: a list of (plain text, other forms)."""
    shown = []
    monkeypatch.setattr(
        display, "say", lambda text, rich=(), **more: shown.append((text, {**dict(rich), **more}))
    )
    return shown


def task(judge=lambda answer: right("Yes."), **forms):
    exercises._registered.pop("1.1z", None)
    kit.exercise("1.1z", hints=("one", "two"), **(forms or {"answer": kit.Number()}))(judge)
    return exercises.find("1.1z")


def verdict(form, answer):
    return kit.assess(task(answer=form), {"answer": answer})


# ---- collecting --------------------------------------------------------------------------------------------------


def test_answers_of_every_library_become_plain_json():
    from google.protobuf import struct_pb2

    frame = pd.DataFrame({"a": [1, 2], "b": [0.5, np.nan]}, index=pd.Index(["x", "y"], name="key"))
    for value, data in [
        (np.float32(0.5), 0.5),
        (np.array([[1, 2]]), [[1, 2]]),
        ({"b", "a"}, ["a", "b"]),
        (pd.Series([1, 2]), [1, 2]),
        (frame, [{"key": "x", "a": 1, "b": 0.5}, {"key": "y", "a": 2, "b": None}]),
        (pathlib.PurePosixPath("a/b"), "a/b"),
        (pd.Timestamp("2013-01-01"), "2013-01-01T00:00:00"),
        (struct_pb2.Value(number_value=1), "number_value: 1.0\n"),
        ({1: True, ("a", 2): None}, {"1": True, "a, 2": None}),
        ({"k": 1}.keys(), ["k"]),
    ]:
        assert strict(plain(value)) == data
        json.dumps(strict(plain(value)), allow_nan=False)


class Liar(list):
    def __len__(self):
        raise RuntimeError

    __iter__ = __eq__ = __repr__ = __class_getitem__ = __len__
    __hash__ = None


def test_a_subclass_with_broken_methods_is_read_as_what_it_is():
    assert plain(Liar([1, 2])) == [1, 2]


def test_what_can_not_be_data_is_refused_with_what_it_is():
    loop = []
    loop.append(loop)
    deep = []
    for _ in range(100_000):
        deep = [deep]
    for value, reason in [
        (loop, "contains itself"),
        (deep, "nested too deep"),
        ((x for x in [1]), "stream"),
        (iter(int, 1), "stream"),
        (range(10**15), "at most 100,000"),
        (np.zeros((1000, 1000)), "at most 100,000"),
        ("x" * 10**6, "characters"),
        (10**400, "18 digits"),
        (print, "not plain data"),
        ({"a": object()}, "holds something"),
    ]:
        with pytest.raises(NotData, match=reason):
            plain(value)
    with pytest.raises(NotData, match="infinite"):
        strict(float("inf"))


def test_an_object_that_raises_at_every_touch_gets_a_verdict():
    class Hostile:
        def __getattribute__(self, name):
            raise RuntimeError("no")

    class Broken(pd.Series):
        @property
        def size(self):
            raise RuntimeError("no")

    holder = np.array([None])
    holder[0] = Hostile()
    for answer in [Hostile(), Broken([1]), holder]:
        assert verdict(kit.Number(), answer).status == INVALID


@pytest.mark.parametrize(
    "form, good, bad, said",
    [
        (kit.Number(0, 1), np.float64(0.5), 1.5, "above 1"),
        (kit.Number(), [3], True, "True or False"),
        (kit.Number(), 1, float("nan"), "NaN"),
        (kit.Integer(), 3.0, 3.5, "whole"),
        (kit.Text(), "a", " ", "empty"),
        (kit.Choice("Rule", "model"), " rule", "neither", '"Rule", "model"'),
        (kit.Names(), pd.Index(["a"]), "a", "set of names"),
        (kit.Names(), set(), {1}, "an integer"),
        (kit.Numbers(2), (1, 2), [1], "2 numbers"),
        (kit.Numbers(), np.arange(3), [1, np.nan], "missing or infinite"),
        (kit.Records("a"), [{"a": 1, "b": 2}], pd.DataFrame({"b": [1]}), "no column `a`"),
        (kit.Mapping("a"), pd.Series({"a": 1}), {"b": 1}, "no key `a`"),
        (kit.Function([(1,)]), abs, 3, "should be a function"),
    ],
)
def test_a_form_takes_what_fits_and_says_what_does_not(form, good, bad, said):
    assert verdict(form, good).status == RIGHT
    refused = verdict(form, bad)
    assert (refused.status, said in refused.reason) == (INVALID, True), refused.reason


def test_blank_answers_are_not_attempted_wherever_the_dots_are():
    def blank(x): ...

    def documented(x):
        """A starter."""

    def returns_dots(x):
        return ...

    def says_none(x):
        print(end="")

    function = kit.Function([(1,)])
    for answer in [..., blank, documented, returns_dots]:
        assert verdict(function, answer).status == NOT_ATTEMPTED
    assert verdict(function, says_none).status == RIGHT  # it did something: the judge decides
    half = verdict(kit.Mapping(), {"a": 1, "b": [1, ...]})
    assert (half.status, "`answer['b'][1]`" in half.reason) == (NOT_ATTEMPTED, True)


# ---- the learner's functions -------------------------------------------------------------------------------------


def divide(a, b):
    """A function of a learner."""
    # with a comment
    return a / b


def test_an_exception_in_a_learners_function_is_shown_with_its_call_line_and_code():
    reason = verdict(kit.Function([(4, 2), (1, 0)]), divide).reason
    for part in [
        "`divide(1, 0)`",
        "ZeroDivisionError: division by zero",
        "line 4 of `divide`",
        "`return a / b`",
    ]:
        assert part in reason


def test_a_function_gets_copies_so_that_changing_its_input_harms_nobody():
    probes = [([3, 1],), ([3, 1],)]
    seen = []
    kit.assess(
        task(judge=lambda answer: seen.append(answer) or right("Yes."), answer=kit.Function(probes)),
        {"answer": lambda items: items.sort() or items},
    )
    assert seen == [[{"input": [[3, 1]], "output": [1, 3]}] * 2] and probes[0] == ([3, 1],)


class Rude(Exception):
    def __str__(self):
        raise RuntimeError


def quits(x):
    sys.exit(3)


def rude(x):
    raise Rude


def recurses(x):
    return recurses(x)


def addresses(x):
    raise ValueError(object())


@pytest.mark.parametrize(
    "function", [quits, rude, recurses, addresses, lambda: 1, lambda x: (y for y in [x])]
)
def test_whatever_a_function_does_is_a_verdict_and_the_same_one_twice(function):
    first, second = (verdict(kit.Function([(1,)]), function) for _ in range(2))
    assert first == second and first.status == INVALID


def test_what_a_function_prints_is_shown_but_never_more_than_a_page(capsys):
    verdict(kit.Function([(1,)]), lambda x: print("x" * 10**6))
    assert 0 < len(capsys.readouterr().out) <= 1000


def test_functions_are_judged_in_other_threads_too():
    got = []
    thread = threading.Thread(target=lambda: got.append(verdict(kit.Function([(1,)]), lambda x: x)))
    thread.start()
    thread.join()
    assert got[0].status == RIGHT


def test_probes_are_made_once_and_each_call_has_its_own():
    made = []
    form = kit.Function(lambda: made.append(1) or [([1, 2],), ([3],)])
    for _ in range(3):
        assert [record["output"] for record in form.read(lambda given: [given.pop(), given])] == [
            [2, [1]],
            [3, []],
        ]
    assert made == [1]


def test_an_exercise_about_errors_may_see_them():
    seen = []
    form = kit.Function([(1, 0)], may_raise=True)
    kit.assess(
        task(judge=lambda answer: seen.append(answer[0]["error"]) or right("Yes."), answer=form),
        {"answer": divide},
    )
    assert seen == ["raised ZeroDivisionError: division by zero"]


# ---- check, hint, solution ---------------------------------------------------------------------------------------


def test_check_says_which_answers_an_exercise_asks_for(said):
    lesson.check("1.1b", after={"dep_time"})
    assert "`afterwards`" in said[0][0] and 'lesson.check("1.1b", afterwards=afterwards)' in said[0][0]


@pytest.mark.parametrize("name", ["1.1y", "1.1", "9.9a", "", 3, None, "1.99a"])
def test_an_unknown_exercise_is_answered_with_those_there_are(said, name):
    for call in (lesson.check, lesson.hint, lesson.solution):
        call(name)
    assert len(said) == 3 and all("There are 1.1a" in text or "Ids look like" in text for text, _ in said)
    with pytest.raises(UnknownExercise):
        exercises.find(name)


def test_a_judge_that_fails_does_not_stop_the_learner_and_takes_the_blame(said):
    task(judge=lambda answer: 1 / 0)
    lesson.check("1.1z", answer=1)
    assert "not of your answer" in said[0][0]


def test_a_verdict_is_the_same_every_time_and_safe_in_html(said):
    task(judge=lambda answer: wrong(f"Not `{answer}` <script>."), answer=kit.Text())
    lesson.check("1.1z", answer="<b>")
    lesson.check("1.1z", answer="<b>")
    (text, rich), again = said
    assert (text, rich) == again
    lines = text.splitlines()
    assert lines[:2] == ["✗ Not yet · 1.1z", "Not `<b>` <script>."]
    assert lines[-1] == 'Hint 1 of 2: `lesson.hint("1.1z")`'
    assert "<code>&lt;b&gt;</code>" in rich["text/html"] and "<script>" not in rich["text/html"]
    assert 'role="status"' in rich["text/html"] and "Not yet" in rich["text/html"]


def test_in_html_a_line_break_stays_before_code_and_code_of_several_lines_is_a_block_of_its_own(said):
    task(judge=lambda answer: wrong("One.\n`two` is next.\n`a  b\n1  2`\n`c\n3`"))
    lesson.check("1.1z", answer=1)
    page = re.sub(r"<code style=[^>]*white-space:pre[^>]*>", "<block>", said[0][1]["text/html"])
    assert "One.<br><code>two</code> is next.<block>a  b\n1  2</code><block>c\n3</code>" in page


def test_hints_come_one_after_the_other_and_after_the_last_all_are_listed(said):
    for _ in range(5):
        lesson.hint("1.1a")
    titles = [text.split(" · ")[0] for text, _ in said]
    assert titles == ["Hint 1 of 3", "Hint 2 of 3", "Hint 3 of 3", "No more hints", "No more hints"]
    hints = exercises.find("1.1a").hints
    assert all(f"{i}. {hint}" in said[-1][0] for i, hint in enumerate(hints, 1))


def test_a_wrong_verdict_and_no_other_offers_what_helps_next_as_the_call_to_make(said):
    task(judge=lambda answer: right("Yes.") if answer == 42 else wrong("No."))
    lesson.check("1.1z", answer=41)
    assert said[-1][0].endswith('\nHint 1 of 2: `lesson.hint("1.1z")`')
    assert "<code>lesson.hint(&quot;1.1z&quot;)</code>" in said[-1][1]["text/html"]
    lesson.hint("1.1z")
    lesson.check("1.1z", answer=41)
    assert said[-1][0].endswith('\nHint 2 of 2: `lesson.hint("1.1z")`')
    lesson.hint("1.1z")
    lesson.check("1.1z", answer=41)
    assert said[-1][0].endswith('One solution: `lesson.solution("1.1z")`')
    for answer in (42, "forty-two", ...):
        lesson.check("1.1z", answer=answer)
        assert "lesson.hint" not in said[-1][0] and "lesson.solution" not in said[-1][0]


def test_the_solution_is_the_lessons_own_and_shown_after_an_attempt_only(said):
    lesson.solution("1.1b")
    lesson.check("1.1b", afterwards=...)
    lesson.solution("1.1b")
    lesson.check("1.1b", afterwards={"dep_time"})
    lesson.solution("1.1b")
    assert [text.split(" · ")[0] for text, _ in said[:4]] == [
        "Try first",
        "… Not attempted",
        "Try first",
        "✗ Not yet",
    ]
    assert "```python\nafterwards = {" in said[4][1]["text/markdown"]


# ---- the ledger --------------------------------------------------------------------------------------------------


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A ledger above the current folder, as `workbook learn` makes it."""
    (tmp_path / ledger.NAME).touch()
    (tmp_path / "1_scoping").mkdir()
    monkeypatch.chdir(tmp_path / "1_scoping")
    lesson.begin("1.1")
    return tmp_path / ledger.NAME


def test_without_a_ledger_nothing_is_written_and_the_session_remembers(tmp_path, said):
    lesson.begin("1.1")
    lesson.check("1.1b", afterwards={"dep_time"})
    lesson.progress()
    assert list(tmp_path.iterdir()) == []
    assert "1.1b      ✗ not yet            1" in said[-1][0]


def test_an_attempt_outlives_the_kernel_in_the_ledger(book, said):
    lesson.check("1.1b", afterwards={"dep_time"})
    lesson.check("1.1b", afterwards={"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"})
    lesson.check("1.1c", months_with_alarm=...)
    assert [json.loads(line)["status"] for line in book.read_text().splitlines()] == ["wrong", "right"]
    lesson.begin("1.1")  # a new kernel
    lesson.solution("1.1b")
    lesson.progress()
    assert "One solution" in said[-2][0] and "1 of 4 exercises right" in said[-1][0]
    assert {name: state.right for name, state in progress.states(book.parent).items()} == {"1.1b": True}


def test_in_a_kernel_where_the_lesson_has_not_begun_the_ledger_is_read_and_written_all_the_same(
    book, said, monkeypatch
):
    lesson.check("1.1b", afterwards={"dep_time"})
    monkeypatch.setattr(lesson, "_session", lesson._Session())  # a new kernel, and a click on a button
    assert lesson.desk() == book.parent
    lesson.solution("1.1b")
    assert said[-1][0].startswith("One solution")
    lesson.check("1.1b", afterwards={"dep_time"})
    assert len(book.read_text().splitlines()) == 2


def test_a_torn_line_loses_itself_alone(book, said):
    ledger.append(book, "1.1a", "right", "d")
    book.write_bytes(book.read_bytes() + b'{"exercise": "1.1b", "sta')
    ledger.append(book, "1.1c", "wrong", "d")
    book.write_bytes(book.read_bytes() + b'\x00\xff\n[1]\n{"exercise": 3}\n')
    entries, skipped = ledger.read(book)
    assert [(entry["exercise"], entry["status"]) for entry in entries] == [
        ("1.1a", "right"),
        ("1.1c", "wrong"),
    ]
    assert skipped == 4
    lesson.progress()
    assert "4 damaged lines" in said[-1][0] and "1 of 4" in said[-1][0]


def test_a_full_disk_costs_the_progress_not_the_verdict(book, said):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        lesson.check("1.1b", afterwards={"dep_time"})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert said[-1][0].startswith("✗ Not yet") and "Progress was not saved: File too large." in said[-1][0]
    lesson.solution("1.1b")
    assert "One solution" in said[-1][0]


def test_a_ledger_that_vanished_costs_the_progress_not_the_verdict(book, said):
    book.unlink()
    lesson.check("1.1b", afterwards={"dep_time"})
    lesson.progress()
    assert "Progress was not saved" in said[0][0] and "only this session" in said[1][0]


def _many(path, name):
    for _ in range(200):
        ledger.append(pathlib.Path(path), name, "wrong", "d" * 12)


def test_notebooks_side_by_side_do_not_mix_their_lines(book):
    writers = [
        multiprocessing.get_context("fork").Process(target=_many, args=(book, f"1.1{letter}"))
        for letter in "abcd"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    entries, skipped = ledger.read(book)
    assert (len(entries), skipped) == (800, 0)


def test_once_right_stays_right_until_the_exercise_changes(book, said, monkeypatch):
    now = source.digest("1.1a")
    for status in ("right", "wrong"):
        ledger.append(book, "1.1a", status, now)
    lesson.progress()
    assert "✓ right " in said[-1][0]
    monkeypatch.setattr(source, "digest", lambda name: "other")
    lesson.progress()
    assert "✓ right, but the exercise has changed since" in said[-1][0]


# ---- begin, scratch, end, imports --------------------------------------------------------------------------------


def test_a_lesson_that_the_syllabus_lacks_is_refused_with_those_there_are():
    with pytest.raises(Exception, match="There is no lesson '7.7'. Known lessons: 1.1"):
        lesson.begin("7.7")


AFTERWARDS = {"dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"}


def test_the_end_of_a_lesson_in_which_nothing_was_answered_ticks_nothing_and_names_the_next(book, said):
    lesson.end()
    text = said[-1][0]
    assert "☐ 1.1 The whole loop\n" in text and "☑" not in text and "Next: 1.2 " in text


def test_the_end_shows_what_progress_says_of_every_lesson_of_the_course(book, said):
    for name in ("1.3a", "1.3b", "1.3c", "1.3d", "1.3e"):
        ledger.append(book, name, "right", source.digest(name))
    lesson.check("1.1b", afterwards=AFTERWARDS)
    lesson.end()
    text, rich = said[-1]
    assert "☐ 1.1 The whole loop: 1 of 4 exercises right\n" in text
    assert "☑ 1.3 Baselines and metrics: 5 of 5 exercises right\n" in text and text.count("☑") == 1
    assert "- **☐ 1.1 The whole loop: 1 of 4 exercises right**" in rich["text/markdown"]
    lesson.progress(everything=True)
    assert "6 of" in said[-1][0]


def test_without_a_ledger_the_end_speaks_of_this_session_alone(said):
    """So a recording, in which the solutions are judged, is the same whatever learner's desk stands beside it."""
    lesson.begin("1.1")
    for name in ("1.1a", "1.1b", "1.1c", "1.1d"):
        lesson._session.entries.append({"exercise": name, "status": "right", "digest": source.digest(name)})
    lesson.end()
    text = said[-1][0]
    assert "☑ 1.1 The whole loop: 4 of 4 exercises right\n" in text
    assert "☐ 1.2 Scoping a project\n" in text and text.count("exercises") == 1


def test_a_ledger_that_is_damaged_is_named_at_the_end_too(book, said):
    book.write_bytes(b"{\n")
    lesson.end()
    assert said[-1][0].endswith("1 damaged lines of the ledger were skipped.")


def test_scratch_folders_are_empty_apart_and_gone_at_exit(tmp_path):
    code = "from helpers import lesson; a, b = lesson.scratch(), lesson.scratch(); (a / 'x').touch(); print(a); print(b)"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"WORKBOOK_BUILD": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = map(pathlib.Path, run.stdout.split())
    assert first != second and first.is_relative_to(tmp_path) and not first.exists() and not second.exists()


def test_folders_of_a_killed_process_go_with_the_next_call(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBOOK_BUILD", str(tmp_path))
    code = (
        "import os; from helpers import lesson; print(lesson.scratch(), flush=True); os.kill(os.getpid(), 9)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    left = pathlib.Path(run.stdout.strip())
    assert left.is_dir()
    mine = [lesson.scratch(), lesson.scratch()]
    assert not left.exists() and all(folder.is_dir() for folder in mine)


@pytest.mark.parametrize(
    "module, heavy",
    [
        ("helpers.lesson", {"pandas", "numpy", "matplotlib", "IPython", "tensorflow", "jupytext"}),
        ("helpers.exercises.ledger", {"yaml", "pandas", "numpy", "IPython", "helpers.exercises.kit"}),
    ],
)
def test_what_a_module_does_not_need_it_does_not_import(module, heavy):
    code = f"import sys, {module}; print(sorted({heavy!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "forms, hints",
    [({}, ("a", "b")), ({"other": kit.Number()}, ("a", "b")), ({"answer": kit.Number()}, ("a",))],
)
def test_a_judge_whose_parameters_forms_or_hints_are_off_is_refused_at_import(forms, hints):
    with pytest.raises(ValueError, match="1.1z"):
        kit.exercise("1.1z", hints=hints, **forms)(lambda answer: right("Yes."))


def test_two_judges_for_one_exercise_are_refused():
    task()
    with pytest.raises(ValueError, match="two judges"):
        kit.exercise("1.1z", answer=kit.Number(), hints=("a", "b"))(divide_judge)


def divide_judge(answer):
    return wrong("No.")


LESSON = """# %% [markdown] exercise="1.1a"
# ### Exercise 1.1a: {task}

# %% tags=["starter"] exercise="1.1a"
x = ...

# %% exercise="1.1a"
{check}
"""


def test_an_exercise_changes_with_its_code_and_not_with_its_words_or_where_its_check_goes(monkeypatch):
    book = syllabus.load()

    def digest(task="Count.", check='lesson.check("1.1a", x=x)'):
        here = dataclasses.replace(book.lesson("1.1"))
        vars(here)["text"] = LESSON.format(task=task, check=check)
        monkeypatch.setattr(source.syllabus, "load", lambda: types.SimpleNamespace(lesson=lambda name: here))
        return source.digest("1.1a")

    now = digest()
    assert now == digest(task="Count all.") == digest(check='x = lesson.check("1.1a", x=x)')
    assert now != digest(check='lesson.check("1.1a", x=x, given={})')
