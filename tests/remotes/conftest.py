"""Fixtures: servers of object storage, one of each kind for a process of tests, and transports to places there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any

import pytest

from snapstore.remotes.buckets import BucketTransport
from snapstore.remotes.clients import Limits
from snapstore.remotes.credentials import StaticKeys
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Transport
from tests.remotes.servers import (
    AZURE_ACCOUNT,
    AZURE_KEY,
    BUCKET,
    WRITER,
    NoServer,
    Server,
    azurite,
    rclone,
    seaweedfs,
)

_STARTS = 3
LIMITS = Limits(connect=2, idle=5)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running SeaweedFS."""
    with ExitStack() as stack:
        yield _entered(stack, seaweedfs, tmp_path_factory)


@pytest.fixture(scope="session")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running rclone, which overwrites what it was told to create."""
    with ExitStack() as stack:
        yield _entered(stack, rclone, tmp_path_factory)


@pytest.fixture(scope="session")
def azure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running Azurite."""
    with ExitStack() as stack:
        yield _entered(stack, azurite, tmp_path_factory)


def _entered(
    stack: ExitStack, run: Callable[[Path], AbstractContextManager[Server]], folders: pytest.TempPathFactory
) -> Server:
    """Start a server, again where it does not come up: another process may have taken its port. Skips without it."""
    for attempt in range(_STARTS):
        try:
            return stack.enter_context(run(folders.mktemp(run.__name__)))
        except NoServer as error:
            if attempt == _STARTS - 1:
                pytest.skip(str(error))
    raise AssertionError


AZURE_VARIABLES = {"AZURE_STORAGE_ACCOUNT_NAME": AZURE_ACCOUNT, "AZURE_STORAGE_ACCOUNT_KEY": AZURE_KEY}
"""The variables that have the key of Azurite's account; obstore reads them in the environment of the process."""


def variables(keys: StaticKeys = WRITER) -> dict[str, str]:
    """Return the variables that have a key of S3."""
    return {"AWS_ACCESS_KEY_ID": keys.access_key, "AWS_SECRET_ACCESS_KEY": keys.secret_key}


Bucket = Callable[..., BucketTransport]
"""Opens a transport: `endpoint`, then by name `keys`, `prefix`, `bucket`, `limits` and what RemoteSettings has."""


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """Return what opens transports, all below a prefix that no other test has."""
    usual = uuid.uuid4().hex
    opened: list[BucketTransport] = []

    def opening(
        endpoint: str,
        *,
        keys: StaticKeys = WRITER,
        bucket: str = BUCKET,
        prefix: str = usual,
        limits: Limits = LIMITS,
        **settings: Any,
    ) -> BucketTransport:
        url = f"s3://{bucket}/{prefix}".rstrip("/")
        found = RemoteSettings("origin", url, endpoint=endpoint, region="us-east-1")._replace(**settings)
        opened.append(BucketTransport(found, variables(keys), limits))
        return opened[-1]

    yield opening
    for transport in opened:
        transport.close()


@pytest.fixture(params=["folder", "seaweedfs", "azurite"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Return a transport to an empty place, of each kind."""
    found: Transport
    if request.param == "folder":
        found = FolderTransport(str(request.getfixturevalue("tmp_path")))
    elif request.param == "seaweedfs":
        found = request.getfixturevalue("bucket")(request.getfixturevalue("seaweed").endpoint)
    else:
        monkeypatch = request.getfixturevalue("monkeypatch")
        for name, value in AZURE_VARIABLES.items():
            monkeypatch.setenv(name, value)
        endpoint = request.getfixturevalue("azure").endpoint
        settings = RemoteSettings("origin", f"az://{BUCKET}/{uuid.uuid4().hex}", endpoint=endpoint)
        found = BucketTransport(settings, AZURE_VARIABLES, LIMITS)
    yield found
    found.close()
