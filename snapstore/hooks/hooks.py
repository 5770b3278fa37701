"""Runs hooks around a change of the live databases: some before any lock is taken, some after all are let go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from snapstore.hooks.hook import NO_SETTINGS, Command, Hook, HookSettings, Request
from snapstore.results.hooks import HookRun, failed, hook_text

if TYPE_CHECKING:
    from snapstore.hooks.outcome import Allowance, Outcome

BEFORE, AFTER = "before_restore", "after_restore"
INSIDE_HOOK = "SNAPSTORE_HOOK"
"""Set for the commands of hooks: what they restore runs no hooks."""

Environment = Callable[[], Mapping[str, str]]
_NO_ENVIRONMENT: Mapping[str, str] = {}


def _always() -> bool:
    return True


def _nothing() -> None:
    """Do nothing."""


def _say_nothing(_text: str) -> None:
    """Drop a line."""


class Telling:
    """One change of the live databases. The caller sets `changed`; `runs` are the hooks that ran."""

    def __init__(self) -> None:
        self.changed = False
        self.runs: list[HookRun] = []

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each hook that failed."""
        return tuple(hook_text(one) for one in failed(self.runs))


class Hooks:
    """The hooks of a project.

    Commands run in `folder`, with `environment`, which also has the variables that headers name. `let_go` is called
    before hooks run, to release what is still held. `say` gets what cannot be part of a result. A signal handler may
    call `stop`: it ends the hook that runs, and those after it.
    """

    def __init__(
        self,
        settings: HookSettings = NO_SETTINGS,
        folder: str = "",
        environment: Environment = lambda: _NO_ENVIRONMENT,
        say: Callable[[str], None] = _say_nothing,
        let_go: Callable[[], None] = _nothing,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._environment = environment
        self._say = say
        self._let_go = let_go
        self._is_stopped = False

    def stop(self) -> None:
        """End the hook that runs, and leave out those after it, until the next change."""
        self._is_stopped = True

    @property
    def come_before(self) -> bool:
        """Whether there are hooks to run before a change: they may change the databases themselves."""
        return bool(self._settings.before)

    @contextmanager
    def around(self, will_change: Callable[[], bool] = _always) -> Iterator[Telling]:
        """Run hooks before and after the body, if it changes something; the body holds no lock when it ends.

        `will_change` is asked only where there are hooks to run before. Where those ran, the others run even if the
        body fails or changes nothing: a server that was stopped has to be started.
        """
        telling = Telling()
        is_begun = False
        try:
            if self._settings.before and will_change():
                is_begun = True
                telling.runs += self._run_all(BEFORE, self._settings.before)
            yield telling
        except BaseException:
            if is_begun or telling.changed:
                telling.runs += self._run_all(AFTER, self._settings.after)
            for text in telling.warnings:
                self._say(f"warning: {text}")
            raise
        if is_begun or telling.changed:
            telling.runs += self._run_all(AFTER, self._settings.after)

    def _run_all(self, when: str, hooks: Sequence[Hook]) -> list[HookRun]:
        if not hooks:
            return []
        self._let_go()
        self._is_stopped = False
        environment = {**self._environment(), INSIDE_HOOK: when}
        return [self._run(when, hook, environment) for hook in hooks]

    def _run(self, when: str, hook: Hook, environment: Mapping[str, str]) -> HookRun:
        from snapstore.hooks.outcome import STOPPED, Allowance

        start = time.monotonic()
        allowance = Allowance(hook.timeout, lambda: self._is_stopped)
        found = STOPPED if self._is_stopped else self._done(hook, environment, allowance)
        seconds = time.monotonic() - start
        return HookRun(
            when, hook.kind, hook.does.text, found.ok, found.detail, seconds, hook.required, attempts=found.attempts
        )

    def _done(self, hook: Hook, environment: Mapping[str, str], allowance: Allowance) -> Outcome:
        if isinstance(hook.does, Command):
            from snapstore.hooks.commands import run_command

            return run_command(hook.does, self._folder, environment, allowance)
        if isinstance(hook.does, Request):
            from snapstore.hooks.requests import make_request

            return make_request(hook.does, environment, allowance)
        from snapstore.hooks.signals import send_signal

        return send_signal(hook.does)


NO_HOOKS = Hooks()
