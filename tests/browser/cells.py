"""The cells of the notebook in front, as the page shows them, and a wait that lasts as long as they move."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

IDLE = 60  # seconds in which nothing moves although the kernel is idle: nothing will
BUSY = 300  # seconds one cell may compute without a word, on a machine that is busy with other tests
LOOK = 500  # milliseconds between two looks
READ = """() => {
  const panel = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)');
  const text = (node, selector) => node.querySelector(selector)?.textContent ?? '';
  return {
    kernel: [...document.querySelectorAll('#jp-main-statusbar .jp-StatusBar-TextItem')]
      .map(item => item.textContent).find(said => said.includes(' | ')) ?? '',
    // folded code has no prompt to show
    cells: [...panel?.querySelectorAll('.jp-CodeCell:not(:has(.jp-InputPlaceholder))') ?? []].map(cell => ({
      prompt: text(cell, '.jp-InputPrompt'),
      code: text(cell, '.cm-line'),
      output: cell.querySelectorAll('.jp-OutputArea-child').length
        ? text(cell, '.jp-OutputArea').slice(-1000) || '(a picture)' : '',
    })),
  };
}"""


@dataclass(frozen=True)
class Cell:
    prompt: str  # "[3]:", "[*]:" while it waits or runs, "[ ]:"
    code: str  # its first line
    output: str  # the end of it

    @property
    def number(self) -> int:
        """The count its prompt shows; 0 where it shows none."""
        return int("".join(filter(str.isdigit, self.prompt)) or 0)


@dataclass(frozen=True)
class Cells:
    kernel: str  # "Python 3 (ipykernel) | Idle"
    cells: tuple[Cell, ...]

    @property
    def idle(self) -> bool:
        return self.kernel.endswith("| Idle")

    @property
    def last(self) -> int:
        """The highest count of all prompts; 0 where nothing has run."""
        return max((cell.number for cell in self.cells), default=0)

    @property
    def waiting(self) -> int:
        """How many cells show `[*]`."""
        return sum("*" in cell.prompt for cell in self.cells)

    def __str__(self):
        lines = [f"Kernel: {self.kernel or 'none'}"]
        lines += [f"{cell.prompt:>7} {cell.code}" for cell in self.cells]
        with_output = [cell for cell in self.cells if cell.output]
        ran = max(with_output, key=lambda cell: cell.number, default=None)
        return "\n".join(lines + ([f"Last output, of {ran.prompt} {ran.output}"] if ran else []))


class Still(AssertionError):
    """What was waited for did not come; `cells` is how they stand."""

    def __init__(self, why: str, cells: Cells):
        done = sum(cell.number > 0 for cell in cells.cells)
        kernel = cells.kernel.rpartition("| ")[2] or "missing"
        super().__init__(
            f"{why}: the kernel is {kernel}, {done} of {len(cells.cells)} cells have a number, "
            f"{cells.waiting} show [*]."
        )
        self.cells = cells

    @property
    def stalled(self) -> bool:
        """Whether cells wait for a kernel that waits for cells."""
        return self.cells.idle and self.cells.waiting > 0


def read(page: Page) -> Cells:
    """The code cells of the notebook in front and the state of its kernel; no cells where none is in front."""
    found = page.evaluate(READ)
    return Cells(found["kernel"], tuple(Cell(**cell) for cell in found["cells"]))


def wait(page: Page, done: Callable[[Cells], bool], within: float = float("inf")) -> Cells:
    """Wait until `done`, as long as prompts, outputs or the kernel's state change. Raises Still."""
    start = moved = time.monotonic()
    before = None
    while not done(cells := read(page)):
        now = time.monotonic()
        if cells != before:
            before, moved = cells, now
        if now - moved > (IDLE if cells.idle else BUSY):
            raise Still(f"Nothing has moved for {now - moved:.0f} s", cells)
        if now - start > within:
            raise Still(f"Not done after {now - start:.0f} s", cells)
        page.wait_for_timeout(LOOK)
    return cells
