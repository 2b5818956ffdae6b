"""Exercises told as data: what the derived tests find, and what a learner is shown where no known mistake fits."""

import itertools

import pandas as pd
import pytest

from helpers import exercises
from helpers.exercises import kit
from helpers.exercises.digests import between, digest
from helpers.exercises.rules import choices, function, names, table
from helpers.exercises.signs import (
    CONSTANT,
    NO_NAME,
    NOTHING,
    STRANGE,
    at,
    close,
    follows,
    has,
    lacks,
    listed,
    number,
    off,
    right_but,
    truth,
    unless,
)

from .harness import cases, faults, unsaid

HINTS = ("Look again.", "And again.")


@pytest.fixture(autouse=True)
def registry(monkeypatch):
    monkeypatch.setattr(exercises, "_registered", {})


def _told(tell, *args, **told):
    tell("9.9a", "answer", *args, hints=HINTS, **told)
    return exercises._registered["9.9a"]


def _area(mistakes=None, probes=((2, 3), (50, 50), (4, 1))):
    return _told(
        function,
        list(probes),
        odd={"Nothing comes back.": NOTHING, "That is no number.": unless(number)},
        rule=lambda a, b: a * b,
        said="Sides multiply.",
        mistakes=mistakes or {"You add the sides.": lambda a, b: a + b, "It is always the same.": CONSTANT},
        otherwise="Draw it.",
    )


CASES = cases(
    "answer", [lambda a, b: sum([a] * b)], {"Draw it": lambda a, b: a * b + 1, "no number": lambda a, b: "6"}
)


def test_a_sound_exercise_has_no_fault():
    assert faults(_area(), CASES) == []


@pytest.mark.parametrize(
    "mistakes, said",
    [
        (
            {"You add.": lambda a, b: a + b, "You add up.": lambda a, b: b + a},
            "example of 'You add up.' is wrong: You add.",
        ),
        ({"You turn them round.": lambda a, b: b * a}, "example of 'You turn them round.' is right"),
        ({"The area is 6.": lambda a, b: a + b}, "shows the expected value 6.0"),
    ],
    ids=["a mistake that another one hides", "a mistake that is right", "a reason that shows the answer"],
)
def test_the_derived_tests_find(mistakes, said):
    assert said in " | ".join(faults(_area(mistakes), CASES))


def test_a_sentence_that_no_answer_gets_to_hear_is_found(tmp_path):
    book = tmp_path / "book.py"
    book.write_text(
        '"""A docstring is no reason."""\n'
        "TEXTS = ['Sides multiply.', 'You add the sides.', 'Nobody gets to hear this.', 'Draw {} by hand now.', 'two words']\n"
    )
    assert unsaid(book, {"9.9a": _area()}, {"9.9a": CASES}) == ["Nobody gets to hear this.", "by hand now."]


def test_where_no_mistake_fits_the_smallest_probe_that_fails_is_shown_with_the_learners_own_output():
    verdict = kit.assess(_area(), {"answer": lambda a, b: a * b + (a > 3)})
    assert verdict.reason == "Draw it. For `answer(4, 1)` yours gives `5`, which is not it."


def test_a_table_is_shown_in_columns_with_its_gaps():
    frame = pd.DataFrame({"day": [1, 2], "late": [None, 12.5]})
    task = _told(
        function, [(frame, 3)], rule=lambda rows, n: n, said="Yes.", mistakes={}, otherwise="Not quite."
    )
    verdict = kit.assess(task, {"answer": lambda frame, n: "`x`"})
    assert verdict.reason.splitlines() == [
        """Not quite. For `answer(table, 3)` yours gives `''x''`, which is not it.""",
        "`day  late",
        "  1  None",
        "  2  12.5`",
    ]


def test_one_place_of_a_tuple_is_judged_by_itself():
    task = _told(
        function,
        [(4, 2), (9, 3)],
        rule=lambda a, b: (a + b, a - b),
        said="Both.",
        mistakes={
            "The second is turned round.": at(1, lambda a, b: b - a),
            "The second is another one.": off(1),
            "The first is another one.": off(0),
        },
        otherwise="Neither.",
    )
    right = lambda a, b: [a + b, a - b]  # noqa: E731
    given = {
        "Both.": right,
        "The second is turned round.": lambda a, b: (0, b - a),
        "The second is another one.": lambda a, b: (a + b, 7),
        "The first is another one.": lambda a, b: (7, a - b),
    }
    for reason, answer in given.items():
        assert kit.assess(task, {"answer": answer}).reason == reason


def test_outputs_are_compared_as_the_exercise_says_and_a_rule_may_change_what_it_is_given():
    task = _told(
        function,
        [([3, 1, 2],), ([5, 4],)],
        rule=lambda items: [items.pop(), items.pop()],
        said="The last two.",
        read=sorted,
        same=lambda one, other: close(one, other, abs_=0.5),
        otherwise="Others.",
    )
    assert kit.assess(task, {"answer": lambda items: items[-2:]}).status == kit.RIGHT
    assert kit.assess(task, {"answer": lambda items: [x + 0.4 for x in items[-2:]]}).status == kit.RIGHT
    verdict = kit.assess(task, {"answer": lambda items: [x + 0.6 for x in items[-2:]]})
    assert verdict.reason == "Others. For `answer([5, 4])` yours gives `[5.6, 4.6]`, which is not it."


def test_a_table_of_cases_reads_the_decisions():
    task = _told(
        table,
        [((1,), "odd", "One is odd."), ((2,), "even", "Two is even.")],
        odd={"Say a word.": unless(lambda output: type(output) is str)},
        read=str.casefold,
        said="Division leaves nothing.",
    )
    assert kit.assess(task, {"answer": lambda n: "Odd" if n % 2 else "EVEN"}).status == kit.RIGHT
    assert kit.assess(task, {"answer": lambda n: "Odd"}).reason == "Two is even."
    exercises._registered.clear()
    task = _told(
        table,
        [((1,), (0.1, 0.2), "One is first."), ((2,), (0.3, 0.4), "Two is second.")],
        odd={"Say two numbers.": unless(listed(number))},
        said="Pairs, and numbers but for rounding.",
    )
    assert kit.assess(task, {"answer": lambda n: (n / 5 - 0.1, 0.2 * n)}).status == kit.RIGHT
    assert kit.assess(task, {"answer": lambda n: (0.1, 0.1 + 0.1)}).reason == "Two is second."


def test_a_mistake_may_be_known_on_some_probes_alone_or_by_a_looser_sameness():
    task = _told(
        function,
        [(2, 4), (9, 3), (1, 0)],
        rule=lambda a, b: a / b if b else 0.0,
        said="A share.",
        mistakes={
            "You turn them round.": follows(lambda a, b: b / a, on=lambda a, b: b > 0),
            "Nought is left out.": right_but(
                lambda right: lambda a, b: right(a, b) if b else 1, on=lambda a, b: b
            ),
            "You round.": right_but(
                lambda right: lambda a, b: round(right(a, b)), same=lambda x, y: abs(x - y) < 1
            ),
        },
        otherwise="Neither.",
    )
    given = {
        "You turn them round.": lambda a, b: b / a if b else 5,
        "Nought is left out.": lambda a, b: a / b if b else -1,
        "You round.": lambda a, b: a // b if b else 0,
        "Neither. For `answer(2, 4)` yours gives `0`, which is not it.": lambda a, b: a // b if b else 2,
    }
    for reason, answer in given.items():
        assert kit.assess(task, {"answer": answer}).reason == reason
    for reason, answer in task.examples():
        assert kit.assess(task, answer).reason == reason


def test_a_judge_with_what_is_said_yields_reasons_and_the_first_is_told():
    @kit.exercise("9.9a", answer=kit.Number(), hints=HINTS, said="Yes.")
    def judge(answer, given):
        if answer > given["most"]:
            yield "Too much."
        if answer > 1:
            yield "Never said." if answer > given["most"] else "More than one."

    with pytest.raises(ValueError, match="yields reasons where `said` is given"):
        kit.exercise("9.9b", answer=kit.Number(), hints=HINTS, said="Yes.")(lambda answer: kit.right("Yes."))
    task = exercises._registered["9.9a"]
    heard = [kit.assess(task, {"answer": x}, {"most": 5}) for x in (1, 2, 6)]
    assert heard == [kit.right("Yes."), kit.wrong("More than one."), kit.wrong("Too much.")]


def test_true_is_no_number_and_1_may_stand_for_a_truth():
    values = [1, 0.5, 2, True, False, 1.0, None, "1", [1]]
    assert [value for value in values if number(value)] == [1, 0.5, 2, 1.0]
    assert not number(True)
    assert [value for value in values if truth(value)] == [1, True, False, 1.0]


def test_a_table_of_cases_says_why_of_the_first_that_is_decided_otherwise():
    task = _told(
        table,
        [((1,), False, "One is odd."), ((2,), True, "Two is even."), ((0,), True, "Nought is even.")],
        odd={"Say True or False.": unless(lambda x: type(x) is bool)},
        mistakes={"It is always the same.": CONSTANT},
        said="Division leaves nothing.",
    )
    assert kit.assess(task, {"answer": lambda n: n % 2 == 0}).status == kit.RIGHT
    assert kit.assess(task, {"answer": lambda n: n == 2}).reason == "Nought is even."
    assert kit.assess(task, {"answer": lambda n: True}).reason == "It is always the same."
    assert [reason for reason, _ in task.examples()][-3:] == [
        "One is odd.",
        "Two is even.",
        "Nought is even.",
    ]


def test_two_cases_of_a_table_may_have_one_reason():
    task = _told(
        table,
        [((1,), False, "Odd."), ((3,), False, "Odd."), ((2,), True, "Even.")],
        odd={"Say True or False.": unless(truth)},
        said="Yes.",
    )
    for wrong_at in (1, 3):
        answer = lambda n, wrong_at=wrong_at: (n % 2 == 0) != (n == wrong_at)  # noqa: E731
        assert kit.assess(task, {"answer": answer}).reason == "Odd."


def test_a_set_of_names_and_a_word_for_each_case_are_judged_by_their_reasons():
    task = _told(
        names,
        belong=["a", "b"],
        others=["c"],
        said="Both.",
        reasons={
            "`{}` is none.": STRANGE,
            "None?": NO_NAME,
            "Not `{}`.": has("c"),
            "More than that.": lacks("a", "b"),
        },
    )
    given = {
        "Both.": {"b", "a"},
        "`x` is none.": {"x"},
        "None?": set(),
        "Not `c`.": {"c", "a"},
        "More than that.": {"a"},
    }
    assert {kit.assess(task, {"answer": x}).reason for x in given.values()} == set(given)
    exercises._registered.clear()
    task = _told(
        choices,
        {"sun": ("day", "It shines."), "moon": ("night", {"day": "It hides.", "noon": "It sleeps."})},
        odd="`{}`?",
        said="So it is.",
    )
    given = {
        "So it is.": {"sun": "Day ", "moon": "night"},
        "It shines.": {"sun": "noon", "moon": "night"},
        "It sleeps.": {"sun": "day", "moon": "noon"},
        "`moon`?": {"sun": "day", "moon": 7},
    }
    assert {kit.assess(task, {"answer": x}).reason for x in given.values()} == set(given)


def _folder():
    files, swapped = {"a": "x", "b": "yz"}, {"a": "yz", "b": "x"}
    return _told(
        digest,
        [files, dict(files), {"a": "long"}, {}, {"a": "x"}],
        odd={"That is no text.": unless(lambda output: type(output) is str)},
        kept=lambda files: sorted(files.items()),
        said="Sorted, and whole.",
        mistakes={
            "Two calls, two texts.": between(files),
            "The order counts.": between(
                files, {"b": "yz", "a": "x"}, kept=lambda files: list(files.items())
            ),
            "Names and contents are apart.": between(
                files, swapped, kept=lambda files: [sorted(files), sorted(files.values())]
            ),
            "The border is lost.": between(
                files, {"a": "xy", "b": "z"}, kept=lambda files: "".join(sorted(files.values()))
            ),
        },
        otherwise="Some share a text.",
    )


def test_of_a_digest_only_counts_which_inputs_get_the_same_text():
    calls = itertools.count()
    answers = cases(
        "answer",
        right=[lambda files: str(sorted(files.items())), lambda files: repr(sorted(files.items()))[::-1]],
        wrong={
            "no text": len,
            "Two calls": lambda files: str(next(calls)),
            "Some share": lambda files: str(sorted((files or {"a": "x", "b": "yz"}).items())),
        },
    )
    found = faults(_folder(), answers)
    assert found == ["the example of 'The border is lost.' is wrong: Names and contents are apart."]


def test_where_a_digest_fails_the_smallest_pair_of_inputs_is_shown():
    verdict = kit.assess(
        _folder(), {"answer": lambda files: str(sorted(files.items()) if len(files) > 1 else 0)}
    )
    assert verdict.reason == (
        "Some share a text. For `answer({})` and `answer({'a': 'x'})` yours gives the same text."
    )
