"""Calls that can be given up: obstore waits for a server in one call, and sees no Ctrl-C until that is over.

So another thread makes the call, and the caller waits for that thread. A thread that is given up ends with its call, or
with the process.
"""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


class CallsClosed(Exception):
    """The call was given up because its transport was closed."""


class Calls:
    """Threads that make calls for others: as many as there were calls at once."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[_Call[Any] | None] = SimpleQueue()
        self._pending: set[_Call[Any]] = set()
        self._threads = 0
        self._is_closed = False
        self._lock = Lock()

    def run(self, function: Callable[[], Result]) -> Result:
        """Return what a function returns. Raises what it raises; CallsClosed after, or during, `close`."""
        call = _Call(function)
        with self._lock:
            if self._is_closed:
                raise CallsClosed
            self._pending.add(call)
            needs_thread = len(self._pending) > self._threads
            self._threads += needs_thread
        if needs_thread:
            Thread(target=self._work, name="snapstore-remote", daemon=True).start()
        self._waiting.put(call)
        try:
            return call.result()
        finally:
            with self._lock:
                self._pending.discard(call)

    def close(self) -> None:
        """Give up all calls, and let the threads end."""
        with self._lock:
            self._is_closed = True
            pending = list(self._pending)
            for _ in range(self._threads):
                self._waiting.put(None)
        for call in pending:
            call.give_up()

    def _work(self) -> None:
        while call := self._waiting.get():
            call.make()
            del call  # with the pack that it has sent, while this waits for the next one


class _Call(Generic[Result]):
    def __init__(self, function: Callable[[], Result]) -> None:
        self._function = function
        self._is_over = Event()
        self._error: BaseException | None = None
        self._results: list[Result] = []

    def make(self) -> None:
        """Call the function, unless nobody waits any more."""
        if self._is_over.is_set():
            return
        try:
            self._results.append(self._function())
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread that waits
            self._error = error
        self._is_over.set()

    def give_up(self) -> None:
        """Let the caller go on without a result."""
        self._error = CallsClosed()
        self._is_over.set()

    def result(self) -> Result:
        self._is_over.wait()
        if self._results:
            return self._results[0]
        assert self._error is not None
        try:
            raise self._error
        finally:
            del self._error  # its traceback would keep this call
