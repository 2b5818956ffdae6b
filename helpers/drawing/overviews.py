"""An overview: boxes in rows and the arrows between them, laid out by one rule.

Boxes stand on a grid. Neighbours in a row or a column, with nothing or a gap between, are joined by a straight arrow. Any
other arrow leaves its box above or below, goes along the street between two rows, where it has a lane of its own, and enters
from above or below; past a row in between it goes down a gap of that row or the alley beside a column. Within a row it goes
above to the right and below to the left. So no arrow crosses a box. Lanes lie in the order in which lines cross least.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path
from matplotlib.textpath import TextPath

from helpers.drawing.look import BLUE, wrapped
from helpers.drawing.words import ending

WIDTH, MOST = 7.5, 6  # inches; boxes in a row
TALL, LANE, STREET, ALLEY = 0.56, 0.2, 0.34, 0.3  # inches: a box, a lane, a street and an alley at least
INK, LINE = "#222222", "#555555"
Place = tuple[int, int]
Point = tuple[float, float]
Area = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass
class Stretch:
    """What of an arrow lies in one street: from x = `start` to x = `end`, its upright pieces above or below the lane."""

    start: float
    end: float
    from_above: bool
    to_below: bool
    label: str = ""
    lane: float = 0.0  # its height on the picture, once the lanes are laid

    def uprights(self) -> list[tuple[float, bool]]:
        """Where an upright piece meets the lane: its x, and whether it lies above the lane."""
        return [(self.start, self.from_above), (self.end, not self.to_below)]


@dataclass
class Arrow:
    """An arrow between two places on the grid, and its label."""

    start: Place
    end: Place
    label: str = ""
    streets: list[int] = field(default_factory=list)  # which it goes along; none where it is straight
    alley: int | None = None
    stretches: list[Stretch] = field(default_factory=list)


def overview(
    title: str, rows: Sequence[Sequence[str | None]], arrows: list[tuple[str, ...]], new: set[str]
) -> tuple[Figure, str]:
    """What `figures.overview` shows: the figure and its words."""
    boxes = _boxes(rows)
    for name in [*itertools.chain(*(arrow[:2] for arrow in arrows)), *sorted(new)]:
        if name not in boxes:
            raise ValueError(f"There is no box {name!r}; the boxes are {', '.join(boxes)}.")
    drawn = []
    for start, end, *label in arrows:
        if start == end:
            raise ValueError(f"An arrow leads from {start!r} to itself.")
        drawn.append(_routed(Arrow(boxes[start], boxes[end], *label), set(boxes.values())))
    return Plan(title, boxes, drawn).draw(new), _words(title, boxes, arrows, new)


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


def _routed(arrow: Arrow, taken: set[Place]) -> Arrow:
    """The arrow with the streets and the alley it takes."""
    (r1, c1), (r2, c2) = arrow.start, arrow.end
    between = {
        (r, c) for r in range(min(r1, r2), max(r1, r2) + 1) for c in range(min(c1, c2), max(c1, c2) + 1)
    } - {arrow.start, arrow.end}
    if (r1 == r2 or c1 == c2) and not between & taken:
        return arrow
    if r1 == r2:
        arrow.streets = [r1 if c1 < c2 else r1 + 1]
        return arrow
    first, last = (r1 + 1, r2) if r1 < r2 else (r1, r2 + 1)
    passed = range(min(r1, r2) + 1, max(r1, r2))
    if not any((r, c2) in taken for r in passed):
        arrow.streets = [first]
    elif not any((r, c1) in taken for r in passed):
        arrow.streets = [last]
    else:
        arrow.streets = [first, last]
        arrow.alley = c2 if c1 < c2 else c2 + 1
    return arrow


class Plan:
    """Where everything stands, in inches from the upper left corner."""

    def __init__(self, title: str, boxes: dict[str, Place], arrows: list[Arrow]) -> None:
        self.boxes, self.arrows = boxes, arrows
        self.title = wrapped(title, 80)
        self.rows = max(r for r, _ in boxes.values()) + 1
        self.columns = max(c for _, c in boxes.values()) + 1
        self._alleys()
        self._gates()
        self._lanes()

    def _alleys(self) -> None:
        """Alleys as wide as the labels and the lines in them; the boxes share what is left, up to 1.9 inches each."""
        wide = [0.1] + [ALLEY] * (self.columns - 1) + [0.1]
        for arrow in self.arrows:
            if (
                not arrow.streets
                and arrow.start[0] == arrow.end[0]
                and abs(arrow.start[1] - arrow.end[1]) == 1
            ):
                k = max(arrow.start[1], arrow.end[1])
                wide[k] = max(wide[k], _wide(_label(arrow.label)) + 0.24 if arrow.label else 0.0)
        used: dict[int, list[Arrow]] = {}
        for arrow in self.arrows:
            if arrow.alley is not None:
                arrow.alley = self._free(arrow)
                used.setdefault(arrow.alley, []).append(arrow)
        for k, through in used.items():
            wide[k] = max(wide[k], 0.16 * (len(through) + 1))
        self.box = min(1.9, (WIDTH - sum(wide)) / self.columns)
        left = (WIDTH - sum(wide) - self.box * self.columns) / 2
        edges = [left + sum(wide[:k]) + self.box * k for k in range(self.columns + 1)]
        self.x = [edges[c] + wide[c] + self.box / 2 for c in range(self.columns)]
        self.alley = {
            id(arrow): edges[k] + wide[k] * (i + 1) / (len(through) + 1)
            for k, through in used.items()
            for i, arrow in enumerate(through)
        }

    def _free(self, arrow: Arrow) -> int:
        """The alley nearest to the one wanted that no straight arrow crosses in the rows passed."""
        passed = range(min(arrow.start[0], arrow.end[0]) + 1, max(arrow.start[0], arrow.end[0]))
        crossed = {
            k
            for other in self.arrows
            if not other.streets and other.start[0] == other.end[0] in passed
            for k in range(min(other.start[1], other.end[1]) + 1, max(other.start[1], other.end[1]) + 1)
        }
        return min(set(range(self.columns + 1)) - crossed, key=lambda k: (abs(k - (arrow.alley or 0)), k))

    def _gates(self) -> None:
        """Where arrows leave and enter each box: a straight one in the middle, others beside it on the side they go to."""
        gates: dict[tuple[Place, str], list[tuple[float, Arrow, bool]]] = {}
        for arrow in self.arrows:
            for mine, other, leaves in ((arrow.start, arrow.end, True), (arrow.end, arrow.start, False)):
                if arrow.streets:
                    street = arrow.streets[0 if leaves else -1]
                    side = "below" if street > mine[0] else "above"
                    toward = self.alley.get(id(arrow), self.x[other[1]])
                elif mine[0] == other[0]:
                    side, toward = "right" if other[1] > mine[1] else "left", 0.0
                else:
                    side, toward = "below" if other[0] > mine[0] else "above", self.x[mine[1]]
                gates.setdefault((mine, side), []).append((toward, arrow, leaves))
        self.gate: dict[tuple[int, bool], float] = {}
        for (place, side), ends in gates.items():
            flat = side in ("left", "right")
            # Two ways between the same two boxes stand in the same order at both ends
            ends.sort(key=lambda end: (end[0], self.arrows.index(end[1])))
            straight = [i for i, end in enumerate(ends) if not end[1].streets]
            middle = sum(straight) / len(straight) if straight else (len(ends) - 1) / 2
            room = TALL if flat else self.box
            step = min(0.24, 0.8 * room / max(len(ends), 1))
            for i, (_, arrow, leaves) in enumerate(ends):
                self.gate[id(arrow), leaves] = (0.0 if flat else self.x[place[1]]) + (i - middle) * step

    def _lanes(self) -> None:
        """Lanes for what goes along each street, and the heights of streets and rows that follow."""
        streets: list[list[Stretch]] = [[] for _ in range(self.rows + 1)]
        for arrow in self.arrows:
            start, end = (self.gate.get((id(arrow), leaves), 0.0) for leaves in (True, False))
            stops = [start, *([self.alley[id(arrow)]] if len(arrow.streets) == 2 else []), end]
            for i, street in enumerate(arrow.streets):
                last = i == len(arrow.streets) - 1
                stretch = Stretch(
                    stops[i],
                    stops[i + 1],
                    from_above=street > arrow.start[0],
                    to_below=street <= arrow.end[0],
                    label=arrow.label if last else "",
                )
                arrow.stretches.append(stretch)
                streets[street].append(stretch)
        straight = [
            (max(a.start[0], a.end[0]), a.start[1], a.label)
            for a in self.arrows
            if not a.streets and a.start[0] != a.end[0]
        ]
        self.top, y = [], 0.34 + 0.18 * self.title.count("\n")
        for street, stretches in enumerate(streets):
            order = _best(stretches, [self.x[c] for r, c, _ in straight if r == street])
            y += 0.12
            if order:
                y += 0.06
                for stretch in order:
                    y += LANE if stretch.label else LANE * 0.7
                    stretch.lane = y
                y += LANE
            lines = [_label(text).count("\n") + 1 for r, _, text in straight if r == street and text]
            if lines:
                y += 0.16 * max(lines) + (0.02 if order else 0.12)
            elif not order and 0 < street < self.rows:
                y += STREET - 0.12
            self.top.append(y)
            y += TALL
        self.height = self.top.pop() + 0.02  # below the last street stands no row

    def draw(self, new: Iterable[str]) -> Figure:
        """The picture."""
        names = {name: _fitted(name, self.box - 0.08, name in new) for name in self.boxes}
        fig = plt.figure(figsize=(WIDTH, self.height), layout="none")
        ax = fig.add_axes((0, 0, 1, 1))
        ax.set(xlim=(0, WIDTH), ylim=(self.height, 0))
        ax.set_axis_off()
        ax.text(0.08, 0.08, self.title, fontsize=11, fontweight="bold", va="top", ha="left")
        corners = [self._corners(arrow) for arrow in self.arrows]
        for way in corners:
            ax.add_patch(
                FancyArrowPatch(path=Path(way), arrowstyle="-|>", color=LINE, linewidth=1.3, mutation_scale=11,
                                shrinkA=0, shrinkB=0, joinstyle="miter", zorder=1)
            )  # fmt: skip
        for (x, y), text in self.labels(corners):
            ax.text(x, y, text, fontsize=8.5, ha="center", va="center", color=INK, zorder=2, linespacing=1.0,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6})  # fmt: skip
        for name, (r, c) in self.boxes.items():
            strong = name in new
            ax.add_patch(
                FancyBboxPatch(
                    (self.x[c] - self.box / 2, self.top[r]), self.box, TALL, boxstyle="round,pad=0,rounding_size=0.06",
                    facecolor="#D6E8F5" if strong else "white", edgecolor=BLUE if strong else "#6E6E6E",
                    linewidth=2.4 if strong else 1.0, zorder=3,
                )
            )  # fmt: skip
            text, size = names[name]
            ax.text(self.x[c], self.top[r] + TALL / 2, text, ha="center", va="center", fontsize=size, zorder=4,
                    fontweight="bold" if strong else "normal", color=INK, linespacing=1.1)  # fmt: skip
        return fig

    def _corners(self, arrow: Arrow) -> list[Point]:
        (r1, c1), (r2, c2) = arrow.start, arrow.end
        out, into = (self.gate[id(arrow), leaves] for leaves in (True, False))
        if not arrow.streets and r1 == r2:
            side = self.box / 2 if c2 > c1 else -self.box / 2
            y = self.top[r1] + TALL / 2 + out
            return [(self.x[c1] + side, y), (self.x[c2] - side, y)]
        leaves_below = arrow.stretches[0].from_above if arrow.streets else r2 > r1
        enters_above = arrow.stretches[-1].to_below if arrow.streets else r2 > r1
        lanes = [(x, stretch.lane) for stretch in arrow.stretches for x in (stretch.start, stretch.end)]
        return [
            (out, self.top[r1] + (TALL if leaves_below else 0)),
            *lanes,
            (into, self.top[r2] + (0 if enters_above else TALL)),
        ]

    def _spots(self, arrow: Arrow, corners: list[Point], wide: float, tall: float) -> list[Point]:
        """Where the middle of the arrow's label might stand, the best first."""
        (x1, y1), (x2, y2) = corners[-3:-1] if arrow.streets else corners
        if arrow.streets:
            return [(x1 + (x2 - x1) * part, y1) for part in (0.5, 0.4, 0.6, 0.3, 0.7, 0.2, 0.8)]
        if y1 == y2:
            lower = self.gate[id(arrow), True] > 0  # of two ways
            return [((x1 + x2) / 2, y1 + (tall / 2 + 0.03) * (1 if lower else -1))]
        heights = [y1 + (y2 - y1) * part for part in (0.5, 0.6, 0.4, 0.7, 0.3)]
        return [(x1 + (wide / 2 + 0.06) * side, y) for side in (1, -1) for y in heights]

    def labels(self, corners: list[list[Point]]) -> list[tuple[Point, str]]:
        """Each label with its middle: the first of its spots where the fewest other arrows and labels are in the way."""
        placed: list[tuple[Point, str]] = []
        taken: list[Area] = []
        pieces = [[_area(a, b) for a, b in itertools.pairwise(way)] for way in corners]
        for i, arrow in enumerate(self.arrows):
            if not arrow.label:
                continue
            text = _label(arrow.label)
            wide, tall = _wide(text) + 0.14, 0.15 * (text.count("\n") + 1)
            others = [piece for j, way in enumerate(pieces) if j != i for piece in way] + taken

            def hits(spot: Point, wide: float = wide, tall: float = tall, others: list[Area] = others) -> int:
                mine = (spot[0] - wide / 2, spot[1] - tall / 2, spot[0] + wide / 2, spot[1] + tall / 2)
                return sum(
                    a[0] < mine[2] and mine[0] < a[2] and a[1] < mine[3] and mine[1] < a[3] for a in others
                )

            x, y = min(self._spots(arrow, corners[i], wide, tall), key=hits)
            placed.append(((x, y), text))
            taken.append((x - wide / 2, y - tall / 2, x + wide / 2, y + tall / 2))
        return placed


def _area(a: Point, b: Point) -> Area:
    """The area that a piece of an arrow takes."""
    (left, right), (top, bottom) = sorted([a[0], b[0]]), sorted([a[1], b[1]])
    return left - 0.02, top - 0.02, right + 0.02, bottom + 0.02


def _best(stretches: list[Stretch], uprights: list[float]) -> list[Stretch]:
    """The stretches from the upper lane to the lower, so that lines cross least; beyond six, in the order given."""
    if len(stretches) > 6:
        return stretches
    return list(min(itertools.permutations(stretches), key=lambda order: _crossings(order, uprights)))


def _crossings(order: Sequence[Stretch], uprights: list[float]) -> int:
    found = 0
    for lane, flat in enumerate(order):
        low, high = sorted([flat.start, flat.end])
        for other, stretch in enumerate(order):
            for x, above in stretch.uprights() if other != lane else ():
                found += low <= x <= high and (lane < other if above else lane > other)
        found += sum(low <= x <= high for x in uprights)
    return found


def _label(text: str) -> str:
    return wrapped(text, 14)


def _wide(text: str, size: float = 8.5) -> float:
    """The width of a text in inches."""
    return max(TextPath((0, 0), line or " ", size=size).get_extents().width for line in text.split("\n")) / 72


def _fitted(name: str, room: float, strong: bool) -> tuple[str, float]:
    """The name in lines that fit the box, broken at spaces and before capitals, and the largest size at which it fits."""
    pieces = re.findall(r"\s?[^\s]+?(?=\s|$|(?<=[a-z])(?=[A-Z]))", name) or [name]
    for size in (9.5, 9, 8.5, 8, 7.5):
        lines = [""]
        for piece in pieces:
            longer = lines[-1] + piece
            if lines[-1] and _wide(longer, size) * (1.08 if strong else 1) > room:
                lines.append(piece.strip())
            else:
                lines[-1] = longer.lstrip()
        fits = max(_wide(line, size) for line in lines) * (1.08 if strong else 1) <= room
        if fits and len(lines) * size * 1.3 / 72 <= TALL - 0.04:
            return "\n".join(lines), size
    raise ValueError(f"The name {name!r} doesn't fit its box: shorten it, or put fewer boxes in a row.")


def _words(title: str, boxes: Iterable[str], arrows: list[tuple[str, ...]], new: set[str]) -> str:
    """The title, where each box's arrows lead, boxes without any, and what is new."""
    parts = []
    for name in boxes:
        ends = [
            f"{end} ({label[0]})" if label and label[0] else end
            for start, end, *label in arrows
            if start == name
        ]
        if ends:
            many = re.search(r"[^sui]s$", name.split(",")[0])
            parts.append(f"{name} {'lead' if many else 'leads'} to {_listed(ends)}")
    joined = {name for start, end, *_ in arrows for name in (start, end)}
    if alone := [name for name in boxes if name not in joined]:
        parts.append(
            f"by itself stands {_listed(alone)}"
            if len(alone) == 1
            else f"by themselves stand {_listed(alone)}"
        )
    text = f"{title.rstrip('.')}: {'; '.join(parts)}"
    return ending(text) + (f" New here: {_listed([name for name in boxes if name in new])}." if new else "")


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
