"""What differs in files, as people read it: one line for each folder, and one for each path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime

from snapstore.results.files import FileChange, FilesDiff, FileState, RestoredFiles, VerifiedFiles
from snapstore.results.text import SIGNS, counted, one_line

DRIFTED_SIGN = "."
_WORDS = {"added": "added", "removed": "removed", "changed": "changed", "drifted": "with another mode or time"}
_MOST = 10  # paths of a folder
_MOST_NAMED = 3  # paths in a warning

Paint = Callable[[str, str], str]
"""Colours a text by the change that it tells of."""


def plainly(text: str, _change: str) -> str:
    """Return text without colour."""
    return text


def file_counts_text(counts: FilesDiff | VerifiedFiles, paint: Paint = plainly) -> str:
    """Return `2 added, 1 with another mode or time`."""
    numbers = ((change, int(getattr(counts, change))) for change in _WORDS)
    return ", ".join(paint(f"{number:,} {_WORDS[change]}", change) for change, number in numbers if number)


def path_line(one: FileChange, paint: Paint = plainly) -> str:
    """Return `+ avatars/7.png  12,345 bytes`, or what differs in an entry that both sides have."""
    sign = SIGNS.get(one.change, DRIFTED_SIGN)
    return f"{paint(f'{sign} {one_line(one.path)}', one.change)}  {what_text(one)}".rstrip()


def what_text(one: FileChange) -> str:
    """Return what an entry is on the side that has it, or what differs in one that both sides have."""
    if one.before is None or one.after is None:
        state = one.after or one.before
        return _text(state) if state else ""
    return ", ".join(_differences(one.before, one.after))


def _text(state: FileState) -> str:
    if state.kind == "link":
        return f"link to {one_line(state.target or '')}"
    return counted(state.bytes, "byte") if state.kind == "file" else state.kind


def _differences(before: FileState, after: FileState) -> Iterator[str]:
    if before.kind != after.kind or before.target != after.target:
        yield f"{_text(before)} \N{RIGHTWARDS ARROW} {_text(after)}"
    elif before.bytes != after.bytes:
        yield f"{before.bytes:,} \N{RIGHTWARDS ARROW} {counted(after.bytes, 'byte')}"
    elif before.content != after.content:
        yield f"other content of {counted(after.bytes, 'byte')}"
    if before.mode != after.mode and before.kind == after.kind != "link":
        yield f"mode {before.mode:03o} \N{RIGHTWARDS ARROW} {after.mode:03o}"
    if before.time != after.time and before.kind == after.kind:
        times = [_when(one.time) for one in (before, after)]
        if times[0] == times[1]:  # within one second
            times = [_when(one.time, ".%f") for one in (before, after)]
        yield f"time {times[0]} \N{RIGHTWARDS ARROW} {times[1]}"


def _when(seconds: float, fraction: str = "") -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(f"%Y-%m-%d %H:%M:%S{fraction}")
    except (ValueError, OverflowError, OSError):
        return f"{seconds:.0f}"


def path_lines(
    paths: tuple[FileChange, ...], left_out: int, most: int | None = _MOST, paint: Paint = plainly
) -> Iterator[str]:
    """Yield a line for each of the first paths, and one for the rest."""
    shown = paths if most is None else paths[:most]
    yield from (f"  {path_line(one, paint)}" for one in shown)
    if more := len(paths) - len(shown) + left_out:
        yield f"  \N{HORIZONTAL ELLIPSIS} {counted(more, 'more path')}"


def files_lines(files: Mapping[str, VerifiedFiles], paint: Paint = plainly) -> Iterator[str]:
    """Yield what was found in the files: a verdict for each folder that is not clean, and its paths."""
    for name, one in files.items():
        if one.verdict != "clean":
            yield f"files {one_line(name)}: {one.verdict}: {file_counts_text(one, paint)}"
            yield from path_lines(one.paths, one.paths_left_out, paint=paint)


def files_text(files: Mapping[str, VerifiedFiles]) -> str:
    """Return what differs in files on one line: `files uploads: 1 added (avatars/7.png)`; empty if nothing does."""
    parts = []
    for name, one in files.items():
        if one.verdict != "clean":
            named = ", ".join(one_line(path.path) for path in one.paths[:3])
            more = one.added + one.removed + one.changed + one.drifted - min(3, len(one.paths))
            tail = f" and {more:,} more" if more > 0 else ""
            parts.append(f"files {one_line(name)}: {file_counts_text(one)} ({named}{tail})")
    return "; ".join(parts)


def unseen_text(found: VerifiedFiles, done: RestoredFiles) -> str:
    """Return what a restore dealt with and a check right before it had not found, nothing if there is none of it."""
    if found.paths_left_out or done.paths_left_out:
        more = done.written + done.removed + done.adjusted - len(found.paths) - found.paths_left_out
        return counted(more, "path") if more > 0 else ""
    seen = {one.path for one in found.paths}
    paths = [one_line(one.path) for one in done.paths if one.path not in seen]
    rest = [counted(len(paths) - _MOST_NAMED, "more path")] if len(paths) > _MOST_NAMED else []
    return ", ".join([*paths[:_MOST_NAMED], *rest])
