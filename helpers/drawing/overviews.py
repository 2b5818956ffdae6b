"""An overview: boxes on a grid, each arrow by the first of three rules.

1. Boxes in one row or column: straight, through empty places.
2. Diagonal neighbours: straight, from corner to corner.
3. Any others: one turn, in the empty place where the row of one box meets the column of the other.

All arrows through an empty place lead to the same box. An arrow that finds no way is refused: its author moves a box.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from helpers.drawing.look import BLUE, fitted, width, wrapped
from helpers.drawing.words import arrows_told

WIDTH, MOST = 7.5, 6  # inches; boxes in a row
TALL, APART, LINE = 0.56, 0.34, 0.15  # inches: a box, the room between two at least, a line of a label
SMALL = 8.5
# A box's fill, edge, the edge's width, and the weight of its name
NEW, KNOWN = ("#D6E8F5", BLUE, 2.4, "bold"), ("white", "#6E6E6E", 1.0, "normal")
Place = tuple[int, int]


def overview(
    title: str, rows: Sequence[Sequence[str | None]], arrows: list[tuple[str, ...]], new: set[str]
) -> tuple[Figure, str]:
    """What `figures.overview` shows: the figure and its words."""
    boxes = _boxes(rows)
    pairs = [(start, end) for start, end, *_ in arrows]
    for name in [*itertools.chain(*pairs), *sorted(new)]:
        if name not in boxes:
            raise ValueError(f"There is no box {name!r}; the boxes are {', '.join(boxes)}.")
    labels = [wrapped("".join(label), 14) for _, _, *label in arrows]
    plan = _Plan(boxes, _ways(boxes, pairs), labels, wrapped(title, 80))
    return plan.draw(new), arrows_told(title, boxes, arrows, new)


def _boxes(rows: Sequence[Sequence[str | None]]) -> dict[str, Place]:
    boxes: dict[str, Place] = {}
    for r, row in enumerate(rows):
        if isinstance(row, str) or len(row) > MOST:
            raise ValueError(
                f"Row {r + 1} of the overview: a list of at most {MOST} names, or they can't be read."
            )
        for c, name in enumerate(row):
            if name in boxes:
                raise ValueError(f"Two boxes are called {name!r}.")
            if name is not None:
                boxes[name] = r, c
    if not boxes:
        raise ValueError("An overview has at least one box.")
    return boxes


def _ways(boxes: dict[str, Place], pairs: list[tuple[str, str]]) -> list[list[Place]]:
    """By arrow, the places of its start, of its turn if it has one, and of its end."""
    found: list[list[Place]] = []
    # By place, the box that arrows through it lead to; through a box, none
    leads: dict[Place, str | None] = dict.fromkeys(boxes.values())
    for number, (start, end) in enumerate(pairs):
        if start == end:
            raise ValueError(f"An arrow leads from {start!r} to itself.")
        if (start, end) in pairs[:number]:
            raise ValueError(f"Two arrows lead from {start!r} to {end!r}: say both in one label.")
        (r1, c1), (r2, c2) = here, there = boxes[start], boxes[end]
        straight = r1 == r2 or c1 == c2 or abs(r1 - r2) == abs(c1 - c2) == 1
        ways = [[here, there]] if straight else [[here, turn, there] for turn in ((r1, c2), (r2, c1))]
        free = [way for way in ways if all(leads.get(place, end) == end for place in _passed(way))]
        if not free:
            raise ValueError(
                f"No way from {start!r} to {end!r} with at most one turn is free of boxes and of arrows to another box: "
                "move a box."
            )
        found.append(free[0])
        leads |= dict.fromkeys(_passed(free[0]), end)
    return found


def _passed(way: list[Place]) -> set[Place]:
    """The places between its ends, the turn included; diagonal neighbours have none."""
    passed = {
        (r, c)
        for (r1, c1), (r2, c2) in itertools.pairwise(way)
        if r1 == r2 or c1 == c2
        for r in range(min(r1, r2), max(r1, r2) + 1)
        for c in range(min(c1, c2), max(c1, c2) + 1)
    }
    return passed - {way[0], way[-1]}


@dataclass
class _Plan:
    """Where everything stands, in inches from the upper left corner."""

    boxes: dict[str, Place]
    ways: list[list[Place]]
    labels: list[str]
    title: str

    def __post_init__(self) -> None:
        rows, columns = (max(numbers) + 1 for numbers in zip(*self.boxes.values(), strict=True))
        across, down = np.full(columns - 1, APART), np.full(rows - 1, APART)  # between columns, between rows
        self.sizes = [(width(label, SMALL), LINE * len(label.splitlines())) for label in self.labels]
        for (*_, (r1, c1), (r2, c2)), (wide, tall) in zip(self.ways, self.sizes, strict=True):
            if r1 != r2:
                down[min(r1, r2)] = max(down[min(r1, r2)], tall + 0.2)
            elif abs(c1 - c2) == 1:
                across[min(c1, c2)] = max(across[min(c1, c2)], wide + 0.24)
        self.box = min(1.9, (WIDTH - 0.2 - across.sum()) / columns)
        left = (WIDTH - across.sum() - columns * self.box) / 2
        xs = left + self.box / 2 + np.cumsum([0, *(across + self.box)])
        ys = 0.46 + 0.18 * self.title.count("\n") + TALL / 2 + np.cumsum([0, *(down + TALL)])
        self.at = {(r, c): np.array([x, y]) for r, y in enumerate(ys) for c, x in enumerate(xs)}
        self.height = ys[-1] + TALL / 2 + 0.08

    def draw(self, new: set[str]) -> Figure:
        names = {name: fitted(name, self.box - 0.08, TALL - 0.04, name in new) for name in self.boxes}
        fig = plt.figure(figsize=(WIDTH, self.height), layout="none")
        ax = fig.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, WIDTH), ylim=(self.height, 0))
        ax.set_axis_off()
        ax.text(0.08, 0.08, self.title, fontsize=11, fontweight="bold", va="top")
        centred: dict[str, Any] = {"ha": "center", "va": "center"}
        for i, label in enumerate(self.labels):
            points, spot = self.arrow(i)
            ax.add_patch(FancyArrowPatch(path=Path(points), arrowstyle="-|>", color="#555555", linewidth=1.3,
                                         mutation_scale=11, joinstyle="miter"))  # fmt: skip
            ax.text(*spot, label, fontsize=SMALL, linespacing=1.0, **centred)
        for name, place in self.boxes.items():
            fill, edge, thick, weight = NEW if name in new else KNOWN
            x, y = self.at[place]
            ax.add_patch(FancyBboxPatch((x - self.box / 2, y - TALL / 2), self.box, TALL, facecolor=fill, edgecolor=edge,
                                        linewidth=thick, boxstyle="round,pad=0,rounding_size=0.06"))  # fmt: skip
            text, size = names[name]
            ax.text(x, y, text, fontsize=size, fontweight=weight, linespacing=1.1, **centred)
        return fig

    def arrow(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Its points, from box to box, and the middle of its label: above its level piece, else to its right."""
        way, (wide, tall) = self.ways[number], self.sizes[number]
        points = np.array([self.at[place] for place in way])
        toward = np.sign(np.diff(points, axis=0)) * (self.box / 2, TALL / 2)
        points[0] += toward[0]
        points[-1] -= toward[-1]
        piece = int(len(way) == 3 and toward[0, 0] == 0)
        dx, dy = points[piece + 1] - points[piece]
        side = np.array([dy, -dx]) / np.hypot(dx, dy)
        if way[::-1] in self.ways:  # one of two: each keeps to its own side
            points += 0.08 * side
        elif (side[0], -side[1]) < (0, 0):
            side = -side
        middle = points[piece : piece + 2].mean(axis=0)
        if dy == 0:
            return points, middle + (0, side[1] * (tall / 2 + 0.03))
        return points, middle + (np.sign(side[0]) * ((wide + tall * abs(dx / dy)) / 2 + 0.06), 0)
