"""A clock on which only waiting takes time: what overlaps is counted exactly, on a busy machine as on an idle one. Linux.

The waits are given in seconds, but nobody sits through them: when no thread of this process computes, the clock is put
forward to the next end of a wait. So the program that waits is the real one, its threads and queues are, and of a run
the time is left that it would take on a machine that computes at once. Source of the method: discrete-event simulation.
"""

import heapq
import itertools
import os
import threading
import time


class Clock:
    """`sleep(seconds)` and `perf_counter()`, to be used in place of the module `time`.

    Where a thread computes for more than `patience` real seconds and doesn't end, whoever sleeps gets a TimeoutError.
    """

    def __init__(self, patience: float = 60) -> None:
        self._patience, self._stuck = patience, False
        self._now, self._order = 0.0, itertools.count()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._changed = threading.Condition()
        threading.Thread(target=self._run, daemon=True).start()

    def perf_counter(self) -> float:
        """Seconds of waiting since the clock was made."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Wait for so long on this clock."""
        over = threading.Event()
        with self._changed:
            heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), over))
            self._changed.notify()
        over.wait()
        if self._stuck:
            raise TimeoutError(
                f"The simulated clock stands still: a thread of this process has computed for {self._patience:g} "
                "seconds and doesn't stop. Restart the kernel."
            )

    def _run(self) -> None:
        """Wake the sleepers one by one, each when nothing is left to compute of what the one before has set off."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._sleepers)
            self._stuck = not _until_all_wait(self._patience)
            with self._changed:
                for _ in range(len(self._sleepers) if self._stuck else 1):
                    self._now, _, over = heapq.heappop(self._sleepers)
                    over.set()


def _until_all_wait(patience: float) -> bool:
    """Wait until every other thread of this process sleeps, and none has run between two looks; False if that doesn't come."""
    before: dict[str, tuple[str, ...]] | None = None
    end = time.monotonic() + patience
    while time.monotonic() < end:
        # Also lets go of Python's lock: a thread that waits for it alone is running at the next look
        time.sleep(0.001)
        found = _others()
        if found is not None and found == before:
            return True
        before = found
    return False


def _others() -> dict[str, tuple[str, ...]] | None:
    """How often each other thread has waited so far; None if one isn't waiting."""
    counts = {}
    for thread in os.listdir("/proc/self/task"):
        if thread == str(threading.get_native_id()):
            continue
        try:
            with open(f"/proc/self/task/{thread}/status") as file:
                status = file.read()
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            return None
        if "\nState:\tS" not in status:
            return None
        counts[thread] = tuple(line for line in status.splitlines() if "ctxt_switches" in line)
    return counts
