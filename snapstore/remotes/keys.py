"""The keys of a remote's objects.

format                      what it is, and of which project
log/<16 hex of n>           entry n of the log, n = 1, 2, ...
state/<16 hex of 2^64-1-n>  checkpoint after entry n: the newest lists first
index/<64 hex>.idx          what packs hold, named by its BLAKE2b-256
packs/<64 hex>.pack         a pack
"""

from __future__ import annotations

import re

FORMAT = "format"
LOG, STATE, INDEX, PACKS = "log/", "state/", "index/", "packs/"
_LAST = (1 << 64) - 1
_NUMBERED = re.compile(r"(?:log|state)/([0-9a-f]{16})", re.ASCII)
_NAMED = re.compile(r"(?:packs/([0-9a-f]{64})\.pack|index/([0-9a-f]{64})\.idx)", re.ASCII)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.ASCII)


def log_key(number: int) -> str:
    """Return the key of an entry of the log."""
    return f"{LOG}{number:016x}"


def state_key(number: int) -> str:
    """Return the key of the checkpoint after an entry."""
    return f"{STATE}{_LAST - number:016x}"


def index_key(name: str) -> str:
    """Return the key of an index."""
    return f"{INDEX}{name}.idx"


def pack_key(name: str) -> str:
    """Return the key of a pack."""
    return f"{PACKS}{name}.pack"


def pack_name(key: str) -> str | None:
    """Return the name of the pack in a key, None if it is no pack's."""
    found = _NAMED.fullmatch(key)
    return found[1] if found else None


def name_of(key: str) -> str | None:
    """Return the name of the pack or index in a key, None if it is of neither."""
    found = _NAMED.fullmatch(key)
    return found[1] or found[2] if found else None


def number_of(key: str) -> int | None:
    """Return the number in the key of an entry or a checkpoint, None if it is neither."""
    if not (found := _NUMBERED.fullmatch(key)):
        return None
    number = int(found[1], 16)
    return number if key.startswith(LOG) else _LAST - number


def is_digest(text: object) -> bool:
    """Return whether something is a BLAKE2b-256 in hex."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None
