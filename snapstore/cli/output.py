"""What a command prints: one JSON document, or lines for people. Everything but results goes to stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from snapstore.cli.options import Globals
from snapstore.cli.places import environment_says
from snapstore.cli.styles import show, unstyle
from snapstore.files import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

IN_MEMORY_BYTES = 8 << 20  # of a document; a longer one waits in a temporary file


class Output:
    """Prints for one command."""

    def __init__(self, options: Globals) -> None:
        self._options = options
        self.verbose = options.verbose or environment_says("E2E_DEBUG")
        self._color = _color(options.color)
        show(seen=any(map(self._is_colored, (sys.stdout, sys.stderr))))

    @property
    def as_json(self) -> bool:
        """Whether JSON was asked for."""
        return self._options.as_json

    def result(self, document: Any, lines: Iterable[str], *, always: bool = False) -> None:
        """Print a result: the document as JSON, else the lines, which -q leaves out unless `always`."""
        if self._options.as_json:
            import json

            from snapstore.actions.documents import plain

            sys.stdout.write(json.dumps(plain(document), indent=2) + "\n")
        elif always or not self._options.quiet:
            self.lines(lines)

    def whole(self, pieces: Iterable[str]) -> None:
        """Print a long document, once it is known to come to its end: half of one is none."""
        import shutil
        import tempfile

        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, "w+", encoding="utf-8", newline="") as file:
            with translated(tempfile.gettempdir()):
                file.writelines(pieces)
            file.seek(0)
            shutil.copyfileobj(file, sys.stdout)

    @property
    def width(self) -> int | None:
        """The columns of the terminal, None where results go elsewhere."""
        if not sys.stdout.isatty():
            return None
        import shutil

        return shutil.get_terminal_size().columns

    def lines(self, lines: Iterable[str]) -> None:
        """Print a result that is long, line by line."""
        for line in lines:
            self._print(line, sys.stdout)

    def note(self, text: str) -> None:
        """Say something beside the result."""
        if not self._options.quiet:
            self._print(one_line(text), sys.stderr)

    def detail(self, text: str) -> None:
        """Say something that only -v and E2E_DEBUG ask for."""
        if self.verbose:
            self._print(text, sys.stderr)

    def _print(self, text: str, stream: TextIO) -> None:
        stream.write((text if self._is_colored(stream) else unstyle(text)) + "\n")
        if stream.isatty():
            stream.flush()

    def _is_colored(self, stream: TextIO) -> bool:
        return stream.isatty() if self._color is None else self._color


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Return rows as aligned lines; `right` are the columns that hold numbers."""
    if not rows:
        return []
    widths = [max(len(unstyle(row[at])) for row in rows) for at in range(len(rows[0]))]
    return ["  ".join(_cell(cell, widths[at], at in right) for at, cell in enumerate(row)).rstrip() for row in rows]


def size(count: int) -> str:
    """Return bytes as people read them, in powers of 1000."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 - the step from one unit to the next
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def one_line(text: str) -> str:
    """Return text with control characters escaped, so that no name or message can move the cursor."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def counted(number: int, noun: str) -> str:
    """Return `1 page`, `2 pages`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def when(timestamp: str) -> str:
    """Return a time of ours in local time, to the second; what is none, as it is."""
    from snapstore.timestamps import parse

    try:
        return parse(timestamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):  # a byte of the catalog was flipped; `fsck` says so
        return one_line(timestamp)


def _cell(text: str, width: int, right: bool) -> str:
    padding = " " * (width - len(unstyle(text)))
    return padding + text if right else text + padding


def _color(choice: str) -> bool | None:
    if choice == "auto":
        return False if os.environ.get("NO_COLOR") else None
    return choice == "always"
