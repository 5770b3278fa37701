"""The ordered map: results in order, bounded in flight, and the calling thread takes part."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest

from snapstore.threads import in_background, ordered_map


def test_results_come_in_the_order_of_the_items() -> None:
    assert list(ordered_map(lambda n: n * n, range(1000), ahead=16)) == [n * n for n in range(1000)]
    assert list(ordered_map(str, [], ahead=1)) == []


@pytest.mark.parametrize("at_once", [2, 7, 1000, 5000])
def test_a_thread_is_given_several_at_once(at_once: int) -> None:
    found = list(ordered_map(lambda n: n * n, range(1000), ahead=16, at_once=at_once))
    assert found == [n * n for n in range(1000)]


def test_the_calling_thread_takes_its_share() -> None:
    both = threading.Barrier(2, timeout=10)

    def meet(number: int) -> int:
        if number < 2:
            both.wait()  # passes only where two threads are at work
        return threading.get_ident()

    threads = set(ordered_map(meet, range(100), ahead=8))
    assert len(threads) == 2
    assert threading.get_ident() in threads


def test_no_more_items_are_drawn_than_may_be_in_flight() -> None:
    drawn = count()

    def items() -> Iterator[int]:
        while True:
            yield next(drawn)

    with closing(ordered_map(lambda n: n, items(), ahead=5)) as results:
        for _ in range(10):
            next(results)
    assert next(drawn) == 14


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("number", [0, 1, 2, 50, 99])
def test_an_error_is_raised_at_its_place(number: int, at_once: int) -> None:
    def fail(n: int) -> int:
        if n == number:
            raise ValueError(n)
        return n

    found: list[int] = []
    with pytest.raises(ValueError, match=str(number)):
        found.extend(ordered_map(fail, range(100), ahead=8, at_once=at_once))
    assert found == list(range(number))


def test_closing_it_ends_the_other_thread() -> None:
    before = threading.active_count()
    with closing(ordered_map(lambda n: n, count(), ahead=8)) as results:
        assert next(results) == 0
    assert threading.active_count() == before


def test_a_function_in_the_background_gives_its_result_or_raises() -> None:
    assert in_background(threading.get_ident).result() != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        in_background(lambda: 1 // 0).result()
