"""`snap run` around a pytest suite of a Django project whose server goes on running: however the suite ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.browser import Browser
from tests.e2e.server import COMMAND_TIMEOUT, MANAGE, DjangoProject, DjangoServer
from tests.e2e.shop import ADMIN, Shop, State, migrate
from tests.support import is_running

ROOT = Path(__file__).parents[2]
SUITE = Path(__file__).with_name("browser_suite.py")
CONFIGURATION = """
database: {database}
store: store
ignore:
  tables: [django_session, django_admin_log]
  columns: [auth_user.last_login]
run:
  quiet: 0.05
  backoff: 0.05
"""
IN_BOTH_MODES = pytest.mark.parametrize("suite", ["delete", "wal"], indirect=True)
CLEANUP = """
  cleanup:
    - name: users
      command: "{python} {manage} shell -c \\"{code}\\""
"""
FORGOTTEN = "from django.contrib.auth.models import User; User.objects.filter(username='forgotten').delete()"


@dataclass
class Suite:
    """The suite of a shop, to be run under `snap run` in the folder of its configuration."""

    shop: Shop
    before: State

    @property
    def folder(self) -> Path:
        return self.shop.store.parent

    def environment(self, behaviour: str) -> dict[str, str]:
        return self.shop.project.environment | {
            "SUITE_ADDRESS": self.shop.server.address,
            "SUITE_BEHAVIOUR": behaviour,
            "PYTHONPATH": os.fspath(ROOT),
            "XDG_CONFIG_HOME": os.fspath(self.folder),
        }

    def command(self, *options: str) -> list[str]:
        pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shop.py"]
        return [sys.executable, "-m", "snapstore", "run", *options, "--", *pytest_]

    def run(self, behaviour: str, *options: str, code: int) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*options),
            cwd=self.folder,
            env=self.environment(behaviour),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    def document(self, behaviour: str, *, code: int) -> Any:
        return json.loads(self.run(behaviour, "--json", code=code).stdout)

    def begin(self) -> tuple[subprocess.Popen[str], int]:
        """Start a suite that stays; return the run, and the process of pytest when it is in the middle of a test."""
        run = subprocess.Popen(
            self.command("--label", "stays"),
            cwd=self.folder,
            env=self.environment("stay"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not ((pid := self.folder / "pid").exists() and pid.read_text()):
            assert run.poll() is None
            time.sleep(0.02)
        return run, int(pid.read_text())

    def ledger(self) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "snapstore", "report", "--json"],
            cwd=self.folder,
            env=self.environment("tidy"),
            capture_output=True,
            text=True,
            check=True,
            timeout=COMMAND_TIMEOUT,
        )
        return json.loads(done.stdout)

    def check_state(self) -> None:
        """Demand that the server, never stopped, sees the state before the suite."""
        shown = ("auth_user", "shop_order", "shop_order_products", "shop_product", "shop_review")
        now = self.shop.state()
        assert (now.pid, [now.tables[name] for name in shown]) == (
            self.before.pid,
            [self.before.tables[name] for name in shown],
        )
        admin = Browser(self.shop.server.address, self.shop.admin.cookies)
        assert set(admin.users()) == {ADMIN, "beth"}


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = DjangoProject(tmp_path_factory.mktemp("migrated") / "shop.sqlite3", "delete", persistent=False)
    migrate(project)
    project.manage("migrate", "shop", "0002")
    return project.database


@pytest.fixture
def suite(request: pytest.FixtureRequest, tmp_path: Path, migrated: Path) -> Iterator[Suite]:
    mode = getattr(request, "param", "wal")
    project = DjangoProject(tmp_path / "shop.sqlite3", mode, persistent=True)
    shutil.copyfile(migrated, project.database)
    shutil.copyfile(SUITE, tmp_path / "test_shop.py")
    (tmp_path / "snapstore.yaml").write_text(CONFIGURATION.format(database=project.database))
    with DjangoServer(project, tmp_path / "server.log", threads=False) as server:
        shop = Shop(server, tmp_path / "store")
        found = Suite(shop, shop.state())
        yield found
        found.check_state()
        assert server.is_running
        assert "Traceback" not in server.log, server.log
        assert shop.check("integrity_check") == "('ok',)"
        assert shop.check("foreign_key_check") == ""


def test_a_suite_that_tidies_up_is_let_pass(suite: Suite) -> None:
    done = suite.run("tidy", code=0)
    assert "2 passed" in done.stdout
    assert done.stderr.startswith("snap: passed; state: drifted, against e2e-backup (")
    found = suite.ledger()
    assert (found["outcomes"], found["verdicts"], found["restore"]["trials"]) == ({"passed": 1}, {"drifted": 1}, 0)


@IN_BOTH_MODES
def test_a_suite_that_forgets_a_user_is_put_right_and_told_so(suite: Suite) -> None:
    done = suite.run("forget", code=3)
    assert "2 passed" in done.stdout
    summary = done.stderr.splitlines()
    assert summary[0].startswith("snap: passed; state: leaked, against e2e-backup (")
    assert {"  auth_user: 1 added", "  shop_order: 1 added", "  shop_order_products: 2 added"} <= set(summary)
    found = suite.ledger()
    assert {one["table"]: one["added"] for one in found["leaks"]} == {
        "auth_user": 1,
        "shop_order": 1,
        "shop_order_products": 2,
    }
    assert (found["restore"]["successes"], found["state_ok"]["successes"]) == (1, 1)


def test_a_suite_that_fails_gives_its_own_code_and_is_put_right(suite: Suite) -> None:
    done = suite.run("break", code=1)
    assert "1 failed, 1 passed" in done.stdout
    assert done.stderr.startswith("snap: failed; state: leaked, against e2e-backup (")
    found = suite.ledger()
    assert (found["outcomes"], found["verdicts"]) == ({"failed": 1}, {"leaked": 1})


def test_a_cleanup_step_of_the_project_makes_a_restore_needless(suite: Suite) -> None:
    step = CLEANUP.format(python=sys.executable, manage=MANAGE, code=FORGOTTEN)
    with (suite.folder / "snapstore.yaml").open("a") as file:
        file.write(step.lstrip("\n"))
    (test,) = suite.document("forget", code=0)["tests"]
    assert (test["verdict"], test["restored"]) == ("drifted", False)
    removed = {table: counts["added"] for table, counts in test["removed"]["1"]["default"].items()}
    assert removed == {"auth_user": 1, "shop_order": 1, "shop_order_products": 2}


@IN_BOTH_MODES
def test_a_suite_told_to_end_in_the_middle_is_put_right(suite: Suite) -> None:
    run, child = suite.begin()
    run.send_signal(signal.SIGTERM)
    said = run.communicate(timeout=COMMAND_TIMEOUT)[1]
    assert run.returncode == 130
    assert not is_running(child)
    assert "; state: leaked, against e2e-backup (" in said
    found = suite.ledger()
    assert (found["outcomes"], found["suites"][0]["restored"]) == ({"interrupted": 1}, 1)


@IN_BOTH_MODES
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a process that was killed")
def test_a_suite_killed_in_the_middle_is_repaired_by_the_next(suite: Suite) -> None:
    run, child = suite.begin()
    run.kill()
    run.communicate(timeout=COMMAND_TIMEOUT)
    while is_running(child):
        time.sleep(0.02)
    assert "forgotten" in suite.shop.admin.users()

    found = suite.document("tidy", code=0)
    (repaired,) = found["repaired"]
    assert (repaired["verdict"], "which never ended" in repaired["what"]) == ("leaked", True)
    report = suite.ledger()
    assert report["outcomes"] == {"passed": 1, "died": 1}
    assert {one["label"] for one in report["leaks"]} == {"stays"}
    assert report["cleanup"]["trials"] == 1
