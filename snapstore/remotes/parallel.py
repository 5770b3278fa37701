"""Requests in several threads, to hide their latency: a few at once, and their results in order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from snapstore.remotes.transport import Transport

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], transport: Transport, *, at_once: int
) -> Iterator[Result]:
    """Yield `function(item)` for each item, in order; the items are drawn as they are needed.

    At most `at_once` calls, or results that were not taken yet, are there at a time. After an error no call is begun,
    and those that were begun end. An interrupt closes the transport, so that none of them waits for its server.
    """
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                del item  # a pack, while the next one is made
                if len(pending) >= at_once:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except (KeyboardInterrupt, SystemExit):
            transport.close()
            raise
        finally:
            for one in pending:
                one.cancel()
