"""Repair: what is put right before a suite begins, after a suite that died or where the state is not the baseline."""

from __future__ import annotations

import time
from typing import NamedTuple

from snapstore.actions.state import State, snapshot_state
from snapstore.hybrid.aftermath import TestResult, tables_of
from snapstore.hybrid.ledger import DIED, VERIFIED, Ledger, SuiteRow
from snapstore.hybrid.policy import SuitePolicy
from snapstore.hybrid.safety_net import SafetyNet, Say
from snapstore.ids import short
from snapstore.project import Project
from snapstore.refusals import NeverRight
from snapstore.store import Store

MOVES = ("restore", "undo", "reset", "clean")
"""Actions in the reflog by which somebody chose another state than the one a suite had begun with."""


class Repaired(NamedTuple):
    """What was put right: `what` it was, its verdict, and the snapshot that keeps it, None where none could."""

    what: str
    verdict: str
    forensic: str | None


class Repairer:
    """Puts the live databases of a project right before a suite begins; without backup it only says what is wrong."""

    def __init__(self, store: Store, project: Project, policy: SuitePolicy, net: SafetyNet, say: Say) -> None:
        self._store = store
        self._project = project
        self._policy = policy
        self._net = net
        self._say = say
        self._ledger = Ledger(store, project.origin)
        self.left_alone: list[str] = []

    def after_death(self, died: SuiteRow) -> list[Repaired]:
        """Put back the state before a suite that never ended, and end it in the ledger. Raises NeverRight."""
        what = f"suite '{died.name}' of {died.started[:19]}Z, which never ended"
        if self._policy.mode == "cleanup":
            self.left_alone.append(f"{what}; there is no backup and no restore this time")
            return []
        repaired = []
        open_test = TestResult("", DIED)
        if died.backup is None or not self._store.snapshots.exists(died.backup):
            self.left_alone.append(f"{what}; it had no backup")
        elif self._was_left(died.backup):
            self.left_alone.append(f"{what}; the databases were put into another state since")
        else:
            target = snapshot_state(self._store, died.backup, "the state before it")
            self._net.wait_until_quiet()  # whatever it had begun may still be at work
            repaired = self._put_right(target, what, open_test)
        for test in self._ledger.open_tests(died.suite):
            self._ledger.end_test(test, open_test.columns(), [], open_test.stages)
        self._ledger.end_suite(
            died.suite, DIED, repaired=bool(died.backup), store_bytes=self._store.bytes_used() if died.backup else 0
        )
        return repaired

    def to_baseline(self, baseline: str) -> list[Repaired]:
        """Make the live databases what a name says. Raises UnknownRevision, NeverRight."""
        id_ = self._store.revisions(self._project.origin).resolve(baseline)
        target = snapshot_state(self._store, id_, baseline)
        if self._policy.mode == "cleanup":
            found = self._net.look(target)
            if not found.is_right:
                self.left_alone.append(
                    f"a state that is not {baseline} ({found.verdict}); there is no restore this time"
                )
            return []
        return self._put_right(target, f"a state that was not {baseline}", TestResult("", DIED))

    def _was_left(self, backup: str) -> bool:
        """Tell whether somebody has gone to another state on purpose since the backup."""
        from snapstore.history.reflog import HEAD

        if backup in self._store.refs.head(self._project.origin).values():
            return False
        moves = (
            entry
            for entry in self._store.reflog.entries(HEAD, self._project.origin)
            if entry.action.split()[0] in MOVES or entry.snapshot == backup
        )
        newest = next(moves, None)
        return newest is not None and newest.snapshot != backup

    def _put_right(self, target: State, what: str, result: TestResult) -> list[Repaired]:
        """Restore where the live databases are not right; `result` is told what was found."""
        found = self._net.look(target)
        result.verdict = found.verdict
        result.stages[VERIFIED] = tables_of(found.databases)
        result.see(found)
        if found.is_right:
            return []
        start = time.monotonic()
        put_back = self._net.put_back(target, found, f"before repair: {what}")
        result.seconds["restore"] = time.monotonic() - start
        result.decision, result.forensic = "restore", put_back.forensic
        result.see(put_back.found)
        if not put_back.found.is_right:
            raise NeverRight(target.label, put_back.found.verdict)
        kept = f", kept as {short(put_back.forensic)}" if put_back.forensic else ""
        self._say(f"repaired {what}: it was {found.verdict}{kept}")
        return [Repaired(what, found.verdict, put_back.forensic)]
