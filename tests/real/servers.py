"""Servers in processes of their own, which a hook may restart."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from tests.support import ENVIRONMENT, is_running, run

RESTART = """
if [ -f server.pid ]; then
  pid=$(cat server.pid)
  kill "$pid"
  while [ -e "/proc/$pid" ] && ! grep -q '^State:.Z' "/proc/$pid/status"; do sleep 0.05; done
fi
{command} > server.log 2>&1 &
echo $! > server.pid
"""
START_SECONDS = 90.0  # for a server to answer at all


class Server:
    """A server in a folder, on a port of this machine; `restart` is the command that ends it and starts it again."""

    def __init__(self, folder: Path, port: int, headers: Mapping[str, str]) -> None:
        self.folder = folder
        self.port = port
        self.headers = dict(headers)
        self.restart = "sh restart.sh"

    def get(self, path: str) -> Any:
        """Return the status and what the JSON of a response says."""
        return self._request("GET", path)

    def post(self, path: str, document: Any) -> Any:
        """Send JSON; return the status and what the response says."""
        return self._request("POST", path, json.dumps(document))

    def _request(self, method: str, path: str, body: str | None = None) -> Any:
        headers = {"Content-Type": "application/json", **self.headers} if body else self.headers
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            data = response.read()
        return response.status, json.loads(data) if data[:1] in (b"{", b"[") else data.decode()

    def until(self, is_so: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until something is so; a server that is not there yet is asked again."""
        end = time.monotonic() + seconds
        while True:
            try:
                if is_so():
                    return
            except OSError:
                pass
            assert time.monotonic() < end, (self.folder / "server.log").read_text()
            time.sleep(0.05)

    def configure(self, database: str, hooks: Sequence[Any]) -> None:
        """Write the configuration."""
        settings = {"database": database, "store": "store", "after_restore": list(hooks)}
        (self.folder / "snapstore.yaml").write_text(json.dumps(settings))

    def snap(self, *arguments: str, **environment: str) -> None:
        """Run a command, and demand that it succeeds."""
        run(list(arguments), self.folder, 0, (), **environment)


@contextmanager
def serving(
    folder: Path, command: Sequence[str], port: int, ready: str, headers: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Run a server until the block ends, also one that a hook put in its place; `ready` is a path that it answers."""
    server = Server(folder, port, headers or {})
    (folder / "restart.sh").write_text(RESTART.format(command=shlex.join(command)))
    try:
        os.spawnvpe(os.P_WAIT, "sh", ["sh", "-c", f"cd {shlex.quote(os.fspath(folder))} && sh restart.sh"], ENVIRONMENT)
        server.until(lambda: server.get(ready)[0] < 500)
        yield server
    finally:
        pid = int((folder / "server.pid").read_text())
        if is_running(pid):
            os.kill(pid, signal.SIGTERM)
        server.until(lambda: not is_running(pid), 20)


def free_port() -> int:
    """Return a port that nobody uses now."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def journal_mode(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("PRAGMA journal_mode").fetchone()[0])
