"""What the configuration says about a remote."""

from __future__ import annotations

from typing import NamedTuple

POLICIES = MISSING, ALWAYS, NEVER = ("missing", "always", "never")
"""When a name that is asked for is pulled, in Docker's words."""
CONCURRENCY = 8  # requests at once
MOST_CONCURRENCY = 64


class RemoteSettings(NamedTuple):
    """One of `remotes:`; `url` is one of object storage, or the absolute path of a folder.

    `project` is the one that the remote has to be of, None for any. `pull` and `push` are globs of the names that are
    meant where none is given. `signers` is the path of a file of allowed signers (ssh-keygen(1)), `signing_key` of the
    key that a push signs with.
    """

    name: str
    url: str
    project: str | None = None
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    allow_http: bool = False
    unsafe_single_writer: bool = False
    read_only: bool = False
    pull: tuple[str, ...] = ()
    push: tuple[str, ...] = ()
    policy: str = MISSING
    signers: str | None = None
    signing_key: str | None = None
    concurrency: int = CONCURRENCY

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder, not object storage."""
        return "://" not in self.url
