"""The verbs that read: states against each other, and what the store holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from snapstore.api.bound import Bound, check_counts, default, names
from snapstore.api.limits import ROWS_OF_DIFF, ROWS_OF_QUERY, ROWS_OF_VERIFY
from snapstore.api.watched import watched
from snapstore.compare.state import LIVE
from snapstore.errors import InvalidArgument
from snapstore.history.reflog import HEAD
from snapstore.ids import short
from snapstore.layout import worker_store
from snapstore.store import Store

if TYPE_CHECKING:
    from snapstore.actions.diff import Differences
    from snapstore.compare.ignore_rules import Policy
    from snapstore.compare.state import State
    from snapstore.database import query_guard
    from snapstore.database.query_guard import Limit
    from snapstore.results.answers import Answer
    from snapstore.results.diffs import Diff, Suggestions
    from snapstore.results.names import Moved
    from snapstore.results.snapshots import Listed, Shown
    from snapstore.results.statuses import Status
    from snapstore.results.verdicts import Verified
    from snapstore.suite.ledger_rows import TestRow


class Comparisons(Bound):
    """The part of `Snapstore` that compares and lists.

    `running` ends the query that runs, if one does; without a timeout it may run for `most_query_seconds`.
    """

    most_query_seconds: float | None = None
    running: Limit | None = None
    is_interrupted = False  # while True, a query ends as soon as it begins

    @watched
    def status(self, *, timeout: float | None = None) -> Status:
        """Compare with the baseline, or with HEAD where none is configured.

        Raises NoBaseline, NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule.
        """
        from snapstore.actions.status import StatusOptions, status
        from snapstore.suite.unfinished import unfinished

        store = self.store(timeout)
        base = None if self.baseline is None else self.baseline_state(store, self.baseline)
        options = StatusOptions(base, self.policy, self.seconds(timeout))
        found = status(store, self.project, options, self.progress)
        self.note_settled(found.settled)
        return replace(found, suite=unfinished(self.ledger(timeout), self.books(timeout), self.project))

    @watched
    def verify(
        self,
        rev: str | None = None,
        *,
        label: str | None = None,
        strict: bool = False,
        restore_on_fail: bool = False,
        by_bytes: bool = False,
        rows: int = ROWS_OF_VERIFY,
        timeout: float | None = None,
    ) -> Verified:
        """Compare with a snapshot, judge, and restore where that was asked for.

        Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule, and what `restore` raises.
        """
        from snapstore.actions.verify import VerifyOptions, verify

        check_counts(rows=rows)
        if by_bytes and restore_on_fail:
            raise InvalidArgument("by_bytes", "cannot be combined with restore_on_fail, which goes by ids")
        store, seconds = self.store(timeout), self.seconds(timeout)
        against = self.snapshot(store, rev)
        options = VerifyOptions(
            against,
            restore_on_fail,
            label,
            strict,
            self.policy,
            rows,
            by_bytes=by_bytes,
            timeout=seconds,
            shortens=self.shortens,
        )
        return verify(store, self.project, options, self.progress, self.hooks)

    @watched
    def diff(
        self,
        a: str | None = None,
        b: str | None = None,
        *,
        test: str | None = None,
        tables: Sequence[str] = (),
        limit: int = ROWS_OF_DIFF,
        ignore: bool = True,
        timeout: float | None = None,
    ) -> Diff:
        """Compare two states, or what a test began with and what it left.

        Raises NoSnapshot, DatabaseLocked, DatabaseUnusable, StoreDamaged, UnknownRule, UnknownTest.
        """
        check_counts(limit=limit)
        with self.differences(a, b, test=test, tables=tables, ignore=ignore, timeout=timeout) as found:
            return found.drawn(limit or None)

    @contextmanager
    def differences(
        self,
        a: str | None = None,
        b: str | None = None,
        *,
        test: str | None = None,
        tables: Sequence[str] = (),
        ignore: bool = True,
        timeout: float | None = None,
    ) -> Iterator[Differences]:
        """Compare as `diff` does, and give a difference whose rows can be drawn one by one in the `with` block."""
        from snapstore.actions.diff import DiffOptions, diff

        store, seconds = self.store(timeout), self.seconds(timeout)
        with ExitStack() as stack:
            if test is not None:
                if a is not None:
                    raise InvalidArgument("test", "cannot be combined with revisions")
                store, (before, after, subject) = self._of_test(store, test, stack)
            else:
                a, b = self.pair(store, a, b)
                before, after, subject = self.base(store, a), self.state(store, default(b, LIVE)), ""
            options = DiffOptions(before, after, names(tables), self._rules(ignore=ignore), seconds, self.shortens)
            with diff(store, self.project, options, self.progress) as found:
                yield found._replace(subject=subject)

    def _of_test(self, store: Store, name: str, stack: ExitStack) -> tuple[Store, tuple[State, State, str]]:
        """Return what a test on record began with, what it left, and which test it was, with the store that has both.

        That of a worker stays open until the stack is closed.
        """
        from snapstore.suite.recorded import find_test

        test = find_test(self.ledger(), name)
        store = stack.enter_context(self._store_of(store, test))
        before, after = self._around(store, test)
        return store, (before, after, f"{test.label}, {test.started[:19].replace('T', ' ')} UTC")

    @contextmanager
    def _store_of(self, store: Store, test: TestRow) -> Iterator[Store]:
        """Give the store that has the states of a test: the project's, or that of the worker that ran it."""
        if test.worker and self.locations.worker is None:
            with Store.open(worker_store(store.path, test.worker), store.deadline.seconds) as found:
                yield found
        else:
            yield store

    def _around(self, store: Store, test: TestRow) -> tuple[State, State]:
        """Return what a test on record began with, and what it left."""
        from snapstore.compare.state import snapshot_state

        assert test.compared_with
        assert test.forensic
        rev, id_ = test.compared_with.rev, test.compared_with.snapshot
        before = self.state(store, rev) if "," in id_ else snapshot_state(store, id_, rev)
        return before, snapshot_state(store, test.forensic, short(test.forensic))

    def suggest_ignore(
        self,
        a: str | None = None,
        b: str | None = None,
        *,
        of_tests: bool = False,
        ignore: bool = True,
        timeout: float | None = None,
    ) -> Suggestions:
        """Compare each state from `a` to `b` with the next, or what tests left with what they began with.

        Raises what `diff` raises.
        """
        from snapstore.compare.suggestions import states_between, suggest

        store, seconds = self.store(timeout), self.seconds(timeout)
        if of_tests:
            if a is not None:
                raise InvalidArgument("of_tests", "cannot be combined with revisions")
            return self._suggest_of_tests(store, self._rules(ignore=ignore), seconds)
        a, b = self.pair(store, a, b)
        between = states_between(store, self.base(store, a), self.state(store, default(b, LIVE)))
        return suggest(store, self.project, between, self._rules(ignore=ignore), seconds, self.progress)

    def _suggest_of_tests(self, store: Store, policy: Policy, seconds: float) -> Suggestions:
        from snapstore.compare.suggestions import MOST_COMPARISONS, suggest_of_tests
        from snapstore.suite.recorded import last_left

        tests = last_left(self.ledger(), MOST_COMPARISONS)
        with self._store_of(store, tests[-1]) if tests else nullcontext(store) as holder:
            pairs = [self._around(holder, test) for test in tests]
            return suggest_of_tests(holder, self.project, pairs, policy, seconds, self.progress)

    def query(
        self,
        rev: str,
        sql: str,
        *,
        only_db: str | None = None,
        limit: int = ROWS_OF_QUERY,
        timeout: float | None = None,
    ) -> Answer:
        """Run a SELECT.

        Raises SqlFailed, NoSnapshot, ConfigurationError, DatabaseLocked, DatabaseUnusable, StoreDamaged.
        """
        from snapstore.results.answers import Answer

        check_counts(limit=limit)
        with self.query_rows(rev, sql, only_db=only_db, timeout=timeout) as answer:
            rows = tuple(islice(answer.rows, limit or None))
            return Answer(answer.columns, rows, truncated=next(answer.rows, None) is not None)

    @contextmanager
    def query_rows(
        self, rev: str, sql: str, *, only_db: str | None = None, timeout: float | None = None
    ) -> Iterator[query_guard.Answer]:
        """Run a SELECT as `query` does, and give rows that can be drawn one by one in the `with` block."""
        from snapstore.actions.query import QueryOptions, query
        from snapstore.database.query_guard import Limit

        store = self.store(timeout)
        most = self.most_query_seconds if timeout is None else timeout
        limit = self.running = Limit(most)
        if self.is_interrupted:  # after `running` is set, so that an interrupt is seen here or there
            limit.stop()
        options = QueryOptions(self.state(store, rev), sql, only_db, self.seconds(timeout), limit)
        try:
            with query(store, self.project, options) as answer:
                yield answer
        finally:
            self.running = None

    def log(self, number: int | None = None, *, everything: bool = False, rev: str | None = None) -> list[Listed]:
        """List the snapshots. Raises NoStore, UnknownRevision, NoBaseline."""
        from snapstore.actions.listing import list_snapshots

        check_counts(number=number)
        store = self.store()
        if rev is None:
            return list_snapshots(store, everything=everything, limit=number)
        first, last = self.pair(store, rev)
        if ".." not in rev or store.refs.get(rev):
            first, last = "", rev
        elif first is None:
            first = self.snapshot(store, None).id
        span = tuple(self.resolve(store, one) if one else None for one in (first, last))
        return list_snapshots(store, everything=everything, limit=number, after=span[0], last=span[1])

    def tags(self) -> list[Listed]:
        """List the tags. Raises NoStore."""
        from snapstore.actions.listing import list_tags

        return list_tags(self.store())

    def reflog(self, name: str | None = None) -> list[Moved]:
        """List moves of HEAD or a tag. Raises UnknownRevision."""
        from snapstore.actions.names import positions

        return positions(self.store(), self.project, default(name, HEAD))

    def show(self, rev: str) -> Shown:
        """Describe a snapshot. Raises UnknownRevision, StoreDamaged, DatabaseCorrupt."""
        from snapstore.actions.show import show

        store = self.store()
        return show(store, self.resolve(store, rev))

    def _rules(self, *, ignore: bool) -> Policy:
        from snapstore.compare.ignore_rules import NOTHING_IGNORED

        return self.policy if ignore else NOTHING_IGNORED
