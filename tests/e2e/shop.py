"""The shop in use: a running server, its admin over HTTP, its database file, and `snap` beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.browser import Browser, Conversation
from tests.e2e.server import COMMAND_TIMEOUT, DjangoProject, DjangoServer, environment

ADMIN, PASSWORD = "ada", "the password of ada"
TEA, COFFEE = 1, 2  # ids of the products, in the order they are made
CHECK = "import sqlite3, sys; print(*sqlite3.connect(sys.argv[1]).execute(f'PRAGMA {sys.argv[2]}').fetchall())"


@dataclass(frozen=True)
class State:
    """The database as the server sees it; `connection` is the serial number of the one that looked."""

    pid: int
    connection: int
    journal_mode: str
    tables: dict[str, int]


class Shop:
    """A shop with a superuser, a customer, two products and an order."""

    def __init__(self, server: DjangoServer, store: Path) -> None:
        self.server = server
        self.store = store
        self.admin = Browser(server.address)
        self.admin.log_in(ADMIN, PASSWORD)
        self._fill()

    @property
    def project(self) -> DjangoProject:
        return self.server.project

    @property
    def inode(self) -> int:
        return os.stat(self.project.database).st_ino

    def state(self, conversation: Conversation | None = None) -> State:
        """Ask the server what it sees, in a conversation already begun or for this once."""
        client = conversation or Browser(self.server.address)
        return State(**json.loads(client.get("/state/").text))

    def go_on(self) -> None:
        """Change data and schema: users come and go, an order, a migration by another process, a logout."""
        users = self.admin.users()
        self.admin.add_user("carl")
        self.admin.submit("/admin/shop/order/add/", customer=users[ADMIN], products=[TEA])
        self.admin.delete_user("beth")
        self.project.manage("migrate", "shop", "0002")
        self.admin.submit("/admin/shop/review/add/", product=COFFEE, text="strong")
        self.admin.log_out()

    def snap(self, *arguments: str) -> Any:
        """Run the command to its end; return what it says in JSON."""
        places = ["--db", str(self.project.database), "--store", str(self.store)]
        done = subprocess.run(
            [sys.executable, "-m", "snapstore", *arguments, *places, "--json"],
            cwd=self.store.parent,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=COMMAND_TIMEOUT,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout)

    def check(self, pragma: str) -> str:
        """Return what a process of its own says to `integrity_check` or `foreign_key_check`."""
        command = [sys.executable, "-c", CHECK, str(self.project.database), pragma]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=COMMAND_TIMEOUT
        ).stdout.strip()

    def _fill(self) -> None:
        self.admin.add_user("beth")
        for name in ("tea", "coffee"):
            self.admin.submit("/admin/shop/product/add/", name=name)
        self.admin.submit("/admin/shop/order/add/", customer=self.admin.users()["beth"], products=[TEA, COFFEE])


def migrate(project: DjangoProject) -> None:
    """Make the database, with the shop's first migration only, and the superuser."""
    for migration in (["admin"], ["sessions"], ["auth"], ["shop", "0001"]):
        project.manage("migrate", *migration)
    name = ["--username", ADMIN, "--email", "ada@example.org"]
    project.manage("createsuperuser", "--noinput", *name, DJANGO_SUPERUSER_PASSWORD=PASSWORD)
