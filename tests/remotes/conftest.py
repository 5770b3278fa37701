"""Fixtures: servers of object storage, one of each kind for a process of tests, and transports to places there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from snapstore.remotes.buckets import BucketTransport
from snapstore.remotes.clients import Limits
from snapstore.remotes.credentials import StaticKeys
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Transport
from tests.remotes.servers import BUCKET, WRITER, NoServer, Server, rclone, seaweedfs

LIMITS = Limits(connect=2, idle=5)


@pytest.fixture(scope="session")
def seaweed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running SeaweedFS."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(seaweedfs(tmp_path_factory.mktemp("seaweedfs")))
        except NoServer as error:
            pytest.skip(str(error))
        yield server


@pytest.fixture(scope="session")
def careless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a running rclone, which overwrites what it was told to create."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(rclone(tmp_path_factory.mktemp("rclone")))
        except NoServer as error:
            pytest.skip(str(error))
        yield server


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


@pytest.fixture(params=["folder", "seaweedfs"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Return a transport to an empty place, of each kind."""
    found: Transport
    if request.param == "folder":
        found = FolderTransport(str(request.getfixturevalue("tmp_path")))
    else:
        found = request.getfixturevalue("bucket")(request.getfixturevalue("seaweed").endpoint)
    yield found
    found.close()
