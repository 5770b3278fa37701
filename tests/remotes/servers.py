"""Servers of object storage on loopback.

SeaweedFS speaks the protocol of S3; rclone does as well, but ignores the condition that an object is new. Azurite is
Microsoft's own server of the protocol of Azure Blob Storage for tests.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from email.utils import formatdate
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from snapstore.remotes.credentials import StaticKeys

BUCKET = "snapshots"
WRITER = StaticKeys("writer", "writer-secret")
READER = StaticKeys("reader", "reader-secret")
AZURITE = "azurite@3.35.0"
AZURE_ACCOUNT, AZURE_KEY = "account", base64.b64encode(b"key of the account").decode()
_SECONDS = 60.0  # for a server to be up
_FOLLOW = """
import subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
try:
    sys.stdin.read()
finally:
    child.kill()
    child.wait()
"""
"""Runs a server until standard input ends, as it does when the tests end in whatever way; its data is then useless."""


class Server(NamedTuple):
    """A running server: its address, and the process that ends it with its own standard input."""

    endpoint: str
    pid: int

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])


class NoServer(Exception):
    """A server is not there, or does not run here; the message says which and why."""


@contextmanager
def seaweedfs(folder: Path) -> Iterator[Server]:
    """Run SeaweedFS with one bucket, for a key that may write and one that may only read. Raises NoServer."""
    ports = dict(zip(("master", "volume", "filer", "s3"), _free_ports(8)[::2], strict=True))
    grpc = dict(zip(ports, _free_ports(8)[1::2], strict=True))
    identities = [
        {
            "name": keys.access_key,
            "credentials": [{"accessKey": keys.access_key, "secretKey": keys.secret_key}],
            "actions": actions,
        }
        for keys, actions in ((WRITER, ["Admin", "Read", "Write", "List"]), (READER, ["Read", "List"]))
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    options = [f"-{name}.port={port}" for name, port in ports.items()]
    options += [f"-{name}.port.grpc={port}" for name, port in grpc.items()]
    options += ["-s3.port.iceberg=0", "-s3.port.lance=0", "-master.volumeSizeLimitMB=1024", "-volume.max=20"]
    places = ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-dir={folder}", f"-s3.config={folder / 's3.json'}"]
    command = [_binary("weed"), "-logtostderr=true", "server", "-s3", "-filer", *places, *options]
    with _running(command, folder / "log") as process:
        _wait(process, folder / "log", lambda: _makes_bucket(f"http://127.0.0.1:{ports['filer']}/buckets/{BUCKET}/"))
        _wait(process, folder / "log", lambda: _answers(f"http://127.0.0.1:{ports['s3']}/status"))
        yield Server(f"http://127.0.0.1:{ports['s3']}", process.pid)


@contextmanager
def rclone(folder: Path) -> Iterator[Server]:
    """Run `rclone serve s3` over a folder. Raises NoServer."""
    (folder / "data" / BUCKET).mkdir(parents=True)
    (port,) = _free_ports(1)
    keys = f"--auth-key={WRITER.access_key},{WRITER.secret_key}"
    options = [f"--addr=127.0.0.1:{port}", keys, "--config=", f"--cache-dir={folder / 'cache'}"]
    command = [_binary("rclone"), "serve", "s3", str(folder / "data"), *options]
    with _running(command, folder / "log") as process:
        _wait(process, folder / "log", lambda: _answers(f"http://127.0.0.1:{port}/"))
        yield Server(f"http://127.0.0.1:{port}", process.pid)


@contextmanager
def azurite(folder: Path) -> Iterator[Server]:
    """Run Azurite with one container; its endpoint has the account in its path. Raises NoServer."""
    node, npm = _binary("node"), _binary("npm")
    (folder / "package.json").write_text('{"private": true}')
    install = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", AZURITE]
    done = subprocess.run(install, cwd=folder, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise NoServer(f"npm cannot install Azurite: {done.stderr.splitlines()[:2]}")
    (port,) = _free_ports(1)
    program = str(folder / "node_modules/azurite/dist/src/blob/main.js")
    options = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(folder / "data")]
    options += ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    (folder / "data").mkdir()
    accounts = {"AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}
    endpoint = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
    with _running([node, program, *options], folder / "log", accounts) as process:
        _wait(process, folder / "log", lambda: _answers(endpoint))
        _make_container(f"{endpoint}/{BUCKET}")
        yield Server(endpoint, process.pid)


def _make_container(url: str) -> None:
    """Create a container, in a request that is signed as the protocol has it."""
    version, moment = "2021-08-06", formatdate(usegmt=True)
    headers = f"x-ms-date:{moment}\nx-ms-version:{version}\n"
    path = urlsplit(url).path
    signed = f"PUT\n\n\n\n\n\n\n\n\n\n\n\n{headers}/{AZURE_ACCOUNT}{path}\nrestype:container"
    digest = hmac.digest(base64.b64decode(AZURE_KEY), signed.encode(), "sha256")
    request = urllib.request.Request(
        f"{url}?restype=container",
        method="PUT",
        headers={
            "x-ms-date": moment,
            "x-ms-version": version,
            "Authorization": f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(digest).decode()}",
            "Content-Length": "0",
        },
    )
    with urllib.request.urlopen(request, timeout=30):
        pass


def _binary(name: str) -> str:
    """Return the path of a program, that of this environment first. Raises NoServer."""
    for folder in (sysconfig.get_path("scripts"), None):
        if found := shutil.which(name, path=folder):
            return found
    raise NoServer(f"there is no {name} (pip install 'snapstore[test]')")


def _free_ports(count: int) -> list[int]:
    """Return numbers of ports that nobody listens on; below those that connections are given by the system."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


@contextmanager
def _running(
    command: Sequence[str], log: Path, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", _FOLLOW, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            env={**os.environ, **(variables or {})},
        )
    try:
        yield process
    finally:
        process.communicate(timeout=30)


def _wait(process: subprocess.Popen[bytes], log: Path, is_up: Callable[[], bool]) -> None:
    """Wait until a server is up. Raises NoServer where it ends, or takes too long."""
    until = time.monotonic() + _SECONDS
    while not is_up():
        if process.poll() is not None or time.monotonic() > until:
            raise NoServer(f"a server did not start: {log.read_text('utf-8', 'replace')[-500:]}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    """Tell whether a server answers, in whatever way."""
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except urllib.error.HTTPError as error:
        with suppress(OSError):
            error.close()
        return True
    except OSError:
        return False


def _makes_bucket(url: str) -> bool:
    """Make a folder of SeaweedFS's filer, which is a bucket; tell whether it could be done."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="POST"), timeout=5):
            return True
    except OSError:
        return False
