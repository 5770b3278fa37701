"""Records: immutable values with named fields, whose classes cost next to nothing to make.

A command makes some fifty such classes before it begins. As dataclasses they would have it import `inspect`, and
each of them would compile source; as named tuples each would compile its annotations: a good part of the time of
a short command. To a type checker a record is a frozen dataclass.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

TYPE_CHECKING = False  # here as elsewhere: a start should not pay for the import of `typing`
if TYPE_CHECKING:
    from typing import Any, ClassVar, NoReturn

if TYPE_CHECKING and sys.version_info < (3, 11):
    from typing_extensions import Self, dataclass_transform
elif TYPE_CHECKING:
    from typing import Self, dataclass_transform
else:

    def dataclass_transform(**_: object) -> Any:
        """Return a decorator that changes nothing; only type checkers read the real one."""
        return lambda cls: cls


__all__ = ["Record", "annotated", "bound", "dataclass_transform"]


def bound(
    cls: type, fields: tuple[str, ...], values: tuple[object, ...], named: Mapping[str, object]
) -> dict[str, object]:
    """Return field values by name: given in order or by name, else the class's own. Raises TypeError."""
    if len(values) > len(fields):
        raise TypeError(f"{cls.__name__} takes {len(fields)} fields, not {len(values)}")
    given = dict(zip(fields, values))  # noqa: B905 - there may be fewer values
    for name in fields[len(values) :]:
        if name in named:
            given[name] = named[name]
        elif hasattr(cls, name):
            given[name] = getattr(cls, name)
        else:
            raise TypeError(f"{cls.__name__} needs '{name}'")
    if len(named) > sum(name in named for name in fields[len(values) :]):
        unknown = next(name for name in named if name not in fields[len(values) :])
        raise TypeError(f"{cls.__name__} has no field '{unknown}', or has it twice")
    return given


def annotated(cls: type) -> tuple[str, ...]:
    """Return the names that a class annotates itself, class variables aside, in order."""
    return tuple(name for name, kind in cls.__annotations__.items() if not str(kind).startswith("ClassVar"))


@dataclass_transform(frozen_default=True)
class Record:
    """A value; a subclass's annotations are its fields, and what they are set to there is what they are by default."""

    _fields: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls) -> None:
        cls._fields = (*cls._fields, *annotated(cls))

    def __init__(self, *values: Any, **named: Any) -> None:
        """Set the fields. Raises TypeError."""
        if len(values) == len(self._fields) and not named:  # rows of the store are made so, by the thousand
            self.__dict__.update(zip(self._fields, values, strict=True))
        else:
            self.__dict__.update(bound(type(self), self._fields, values, named))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} does not change: {name}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash((type(self), *vars(self).values()))

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in vars(self).items())
        return f"{type(self).__name__}({said})"

    def _replace(self, **named: Any) -> Self:
        return type(self)(**{**vars(self), **named})

    def _asdict(self) -> dict[str, Any]:
        return dict(vars(self))
