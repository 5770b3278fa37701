"""Who writes an entry of a remote's log: a job of a CI service, or a user at a machine."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import snapstore
from snapstore.files import storable
from snapstore.remotes.entry import LogEntry
from snapstore.remotes.state import RemoteState
from snapstore.timestamps import now

_SERVICES = (
    ("github", "GITHUB_REPOSITORY", "GITHUB_JOB", "GITHUB_RUN_ID"),
    ("gitlab", "CI_PROJECT_PATH", "CI_JOB_NAME", "CI_PIPELINE_ID"),
    ("jenkins", "JOB_NAME", "STAGE_NAME", "BUILD_NUMBER"),
    ("buildkite", "BUILDKITE_PIPELINE_SLUG", "BUILDKITE_LABEL", "BUILDKITE_BUILD_NUMBER"),
    ("circleci", "CIRCLE_PROJECT_REPONAME", "CIRCLE_JOB", "CIRCLE_BUILD_NUM"),
)
_MOST = 200  # characters


def author(environment: Mapping[str, str]) -> str:
    """Return who this is, such as `github:team/shop/e2e#4711` or `anna@laptop`."""
    for service, project, job, number in _SERVICES:
        if environment.get(number) and environment.get(project):
            where = "/".join(filter(None, (environment[project], environment.get(job))))
            return _plain(f"{service}:{where}#{environment[number]}")
    return _plain(f"{_user()}@{socket.gethostname()}")


def _user() -> str:
    import pwd  # few commands ask

    with suppress(KeyError):
        return pwd.getpwuid(os.geteuid()).pw_name
    return str(os.geteuid())


def _plain(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in storable(text))[:_MOST]


def next_entry(state: RemoteState, environment: Mapping[str, str], **changes: Any) -> LogEntry:
    """Return the entry after a state, with `changes` as LogEntry has them, by this program."""
    return LogEntry(
        n=state.n + 1,
        prev=state.digest,
        nonce=os.urandom(16).hex(),
        at=now(),
        by=author(environment),
        tool=f"snapstore {snapstore.__version__}",
        project=state.project,
        **{"refs": {}, **changes},
    )
