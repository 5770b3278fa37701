"""Verbs that change the live databases between hooks, and say which of them ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol, TypeVar

from snapstore.api.watched import Result
from snapstore.errors import DatabaseLocked
from snapstore.hooks.hooks import Hooks


class Change(Result, Protocol):
    """A result that says whether something changed."""

    @property
    def changed(self) -> bool:
        """Whether something changed."""


Some = TypeVar("Some", bound=Change)


MOST_PLAN_SECONDS = 1.0
"""How long a plan waits for locks: what holds one may be what a hook is about to stop."""


def told(hooks: Hooks, seconds: float, plan: Callable[[float], Some], change: Callable[[], Some]) -> Some:
    """Change the live databases between hooks.

    `plan` finds out whether that would change anything, and is given the seconds that it may wait, at most `seconds`.
    """

    def will_change() -> bool:
        try:
            return plan(min(seconds, MOST_PLAN_SECONDS)).changed
        except DatabaseLocked:
            return True

    with hooks.around(will_change) as telling:
        result = change()
        telling.changed = result.changed
    if not telling.runs:
        return result
    return replace(result, warnings=(*result.warnings, *telling.warnings), hooks=tuple(telling.runs))
