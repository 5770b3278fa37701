"""Revisions and names: exit code 12."""

from __future__ import annotations

from snapstore.errors.base import SnapError

_SHORT_HEX = 10  # what ids.short gives; a session's client imports errors and should not load xxhash for them


class UnknownRevision(SnapError):
    """A revision names nothing; `nearest` are existing names that look like it."""

    code = "unknown-revision"
    exit_code = 12

    def __init__(self, revision: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(f"unknown revision '{revision}'")
        self.revision = revision
        self.nearest = nearest
        if nearest:
            self.hint = f"did you mean {' or '.join(repr(name) for name in nearest)}?"
        else:
            self.hint = "'snap tags' lists the names, 'snap log --all' the snapshots"


class UnknownTest(SnapError):
    """No test of this name is on record, or, if it `is_known`, no state that one of them left; `nearest` are others."""

    code = "unknown-test"
    exit_code = 12

    def __init__(self, test: str, nearest: tuple[str, ...] = (), is_known: bool = False) -> None:
        problem = f"no failing state of test '{test}' was kept" if is_known else f"unknown test '{test}'"
        super().__init__(problem)
        self.test = test
        self.nearest = nearest
        self.is_known = is_known
        if nearest:
            self.hint = f"did you mean {' or '.join(repr(name) for name in nearest)}?"
        else:
            self.hint = "'snap report' lists the tests that left rows behind"


class SnapshotForgotten(SnapError):
    """A revision names a snapshot that was forgotten and can still be brought back."""

    code = "forgotten"
    exit_code = 12

    def __init__(self, revision: str, snapshot: str) -> None:
        super().__init__(f"snapshot '{revision}' is forgotten")
        self.revision = revision
        self.snapshot = snapshot
        self.hint = f"'snap tag NAME {snapshot[:_SHORT_HEX]}' brings it back"


class AmbiguousRevision(SnapError):
    """An id prefix matches several snapshots."""

    code = "ambiguous-revision"
    exit_code = 12
    hint = "give more digits of the id"

    def __init__(self, revision: str, candidates: tuple[str, ...]) -> None:
        super().__init__(f"ambiguous revision '{revision}': it matches {', '.join(candidates)}")
        self.revision = revision
        self.candidates = candidates


class BadName(SnapError):
    """A name that a tag cannot have, for it would read as another kind of revision."""

    code = "bad-name"
    exit_code = 12
    hint = "choose a name such as 'baseline' or 'run-41'"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"invalid name '{name}': {reason}")
        self.name = name
        self.reason = reason
