"""The labeling widget: what is pressed is stored at once, comes back after a restart, and is never lost to a bad disk."""

import errno
import os
import subprocess
import sys

import numpy as np
import pytest

from helpers import display
from helpers.widgets import labeling
from helpers.widgets.labeling import Buttons, Task

PICTURES = np.random.default_rng(0).normal(8, 4, (4, 8, 8))


@pytest.fixture
def make(tmp_path):
    """A task on the four pictures with its buttons, as after a (re)start of the kernel."""

    def start(images=PICTURES, choices=range(10), desk=tmp_path):
        task = Task(images, choices, name="digits", desk=desk)
        task.widget = Buttons(task, images, "Which digit?")
        return task

    return start


def book(tmp_path):
    return tmp_path / "labels" / "digits.csv"


def press(task, *texts):
    for text in texts:
        (task.widget.back if text == "Undo" else task.widget.choices[text]).click()


def test_each_press_labels_the_picture_shown_and_goes_on_to_the_next(make):
    task = make()
    first = task.widget.picture.value
    press(task, "7", "2")
    assert task.labels() == [7, 2, None, None]
    assert task.widget.picture.value != first
    assert "Picture 3 of 4; 2 labeled." in task.widget.status.value


def test_the_keyboard_does_what_the_buttons_do_and_says_what_it_does_not_know(make):
    task = make()
    field = task.widget.field
    for typed in ("7", " 2 ", "x"):
        field.value = typed
        field._submission_callbacks(field)
    assert task.labels() == [7, 2, None, None] and field.value == ""
    assert "“x” is not among the choices" in task.widget.status.value


def test_undo_takes_the_last_label_back_and_nothing_when_there_is_none(make, tmp_path):
    task = make()
    assert task.widget.back.disabled
    press(task, "7", "2", "Undo", "3", "Undo", "Undo", "Undo")
    assert task.labels() == [None] * 4
    press(task, "5")
    assert make().labels() == [5, None, None, None]
    assert len(book(tmp_path).read_text().splitlines()) == 1 + 7, "a header; the file only grows"


def test_when_all_are_labeled_the_buttons_rest_and_undo_wakes_them(make):
    task = make()
    press(task, "1", "2", "3", "4")
    assert "All 4 are labeled" in task.widget.status.value
    assert all(button.disabled for button in task.widget.choices.values()) and task.at() is None
    with pytest.raises(ValueError, match="All pictures have a label"):
        task.give(5)
    press(task, "Undo")
    assert task.at() == 3 and not task.widget.choices["1"].disabled


def test_a_restarted_kernel_goes_on_where_the_labels_stop(make):
    press(make(), "7", "2")
    again = make()
    assert again.labels() == [7, 2, None, None]
    assert "Picture 3 of 4" in again.widget.status.value
    press(again, "Undo", "4")
    assert make().labels() == [7, 4, None, None]


def test_other_pictures_do_not_get_these_labels_and_do_not_lose_them(make):
    press(make(), "7", "2")
    other = make(PICTURES + 1)
    assert other.labels() == [None] * 4
    press(other, "9")
    assert make().labels() == [7, 2, None, None]


def test_the_same_pictures_in_another_order_keep_each_their_label(make):
    press(make(), "7", "2")
    assert make(PICTURES[::-1]).labels() == [None, None, 2, 7]


@pytest.mark.parametrize("cut", range(1, 21))
def test_a_torn_last_line_costs_that_label_alone_wherever_it_was_torn(make, tmp_path, cut):
    press(make(), "7", "2")
    content = book(tmp_path).read_bytes()
    assert content.endswith(b",2,.\n")
    book(tmp_path).write_bytes(content[:-cut])
    task = make()
    assert task.labels() == [7, None, None, None]
    assert "Damaged lines of the label file that were left out: 1." in task.widget.status.value
    press(task, "3")
    assert make().labels() == [7, 3, None, None], "what is written after a torn line counts"


def test_a_torn_label_is_not_taken_for_a_shorter_one(make, tmp_path):
    choices = ["1", "12", "3"]
    press(make(choices=choices), "12")
    book(tmp_path).write_bytes(book(tmp_path).read_bytes()[:-4])  # now it ends with “,1”
    press(make(choices=choices), "3")
    assert make(choices=choices).labels() == ["3", None, None, None]


def test_choices_with_commas_quotes_and_other_scripts_come_back_as_they_are(make):
    choices = ['a, "b"', "ξ", "no"]
    press(make(choices=choices), 'a, "b"', "ξ")
    assert make(choices=choices).labels() == ['a, "b"', "ξ", None, None]


def test_garbage_in_the_file_is_left_out_and_counted(make, tmp_path):
    press(make(), "7")
    with book(tmp_path).open("ab") as file:
        file.write(b'\xff\xfe\n"unclosed\na,b\n' + b"x" * 20_000 + b"\n")
    task = make()
    assert task.labels() == [7, None, None, None] and task.skipped == 4


def test_a_folder_that_can_not_be_written_gets_a_sentence_and_costs_no_label(make, tmp_path):
    (tmp_path / "labels").write_text("a file where the folder should be")
    task = make()
    press(task, "7", "2")
    assert task.labels() == [7, 2, None, None]
    assert "Not stored" in task.widget.status.value and "until this kernel stops" in task.widget.status.value


def test_labels_that_could_not_be_stored_are_stored_with_the_next_one(make, monkeypatch):
    task, real = make(), os.write

    def full(handle, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    press(task, "7", "2")
    assert "No space left on device" in task.widget.status.value
    monkeypatch.setattr(os, "write", real)
    press(task, "3")
    assert "Not stored" not in task.widget.status.value
    assert make().labels() == [7, 2, 3, None]


def test_a_write_that_is_cut_short_is_repaired_by_the_next(make, monkeypatch):
    task, real = make(), os.write
    press(task, "7")
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:9]))
    press(task, "2")
    assert "Not stored" in task.widget.status.value
    monkeypatch.setattr(os, "write", real)
    press(task, "3")
    assert make().labels() == [7, 2, 3, None]


def test_a_file_that_can_not_be_read_is_said_and_labeling_begins(make, tmp_path):
    book(tmp_path).mkdir(parents=True)
    task = make()
    assert "Earlier labels can" in task.widget.status.value
    press(task, "7")
    assert task.labels()[0] == 7 and "Not stored" in task.widget.status.value


def test_labels_typed_in_code_do_the_same_and_running_the_cell_again_stores_nothing(make, tmp_path):
    task = make()
    press(task, "9")
    task.enter([7, "2"])
    before = book(tmp_path).read_bytes()
    task.enter([7, 2])
    assert book(tmp_path).read_bytes() == before
    assert make().labels() == [7, 2, None, None]
    assert "Picture 3 of 4" in task.widget.status.value, "the buttons follow"


@pytest.mark.parametrize("typed, said", [([7, 11], "“11” is not among"), ([1] * 5, "5 labels for 4")])
def test_typed_labels_that_do_not_fit_change_nothing(make, typed, said):
    task = make()
    with pytest.raises(ValueError, match=said):
        task.enter(typed)
    assert task.labels() == [None] * 4


def test_without_a_desk_nothing_is_written_and_one_line_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shown = []
    monkeypatch.setattr(display, "say", lambda text, *rich, **more: shown.append(text))
    task = labeling.label(PICTURES, range(10), name="digits", desk=None)
    task.enter([7])
    task.undo()
    task.give(3)
    assert task.labels() == [3, None, None, None] and list(tmp_path.iterdir()) == []
    assert len(shown) == 1 and "4 pictures with buttons" in shown[0]


def test_a_screen_reader_hears_each_part_and_no_part_tells_the_answer(make):
    task = make()
    assert 'alt="Picture 1 of 4, to be labeled by eye"' in task.widget.picture.value
    assert 'role="status"' in task.widget.status.value
    assert [button.description for button in task.widget.choices.values()] == list("0123456789")
    assert task.widget.field.placeholder and task.widget.back.tooltip


@pytest.mark.parametrize(
    "change, said",
    [
        ({"choices": ["only"]}, "two choices"),
        ({"choices": [1, "1"]}, "two choices"),
        ({"choices": ["a\nb", "c"]}, "two choices"),
        ({"name": "../x"}, "can't name a file"),
        ({"images": np.zeros((2, 8, 8))}, "are the same"),
    ],
)
def test_a_task_that_could_mix_things_up_is_refused(change, said):
    with pytest.raises(ValueError, match=said):
        Task(**{"images": PICTURES, "choices": range(10), "name": "digits"} | change)


def test_a_flat_picture_is_drawn_white():
    assert "data:image/png" in labeling._img(np.zeros((8, 8)), "flat")


def test_the_helper_loads_no_tensorflow():
    code = "import sys, helpers.widgets.labeling; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
