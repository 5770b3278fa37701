"""Machines that share a remote: each has a database and a store of its own."""

from __future__ import annotations

import random
from contextlib import closing
from pathlib import Path

from snapstore import Snapstore
from snapstore.actions.pull import PullOptions, pull
from snapstore.actions.push import PushOptions, push
from snapstore.remotes.cache import RemoteCache
from snapstore.remotes.format import Format
from snapstore.remotes.keys import FORMAT
from snapstore.remotes.log import RemoteLog
from snapstore.remotes.pushed_names import PushRef
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Transport
from snapstore.results.remotes import Pulled, Pushed
from snapstore.store import Store
from tests.support import connect, make_database


def create_remote(transport: Transport) -> None:
    """Make an empty place a remote."""
    transport.put_new(FORMAT, Format("shop").encode())


class Desk:
    """A folder with a database and a store."""

    def __init__(self, folder: Path, rows: int = 200) -> None:
        folder.mkdir()
        self.database = make_database(folder / "db.sqlite3", rows=rows)
        self.store = folder / "store"
        with Store.create(self.store):
            pass

    def tag(self, name: str) -> str:
        """Tag the database; return the snapshot in hex."""
        with Snapstore(db=self.database, store=self.store) as snap:
            return snap.tag(name).snapshot

    def change(self, seed: int, rows: int = 5, size: int = 400) -> None:
        """Change some rows, and add one that nobody else has."""
        chance = random.Random(seed)
        with closing(connect(self.database)) as connection:
            connection.execute("BEGIN")
            for _ in range(rows):
                body = chance.randbytes(size // 2).hex()
                connection.execute("UPDATE item SET body = ? WHERE id = ?", (body, chance.randrange(1, 200)))
            connection.execute("INSERT INTO item(name) VALUES (?)", (f"{seed} {chance.random()}",))
            connection.execute("COMMIT")

    def fill(self, seed: int, megabytes: int) -> None:
        """Add what cannot be compressed."""
        chance = random.Random(seed)
        with closing(connect(self.database)) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS filling (data BLOB)")
            connection.execute("BEGIN")
            for _ in range(megabytes):
                connection.execute("INSERT INTO filling VALUES (?)", (chance.randbytes(1_000_000),))
            connection.execute("COMMIT")

    def push(self, transport: Transport, *names: str) -> Pushed:
        """Push tags."""
        with Store.open(self.store) as store:
            refs = tuple(PushRef(name, self._target(store, name), name) for name in names)
            return push(store, self._log(transport), PushOptions(refs, {"USER": "somebody"}, timeout=30))

    def pull(self, transport: Transport, *names: str) -> Pulled:
        """Pull tags."""
        with Store.open(self.store) as store:
            log = self._log(transport)
            log.read()
            return pull(store, log, PullOptions(names, str(self.database)))

    def tags(self) -> dict[str, str]:
        """Return what the tags point to, in hex."""
        with Store.open(self.store) as store:
            return {ref.name: ref.snapshot for ref in store.refs.all()}

    def is_sound(self) -> bool:
        """Tell whether fsck finds nothing wrong: it reads every object."""
        with Snapstore(db=self.database, store=self.store) as snap:
            return snap.fsck().ok

    def _target(self, store: Store, name: str) -> str:
        ref = store.refs.get(name)
        assert ref
        return ref.snapshot

    def _log(self, transport: Transport) -> RemoteLog:
        return RemoteLog(RemoteSettings("origin", transport.url), transport, RemoteCache(str(self.store), "origin"))
