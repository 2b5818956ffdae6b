"""What a lesson goes on with, in a real IPython shell: the learner's answer or the lesson's, and never the one taken for the other."""

import re
import sys
import types

import IPython.core.interactiveshell as ipython
import pytest
from traitlets.config import Config

from helpers import display, exercises, lesson
from helpers.exercises import cells, kit, ledger, onward, source
from helpers.exercises.kit import right, wrong

CHECK = 'answer = lesson.check("1.1z", answer=answer)'
YOURS, ITS_OWN = "The lesson goes on with your answer.", "The lesson goes on with its own solution."


@pytest.fixture(autouse=True)
def kit_of_its_own(monkeypatch, tmp_path):
    exercises.every()
    monkeypatch.setattr(exercises, "_registered", dict(exercises._registered))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(lesson, "_session", lesson._Session("1.1"))
    monkeypatch.setattr(cells, "_watch", None)


@pytest.fixture
def said(monkeypatch):
    shown = []
    monkeypatch.setattr(display, "say", lambda text, rich=(), **more: shown.append(text))
    return shown


class Notebook:
    """A shell in which cells run one after the other."""

    def __init__(self, shell):
        self.shell = shell
        self.run("from helpers import lesson")

    def run(self, *texts, fails=False):
        for text in texts:
            result = self.shell.run_cell(text, store_history=True)
        assert result.success is not fails, result
        return self

    def __getitem__(self, name):
        return self.shell.user_ns[name]


@pytest.fixture
def notebook(monkeypatch, said, capsys):
    settings = Config()
    settings.HistoryManager.enabled = False
    ipython.InteractiveShell.clear_instance()
    shell = ipython.InteractiveShell.instance(config=settings, user_module=types.ModuleType("notebook"))
    yield Notebook(shell)
    shell.restore_sys_module_state()
    ipython.InteractiveShell.clear_instance()


def task(form, solution, monkeypatch, is_right, **more):
    """Exercise 1.1z, answered by `answer`; its lesson's solution is `solution`."""
    forms = {"answer": form, **more}
    exercises._registered.pop("1.1z", None)

    def judge(answer):
        return right("Yes.") if is_right(answer) else wrong("No.")

    def judge_two(answer, other):
        return judge(answer)

    kit.exercise("1.1z", hints=("one", "two"), **forms)(judge_two if more else judge)
    monkeypatch.setattr(source, "solution", lambda name: solution)


@pytest.fixture
def five(monkeypatch):
    task(kit.Integer(), "answer = 5", monkeypatch, lambda answer: answer == 5)


def status(text):
    return text.partition(" · ")[0]


# ---- which it is -------------------------------------------------------------------------------------------------


def test_a_right_answer_goes_on_and_any_other_is_replaced_by_the_lessons_own(notebook, said, five):
    for written, goes_on, line in [
        ("5.0", 5.0, YOURS),
        ("3", 5, ITS_OWN),
        ("...", 5, ITS_OWN),
        ("'x'", 5, ITS_OWN),
    ]:
        notebook.run(f"answer = {written}", CHECK)
        assert repr(notebook["answer"]) == repr(goes_on) and line in said[-1].splitlines()


def test_the_line_gives_nothing_away_and_the_hint_stays_last(notebook, said, five):
    notebook.run("answer = 3", CHECK)
    assert said[-1].splitlines() == ["✗ Not yet · 1.1z", "No.", ITS_OWN, 'Hint 1 of 2: `lesson.hint("1.1z")`']


def test_a_message_written_as_text_goes_on_as_the_message(notebook, said, monkeypatch):
    form = kit.Proto("google.protobuf.struct_pb2:Value")
    task(form, "", monkeypatch, lambda answer: answer == 5)
    notebook.run("answer = 'number_value: 5'", CHECK, CHECK, "number = answer.number_value")
    assert [status(text) for text in said] == ["✓ Right"] * 2 and notebook["number"] == 5


def test_what_the_lesson_does_to_a_message_later_changes_nothing_of_the_answer(notebook, said, monkeypatch):
    task(kit.Proto("google.protobuf.struct_pb2:Value"), "", monkeypatch, lambda answer: answer == 5)
    notebook.run("from google.protobuf.struct_pb2 import Value", "answer = Value(number_value=5)")
    notebook.run(CHECK, "answer.number_value = 6", CHECK)
    assert [status(text) for text in said] == ["✓ Right"] * 2 and notebook["answer"].number_value == 5


def test_what_would_end_the_kernel_while_an_answer_is_read_is_a_misfit(notebook, said, monkeypatch):
    task(kit.Made("a folder", lambda value: sys.exit()), "answer = 5", monkeypatch, lambda answer: True)
    notebook.run("answer = 3", CHECK)
    assert "can't be read: it raises SystemExit" in said[-1] and notebook["answer"] == 5


def test_several_answers_come_back_in_the_order_of_the_keywords(notebook, said, monkeypatch):
    task(kit.Integer(), "answer, other = 5, 6", monkeypatch, lambda answer: answer == 5, other=kit.Integer())
    notebook.run('other, answer = lesson.check("1.1z", other=0, answer=...)')
    assert (notebook["other"], notebook["answer"]) == (6, 5)
    notebook.run('other, answer = lesson.check("1.1z", other=7, answer=5)')
    assert (notebook["other"], notebook["answer"]) == (7, 5)


def test_the_solution_runs_in_a_copy_of_the_notebooks_names(notebook, said, monkeypatch):
    task(
        kit.Integer(),
        "helper = 2\ndef answer(x):\n    return x + base + helper\nprint('solved')",
        monkeypatch,
        lambda answer: False,
    )
    notebook.run("base, helper = 40, 0", "answer = ...", CHECK, "result = answer(1)")
    assert notebook["result"] == 43 and notebook["helper"] == 0
    assert not any("solved" in text for text in said)


def test_annotations_of_a_solution_are_what_they_name_and_not_their_text(notebook, said, monkeypatch):
    task(kit.Integer(), "def answer(x: int):\n    return x", monkeypatch, lambda answer: False)
    notebook.run("answer = ...", CHECK, "kind = answer.__annotations__['x']")
    assert notebook["kind"] is int


def test_a_solution_that_can_not_run_says_what_to_do_and_gives_the_learners_object_back(
    notebook, said, monkeypatch
):
    for code in ("answer = nowhere + 1", "import sys\nsys.exit()", "other = 1", "1 /", "answer = 1 / 0"):
        task(kit.Integer(), code, monkeypatch, lambda answer: False)
        notebook.run("answer = 3", CHECK)
        assert notebook["answer"] == 3 and "run the cells above" in said[-1] and ITS_OWN not in said[-1]


def test_a_solution_that_is_not_found_costs_a_line(notebook, said, monkeypatch):
    task(kit.Integer(), "", monkeypatch, lambda answer: False)
    notebook.run("answer = 3", CHECK)
    assert notebook["answer"] == 3 and "was not found" in said[-1]


def test_a_check_raises_nothing_whatever_it_is_called_with(notebook, said, five):
    notebook.run('a = lesson.check("9.9z", x=1)', 'b = lesson.check("1.1z")', 'c = lesson.check("1.1z", x=2)')
    assert [notebook[name] for name in "abc"] == [1, 5, 2]


def test_what_fails_in_the_check_itself_is_told_and_gives_the_answer_back(notebook, said, five, monkeypatch):
    monkeypatch.setattr(source, "solution", lambda name: 1 / 0)
    notebook.run("answer = 3", CHECK)
    assert notebook["answer"] == 3 and "The check itself failed (ZeroDivisionError" in said[-1]


def test_a_judge_that_fails_lets_the_lesson_go_on_with_its_own(notebook, said, monkeypatch):
    task(kit.Integer(), "answer = 5", monkeypatch, lambda answer: 1 / 0)
    notebook.run("answer = 5", CHECK)
    assert "not of your answer" in said[-1] and ITS_OWN in said[-1]


def test_at_a_desk_a_right_answer_is_told_how_long_the_rest_takes(notebook, said, five, tmp_path):
    notebook.run("answer = 5", CHECK)
    assert "minutes" not in said[-1]  # a recording shows nothing that depends on a ledger
    (tmp_path / ledger.NAME).touch()
    notebook.run('lesson.begin("1.1")', "answer = 3", CHECK, "answer = 5", CHECK)
    assert "minutes" not in said[-2] and re.search(r"\nAbout \d+ minutes of this lesson are left.$", said[-1])


# ---- run again ---------------------------------------------------------------------------------------------------


def test_a_check_run_again_judges_what_the_learner_had_and_not_what_was_handed_out(notebook, said, five):
    for written, expected in [("...", "… Not attempted"), ("3", "✗ Not yet"), ("'x'", "! Can't be judged")]:
        notebook.run(f"answer = {written}", CHECK, CHECK, CHECK)
        assert [status(text) for text in said[-3:]] == [expected] * 3 and notebook["answer"] == 5


def test_beginning_the_lesson_again_does_not_make_the_lessons_solution_the_learners(notebook, said, five):
    notebook.run("answer = 3", CHECK, 'lesson.begin("1.1")', CHECK)
    assert status(said[-1]) == "✗ Not yet"


@pytest.mark.parametrize(
    "cell",
    [
        "answer = 5",
        "answer: int = 5",
        "other, (answer, *rest) = 1, (5, 2)",
        "for answer in [4, 5]:\n    pass",
        "if True:\n    with open('/dev/null'):\n        answer = 5",
        "answer = 4\nanswer += 1",
        "[answer := 5]",
        "%time answer = 5",
        "%%time\nanswer = 5",
        "%precision 3\nanswer = 5",
        "answer = 5\n1 / 0",
        "for answer in [5]:\n    1 / 0",
        "match 5:\n    case answer:\n        pass",
        "answer = 5\n" + CHECK,
        CHECK.replace("answer=answer", "answer=5"),
    ],
)
def test_an_answer_that_is_the_same_object_by_chance_is_new_where_a_cell_has_bound_it(
    notebook, said, five, cell
):
    notebook.run("answer = 3", CHECK)
    notebook.shell.run_cell(cell, store_history=True)
    notebook.run(CHECK)
    assert status(said[-1]) == "✓ Right"


@pytest.mark.parametrize(
    "cell",
    [
        "other = 5",
        "def f():\n    answer = 5",
        "[answer for answer in [5]]",
        "f = lambda answer=5: answer",
        "answer = (5",
        "1 / 0\nanswer = 5",
        "answer = (\n    5 +\n    nowhere\n)",
        "%%time\nother = 5",
        "import answer_ as other",
        "print(answer)",
        "answer = lesson.check('1.1z', answer=answer)",
        "%nomagic answer = 5",
    ],
)
def test_where_no_cell_has_bound_it_it_is_the_one_handed_out(notebook, said, five, cell):
    notebook.run("answer = 3", CHECK)
    notebook.shell.run_cell(cell, store_history=True)
    notebook.run(CHECK)
    assert status(said[-1]) == "✗ Not yet"


@pytest.mark.parametrize(
    "cell", ["def answer(x): return x", "class answer: pass", "import math as answer", "import answer.b"]
)
def test_definitions_and_imports_bind_too(cell):
    assert cells.binds(cell, "answer") and not cells.binds(cell, "x")


def test_a_solution_that_is_an_object_of_the_notebook_is_told_from_a_learners_choice_of_it(
    notebook, said, monkeypatch
):
    task(kit.Names(), "answer = groups[1]", monkeypatch, lambda answer: answer == ["b"])
    notebook.run("groups = [{'a'}, {'b'}]", "answer = groups[0]", CHECK, CHECK)
    assert status(said[-1]) == "✗ Not yet" and notebook["answer"] == {"b"}
    notebook.run("answer = groups[1]", CHECK)
    assert status(said[-1]) == "✓ Right"


# ---- a right answer on the real data -----------------------------------------------------------------------------

HALF = "def answer(x):\n    # a comment\n    return 10 // x\n"


@pytest.fixture
def halves(monkeypatch):
    solution = "def answer(x):\n    return 10 // x if x else 0\n"
    task(
        kit.Function([(1,), (5,)]),
        solution,
        monkeypatch,
        lambda answer: [r["output"] for r in answer] == [10, 2],
    )


def test_a_right_function_that_raises_later_is_told_with_its_line_and_answered_by_the_lessons(
    notebook, said, halves
):
    notebook.run(HALF, CHECK, "results = [answer(x) for x in (2, 0, 5, 0)]")
    assert notebook["results"] == [5, 0, 2, 0]
    (box,) = [text for text in said if "fails here" in text]  # once for each distinct error
    for part in (
        "Your `answer`, right on the check's examples",
        "ZeroDivisionError",
        "line 3 of `answer`: `return 10 // x`",
    ):
        assert part in box
    notebook.run("more = answer('2')", fails=True)  # the lesson's own raises, too: so the call is wrong
    assert sum("fails here" in text for text in said) == 1


def test_the_lessons_solution_is_run_once_however_often_the_answer_fails(notebook, said, halves, monkeypatch):
    once = "runs.append(1)\ndef answer(x):\n    return 10 // x if x else 0\n"
    monkeypatch.setattr(source, "solution", lambda name: once)
    notebook.run("runs = []", HALF, CHECK, "results = [answer(0) for _ in range(5)]")
    assert notebook["runs"] == [1] and notebook["results"] == [0] * 5
    notebook.run(CHECK, "answer(0)")
    assert notebook["runs"] == [1, 1]


def test_an_answer_that_fails_in_threads_leaves_what_is_printed_where_it_was(
    notebook, said, halves, monkeypatch
):
    slow = "import time\ntime.sleep(0.05)\ndef answer(x):\n    return 0\n"
    monkeypatch.setattr(source, "solution", lambda name: slow)
    before = sys.stdout
    threads = "from concurrent.futures import ThreadPoolExecutor\nresults = list(ThreadPoolExecutor(8).map(answer, [0] * 8))"
    notebook.run(HALF, CHECK, threads)
    after, sys.stdout = sys.stdout, before
    assert notebook["results"] == [0] * 8 and after is before


def test_without_a_solution_the_error_goes_on_after_the_box(notebook, said, halves, monkeypatch):
    monkeypatch.setattr(source, "solution", lambda name: "")
    notebook.run(HALF, CHECK).run("answer(0)", fails=True)
    assert "fails here: ZeroDivisionError" in said[-1] and "answered by" not in said[-1]


def test_a_right_function_run_through_its_check_again_is_judged_without_the_net(notebook, said, halves):
    notebook.run(
        HALF,
        CHECK,
        CHECK,
        "answer = answer",
        CHECK,
        "mine = answer",
        "answer = 1",
        CHECK,
        "answer = mine",
        CHECK,
    )
    assert [status(text) for text in said] == ["✓ Right"] * 3 + ["! Can't be judged", "✓ Right"]
    assert notebook["answer"].__name__ == "answer" and notebook["answer"].__wrapped__(5) == 2


def test_what_runs_later_or_is_more_than_a_function_is_left_as_it_is():
    def stream():
        yield 1

    async def later():
        return 1

    for answer in (stream, later, dict, len, 5, None):
        assert onward.guarded("1.1z", "", "answer", answer) is answer


def test_a_shell_that_has_gone_is_not_asked(monkeypatch, said):
    task(kit.Integer(), "answer = 5", monkeypatch, lambda answer: answer == 5)
    assert lesson.check("1.1z", answer=3) == 5
    assert lesson.check("1.1z", answer=5) == 5 and status(said[-1]) == "✓ Right"
    task(kit.Names(), "answer = {'a'}", monkeypatch, lambda answer: answer == ["a"])
    handed = lesson.check("1.1z", answer=3)
    assert lesson.check("1.1z", answer=handed) == {"a"} and status(said[-1]) == "! Can't be judged"
