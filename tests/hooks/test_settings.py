"""Hooks in the configuration: what they become, and what is wrong with others."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from snapstore.config.keys import load
from snapstore.errors import ConfigurationError
from snapstore.hooks.hook import Command, Hook, Request, Signal


def loaded(folder: Path, text: str) -> tuple[Hook, ...]:
    (folder / "snapstore.yaml").write_text(f"after_restore:\n  - {text}\n")
    return load(os.fspath(folder / "snapstore.yaml")).hooks.after


@pytest.mark.parametrize(
    ("text", "does"),
    [
        ("{run: 'bin/rails runner \"Rails.cache.clear\"'}", Command('bin/rails runner "Rails.cache.clear"')),
        (
            "{http: 'POST http://[::1]:8055/a%20b?c=d#e', headers: {A: $T}, until: 204}",
            Request(
                "POST",
                "http://[::1]:8055/a%20b?c=d#e",
                False,
                "::1",
                8055,
                "/a%20b?c=d",
                headers={"A": "$T"},
                until=204,
            ),
        ),
        ("{http: https://Example.org}", Request("GET", "https://Example.org", True, "example.org", 443, "/")),
    ],
)
def test_hooks(tmp_path: Path, text: str, does: Command | Request) -> None:
    assert loaded(tmp_path, text)[0].does == does


def test_a_signal_and_what_all_have(tmp_path: Path) -> None:
    found = loaded(tmp_path, "{signal: hup, pid_file: tmp/a.pid, timeout: 2.5, required: true}")
    path = os.fspath(tmp_path / "tmp/a.pid")
    assert found == (Hook("signal", Signal(signal.SIGHUP, "SIGHUP", path), 2.5, required=True),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("true", "'after_restore[0]' must be a mapping"),
        ("{}", "'after_restore[0]' must have one of 'run', 'http' and 'signal'"),
        ("{run: a, http: 'GET http://a/'}", "must have one of"),
        ("{run: a, headers: {A: b}}", "has 'headers', which belongs to 'http'"),
        ("{run: a, pid_file: b}", "has 'pid_file', which belongs to 'signal'"),
        ("{signal: HUP}", "needs 'pid_file'"),
        ("{signal: NO, pid_file: a}", "must be the name of a signal"),
        ("{run: a, timeout: 0}", "must be more than 0 seconds"),
        ("{run: a, timeuot: 1}", "unknown key 'timeuot'"),
        ("{http: POST}", "must be an address with http or https"),
        ("{http: 'FETCH http://a/'}", "must be a method"),
        ("{http: ' '}", "must be a method"),
        ("{http: 'GET file:///etc/passwd'}", "must be an address with http or https"),
        ("{http: 'GET http://u:p@a/'}", "must not have a password"),
        ("{http: 'GET http:///a'}", "has an address without a host"),
        ("{http: 'GET http://a:99999/'}", "has an invalid address"),
        ("{http: 'GET http://ä/'}", "in ASCII"),
        ("{http: 'GET http://a/', headers: {'A b': c}}", "'A b' is no name of a header"),
        ("{http: 'GET http://a/', headers: {A: \"b\\r\\nC: d\"}}", "has a character that HTTP does not allow"),
        ("{http: 'GET http://a/', until: 99}", "must be from 200 to 599"),
        ("{http: 'GET http://a/', until: 2xx}", "must be from 1 to 599"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        loaded(tmp_path, text)
    assert problem in raised.value.problem
    assert raised.value.line == 2
