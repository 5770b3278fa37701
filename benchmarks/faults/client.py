"""Send the requests of a test to the backend, and record what they create.

    python -m benchmarks.faults.client PORT JOURNAL SEED

plays a test that runs until it is killed.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
from typing import Any

PATIENT, IMPATIENT = 10.0, 0.04  # seconds that a client waits for an answer


class Failed(Exception):
    """A request failed."""


class Client:
    """One user of the API. The journal has one JSON line for each thing that it created, in order."""

    def __init__(self, port: int, journal: str, timeout: float = PATIENT) -> None:
        self._port = port
        self._journal = journal
        self._timeout = timeout

    def ask(self, method: str, path: str, **body: Any) -> dict[str, Any]:
        """Send a request; return the answer. Raises Failed."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=self._timeout)
        try:
            connection.request(method, path, json.dumps(body))
            answer = connection.getresponse()
            found: dict[str, Any] = json.loads(answer.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Failed(f"{method} {path}: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise Failed(f"{method} {path}: {answer.status}")
        return found

    def make(self, table: str, **columns: Any) -> int:
        """Create a row and record it; return its id."""
        id_ = int(self.ask("POST", f"/{table}", **columns)["id"])
        self.note(undo="DELETE", path=f"/{table}/{id_}", body={})
        return id_

    def change(self, table: str, id_: int, **columns: Any) -> None:
        """Change a row and record its old values."""
        before = self.ask("PUT", f"/{table}/{id_}", **columns)["before"]
        self.note(undo="PUT", path=f"/{table}/{id_}", body={name: before[name] for name in columns})

    def note(self, **what: Any) -> None:
        """Append a line to the journal."""
        with open(self._journal, "a", encoding="utf-8") as file:
            file.write(json.dumps(what) + "\n")


def crud(client: Client, chance: random.Random) -> None:
    """Create a user and bots, change one bot, delete one."""
    owner = client.make("user", name=f"e2e {chance.random()}", email="e2e@example.com")
    bots = [client.make("bot", owner=owner, title=f"E2E test bot {n}") for n in range(chance.randrange(1, 4))]
    client.ask("PUT", f"/bot/{bots[0]}", title="E2E test bot, renamed")
    client.ask("DELETE", f"/bot/{bots[-1]}")


def api(client: Client, chance: random.Random) -> None:
    """Change existing rows, and add to them."""
    for _ in range(chance.randrange(1, 4)):
        client.change("bot", chance.randrange(1, 400), title=f"E2E title {chance.random()}")
    client.make("integration", bot=chance.randrange(1, 400), kind="mail")


def relations(client: Client, chance: random.Random, counted: float = 0.2) -> None:
    """Create a tree of rows. The backend adds rows of its own, some without a reference to the tree."""
    owner = client.make("user", name=f"e2e {chance.random()}", email="e2e@example.com")
    for number in range(chance.randrange(1, 4)):
        bot = client.make("bot", owner=owner, title=f"E2E test bot {number}")
        for kind in ("chat", "mail"):
            client.make("integration", bot=bot, kind=kind, counted=chance.random() < counted / 4)


def entangle(client: Client, chance: random.Random) -> None:
    """Create a user. In half of the cases, make it the owner of an existing bot, without recording that."""
    owner = client.make("user", name=f"e2e {chance.random()}", email="e2e@example.com")
    if chance.random() < 0.5:
        client.ask("PUT", f"/bot/{chance.randrange(1, 400)}", owner=owner)


def main() -> None:
    """Play a test that never ends."""
    client, chance = Client(int(sys.argv[1]), sys.argv[2]), random.Random(sys.argv[3])
    while True:
        relations(client, chance)


if __name__ == "__main__":
    main()
