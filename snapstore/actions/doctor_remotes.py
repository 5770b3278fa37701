"""The part of doctor about remotes: whether each can be reached, what the credentials may do, and its clock.

Nothing is asked over the network unless the caller wants that; and nothing is changed there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing

from snapstore.errors import RemoteRefused, SnapError
from snapstore.remotes.cache import RemoteCache
from snapstore.remotes.digest import DIGEST_BYTES
from snapstore.remotes.format import read_format
from snapstore.remotes.keys import index_key
from snapstore.remotes.opening import open_transport
from snapstore.remotes.probe import Probe, probe
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Transport
from snapstore.results.findings import FAILURE, OK, WARNING, Finding

CLOCK_SECONDS = 60.0  # that a clock may be off without a word
MOST_CLOCK_SECONDS = 900.0  # S3 refuses what was signed longer ago, or later than now


def examine_remotes(
    remotes: Iterable[RemoteSettings], store_path: str, environ: Mapping[str, str], *, ask: bool
) -> Iterator[Finding]:
    """Yield the findings on the configured remotes; only with `ask` they are reached for."""
    for settings in remotes:
        seen = RemoteCache(store_path, settings.name).read()
        if not ask:
            last = f"last contact {seen.fetched}" if seen else "no contact yet"
            yield Finding(_check(settings), OK, f"'{settings.url}', {last}", "'snap doctor --remote' asks it")
            continue
        try:
            with closing(open_transport(settings, environ)) as transport:
                yield from _examined(settings, transport, seen.project if seen else None)
        except SnapError as error:
            yield Finding(_check(settings), FAILURE, str(error), error.hint or "")


def _examined(settings: RemoteSettings, transport: Transport, project: str | None) -> Iterator[Finding]:
    check = _check(settings)
    found = read_format(transport)
    yield Finding(check, OK, f"'{settings.url}' answers, of project '{found.project}'")
    wanted = settings.project or project
    if wanted and found.project != wanted:
        remedy = f"if it was moved on purpose: 'snap remote accept {settings.name}'"
        yield Finding(check, FAILURE, f"it was, or has to be, of project '{wanted}'", remedy)
    probed = probe(transport)
    yield from _rights(settings, transport, probed)
    yield from _conditions(settings, probed)
    yield from _clock(check, probed.clock_offset_seconds)


def _rights(settings: RemoteSettings, transport: Transport, probed: Probe) -> Iterator[Finding]:
    deletes = _may_delete(transport) if probed.can_create else False
    rights = {"read": probed.can_read, "list": probed.can_list, "create": probed.can_create, "delete": deletes}
    allowed = [right for right, has in rights.items() if has]
    text = f"these credentials may {', '.join(allowed) or 'do nothing'}"
    lacks = [right for right in ("read", "list") if not rights[right]]
    if lacks:
        yield Finding(_check(settings), FAILURE, text, f"a fetch needs the right to {' and '.join(lacks)}")
    elif not probed.can_create and not settings.read_only:
        yield Finding(_check(settings), OK, text, "a push will be refused; 'read_only: true' says so before it begins")
    else:
        remedy = "'snap prune --remote' needs the right to delete" if probed.can_create and not deletes else ""
        yield Finding(_check(settings), OK, text, remedy)


def _may_delete(transport: Transport) -> bool:
    """Return whether objects may be deleted, tried on one that does not exist."""
    try:
        transport.delete([index_key(os.urandom(DIGEST_BYTES).hex())])
    except RemoteRefused:
        return False
    return True


def _conditions(settings: RemoteSettings, probed: Probe) -> Iterator[Finding]:
    check = _check(settings)
    if probed.is_safe:
        yield Finding(check, OK, "its server creates objects only where none is")
    elif probed.is_safe is False and settings.unsafe_single_writer:
        detail = "its server overwrites objects: only one machine may ever push to it"
        yield Finding(check, WARNING, detail, "the configuration says that only one does")
    elif probed.is_safe is False:
        detail = "its server overwrites objects, so two pushes could destroy each other"
        yield Finding(check, FAILURE, detail, "'unsafe_single_writer: true', if only one machine ever pushes")


def _clock(check: str, offset: float | None) -> Iterator[Finding]:
    if offset is None or abs(offset) < CLOCK_SECONDS:
        return
    level = FAILURE if abs(offset) >= MOST_CLOCK_SECONDS else WARNING
    where = "ahead of" if offset > 0 else "behind"
    yield Finding(check, level, f"the clock of this machine is {abs(offset):,.0f} s {where} the server's", "set it")


def _check(settings: RemoteSettings) -> str:
    return f"remote {settings.name}"
