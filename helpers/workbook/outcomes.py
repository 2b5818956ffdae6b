"""How a lesson can end, what it may take, and the result that says so."""

from dataclasses import dataclass

# Only a fault of the infrastructure is tried again.
OK, CELL_ERROR, CELL_TIMEOUT, LESSON_TIMEOUT = "ok", "cell error", "cell time-out", "lesson time-out"
DEAD_KERNEL, BLOCKED, REFUSED = "dead kernel", "blocked", "refused"


@dataclass(frozen=True)
class Limits:
    """Seconds a cell and a lesson may take, and gigabytes (in memory, with all that belongs to it) a lesson may hold."""

    cell: float = 600
    lesson: float = 1200
    memory: float = 6


@dataclass(frozen=True)
class Result:
    """How it ended: outcome, one sentence of detail, seconds, peak gigabytes, the executed notebook as JSON text."""

    outcome: str
    detail: str = ""
    seconds: float = 0.0
    peak: float = 0.0
    notebook: str = ""
