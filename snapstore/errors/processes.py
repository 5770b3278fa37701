"""The processes that snapstore runs or talks to: hooks, exit code 1; sessions and the demo's application, 70."""

from __future__ import annotations

from snapstore.errors.base import SnapError


class TrackerMismatch(SnapError):
    """A session followed the changes to a database and ended up with something else than the file holds."""

    code = "tracker-mismatch"
    hint = "repeat the request: the session reads the whole database from now on"

    def __init__(self, path: str, detail: str) -> None:
        super().__init__(f"missed changes to '{path}' ({detail}); results since the last check may be wrong")
        self.path = path
        self.detail = detail


class SessionEnded(SnapError):
    """The session's process has ended; `status` is its exit code, None if unknown, `output` the end of its output."""

    code = "session-ended"

    def __init__(self, status: int | None = None, output: str = "") -> None:
        exit_code = "" if status is None else f" (exit code {status})"
        super().__init__(f"the session has ended{exit_code}" + (f": {output}" if output else ""))
        self.status = status
        self.output = output


class DemoFailed(SnapError):
    """The demo's application does not see the rows it should."""

    code = "demo-failed"

    def __init__(self, seen: str, wanted: str) -> None:
        super().__init__(f"demo failed: the application sees '{seen}', expected '{wanted}'")
        self.seen = seen
        self.wanted = wanted


class HookFailed(SnapError):
    """A required hook failed when a suite began: the state was restored, and the application may not know.

    `when` is `before_restore` or `after_restore`, `what` the command, request or signal.
    """

    code = "hook-failed"
    exit_code = 1
    hint = "the state was restored; tell the application yourself, for example by restarting it"

    def __init__(self, when: str, what: str, detail: str) -> None:
        super().__init__(f"required {when} hook '{what}' failed" + (f": {detail}" if detail else ""))
        self.when = when
        self.what = what
        self.detail = detail
