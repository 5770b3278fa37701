"""Work on two threads, for calls that release the interpreter lock (read, hash, compress).

The calling thread is one of the two: while a result is missing it does some of the work itself. A third thread on
two processors would cost a scan more than it gains. `concurrent.futures` is imported with the first thread: it loads
`logging`, and a command on a small database starts none.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Item = TypeVar("Item")
Result = TypeVar("Result")

_OTHER_THREADS = 1


def in_background(function: Callable[[], Result]) -> Future[Result]:
    """Start a function in another thread."""
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(1)
    try:
        future = pool.submit(function)
    except RuntimeError:  # a limit on processes or memory allows no thread
        future = Future()
        _set(future, function)
    pool.shutdown(wait=False)
    return future


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int, at_once: int = 1
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item in order; the calling thread draws the items.

    At most `ahead` of them are in flight: enough that the other thread has work while the caller is busy
    elsewhere, few enough to bound memory. A thread is given `at_once` of them: several where handing over one
    would cost much beside the work.
    """
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(_OTHER_THREADS)
    in_flight = _InFlight[_Done[Result]]()
    left = iter(items)
    try:
        while some := list(islice(left, at_once)):
            in_flight.add(_Task(pool, partial(_each, function, some)))
            if len(in_flight) * at_once >= ahead:
                yield from in_flight.first_result().results()
        while in_flight:
            yield from in_flight.first_result().results()
    finally:
        pool.shutdown(cancel_futures=True)


class _Done(Generic[Result]):
    """The results of some items, up to the one that failed, if one did."""

    def __init__(self) -> None:
        self.found: list[Result] = []
        self.error: Exception | None = None

    def results(self) -> Iterator[Result]:
        """Yield them; then raise the error."""
        yield from self.found
        if self.error:
            raise self.error


def _each(function: Callable[[Item], Result], items: list[Item]) -> _Done[Result]:
    done = _Done[Result]()
    try:
        for item in items:
            done.found.append(function(item))
    except Exception as error:  # noqa: BLE001 - raised at its place
        done.error = error
    return done


class _Task(Generic[Result]):
    """A call that the other thread makes, unless the calling thread comes to it first."""

    def __init__(self, pool: ThreadPoolExecutor, call: Callable[[], Result]) -> None:
        self._call = call
        self._future = _submitted(pool, call)

    def is_done(self) -> bool:
        return self._future.done()

    def run_here(self) -> None:
        """Make the call in this thread, unless it was begun."""
        if self._future.cancel():
            self._future = type(self._future)()
            _set(self._future, self._call)

    def result(self) -> Result:
        return self._future.result()


class _InFlight(Generic[Result]):
    """The tasks whose results were not yielded yet, in order."""

    def __init__(self) -> None:
        self._tasks: deque[_Task[Result]] = deque()
        self._begun = 0  # tasks from the first one on that were begun for certain

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, task: _Task[Result]) -> None:
        self._tasks.append(task)

    def first_result(self) -> Result:
        """Remove the first task and return its result; until that is there, run later tasks."""
        first = self._tasks[0]
        while not first.is_done() and self._begun < len(self._tasks):
            self._tasks[self._begun].run_here()
            self._begun += 1
        self._begun = max(0, self._begun - 1)
        self._tasks.popleft()
        return first.result()


def _submitted(pool: ThreadPoolExecutor, call: Callable[[], Result]) -> Future[Result]:
    """Return the future of a call; where no thread can be started, one that the calling thread has to run."""
    try:
        return pool.submit(call)
    except RuntimeError:  # a limit on processes or memory
        from concurrent.futures import Future

        return Future()


def _set(future: Future[Result], call: Callable[[], Result]) -> None:
    try:
        future.set_result(call())
    except Exception as error:  # noqa: BLE001 - raised by `result`
        future.set_exception(error)
