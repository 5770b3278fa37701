"""A live database under rules, for the tests of the verbs about rows."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from snapstore import Snapstore
from snapstore.compare.ignore_rules import NOTHING_IGNORED, Policy
from snapstore.results.cleans import Cleaned
from snapstore.results.verdicts import Verified
from tests.api.folders import Configured, counts_of
from tests.contents import execute


class Live(Configured):
    """A live database and its store; the last snapshot that `tag` took is HEAD."""

    def __init__(self, folder: Path, made: Sequence[str] = (), journal_mode: str = "delete") -> None:
        super().__init__(folder, default=())
        self._policy = NOTHING_IGNORED
        self.path = self.databases["default"]
        self.do(f"PRAGMA journal_mode = {journal_mode}", *made)

    def do(self, *statements: str) -> None:
        """Run statements on one connection, which does not wait for the disk."""
        execute(self.path, "PRAGMA synchronous = OFF", *statements)

    def under(self, policy: Policy) -> Snapstore:
        """Return the façade for a configuration with these rules."""
        if policy != self._policy:
            ignored = json.dumps({"tables": policy.tables, "columns": policy.columns})
            rules = f"ignore: {ignored}\nsequences: {policy.sequences}\nkeep: {json.dumps(policy.keep)}\n"
            assert self.configure(rules).policy == policy
            self._policy = policy
        return self.snap

    def tag(self, name: str = "baseline") -> str:
        """Take a snapshot and return its id."""
        return self.snap.tag(name).snapshot

    def head(self) -> str:
        """Return the id of HEAD."""
        return self.snap.show("HEAD").snapshot

    def counts(self, policy: Policy = NOTHING_IGNORED) -> dict[str, tuple[int, int, int]]:
        """Return the rows added, removed and changed since HEAD, by table."""
        return counts_of(self.under(policy).diff().databases["default"].tables)

    def verify(self, policy: Policy = NOTHING_IGNORED, snapshot: str | None = None, **options: Any) -> Verified:
        """Verify against a snapshot, by default against HEAD."""
        return self.under(policy).verify(snapshot, **options)

    def clean(self, policy: Policy = NOTHING_IGNORED, snapshot: str | None = None, **options: Any) -> Cleaned:
        """Clean to a snapshot, by default to HEAD."""
        return self.under(policy).clean(snapshot, **options)

    def patch(self, before: str, after: str) -> str:
        """Return the difference of two states as SQL."""
        with self.snap.differences(before, after) as found:
            return "".join(f"{statement};\n" for one in found.databases for statement in one.script())

    def copy(self, name: str) -> Path:
        """Copy the file, which nobody has open."""
        execute(self.path, "PRAGMA wal_checkpoint(TRUNCATE)")
        return Path(shutil.copy(self.path, self.path.with_name(name)))
