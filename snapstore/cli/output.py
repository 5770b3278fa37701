"""What a command prints: one JSON document, or lines for people. Notes and progress go to standard error."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from snapstore.cli.hints import hint
from snapstore.cli.paint import escaped, plain
from snapstore.cli.streams import is_terminal, write_document, write_lines
from snapstore.results.text import one_line
from snapstore.timestamps import parse


class Output:
    """Prints for one command."""

    def __init__(self, *, json_output: bool, quiet: bool, verbose: bool) -> None:
        self.json_output = json_output
        self.verbose = verbose
        self._quiet = quiet

    def result(self, document: Any, lines: Iterable[str], *, always: bool = False) -> None:
        """Print a result: as one JSON document, else as lines, which -q leaves out unless `always`."""
        if self.json_output:
            import json

            from snapstore.results.codec import to_document

            write_lines(json.dumps(to_document(document), indent=2).split("\n"))
        elif always or not self._quiet:
            self.lines(lines)

    def pieces(self, pieces: Iterable[str]) -> None:
        """Print a document for programs, whole or not at all."""
        write_document(pieces)

    @property
    def width(self) -> int | None:
        """The columns of the terminal, None where results go elsewhere."""
        if not is_terminal():
            return None
        import shutil

        return shutil.get_terminal_size().columns

    def lines(self, lines: Iterable[str]) -> None:
        """Print lines as they come."""
        write_lines(lines)

    def note(self, text: str) -> None:
        """Print a line beside the result."""
        if not self._quiet:
            write_lines([hint(text)], err=True)

    def warn(self, texts: Iterable[str]) -> None:
        """Print warnings beside the result."""
        for text in texts:
            self.note(f"snap: warning: {one_line(text)}")

    def detail(self, text: str) -> None:
        """Print a line that only -v and E2E_DEBUG ask for."""
        if self.verbose:
            write_lines([hint(text)], err=True)


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Return rows as aligned lines; `right` are the columns that hold numbers."""
    if not rows:
        return []
    shown = [[escaped(cell) for cell in row] for row in rows]
    widths = [max(len(plain(cell)) for cell in column) for column in zip(*shown, strict=True)]
    return [
        "  ".join(_cell(cell, widths[at], at in right) for at, cell in enumerate(_used(row))).rstrip() for row in shown
    ]


def size(count: int) -> str:
    """Return bytes as people read them, in powers of 1000."""
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:  # noqa: PLR2004 - the step from one unit to the next
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def when(timestamp: str) -> str:
    """Return a timestamp in local time, to the second; text that is none, as it is."""
    try:
        return parse(timestamp).astimezone().strftime("%Y-%m-%d %H:%M:%S")
    except (ValueError, OverflowError):  # the catalog is damaged, which `fsck` reports
        return one_line(timestamp)


def _used(row: Sequence[str]) -> Sequence[str]:
    """Return a row without the empty cells at its end, which may have marks for colours."""
    end = len(row)
    while end and not plain(row[end - 1]):
        end -= 1
    return row[:end]


def _cell(text: str, width: int, right: bool) -> str:
    padding = " " * (width - len(plain(text)))
    return padding + text if right else text + padding
