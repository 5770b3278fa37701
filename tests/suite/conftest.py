"""A database, its project, and what begins a suite on it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from snapstore.project import Project
from snapstore.store import Store
from snapstore.suite.cleanup import CleanupRunner
from snapstore.suite.flow import Suite
from snapstore.suite.policy import SuitePolicy
from tests.support import make_database


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_database(tmp_path / "db.sqlite3", journal_mode="wal", rows=20)


@pytest.fixture
def project(path: Path) -> Project:
    return Project.of({"default": path})


@pytest.fixture
def begin(request: pytest.FixtureRequest, store: Store, project: Project, tmp_path: Path) -> Callable[..., Suite]:
    """Return what begins a suite under the module's `QUICK` policy, or one that differs from it in some fields."""
    policy: SuitePolicy = request.module.QUICK

    def begin(**fields: Any) -> Suite:
        runner = CleanupRunner(project, os.environ, os.fspath(tmp_path))
        suite = Suite(store, project, policy._replace(**fields), runner, lambda _: None)
        suite.begin("suite", "command")
        return suite

    return begin
