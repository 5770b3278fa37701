"""Examine for `doctor` the hooks around a restore: whether each would find what it speaks to. Nothing is told."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Iterator, Mapping

from snapstore.errors import SnapError
from snapstore.hooks.hook import Command, Hook, HookSettings, Request, Signal
from snapstore.hooks.signals import send_signal
from snapstore.results.findings import OK, WARNING, Finding
from snapstore.shell import start

_CONNECT_SECONDS = 1.0
_PLAIN = re.compile(r"[\w./+-]+")  # a first word that the shell does not expand, and no assignment
_CHECK_ONLY = 0  # a signal that is not sent (kill(2))
_FAILS = "it would fail now"


def examine_hooks(settings: HookSettings, folder: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for each hook, whose commands run in `folder`."""
    for check, hooks in (("before_restore", settings.before), ("after_restore", settings.after)):
        for hook in hooks:
            problem, remedy = _problem(hook, folder, environ)
            if problem:
                yield Finding(check, WARNING, f"{hook.does.text}: {_FAILS}: {problem}", remedy)
            else:
                yield Finding(check, OK, hook.does.text)


def _problem(hook: Hook, folder: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """Return why a hook would fail, and what to do; nothing where it would not, as far as that can be told."""
    does = hook.does
    if isinstance(does, Command):
        return _missing_command(does, folder, environ)
    return _no_server(does) if isinstance(does, Request) else _no_process(does)


def _missing_command(command: Command, folder: str, environ: Mapping[str, str]) -> tuple[str, str]:
    words = command.line.split(maxsplit=1)
    if not words or not _PLAIN.fullmatch(words[0]):
        return "", ""
    try:
        process = start(f"command -v -- {words[0]}", folder, environ, subprocess.DEVNULL)
    except SnapError as error:
        return str(error), error.hint or ""
    is_there = process.wait() == 0
    return ("", "") if is_there else (f"there is no command '{words[0]}'", f"it is looked for from '{folder}'")


def _no_server(request: Request) -> tuple[str, str]:
    try:
        socket.create_connection((request.host, request.port), _CONNECT_SECONDS).close()
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        return f"{request.host}:{request.port} does not answer ({why})", "start the server, or correct its address"
    return "", ""


def _no_process(signal: Signal) -> tuple[str, str]:
    found = send_signal(signal._replace(number=_CHECK_ONLY))
    return ("", "") if found.ok else (found.detail, "start the server, or correct the path")
