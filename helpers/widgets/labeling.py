"""Labeling small pictures by hand: one at a time, large, with buttons; each label is stored at once.

    task = label(images, choices=range(10), name="digits", desk=lesson.desk())
    task.enter([7, 2, 0])   # the same without buttons: labels typed in order
    task.labels()           # [7, 2, 0, None, …]

Labels lie in <desk>/labels/<name>.csv, which only grows: a line `image,label,.` for each label, and one with an empty label
for each undo. A picture is known by a digest of its pixels, so a restarted kernel goes on where it stopped, and other pictures
(another seed) never get its labels. With desk=None, in batches and recordings, nothing is shown and nothing is written.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers import display
from helpers.files import add_lines

if TYPE_CHECKING:
    import numpy as np

HEAD, END = "image,label,end\n", "."
SIDE = 256  # pixels of the picture on the screen


def label(
    images: np.ndarray, choices: Iterable[Any], *, name: str, desk: Path | None, question: str = "What is it?"
) -> Task:
    """Show pictures [n, height, width], white at their lowest value, for labeling; goes on where an earlier session stopped.

    Without a desk it shows one line instead. Raises ValueError for a name that is no file name, choices that can't be told
    apart, or pictures that are the same.
    """
    task = Task(images, choices, name=name, desk=desk)
    if desk is None:
        display.note(
            "No learner here",
            "labeling",
            f"In your own copy of the lesson, {len(images)} pictures with buttons stand in this place.",
        )
    else:
        import IPython.display

        task.widget = Buttons(task, images, question)
        IPython.display.display(task.widget.box)
    return task


class Task:
    """Pictures to label, and the labels so far: in memory, and on the desk as far as it can be written.

    `problem` says in a sentence why the last label could not be stored, or why old ones could not be read; else it is "".
    """

    def __init__(
        self, images: np.ndarray, choices: Iterable[Any], *, name: str, desk: Path | None = None
    ) -> None:
        given = list(choices)
        self.choices = {str(choice): choice for choice in given}
        if len(self.choices) < max(2, len(given)) or any(
            not text.strip() or "\n" in text for text in self.choices
        ):
            raise ValueError("Give two choices or more, each with a text of its own on one line.")
        if not re.fullmatch(r"[\w-]{1,60}", name):
            raise ValueError(f"{name!r} can't name a file: use letters, digits, - and _.")
        self.keys = [hashlib.sha256(image.tobytes()).hexdigest()[:16] for image in images]
        if len(set(self.keys)) < len(self.keys):
            raise ValueError("Two of the pictures are the same: a label would count for both.")
        self.book = desk and Path(desk) / "labels" / f"{name}.csv"
        self.widget, self.problem, self.skipped = None, "", 0
        self._given: dict[str, str] = {}  # by picture, in the order of labeling: undo takes the last
        self._unsaved = ""
        if self.book:
            self._resume()

    def labels(self) -> list[Any]:
        """The label of each picture, in the order of the pictures; None where there is none yet."""
        return [self.choices.get(self._given.get(key)) for key in self.keys]

    def at(self) -> int | None:
        """The first picture without a label; None when all have one."""
        return next((i for i, key in enumerate(self.keys) if key not in self._given), None)

    def give(self, choice: Any) -> None:
        """Label the picture that is next. Raises ValueError for what is not among the choices, or when all have a label."""
        text, place = str(choice).strip(), self.at()
        if text not in self.choices:
            raise ValueError(f"“{text}” is not among the choices: {', '.join(self.choices)}.")
        if place is None:
            raise ValueError("All pictures have a label. Undo takes the last one back.")
        self._note(self.keys[place], text)

    def undo(self) -> None:
        """Take the label given last back; does nothing where there is none."""
        if self._given:
            self._note(list(self._given)[-1], "")

    def enter(self, labels: Iterable[Any]) -> None:
        """Labels typed in code, for the first pictures in order: they replace what these had. Raises ValueError as `give` does.

        Running it again with the same labels changes and stores nothing.
        """
        typed = [str(label).strip() for label in labels]
        if len(typed) > len(self.keys):
            raise ValueError(f"{len(typed)} labels for {len(self.keys)} pictures.")
        if odd := [text for text in typed if text not in self.choices]:
            raise ValueError(f"“{odd[0]}” is not among the choices: {', '.join(self.choices)}.")
        for key, text in zip(self.keys, typed, strict=False):
            if self._given.get(key) != text:
                self._note(key, text)
        if self.widget:
            self.widget.refresh()

    def _take(self, key: str, text: str) -> None:
        self._given.pop(key, None)
        if text:
            self._given[key] = text

    def _note(self, key: str, text: str) -> None:
        """Keep a label (or, empty, its undo) in memory, then on the desk with all that could not be stored before."""
        self._take(key, text)
        if not self.book:
            return
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([key, text, END])
        self._unsaved += line.getvalue()
        try:
            self.book.parent.mkdir(parents=True, exist_ok=True)
            add_lines(self.book, self._unsaved, head=HEAD, torn=",torn\n")
            self._unsaved, self.problem = "", ""
        except OSError as error:
            self.problem = (
                f"Not stored ({error.strerror or error}): your labels count until this kernel stops. "
                "The next label tries to store them all."
            )

    def _resume(self) -> None:
        """Read earlier labels of these pictures. A line that is torn or of other pictures or choices is left out."""
        try:
            text = self.book.read_bytes().decode("utf-8", "replace")
        except FileNotFoundError:
            return
        except OSError as error:
            self.problem = f"Earlier labels can't be read ({error.strerror or error}): you begin anew."
            return
        for line in text.split("\n")[:-1]:  # what follows the last line break is empty, or torn
            try:
                row = next(csv.reader([line], strict=True), [])
            except csv.Error:
                row = []
            if f"{line}\n" == HEAD:
                continue
            if len(row) != 3 or row[2] != END:
                self.skipped += 1
            elif row[0] in self.keys and (not row[1] or row[1] in self.choices):
                self._take(row[0], row[1])
        self.skipped += not text.endswith("\n") and bool(text)


class Buttons:
    """The widget of a Task: picture, a button per choice, a field for the keyboard, undo, and how far you are."""

    def __init__(self, task: Task, images: np.ndarray, question: str) -> None:
        import ipywidgets as w

        self.task, self.images = task, images
        self.picture, self.status = w.HTML(), w.HTML()
        self.choices = {}
        for text in task.choices:
            button = w.Button(
                description=text, tooltip=f"Label this picture {text}", layout=w.Layout(width="auto")
            )
            button.on_click(lambda _, text=text: self._do(task.give, text))
            self.choices[text] = button
        self.field = w.Text(placeholder="or type it, then Enter", layout=w.Layout(width="14em"))
        self.field.on_submit(lambda field: self._do(task.give, field.value))
        self.back = w.Button(description="Undo", tooltip="Take the last label back")
        self.back.on_click(lambda _: self._do(task.undo))
        self.box = w.VBox(
            [
                w.HTML(f"<strong>{html.escape(question)}</strong>"),
                self.picture,
                w.HBox(list(self.choices.values()), layout=w.Layout(flex_flow="row wrap")),
                w.HBox([self.field, self.back]),
                self.status,
            ]
        )
        self.refresh()

    def refresh(self, said: str = "") -> None:
        """Show the picture that is next, and how far the labeling is."""
        place, total = self.task.at(), len(self.images)
        over = place is None
        for button in self.choices.values():
            button.disabled = over
        self.field.disabled, self.back.disabled = over, not any(x is not None for x in self.task.labels())
        self.picture.value = (
            "" if over else _img(self.images[place], f"Picture {place + 1} of {total}, to be labeled by eye")
        )
        done = total - self.task.labels().count(None)
        where = (
            f"All {total} are labeled: run the next cell."
            if over
            else f"Picture {place + 1} of {total}; {done} labeled."
        )
        notes = [
            said,
            where,
            self.task.problem,
            f"Damaged lines of the label file that were left out: {self.task.skipped}."
            if self.task.skipped
            else "",
        ]
        lines = "<br>".join(html.escape(note) for note in notes if note)
        self.status.value = f'<div role="status" aria-live="polite">{lines}</div>'

    def _do(self, act, *args) -> None:
        said = ""
        try:
            act(*args)
        except ValueError as error:
            said = str(error)
        self.field.value = ""
        self.refresh(said)


def _img(image: np.ndarray, alt: str) -> str:
    """An HTML picture, enlarged without smoothing, dark on white."""
    import numpy as np
    from PIL import Image

    grey = image.astype(float) - image.min()
    pixels = (255 - 255 * grey / (grey.max() or 1)).astype(np.uint8)
    page = io.BytesIO()
    Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST).save(page, format="png")
    source = base64.b64encode(page.getvalue()).decode()
    return (
        f'<img alt="{html.escape(alt)}" width="{SIDE}" height="{SIDE}" src="data:image/png;base64,{source}">'
    )
