"""The one place that writes to standard output and standard error, and that asks questions.

A line is escaped here (paint.py), so no control character of a name, a value or an error reaches a terminal. A document
(JSON, CSV, SQL, HTML) is for programs: it leaves as it is, except on a terminal.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from typing import IO, TextIO

import click

from snapstore.cli.paint import rendered
from snapstore.files import translated

IN_MEMORY_BYTES = 8 << 20  # of a document; a longer one waits in a temporary file
_BATCH = 100  # lines that are written at once
_CLEAR = "\r\x1b[K"  # to the line's beginning, and erase it (ECMA-48, 8.3.41)
_is_drawn = False
_LAYOUT = "\n\t"  # what a document keeps on a terminal


def write_lines(lines: Iterable[str], *, err: bool = False, color: bool | None = None) -> None:
    """Write lines as they come, to standard output or standard error; nothing in one of them can end it.

    `color` is the choice of --color, by default that of the command that runs; None colours on a terminal only.
    """
    stream = sys.stderr if err else sys.stdout
    is_colored = _is_colored(stream, color)
    lines = iter(lines)
    while batch := list(islice(lines, _BATCH)):
        draw("")
        stream.write("".join(f"{rendered(line, color=is_colored)}\n" for line in batch))
        stream.flush()


def write_document(pieces: Iterable[str]) -> None:
    """Write a long document to standard output once all of it is known: half of one must not be printed.

    It is UTF-8 wherever it goes; text of a database that is not UTF-8 leaves as the bytes that it is.
    """
    import tempfile  # few commands need it, and it loads much

    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        with translated(tempfile.gettempdir()):
            for piece in pieces:  # writelines() would keep everything in memory until the last one
                file.write(_encoded(piece))
        file.seek(0)
        draw("")
        _copy(file)


def ask(question: str) -> bool:
    """Ask for yes or no on the terminal. Raises click.Abort at the end of input."""
    draw("")
    return click.confirm(rendered(question, color=False), err=True)


def draw(line: str) -> None:
    """Draw a line on standard error that the next one replaces, and anything that is written removes."""
    global _is_drawn  # noqa: PLW0603 - there is one terminal
    if line or _is_drawn:
        sys.stderr.write(f"{_CLEAR}{rendered(line, color=False)}")
        sys.stderr.flush()
        _is_drawn = bool(line)


def is_terminal(*, err: bool = False) -> bool:
    """Tell whether standard output, or standard error, is a terminal."""
    return (sys.stderr if err else sys.stdout).isatty()


def can_ask() -> bool:
    """Tell whether somebody could answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def prepare() -> None:
    """Make the standard streams usable: closed ones, and those that cannot encode everything."""
    _replace_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def finish() -> None:
    """Write what standard output still holds. Raises OSError."""
    sys.stdout.flush()


def give_up() -> None:
    """Drop what standard output still holds: nobody takes it, and the process's end must not try again."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _replace_closed() -> None:
    """Open the null device for closed standard streams, as by `>&-`: no database may get their descriptors."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, closefd=False))


def _is_colored(stream: TextIO, color: bool | None) -> bool:
    if color is None:
        context = click.get_current_context(silent=True)
        color = context.color if context else None
    return stream.isatty() if color is None else color


def _copy(file: IO[bytes]) -> None:
    """Copy a document to standard output: exactly, or escaped, but for its layout, to a terminal."""
    import shutil

    if not sys.stdout.isatty():
        sys.stdout.flush()
        shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    for line in io.TextIOWrapper(file, encoding="utf-8", errors="surrogateescape", newline=""):
        sys.stdout.write(rendered(line, color=False, keep=_LAYOUT))


def _encoded(piece: str) -> bytes:
    try:
        return piece.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # half of a surrogate pair, which only a UTF-16 database holds
        return piece.encode("utf-8", "backslashreplace")
