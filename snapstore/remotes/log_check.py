"""The check of a whole log: the chain of its entries, from the first one or a checkpoint, and all checkpoints."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

from snapstore.remotes.entry import MOST_BYTES, LogEntry, hash_of
from snapstore.remotes.keys import LOG, STATE, log_key, number_of, state_key
from snapstore.remotes.parallel import in_order
from snapstore.remotes.state import RemoteState
from snapstore.remotes.transport import KeyMissing, Transport
from snapstore.results.remotes import LOG_FLAW

CHECKPOINT_FLAW = "checkpoint"
_AT_ONCE = 8


class LogCheck(NamedTuple):
    """What a check found: flaws, as what and detail; how many entries were read; the newest state they lead to."""

    flaws: tuple[tuple[str, str], ...]
    entries: int
    state: RemoteState


def check_log(transport: Transport, project: str, seen: RemoteState | None = None) -> LogCheck:
    """Check the log of a project, also against a state of it that was seen before. Raises what requests raise."""
    return _Check(transport, project, seen).run()


class _Check:
    def __init__(self, transport: Transport, project: str, seen: RemoteState | None) -> None:
        self._transport = transport
        self._seen = seen
        self._flaws: list[tuple[str, str]] = []
        self._entries = self._numbers(LOG)
        self._checkpoints = self._numbers(STATE)
        self._project = project
        self._state = RemoteState(project=project)

    def run(self) -> LogCheck:
        """Follow the entries; where one is missing or damaged, go on at the next checkpoint."""
        if self._entries and self._entries[0] != 1:
            self._begin_at_checkpoint(self._entries[0], "the first entries of the log are gone")
        read = in_order(partial(_read, self._transport), map(log_key, self._entries), self._transport, at_once=_AT_ONCE)
        for number, data in zip(self._entries, read, strict=True):
            if number > self._state.n:
                self._follow(number, data)
            elif number == self._state.n and (data is None or hash_of(data) != self._state.digest):
                self._flaws.append((LOG_FLAW, f"entry {number} is not that of the checkpoint after it"))
        newest = max(self._entries, default=0)
        if self._seen and self._seen.n > newest:
            self._flaws.append((LOG_FLAW, f"entry {self._seen.n}, which this store has seen, is gone"))
        for number in self._checkpoints:
            if number > newest:
                self._flaws.append((CHECKPOINT_FLAW, f"a checkpoint is after entry {number}, which does not exist"))
        return LogCheck(tuple(self._flaws), len(self._entries), self._state)

    def _follow(self, number: int, data: bytes | None) -> None:
        problem = "cannot be read" if data is None else self._apply(data)
        if problem:
            self._flaws.append((LOG_FLAW, f"entry {number} {problem}"))
            self._begin_at_checkpoint(number, None)
            return
        if self._seen and self._seen.n == number and self._seen.digest != self._state.digest:
            self._flaws.append((LOG_FLAW, f"entry {number} is another one than this store has seen"))
        if number in self._checkpoints:
            found = self._checkpoint(number)
            if found and found.encode() != self._state.encode():
                self._flaws.append((CHECKPOINT_FLAW, f"the checkpoint after entry {number} is another state"))

    def _apply(self, data: bytes) -> str | None:
        try:
            self._state.apply(LogEntry.decode(data), data)
        except ValueError as error:
            return str(error)
        return None

    def _begin_at_checkpoint(self, first: int, problem: str | None) -> None:
        """Go on with the first checkpoint from an entry on that can be read, if there is one."""
        for number in self._checkpoints:
            if number >= first and (found := self._checkpoint(number)):
                self._state = found
                return
        if problem:
            self._flaws.append((LOG_FLAW, f"{problem}, and no checkpoint stands for them"))

    def _checkpoint(self, number: int) -> RemoteState | None:
        data = _read(self._transport, state_key(number))
        try:
            if data is None:
                raise ValueError("cannot be read")
            found = RemoteState.decode(data)
            if found.n != number or found.project != self._project:
                raise ValueError(f"is of entry {found.n} of project '{found.project}'")
        except ValueError as error:
            flaw = (CHECKPOINT_FLAW, f"the checkpoint after entry {number} {error}")
            if flaw not in self._flaws:
                self._flaws.append(flaw)
            return None
        return found

    def _numbers(self, prefix: str) -> list[int]:
        return sorted(number for one in self._transport.list_after(prefix) if (number := number_of(one.key)))


def _read(transport: Transport, key: str) -> bytes | None:
    try:
        return transport.get(key, MOST_BYTES)
    except (KeyMissing, ValueError):
        return None
