"""Ordered maps over two threads, for work that releases the interpreter lock (read, hash, compress).

`concurrent.futures` does the same and imports `logging`, and every command pays for what it imports: so `threading`
is imported by those that start a thread.
"""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from queue import SimpleQueue
    from threading import Thread
    from typing import Any, TypeVar

    Item = TypeVar("Item")
    Result = TypeVar("Result")

THREADS = 2


class _Job:
    """One item on its way through a worker thread."""

    def __init__(self, item: Any) -> None:
        self.item = item
        self._done = allocate_lock()
        self._done.acquire()
        self._result: list[Any] = []
        self._error: BaseException | None = None

    def run(self, function: Callable[[Any], Any]) -> None:
        try:
            self._result.append(function(self.item))
        except BaseException as error:  # noqa: BLE001 - carried over to the thread that waits
            self._error = error
        finally:
            self._done.release()

    def wait(self) -> Any:
        with self._done:
            if self._error is not None:
                raise self._error
            return self._result[0]


def begin(function: Callable[[], Result]) -> Callable[[], Result]:
    """Run a function in another thread; return what waits for its result, or raises its error."""
    job = _Job(None)
    start_new_thread(job.run, (lambda _: function(),))
    return job.wait


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, ahead: int
) -> Generator[Result, None, None]:
    """Yield `function(item)` for each item in order; items are drawn in the calling thread.

    At most `ahead` of them are in flight: enough that the threads have work while the caller has other
    things to do, few enough to bound memory.
    """
    from queue import SimpleQueue
    from threading import Thread

    jobs: SimpleQueue[_Job | None] = SimpleQueue()

    def work() -> None:
        while (job := jobs.get()) is not None:
            job.run(function)

    threads = [Thread(target=work, daemon=True) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    try:
        yield from _in_order(items, jobs, ahead)
    finally:
        for _ in threads:
            jobs.put(None)
        for thread in threads:
            thread.join()


def shared_map(function: Callable[[int], Result], count: int) -> Generator[Result, None, None]:
    """Return `function(number)` for 0 to `count` - 1 in order, half of it done by the calling thread itself.

    Nothing is handed over and nobody waits, which suits many small pieces of work; results that come too early
    are kept, so they should be small. The other thread begins at once, the calling one when it draws the first.
    """
    from threading import Thread

    results: dict[int, Result] = {}
    errors: list[BaseException] = []
    numbers = iter(range(count))  # each number is drawn once, by whoever comes first

    def work() -> None:
        try:
            for number in numbers:
                results[number] = function(number)
        except BaseException as error:  # noqa: BLE001 - carried over to the calling thread
            errors.append(error)

    thread = Thread(target=work, daemon=True)
    thread.start()

    return _shared(function, numbers, count, results, errors, thread)


def _shared(
    function: Callable[[int], Result],
    numbers: Iterator[int],
    count: int,
    results: dict[int, Result],
    errors: list[BaseException],
    thread: Thread,
) -> Generator[Result, None, None]:
    wanted = 0
    try:
        for number in numbers:
            results[number] = function(number)
            while wanted in results:
                yield results.pop(wanted)
                wanted += 1
    finally:
        deque(numbers, maxlen=0)  # the other one begins nothing more
        thread.join()
    if errors:
        raise errors[0]
    for number in range(wanted, count):
        yield results.pop(number)


def _in_order(items: Iterable[Item], jobs: SimpleQueue[_Job | None], ahead: int) -> Generator[Result, None, None]:
    pending: deque[_Job] = deque()
    for item in items:
        pending.append(_Job(item))
        jobs.put(pending[-1])
        if len(pending) >= ahead:
            yield pending.popleft().wait()
    while pending:
        yield pending.popleft().wait()
