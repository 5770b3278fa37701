"""Parameters of commands as they are declared: what they are called and what may be given for them.

click reads most command lines, from what program.py makes of the declarations; plain_arguments.py reads the
everyday ones itself, so that they need not wait for click to be imported.
"""

from __future__ import annotations

from collections.abc import Callable

from snapstore.errors import SnapError
from snapstore.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Misused(SnapError):
    """Parameters that each may be given, and not together or not like this."""

    detail: str
    code = "usage"
    exit_code = 2

    def __str__(self) -> str:
        return self.detail


class Text:
    """Any text."""

    def read(self, text: str) -> Any:
        """Return the value of what was typed. Raises ValueError."""
        return text


class Revision(Text):
    """A revision, completed with the names of the store."""


class Choice(Text):
    """One of some words."""

    def __init__(self, *words: str) -> None:
        self.words = words

    def read(self, text: str) -> str:
        """Return the word. Raises ValueError."""
        if text not in self.words:
            raise ValueError(text)
        return text


class Number(Text):
    """A number of at least zero, `whole` or with a fraction."""

    def __init__(self, *, whole: bool) -> None:
        self.whole = whole

    def read(self, text: str) -> int | float:
        """Return the number. Raises ValueError."""
        number = int(text) if self.whole else float(text)
        if not number >= 0:
            raise ValueError(text)
        return number


TEXT, REVISION = Text(), Revision()
COUNT, SECONDS = Number(whole=True), Number(whole=False)


class Parameter(Record):
    """One declaration; an argument has a single name, an option its spellings and perhaps a name of its own.

    `several` lets an option be repeated, and gives an argument all the words that are left.
    """

    names: tuple[str, ...]
    type: Text = TEXT
    default: Any = None
    required: bool = False
    several: bool = False
    is_flag: bool = False
    metavar: str | None = None
    help: str | None = None
    hidden: bool = False

    @property
    def is_option(self) -> bool:
        """Whether it is given by name."""
        return self.names[0].startswith("-")

    @property
    def spellings(self) -> list[str]:
        """What an option may be called on the command line."""
        return [name for name in self.names if name.startswith("-")]

    @property
    def name(self) -> str:
        """What the command's function calls it: the name without dashes, else the longest spelling without them."""
        own = [name for name in self.names if not name.startswith("-")]
        return own[0] if own else max(self.names, key=len).lstrip("-").replace("-", "_")

    @property
    def absent(self) -> Any:
        """The value where nothing was given."""
        if self.several:
            return ()
        return False if self.is_flag else self.default


Function = Callable[..., "Any"]
DECLARED = "declared_parameters"


def argument(name: str, *, required: bool = True, **settings: Any) -> Callable[[Function], Function]:
    """Declare an argument; one with a default is not required."""
    return _declare(Parameter((name,), required=required and "default" not in settings, **settings))


def option(*names: str, **settings: Any) -> Callable[[Function], Function]:
    """Declare an option."""
    return _declare(Parameter(names, **settings))


def _declare(parameter: Parameter) -> Callable[[Function], Function]:
    def declare(function: Function) -> Function:
        vars(function).setdefault(DECLARED, []).insert(0, parameter)  # decorators apply from the last to the first
        return function

    return declare


yes_option = option("-y", "--yes", is_flag=True, help="Do not ask.")
timeout_option = option(
    "--timeout",
    type=SECONDS,
    metavar="S",
    help="Wait this long for locks [default: 10, or 'timeout' of the configuration].",
)
