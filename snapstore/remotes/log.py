"""The log of a remote: read what is new, and append an entry.

Numbers order everything. Whoever creates the entry with the next number has committed; the others read what won, and
try again after it. An entry has the digest of the one before, so a log that is another one, or older, than what was
seen is noticed. Where signers are configured, the newest entry has to be signed by one of them: it stands for all
before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import islice

from snapstore.errors import OtherProject, RemoteDamaged, RemoteRewound, RemoteUnsigned, SnapError
from snapstore.remotes.cache import ACCEPTED, RemoteCache
from snapstore.remotes.entry import MOST_BYTES, LogEntry, hash_of
from snapstore.remotes.format import Format, read_format
from snapstore.remotes.index import MOST_BYTES as MOST_INDEX_BYTES
from snapstore.remotes.index import Columns, IndexedPack
from snapstore.remotes.keys import LOG, STATE, index_key, log_key, number_of, state_key
from snapstore.remotes.parallel import in_order
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.signatures import Signatures, Untrusted
from snapstore.remotes.state import RemoteState
from snapstore.remotes.stopwatch import Stopwatch
from snapstore.remotes.transport import KeyExists, KeyMissing, Listed, ObjectGone, Transport

CHECKPOINT_ENTRIES = 64  # between two checkpoints
_CHECKPOINTS = 4  # the newest ones, of which the first that is signed counts
LEAST_GRACE = 86400.0
"""The least time in seconds for which a prune of the remote leaves alone what it may delete one day."""
_TRIES = 5  # to read an entry that was reported to exist, before it is created once more


class RemoteLog:
    """The log of one remote, and what the store keeps of it."""

    def __init__(
        self, settings: RemoteSettings, transport: Transport, cache: RemoteCache, signatures: Signatures | None = None
    ) -> None:
        self.settings = settings
        self.transport = transport
        self.cache = cache
        self.signatures = signatures or Signatures(settings)
        self.state = RemoteState()
        self._vouched = ""
        self._takes_unsigned = False
        self._untrusted: RemoteUnsigned | None = None  # a checkpoint that was passed over
        self.stale_after = LEAST_GRACE / 2
        """After how many seconds nothing is appended to a state: its successor may have been pruned since."""
        self.gaps = 0
        """How often so much time was between two reads that something may have been condemned and forgotten again."""
        self._read_at = Stopwatch()

    @property
    def project(self) -> str:
        """The project of the remote, empty before the first `read`."""
        return self.state.project

    def known(self) -> RemoteState:
        """Return the state at the last contact. Where there was none, or signers did not check it, read the newest.

        Raises what `read` raises.
        """
        seen = self.cache.read()
        if seen and (not self.signatures.are_required or seen.vouched in (self.signatures.signers, ACCEPTED)):
            return seen.state
        return self.read()

    def read(self) -> RemoteState:
        """Return the newest state, and keep it.

        Raises NotARemote, RemoteTooNew, OtherProject, RemoteDamaged, RemoteRewound, RemoteUnsigned,
        ConfigurationError, RemoteUnreachable, RemoteRefused.
        """
        seen = self.cache.read() if self.state.n == 0 else None
        if seen:
            self.state, self._vouched = seen.state, seen.vouched
        elif not self.project:
            self._begin(self._format().project)
        before = self.state.n, self._vouched
        began = Stopwatch()
        self._vouch(self._follow(self._listed()))
        if self._read_at.seconds() > self.stale_after:
            self.gaps += 1
        self._read_at = began
        if seen is None or before != (self.state.n, self._vouched):
            self.cache.write(self.state, self._vouched)
        return self.state

    def accept(self, *, unsigned: bool = False) -> RemoteState:
        """Take the remote as it is now, whatever it was: rewound, or of another project; if `unsigned`, not signed.

        Raises what `read` raises but RemoteRewound and OtherProject.
        """
        self._takes_unsigned = unsigned
        self._vouched = ""
        self._begin(read_format(self.transport).project)
        self._vouch(self._follow(self._listed()))
        self.cache.write(self.state, self._vouched)
        return self.state

    def append(self, entry: LogEntry) -> bool:
        """Create the next entry; return False where somebody else has created one of its number, or may have.

        An entry is deleted some time after its creation, which is after the state was read. So that none is created
        once more in its place, a state that is stale is not appended to; the caller reads and compares again.
        The answer to a try may be lost, and then the entry is found to exist: its bytes, with the signature, tell whose
        it is. Raises CannotSign, RemoteDamaged and what requests raise.
        """
        if self._read_at.seconds() > self.stale_after:
            return False
        entry = entry._replace(project=self.project)
        data = self.signatures.signed(entry.encode(), entry.at)
        for _ in range(_TRIES):
            try:
                self.transport.put_new(log_key(entry.n), data)
            except KeyExists:
                if (found := self._entry_bytes(entry.n)) is None:
                    continue  # a conflict without a winner: the number is free
                if found != data:
                    return False
            self.state.apply(entry, data)
            self._after_append()
            return True
        raise RemoteDamaged(self.transport.url, f"entry {entry.n} of the log can neither be created nor read")

    def indexed(self, names: Iterable[str]) -> Iterator[list[IndexedPack]]:
        """Yield what indexes hold, in order; those that are not kept are fetched. Raises RemoteDamaged, ObjectGone."""
        wanted = list(names)
        for name, columns in zip(wanted, self.columns(wanted), strict=True):
            try:
                yield [columns.pack(head) for head in columns.packs]
            except ValueError as error:
                raise RemoteDamaged(self.transport.url, f"index {name}: {error}") from error

    def columns(self, names: Iterable[str]) -> Iterator[Columns]:
        """Yield indexes as they are written, in order; those that are not kept are fetched. Raises RemoteDamaged."""
        wanted = list(names)
        for name, data in zip(wanted, self._at_once(self._index, wanted), strict=True):
            try:
                yield Columns(data)
            except ValueError as error:
                raise RemoteDamaged(self.transport.url, f"index {name}: {error}") from error
        self.cache.drop_indexes({*self.state.indexes(), *wanted})

    def _index(self, name: str) -> bytes:
        if kept := self.cache.index(name):
            return kept
        try:
            data = self.transport.get(index_key(name), MOST_INDEX_BYTES)
        except KeyMissing as error:
            raise ObjectGone(name) from error
        except ValueError as error:
            raise RemoteDamaged(self.transport.url, f"index {name}: {error}") from error
        if hash_of(data) != name:
            raise RemoteDamaged(self.transport.url, f"index {name}: contents do not match its name")
        self.cache.keep_index(name, data)
        return data

    def _format(self) -> Format:
        """Read what the remote is. Raises NotARemote, RemoteTooNew, OtherProject, RemoteDamaged."""
        found = read_format(self.transport)
        if self.settings.project and found.project != self.settings.project:
            raise OtherProject(self.settings.name, found.project, self.settings.project)
        return found

    def _begin(self, project: str) -> None:
        """Begin with the newest checkpoint that counts, or before entry 1. Raises RemoteDamaged."""
        self.state = RemoteState(project=project)
        self.state = self._newest_checkpoint() or self.state

    def _newest_checkpoint(self) -> RemoteState | None:
        """Return the state after the newest checkpoint, None where there is none; unsigned ones may not count.

        Raises RemoteDamaged.
        """
        self._untrusted = None
        for listed in islice(self.transport.list_after(STATE), _CHECKPOINTS):
            try:
                data = self.transport.get(listed.key, MOST_BYTES)
                state = RemoteState.decode(data)
                if state.n != number_of(listed.key) or state.project != self.project:
                    raise ValueError(f"it is of entry {state.n} of project '{state.project}'")
                self._check(data, state.at, state.n)
            except RemoteUnsigned as error:
                self._untrusted = self._untrusted or error
            except (ValueError, KeyMissing) as error:
                raise RemoteDamaged(self.transport.url, f"checkpoint {listed.key}: {error}") from error
            else:
                return state
        return None

    def _listed(self) -> list[Listed]:
        """Return the entries from the one on that was seen last, without gaps. Raises RemoteRewound, RemoteDamaged."""
        first = max(self.state.n, 1)
        after = log_key(first - 1) if first > 1 else ""
        listed = [one for one in self.transport.list_after(LOG, after) if number_of(one.key) is not None]
        numbers = [number_of(one.key) for one in listed]
        if self.state.n and not numbers:
            read_format(self.transport)  # a disk that is not mounted any more has none
            raise self._rewound(f"entry {self.state.n} is gone, and none is newer")
        if numbers != list(range(first, first + len(numbers))):
            return self._after_gap(listed)
        return listed

    def _after_gap(self, listed: list[Listed]) -> list[Listed]:
        """Begin with the newest checkpoint, which stands for old entries that were removed; return what follows it.

        Raises RemoteRewound, RemoteDamaged.
        """
        checkpoint = self._newest_checkpoint()
        is_gone = self.state.n and number_of(listed[0].key) != self.state.n
        if is_gone and (checkpoint is None or checkpoint.n < self.state.n):
            raise self._untrusted or self._rewound(f"entry {self.state.n} is gone, and no checkpoint is newer")
        rest = [one for one in listed if checkpoint and (number_of(one.key) or 0) >= checkpoint.n]
        if checkpoint is None or [number_of(one.key) for one in rest] != list(
            range(checkpoint.n, checkpoint.n + len(rest))
        ):
            raise self._untrusted or RemoteDamaged(self.transport.url, "entries of the log are missing")
        self.state, self._vouched = checkpoint, ""
        return rest

    def _follow(self, listed: list[Listed]) -> bytes | None:
        """Apply entries; the first may be the one that was seen last. Return the bytes of the newest if they were read.

        Raises RemoteRewound, RemoteDamaged.
        """
        newest = None
        if self.state.n and listed and number_of(listed[0].key) == self.state.n:
            newest = self._check_last(listed[0])
            listed = listed[1:]
        known = self.state.n
        for one, data in zip(listed, self._at_once(self._read, [one.key for one in listed]), strict=True):
            try:
                self.state.apply(LogEntry.decode(data), data, one.modified)
            except ValueError as error:
                if known and known == self.state.n and "does not follow" in str(error):
                    raise self._rewound(f"entry {known + 1} {error}") from error
                raise RemoteDamaged(self.transport.url, f"{one.key} {error}") from error
            newest, self._vouched = data, ""
        return newest

    def _at_once(self, function: Callable[[str], bytes], names: Iterable[str]) -> Iterator[bytes]:
        return in_order(function, names, self.transport, at_once=self.settings.concurrency)

    def _check_last(self, listed: Listed) -> bytes | None:
        """Check that the newest entry that was seen is the same, unless a list shows that. Raises RemoteRewound."""
        if listed.bytes == self.state.size and self.state.modified in (0, listed.modified):
            self.state.modified = listed.modified  # unknown where this store wrote it
            return None
        data = self._read_last()
        self.state.size, self.state.modified = listed.bytes, listed.modified
        return data

    def _read_last(self) -> bytes:
        """Return the newest entry that was seen. Raises RemoteRewound for another one."""
        data = self._read(log_key(self.state.n))
        if hash_of(data) != self.state.digest:
            raise self._rewound(f"entry {self.state.n} is another one")
        return data

    def _vouch(self, newest: bytes | None) -> None:
        """Check the signature of the newest entry, unless that was done: it has the digests of all before.

        `newest` are its bytes if they were read. Raises RemoteUnsigned, RemoteRewound, ConfigurationError.
        """
        if self.state.n == 0 or not self.signatures.are_required:
            self._vouched = ""
        elif self._vouched not in (self.signatures.signers, ACCEPTED):
            self._check(newest or self._read_last(), self.state.at, self.state.n)
            self._vouched = ACCEPTED if self._takes_unsigned else self.signatures.signers

    def _check(self, data: bytes, at: str, number: int) -> None:
        """Check that an entry or a checkpoint is signed, where that is required. Raises RemoteUnsigned."""
        if self._takes_unsigned or not self.signatures.are_required:
            return
        try:
            self.signatures.check(data, at)
        except Untrusted as error:
            raise RemoteUnsigned(self.transport.url, number, str(error)) from error

    def _read(self, key: str) -> bytes:
        try:
            return self.transport.get(key, MOST_BYTES)
        except (KeyMissing, ValueError) as error:
            raise RemoteDamaged(self.transport.url, f"{key} cannot be read: it is missing, or too long") from error

    def _entry_bytes(self, number: int) -> bytes | None:
        """Return the bytes of an entry that was reported to exist, None where nothing can be read."""
        for _ in range(_TRIES):
            try:
                return self.transport.get(log_key(number), MOST_BYTES)
            except KeyMissing:
                continue
            except ValueError:
                break
        return None

    def _after_append(self) -> None:
        """Keep the new state, and leave a checkpoint now and then; a reader can do without.

        After what the user accepted without a signature, one is left in any case, for those who did not.
        """
        is_due = self.state.n % CHECKPOINT_ENTRIES == 0 or self._vouched == ACCEPTED
        self._vouched = self.signatures.signers
        with suppress(SnapError):  # the entry counts
            self.cache.write(self.state, self._vouched)
            if is_due:
                self.write_checkpoint()

    def write_checkpoint(self) -> None:
        """Create the checkpoint after the newest entry, unless there is one. Raises CannotSign."""
        try:
            self.transport.put_new(state_key(self.state.n), self.signatures.signed(self.state.encode(), self.state.at))
        except KeyExists:
            return

    def check_gone(self, gone: ObjectGone) -> None:
        """Read the log again, since a pack or an index was not there. Raises RemoteDamaged where it is still needed."""
        state = self.read()
        if gone.name in state.packs:
            raise RemoteDamaged(self.transport.url, f"pack {gone.name} is missing") from gone
        if gone.name in state.indexes():
            raise RemoteDamaged(self.transport.url, f"index {gone.name} is missing") from gone

    def _rewound(self, detail: str) -> RemoteRewound:
        return RemoteRewound(self.settings.name, self.transport.url, detail)
