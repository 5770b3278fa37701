"""What a push is told to push: `NAME`, `NAME:REMOTE_NAME`, `REV:REMOTE_NAME`, or globs of tags."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

from snapstore.errors import BadName, InvalidArgument
from snapstore.history.names import check_name
from snapstore.history.refs import Ref
from snapstore.history.revision import Revisions
from snapstore.store import Store

_PATTERN = frozenset("*?[")


class PushRef(NamedTuple):
    """A name on the remote, the snapshot (hex) it shall point to, and the local tag that says where it was before."""

    name: str
    snapshot: str
    local: str
    message: str = ""
    pinned: bool = False


def refs_to_push(
    store: Store, revisions: Revisions, given: Sequence[str], *, everything: bool, is_given: bool
) -> tuple[PushRef, ...]:
    """Return what is to be pushed; tags that a pattern of the configuration matches, or all, need not exist.

    Raises UnknownRevision, BadName, InvalidArgument.
    """
    found: dict[str, PushRef] = {}
    if everything:
        found = {ref.name: _of_tag(ref) for ref in store.refs.all()}
    for one in given:
        if not is_given or _PATTERN.intersection(one):
            found |= {ref.name: _of_tag(ref) for ref in store.refs.all() if fnmatchcase(ref.name, one)}
        else:
            ref = _named(store, revisions, one)
            found[ref.name] = ref
    for name in found:
        check_name(name, is_new=True)  # what earlier versions allowed may be none that the other side allows
    return tuple(found.values())


def _named(store: Store, revisions: Revisions, text: str) -> PushRef:
    if ref := store.refs.get(text):
        revisions.resolve(text)
        return _of_tag(ref)
    revision, colon, name = text.rpartition(":")
    if not colon:
        snapshot = revisions.resolve(text)
        raise InvalidArgument("revs", f"must say which name {text} ({snapshot[:10]}) has there: {text}:NAME")
    try:
        check_name(name, is_new=True)
    except BadName as error:
        raise InvalidArgument("revs", f"'{text}' names no tag of the remote: {error}") from error
    local = store.refs.get(revision)
    snapshot = revisions.resolve(revision)
    if local:
        return PushRef(name, snapshot, local.name, local.message, local.pinned)
    return PushRef(name, snapshot, name)


def _of_tag(ref: Ref) -> PushRef:
    return PushRef(ref.name, ref.snapshot, ref.name, ref.message, ref.pinned)
