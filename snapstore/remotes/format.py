"""The object `format` of a remote: that it is one, of which project, and what a reader has to know.

    snapstore-remote 1
    project NAME
    features

Features are words after the last key. A reader that does not know one refuses the remote.
"""

from __future__ import annotations

from typing import NamedTuple

from snapstore.errors import NotARemote, RemoteDamaged, RemoteTooNew
from snapstore.remotes.keys import FORMAT
from snapstore.remotes.transport import KeyMissing, Transport

VERSION = 1
_MOST_BYTES = 4096
_FEATURES: frozenset[str] = frozenset()  # that this release knows


class Format(NamedTuple):
    """What a remote is."""

    project: str
    features: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return the bytes of the object."""
        return f"snapstore-remote {VERSION}\nproject {self.project}\nfeatures {' '.join(self.features)}\n".encode()


def read_format(transport: Transport) -> Format:
    """Return what a remote is. Raises NotARemote, RemoteTooNew, RemoteDamaged."""
    try:
        text = transport.get(FORMAT, _MOST_BYTES).decode("utf-8")
    except KeyMissing as error:
        raise NotARemote(transport.url) from error
    except ValueError as error:  # too long, or not UTF-8
        raise RemoteDamaged(transport.url, f"its format: {error}") from error
    lines = text.split("\n")
    version = lines[0].removeprefix("snapstore-remote ")
    if version == lines[0]:
        raise NotARemote(transport.url)
    if version != str(VERSION):
        raise RemoteTooNew(transport.url, f"it has format {version}")
    values = dict(line.partition(" ")[::2] for line in lines[1:] if line)
    if unknown := set(values.get("features", "").split()) - _FEATURES:
        raise RemoteTooNew(transport.url, f"it has the feature {min(unknown)}")
    project = values.get("project", "")
    if not project or not project.isprintable():
        raise RemoteDamaged(transport.url, "its format names no project")
    return Format(project)
