"""A team's story, in folders that stand for machines: a baseline is shared, and a failed test comes home.

`STORY_MEGABYTES=800` fills the database up to that size.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from snapstore import Snapstore
from snapstore.results.commands import changes_command, restore_command
from snapstore.results.kept import KeptState
from tests.e2e.browser import Browser
from tests.e2e.server import DjangoProject, DjangoServer
from tests.e2e.shop import migrate
from tests.remotes.conftest import variables
from tests.remotes.servers import BUCKET, Server
from tests.support import ENVIRONMENT, connect, dbhash, run

MEGABYTES = int(os.environ.get("STORY_MEGABYTES", "3"))
STATES = 10
SECONDS = 900.0


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the database of the shop, filled up."""
    path = tmp_path_factory.mktemp("migrated") / "shop.sqlite3"
    migrate(DjangoProject(path, "wal", persistent=False))
    chance = random.Random(7)
    with closing(connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE filling (data BLOB)")
        connection.execute("BEGIN")
        for _ in range(MEGABYTES):
            connection.execute("INSERT INTO filling VALUES (?)", (chance.randbytes(400_000) + bytes(600_000),))
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path


@pytest.fixture(params=["folder", "seaweedfs"])
def remote(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    """Return where the remote is, as a configuration says it."""
    if request.param == "folder":
        return {"url": os.fspath(tmp_path / "remote")}
    server: Server = request.getfixturevalue("seaweed")
    return {
        "url": f"s3://{BUCKET}/{tmp_path.name}-{random.random()}",
        "endpoint": server.endpoint,
        "region": "us-east-1",
    }


class Machine:
    """A folder with a project; `snap` is run there as somebody types it."""

    def __init__(self, folder: Path, remote: dict[str, str]) -> None:
        folder.mkdir()
        self.folder = folder
        self.database = folder / "shop.sqlite3"
        self.environment = {**ENVIRONMENT, **variables(), "GITHUB_RUN_ID": "4711"}
        self.configure(remote)

    def configure(self, remote: dict[str, str], **run_: str) -> None:
        configuration = {
            "database": "shop.sqlite3",
            "store": "store",
            "baseline": "baseline",
            "remotes": {"ci": remote},
        }
        (self.folder / "snapstore.yaml").write_text(json.dumps({**configuration, "run": {"quiet": 0, **run_}}))

    def snap(self) -> Snapstore:
        return Snapstore(cwd=self.folder, env=self.environment)

    def paste(self, line: str) -> str:
        """Run a line in a shell that finds `snap`; return what it prints."""
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env={**self.environment, "PATH": path},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def add(self, name: str) -> None:
        with closing(connect(self.database)) as connection:
            connection.execute("INSERT INTO shop_product(name) VALUES (?)", (name,))

    def content(self, revision: str, folder: Path) -> str:
        """Return the hash of a revision's content, of a file that is written out."""
        copy = folder / f"{self.folder.name}-{revision}.sqlite3"
        with self.snap() as snap:
            snap.export(revision, copy)
        return dbhash(copy)


def products(server: DjangoServer) -> int:
    return int(json.loads(Browser(server.address).get("/state/").text)["tables"]["shop_product"])


def failed(machine: Machine) -> KeptState:
    """Run a suite in which a test fails."""
    with machine.snap() as snap:
        snap.begin_suite("e2e")
        snap.begin_test("checkout pays twice")
        machine.add("broken")
        (kept,) = snap.end_test("failed").kept
        ended = snap.end_suite()
    assert ended.pushed == (kept.remote_name,), ended.warnings
    return kept


def test_a_baseline_is_shared_and_a_failed_test_comes_home(
    migrated: Path, remote: dict[str, str], tmp_path: Path
) -> None:
    desk = Machine(tmp_path / "desk", remote)
    shutil.copyfile(migrated, desk.database)
    (desk.folder / "snapstore.yaml").write_text("database: shop.sqlite3\nstore: store\n")
    place = [f"--{key}={remote[key]}" for key in ("endpoint", "region") if key in remote]
    desk.paste(f"snap remote add ci {remote['url']} --project shop {' '.join(place)}")
    desk.configure(remote)
    desk.paste("snap tag baseline && snap push ci baseline")

    ci = Machine(tmp_path / "ci", remote)
    assert "restored baseline" in ci.paste("snap restore baseline")
    assert dbhash(ci.database) == dbhash(desk.database)
    assert ci.content("baseline", tmp_path) == desk.content("baseline", tmp_path)

    names = [f"run-{number}" for number in range(STATES)]
    for name in names:
        desk.add(name)
        desk.paste(f"snap tag {name}")
    with desk.snap() as snap:
        assert snap.push(names).requests <= 4
    with ci.snap() as snap:
        assert snap.pull(names).requests <= 4
        assert snap.fsck().ok
    assert all(ci.content(name, tmp_path) == desk.content(name, tmp_path) for name in names)

    ci.configure(remote, push_states="ci")
    kept = failed(ci)

    developer = Machine(tmp_path / "developer", remote)
    developer.paste("snap restore baseline")
    with DjangoServer(
        DjangoProject(developer.database, "wal", persistent=True), tmp_path / "server.log", threads=False
    ) as server:
        assert products(server) == 0
        assert "broken" in developer.paste(changes_command(kept) or "")
        developer.paste(restore_command(kept))
        assert products(server) == 1
        assert server.is_running
    assert run(["fsck", "--config", os.fspath(developer.folder / "snapstore.yaml")], developer.folder).returncode == 0
    if "endpoint" not in remote:
        assert json.loads(developer.paste("snap fsck --remote --json"))["ok"]
