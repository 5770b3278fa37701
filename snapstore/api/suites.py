"""The verbs around a test run: suites and their tests, begun and ended by a test runner."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from snapstore.api.bound import check_seconds
from snapstore.api.upkeep import INSIDE_SUITE, OF_RUN, Upkeep
from snapstore.errors import InvalidArgument, OutOfOrder, SnapError

if TYPE_CHECKING:
    from snapstore.results.kept import KeptState
    from snapstore.results.suites import SuiteBegun, SuiteEnded, TestBegun, TestEnded, TestFailed
    from snapstore.store import Store
    from snapstore.suite.cleanup import CleanupRunner
    from snapstore.suite.flow import Suite
    from snapstore.suite.keeper import Home
    from snapstore.suite.mark import RunMark
    from snapstore.suite.policy import Decision, Keep, PushTo, SuitePolicy


class Suites(Upkeep):
    """The part of `Snapstore` that runs suites. One suite runs at a time; it holds the run mark of its databases."""

    _runner: CleanupRunner | None = None
    _mark: RunMark | None = None
    _run: str | None = None

    def begin_suite(
        self,
        name: str,
        *,
        command: str | None = None,
        baseline: str | None = None,
        take_baseline: bool | None = None,
        mode: str | None = None,
        backup_name: str | None = None,
        keep_backup: bool | None = None,
        keep: str | None = None,
        run: str | None = None,
        resume: bool = False,
        quiet: float | str | None = None,
        verdicts: Mapping[str, str] | None = None,
    ) -> SuiteBegun:
        """Begin a suite.

        Raises UnknownRule, OutOfOrder, InvalidArgument, RunInProgress, NeverRight, HookFailed, UnknownRevision, and
        what `backup`, `restore` and `verify` raise.
        """
        from snapstore.results.suites import SuiteBegun
        from snapstore.suite.cleanup import CleanupRunner
        from snapstore.suite.flow import Suite
        from snapstore.suite.mark import run_mark
        from snapstore.suite.policy import CHAIN

        if self._suite:
            raise OutOfOrder("a suite is running already")
        if resume and run is None:
            raise InvalidArgument("resume", "needs the 'run' whose suite goes on")
        policy = self._policy(
            quiet,
            verdicts,
            baseline=baseline or None,
            takes_baseline=bool(take_baseline) if baseline else take_baseline,
            mode=mode,
            run=run,
            backup_name=backup_name,
            keep_backup=keep_backup,
            keep=keep,
        )
        if is_as_it_is := baseline == "":
            policy = policy._replace(baseline=None, takes_baseline=False, recipe=None)
        if policy.mode == CHAIN and self.locations.worker:
            raise InvalidArgument("mode", "must not be chain on a worker's copy: one worker runs all tests of a chain")
        project = self.project
        notes: list[str] = []

        def note(text: str) -> None:
            notes.append(text)
            self._detail(text)

        worker_store = self.locations.store_path if self.locations.worker else None
        with self.new_store() as store, ExitStack() as marks:
            mark = marks.enter_context(run_mark(self.books(), project, command or name, worker_store))
            self.provide(policy.baseline)
            if worker_store:
                policy = self._of_worker(store, policy, is_given=baseline is not None)
            runner = CleanupRunner(project, self.suite_environment(name), self.locations.folder)
            ledger = self.ledger()
            suite = Suite(
                store,
                project,
                policy,
                runner,
                note,
                self.progress,
                self.watch,
                self.hooks,
                ledger,
                self._home(store),
                self.later,
            )
            resumed = suite.begin(name, command or name, mark.last_sign, resumes=resume)
            mark.show_life()
            self._marks = marks.pop_all()
        if self.locations.worker and (files := self.locations.configuration.files):
            suite.left_alone.append(f"the files {', '.join(files)}: workers with copies of the database share them")
        self._suite, self._runner, self._mark = suite, runner, mark
        self._is_as_it_is = is_as_it_is
        return SuiteBegun(
            name,
            policy.mode,
            tuple(suite.repaired),
            tuple(suite.left_alone),
            tuple(notes),
            suite.baseline_made,
            tuple(suite.hooks),
            resumed,
        )

    def begin_test(self, label: str, *, scenario: str | None = None, again: bool = False) -> TestBegun:
        """Begin a test. Raises OutOfOrder, NeverRight, and what `end_test` raises."""
        from snapstore.results.suites import TestBegun

        suite = self._running()
        self.store()
        ended = len(suite.tests)
        suite.begin_test(label, scenario or "", again=again)
        late = suite.late if suite.late in suite.all_late else None
        return TestBegun(label, tuple(suite.tests[ended:]), late, suite.began_with, suite.is_back)

    def fail_test(self, label: str | None = None, *, rev: str | None = None) -> TestFailed:
        """Keep the state of a test that has failed. Raises OutOfOrder, InvalidArgument, UnknownRevision."""
        suite = self._suite
        if suite is None:
            if label is None:
                raise InvalidArgument("label", "is needed outside of a suite")
            return self._fail_outside(label, rev)
        if not suite.has_open_test:
            raise OutOfOrder("no test is running")
        store = self.store()
        return suite.fail_test(label, self.resolve(store, rev) if rev is not None else None)

    def end_test(
        self,
        outcome: str = "passed",
        *,
        seconds: float | None = None,
        verdicts: Mapping[str, str] | None = None,
        leaks: str | None = None,
        keep: str | None = None,
    ) -> TestEnded:
        """End a test. Raises OutOfOrder, InvalidArgument, and what `verify` and `restore` raise."""
        from snapstore.suite.ledger import FAILED, INTERRUPTED, PASSED, SKIPPED

        _check("outcome", outcome, (PASSED, FAILED, SKIPPED, INTERRUPTED))
        _check("leaks", leaks or "pass", ("fail", "warn", "pass"))
        check_seconds(seconds=seconds)
        decisions = _decisions(verdicts)
        suite = self._running()
        if not suite.has_open_test:
            raise OutOfOrder("no test is running")
        self.store()
        return suite.end_test(outcome, seconds, decisions, fails_on_leaks=leaks == "fail", keep=_keep(keep))

    def end_suite(self, exit_code: int | None = None, *, outcome: str | None = None, pause: bool = False) -> SuiteEnded:
        """End the suite, or pause it. Raises OutOfOrder, InvalidArgument, and what `end_test` raises."""
        from snapstore.suite.ledger import FAILED, INTERRUPTED, PASSED

        if outcome is not None:
            _check("outcome", outcome, (PASSED, FAILED, INTERRUPTED))
        suite = self._running()
        if pause and not suite.has_run:
            raise InvalidArgument("pause", "needs a suite that was begun with a 'run'")
        self.store()
        result = suite.end(exit_code, outcome, pauses=pause)
        if not pause:
            result = self.push_kept(result, suite.all_kept())
        self.show_life()
        self._forget_suite()
        self._marks.close()
        self.start_prune_if_due()
        return result

    def push_kept(self, result: SuiteEnded, _kept: list[KeptState]) -> SuiteEnded:
        """Push the states of failed tests to the remote that is configured for them; return the result with that."""
        return result

    def suite_environment(self, name: str) -> dict[str, str]:
        """Return the environment for the commands of a suite: where databases and store are, and its name."""
        environment = {**self.locations.environment(), INSIDE_SUITE: name}
        return {**environment, OF_RUN: self._run} if self._run else environment

    def show_life(self) -> None:
        """Say that the suite that runs, if one does, is alive: its repair takes later writes for somebody else's."""
        if self._mark:
            self._mark.show_life()

    def abandon_suite(self) -> None:
        """Leave a suite that runs to be repaired by the next one, and keep the state that it is left with."""
        if self._suite:
            with suppress(SnapError):
                self._suite.abandon()
            self.show_life()
        self._forget_suite()

    def stop_cleanup(self) -> None:
        """Stop the cleanup step or hook that runs, and start no other step; a signal handler may call this."""
        if self._runner:
            self._runner.stop()
        self.hooks.stop()

    def _home(self, store: Store) -> Home:
        """Return where the states of failed tests are kept."""
        from snapstore.suite.keeper import Home

        is_worker = self.locations.worker is not None
        return Home(self.books() if is_worker else store, self.locations.whole_project)

    def _fail_outside(self, label: str, rev: str | None) -> TestFailed:
        """Keep the live state as that of a test of no suite, or of one that `snap run` has begun in another process."""
        from snapstore.suite.keeper import keep_outside

        policy = self._policy(None, None)
        with self.new_store() as store:
            name = next((one for one in (policy.backup_name, self.baseline) if one and store.refs.get(one)), None)
            began = self.state(store, name) if name else None
            taken = self.resolve(store, rev) if rev is not None else None
            return keep_outside(store, self.project, policy, self._home(store), self.ledger(), label, began, taken)

    def _push_to(self, policy: SuitePolicy) -> PushTo | None:
        """Return where the states of failed tests go at the end; what the run is called holds for all of the suite."""
        if policy.push_states is None:
            return None
        from snapstore.suite.policy import PushTo
        from snapstore.suite.run_names import run_name

        self._run = run_name(self.locations.environ, policy.run)
        return PushTo(policy.push_states, self._run)

    def _of_worker(self, store: Store, policy: SuitePolicy, *, is_given: bool) -> SuitePolicy:
        """Return a policy for a copy: it begins with the baseline of the project, and never makes one.

        Without such a baseline it begins as it is, unless a name was given that the worker's own store has.
        """
        begins = policy.baseline
        if begins is not None and begins != policy.backup_name:
            begins = self.bring(store, begins) or (begins if is_given else None)
        return policy._replace(baseline=begins, takes_baseline=False, recipe=None)

    def _forget_suite(self) -> None:
        self._run = None
        self._suite = self._runner = self._mark = None
        self._is_as_it_is = False

    def _running(self) -> Suite:
        if self._suite is None:
            raise OutOfOrder("no suite is running")
        return self._suite

    def _policy(self, quiet: float | str | None, verdicts: Mapping[str, str] | None, **others: object) -> SuitePolicy:
        """Return the configuration's policy with what is given for this suite; None leaves what is configured.

        Raises InvalidArgument.
        """
        from snapstore.suite.policy import AUTO, CHAIN, MODES, NEVER

        given: dict[str, Any] = {key: value for key, value in others.items() if value is not None}
        _keep(given.get("keep"))
        _check("mode", given.get("mode", MODES[0]), (*MODES, CHAIN))
        if isinstance(quiet, str):
            _check("quiet", quiet, (AUTO,))
        else:
            check_seconds(quiet=quiet)
        if quiet is not None:
            given["quiet"] = None if quiet == AUTO else quiet
        policy = self.locations.configuration.suite
        policy = policy._replace(**given, decisions={**policy.decisions, **_decisions(verdicts)})
        policy = policy._replace(timeout=self.seconds(None), shortens=self.shortens, push_to=self._push_to(policy))
        return policy._replace(mode="cleanup", keep=NEVER) if self.is_switched_off else policy


def _decisions(verdicts: Mapping[str, str] | None) -> dict[str, Decision]:
    """Return what follows from verdicts, checked. Raises InvalidArgument."""
    from snapstore.compare.verdicts import VERDICTS
    from snapstore.suite.policy import DECISIONS

    decisions: dict[str, Decision] = {}
    for verdict, word in (verdicts or {}).items():
        _check("verdicts", verdict, VERDICTS)
        _check("verdicts", word, DECISIONS)
        decisions[verdict] = next(one for one in DECISIONS if one == word)
    return decisions


def _keep(word: str | None) -> Keep | None:
    """Return which states are kept, checked. Raises InvalidArgument."""
    from snapstore.suite.policy import KEEP

    if word is not None:
        _check("keep", word, KEEP)
    return next((one for one in KEEP if one == word), None)


def _check(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InvalidArgument(name, f"must be one of {', '.join(known)}, not '{value}'")
