"""Programs judged by rules: a learner's function lives through worlds, and what comes of it there is compared with what comes of others.

    function(
        "1.7c", "share_today", form=Worlds(played, {"a bad version": (days, steps), …}),
        rule=controller, mistakes={"You never stop.": stubborn, "You leave out a day.": unless(whole)}, …
    )

The rule and the mistakes are programs, as a learner would hand them in, or signs of what came of one.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable
from typing import Any

from helpers.exercises.plain import plain, strict
from helpers.exercises.signs import Answer, Rule
from helpers.exercises.tools import Program


class Worlds(Program):
    """A function that lives through each of `worlds` (name → tuple): `play(function, *world)` gives what came of it as plain data.

    Read as a Function is, [{"input": [name], "output"}], so signs and `on` get the name as their input. Each play has a copy
    of its world. `seconds` limits all worlds together; for `fork` see Program.
    """

    def __init__(
        self, play: Callable[..., Any], worlds: dict[str, tuple], seconds: float = 60, fork: bool = True
    ) -> None:
        super().__init__(self._all, seconds, fork)
        self.play, self.worlds = play, worlds
        # Of the book's own programs, which are no learner's and do the same each time
        self.known = functools.cache(self.came)

    def came(self, program: Rule, name: str) -> Any:
        """What comes of a program in one world."""
        return strict(plain(self.play(program, *copy.deepcopy(self.worlds[name]))))

    def _all(self, program: Rule) -> list[dict[str, Any]]:
        return [{"input": [name], "output": self.came(program, name)} for name in self.worlds]


@dataclasses.dataclass(frozen=True)
class Lived(Answer):
    """What came of a learner's function in each world; rules are programs."""

    worlds: Worlds

    def of(self, rule: Rule, given: list) -> Any:
        return self.worlds.known(rule, *given)

    def smallest(self, failed: list) -> Any:
        """The first world in which it fails: the simple ones stand first."""
        return failed[0]

    def called(self, name: str, given: list) -> tuple[str, str]:
        return given[0], ""
