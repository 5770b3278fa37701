"""A remote in object storage, through obstore: S3 and what speaks its protocol, Google Cloud Storage, Azure.

An object is created by a single request with the condition that it is new. obstore tries again by itself what failed,
but for requests that create and for answers that break off, which are tried again here. A create whose answer was lost
is then found to exist: the caller has to find out whose object it is.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from http import HTTPStatus
from itertools import islice
from threading import BoundedSemaphore, Lock
from typing import Any, TypeVar

from snapstore.errors import RemoteRefused, RemoteUnreachable, RemoteUnsafe
from snapstore.files import write_all
from snapstore.remotes.answers import (
    CREATE,
    DELETE,
    LIST,
    MAY_EXIST,
    NO_BUCKET,
    READ,
    Answer,
    answer_of,
    in_words,
    may_be_the_clock,
    may_pass,
)
from snapstore.remotes.calls import Calls, CallsClosed
from snapstore.remotes.clients import SMALL_BYTES, Clients, Limits
from snapstore.remotes.credentials import environment
from snapstore.remotes.digest import checksum
from snapstore.remotes.places import AZURE, S3, place_of
from snapstore.remotes.server_clock import clock_offset
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Count, KeyExists, KeyMissing, Listed, Traffic

Result = TypeVar("Result")

LARGE_AT_ONCE = 4  # transfers of packs: each has up to 16 MiB in memory, twice while it is sent
_PAGE = 1000  # keys in an answer
_EVERYTHING = 1 << 30  # where a list cannot begin after a key, it is read once
_PIECE_BYTES = 1 << 20
_ONE = Traffic(requests=1)
_READS = 3  # of a small object whose checksum is another one
_MD5 = re.compile(r'"([0-9a-f]{32})"', re.ASCII)
_PAUSES = (0.1, 0.3, 0.9)  # seconds at most, before the second try and those after it


class BucketTransport:
    """The objects of a remote below a prefix in a bucket.

    `traffic` lacks what obstore itself has tried again with success. `environ` are the variables that credentials and
    endpoint are looked for in. Raises ExtraMissing, CredentialsMissing, ConfigurationError.
    """

    def __init__(
        self, settings: RemoteSettings, environ: Mapping[str, str] | None = None, limits: Limits | None = None
    ) -> None:
        environ = environment() if environ is None else environ
        self.url = settings.url
        self._settings = settings
        self._limits = limits or Limits()
        self._place = place_of(settings, environ)
        self._clients = Clients(self._place, settings, environ, self._limits)
        self._calls = Calls()
        self._large = BoundedSemaphore(LARGE_AT_ONCE)
        self._traffic = Traffic()
        self._lock = Lock()
        self._has_checksums = True

    @property
    def traffic(self) -> Traffic:
        """What was done so far."""
        return self._traffic

    def get(self, key: str, most: int) -> bytes:
        """Return an object of at most `most` bytes. Raises KeyMissing; ValueError for a longer one."""
        seen = set()
        for _ in range(_READS):
            data, expected = self._got(key, most)
            if not self._has_checksums or expected in (None, checksum(data)):
                return data
            seen.add(data)
        if len(seen) > 1:
            raise RemoteRefused(self.url, f"{READ} {key}", "what arrives has not the checksum of the server")
        self._has_checksums = False  # always the same: what the server has is no checksum, as of encrypted objects
        return seen.pop()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a part of an object. Raises KeyMissing; ValueError where it is shorter."""
        if not length:
            return b""
        client = self._clients.usual
        with self._room(length):
            data = bytes(self._request(READ, key, lambda: client.get_range(key, start=start, length=length)))
        if len(data) != length:
            raise ValueError(f"{key} ends at byte {start + len(data):,}")
        return self._received(data)

    def download(self, key: str, fd: int, size: int, count: Count) -> None:
        """Write an object of `size` bytes to a file. Raises KeyMissing, OSError; ValueError for another length."""
        done = 0
        with self._room(size):
            for piece in self._pieces(key, size):
                done += len(piece)
                write_all(fd, self._received(piece))
                count(len(piece))
        if done != size:
            raise ValueError(f"{key} does not have {size:,} bytes")

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object. Raises KeyExists, and then there is one; RemoteUnsafe where conditions are unknown."""
        client = self._clients.for_upload(len(data))
        is_single = self._settings.unsafe_single_writer
        if is_single and self._is_there(key):
            raise KeyExists(key)
        mode: Any = "overwrite" if is_single else "create"
        with self._room(len(data)):
            self._request(
                CREATE, key, lambda: client.put(key, data, mode=mode, use_multipart=False), Traffic(1, len(data))
            )

    def list_after(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield the objects whose keys begin with `prefix`, in order, those after the key `after`."""
        folder = prefix.rpartition("/")[0]
        size = _EVERYTHING if self._place.scheme == AZURE or not folder else _PAGE
        last = after
        while True:
            page = self._request(LIST, prefix, partial(self._page, folder, last, size))
            for one in page:
                if one.key <= last:
                    hint = "snapstore needs a server that lists keys in the order of their bytes"
                    raise RemoteRefused(self.url, f"{LIST} {prefix}", f"'{one.key}' follows '{last}'", hint)
                last = one.key
                if last.startswith(prefix):
                    yield one
                elif last > prefix:
                    return
            if len(page) < size:
                return

    def head(self, key: str) -> Listed:
        """Return what a list has about one object. Raises KeyMissing."""
        return _listed(self._request(READ, key, lambda: self._clients.usual.head(key)))

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone are no error."""
        at_once = _PAGE if self._place.scheme == S3 else 1  # others stop at one that is gone
        remaining = iter(keys)
        while some := list(islice(remaining, at_once)):
            with suppress(KeyMissing):
                self._request(DELETE, some[0], partial(self._clients.usual.delete, some))

    def clock_offset(self) -> float | None:
        """Return by how many seconds the clock of this machine is ahead of the server's, None if it does not say."""
        service = self._place.service
        return clock_offset(service, self._limits.connect) if service else None

    def close(self) -> None:
        """Give up what is under way: whoever waits for it gets an error."""
        self._calls.close()

    def _got(self, key: str, most: int) -> tuple[bytes, str | None]:
        """Return an object, and its MD5 in hex if the server may have one."""
        answer = self._request(READ, key, lambda: self._clients.usual.get(key))
        size = answer.meta["size"]
        if size > most:
            raise ValueError(f"{key} has {size:,} bytes")
        with self._room(size):
            data = self._received(bytes(self._call(READ, key, answer.bytes)))
        found = _MD5.fullmatch(answer.meta["e_tag"] or "")
        return data, found and found[1]

    def _pieces(self, key: str, size: int) -> Iterator[bytes]:
        """Yield an object of `size` bytes in pieces. Raises KeyMissing, ValueError; RemoteUnreachable if too slow."""
        client = self._clients.usual
        seconds = self._limits.seconds_for(size)
        end = time.monotonic() + seconds
        answer = self._request(READ, key, lambda: client.get(key))
        if answer.meta["size"] != size:
            raise ValueError(f"{key} does not have {size:,} bytes")
        stream = answer.stream(min_chunk_size=_PIECE_BYTES)
        while piece := self._call(READ, key, lambda: next(stream, None)):
            yield bytes(piece)
            if time.monotonic() > end:
                raise RemoteUnreachable(self.url, f"it is too slow: {key} took more than {seconds:.0f} s")

    def _page(self, folder: str, after: str, size: int) -> list[Listed]:
        """Return the next objects in a folder of the bucket; what lies in folders of the outermost one is left out."""
        client = self._clients.usual
        if folder:
            found = next(client.list(folder, offset=after or None, chunk_size=size), ())
        else:
            found = client.list_with_delimiter()["objects"]
        return [_listed(one) for one in found if one["path"] > after]

    def _is_there(self, key: str) -> bool:
        try:
            self.head(key)
        except KeyMissing:
            return False
        return True

    def _room(self, size: int) -> AbstractContextManager[object]:
        """Return what bounds the memory: the turn of a large transfer."""
        return self._large if size > SMALL_BYTES else nullcontext()

    def _request(self, right: str, key: str, function: Callable[[], Result], traffic: Traffic = _ONE) -> Result:
        """Return what a request of obstore returns; try again what may pass and obstore has not tried again."""
        for pause in _PAUSES:
            self._count(traffic)
            try:
                return self._call(right, key, function)
            except (RemoteUnreachable, RemoteRefused) as error:
                if not (error.__cause__ and may_pass(error.__cause__)):
                    raise
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311 - no secret
        self._count(traffic)
        return self._call(right, key, function)

    def _call(self, right: str, key: str, function: Callable[[], Result]) -> Result:
        """Return what a function of obstore returns. Raises KeyExists, KeyMissing and what a Transport raises."""
        try:
            return self._calls.run(function)
        except CallsClosed:
            raise RemoteUnreachable(self.url, "it was given up") from None  # so that it is not tried again
        except self._clients.errors as error:
            raise self._known(error, right, key) from error

    def _known(self, error: Exception, right: str, key: str) -> Exception:
        """Return what to raise for an error of obstore."""
        answer = answer_of(error)
        self._count(Traffic(requests=answer.retries))
        if answer.status == HTTPStatus.NOT_FOUND and right in (READ, DELETE) and answer.code not in NO_BUCKET:
            return KeyMissing(key)
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and right == READ:
            return ValueError(f"{key} ends before")
        if right == CREATE:
            if self._does_exist(answer, key):
                return KeyExists(key)
            if answer.status == HTTPStatus.NOT_IMPLEMENTED:
                return RemoteUnsafe(self._settings.name, self.url)
        offset = self.clock_offset() if may_be_the_clock(answer) else None
        return in_words(error, self.url, self._place, right, key, offset)

    def _does_exist(self, answer: Answer, key: str) -> bool:
        """Return whether a create was refused because there is an object; after a conflict there may be none."""
        return answer.status in MAY_EXIST and self._is_there(key)

    def _received(self, data: bytes) -> bytes:
        self._count(Traffic(received=len(data)))
        return data

    def _count(self, more: Traffic) -> None:
        with self._lock:
            self._traffic = Traffic(*map(sum, zip(self._traffic, more, strict=True)))


def _listed(meta: Mapping[str, Any]) -> Listed:
    return Listed(meta["path"], meta["size"], meta["last_modified"].timestamp())
