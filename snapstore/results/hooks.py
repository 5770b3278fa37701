"""What became of the hooks that tell an application about a restore."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from snapstore.results.text import one_line

_LONGEST = 200  # characters of what a hook does, in a message


class HookRun(NamedTuple):
    """A hook that ran: `when` is `before_restore` or `after_restore`, `kind` is `run`, `http` or `signal`.

    `what` is the command, the request without its headers, or the signal. `detail` says how it went: an exit code and
    the end of what a command printed, a status, a process. `attempts` counts the requests that were made.
    """

    when: str
    kind: str
    what: str
    ok: bool
    detail: str
    seconds: float
    required: bool = False
    attempts: int = 1


def failed(hooks: Iterable[HookRun]) -> list[HookRun]:
    """Return the hooks that failed."""
    return [one for one in hooks if not one.ok]


def required_failed(hooks: Iterable[HookRun]) -> list[HookRun]:
    """Return the required hooks that failed: then the restore is not a success, though the state was restored."""
    return [one for one in hooks if one.required and not one.ok]


def hook_text(one: HookRun) -> str:
    """Return what a hook did and how that went, on one line."""
    what = one.what if len(one.what) <= _LONGEST else f"{one.what[: _LONGEST - 1]}…"
    detail = f": {one_line(one.detail)}" if one.detail else ""
    name = f"{'required ' if one.required else ''}{one.when} hook"
    return f"{name} '{one_line(what)}' {'done' if one.ok else 'failed'}{detail} ({one.seconds:.2f} s)"
