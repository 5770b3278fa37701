"""What a remote has to be able to do: create an object once, read it, list by key. Nothing is ever overwritten.

folder.py does it in a folder, buckets.py in object storage. Keys are relative to the remote's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

Count = Callable[[int], None]
"""Takes how many bytes arrived or left since the last call."""


class KeyExists(Exception):
    """A key that was to be created exists. It may be our own: the answer to an earlier try may have been lost."""


class KeyMissing(Exception):
    """There is no object under a key, or not yet."""


class ObjectGone(Exception):
    """A pack or an index that the log needs is not there: a prune of the remote may just have taken it out."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Listed(NamedTuple):
    """An object as a list has it; `modified` is in seconds since 1970, by the remote's clock."""

    key: str
    bytes: int
    modified: float


class Traffic(NamedTuple):
    """How many requests a transport has made, and how many bytes of objects went each way."""

    requests: int = 0
    sent: int = 0
    received: int = 0

    def since(self, before: Traffic) -> Traffic:
        """Return what was added to an earlier count."""
        return Traffic(*(now - then for now, then in zip(self, before, strict=True)))


class Transport(Protocol):
    """Access to the objects of one remote, from several threads at once.

    Every method raises RemoteUnreachable or RemoteRefused where the remote does not answer or does not let us. Those
    are about the remote as a whole; KeyExists and KeyMissing are about one object.
    """

    url: str
    """Where the remote is, for people; it has no secrets in it."""

    @property
    def traffic(self) -> Traffic:
        """What was done so far."""

    def get(self, key: str, most: int) -> bytes:
        """Return an object of at most `most` bytes. Raises KeyMissing; ValueError for a longer one."""

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Return a part of an object. Raises KeyMissing; ValueError where it is shorter."""

    def download(self, key: str, fd: int, size: int, count: Count) -> None:
        """Write an object of `size` bytes to a file. Raises KeyMissing, DiskFull; ValueError for another length."""

    def put_new(self, key: str, data: bytes) -> None:
        """Create an object, durably. Raises KeyExists, and then nothing has changed."""

    def list_after(self, prefix: str, after: str = "") -> Iterator[Listed]:
        """Yield the objects whose keys begin with `prefix`, in order, those after the key `after`."""

    def head(self, key: str) -> Listed:
        """Return what a list has about one object. Raises KeyMissing."""

    def delete(self, keys: Iterable[str]) -> None:
        """Delete objects; those that are gone are no error."""

    def close(self) -> None:
        """Release what is held."""
