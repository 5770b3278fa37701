"""Verbs whose results say that another file took the place of a database since the verb before, or meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps
from typing import Any, ClassVar, Concatenate, ParamSpec, Protocol, TypeVar

from snapstore.api.bound import Bound
from snapstore.errors import SnapError


class Result(Protocol):
    """A result that has warnings."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to know about it."""


Parameters = ParamSpec("Parameters")
Facade = TypeVar("Facade", bound=Bound)
Some = TypeVar("Some", bound=Result)


def watched(
    verb: Callable[Concatenate[Facade, Parameters], Some],
) -> Callable[Concatenate[Facade, Parameters], Some]:
    """Have a verb look at the files before and after; what it replaces itself is no news."""

    @wraps(verb)
    def looking(self: Facade, /, *arguments: Parameters.args, **options: Parameters.kwargs) -> Some:
        found: tuple[str, ...] = ()
        with suppress(SnapError):  # the verb itself reports that no database is named
            found = self.watch.look()
        try:
            result = verb(self, *arguments, **options)
        except BaseException:
            with suppress(SnapError):
                self.watch.note()
            raise
        with suppress(SnapError):
            if _may_have_replaced(result):
                self.watch.note()
            else:
                found += self.watch.look()
        return replace(result, warnings=(*found, *result.warnings)) if found else result

    return looking


def _may_have_replaced(result: object) -> bool:
    """Tell whether a verb may have put another file in the place of a database: a restore says how it wrote each."""
    restored = getattr(result, "restored", None)
    if restored is True:  # `verify`, which does not say
        return True
    databases = getattr(restored or result, "databases", {})
    methods = {one.method for one in databases.values() if hasattr(one, "method")}
    if not methods:
        return False
    from snapstore.results.restores import REPLACED  # loaded by what restores

    return REPLACED in methods
