"""How pushes, fetches and pulls look: a line for each name that moved, as git prints them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from snapstore.cli.output import size, table
from snapstore.cli.paint import style
from snapstore.ids import short
from snapstore.results.remotes import Fetched, Pulled, Pushed, RefMove
from snapstore.results.text import counted, one_line, unlike_text

_NEW, _DELETED, _REJECTED = "* [new]", "- [deleted]", "! [rejected]"


def pushed_lines(pushed: Pushed) -> Iterator[str]:
    """Yield the lines of a push."""
    if pushed.up_to_date:
        yield f"{pushed.remote} has it all already"
        return
    yield f"to {one_line(pushed.url)}"
    yield from _moves((one, one.local or one.name, one.name) for one in pushed.refs)
    done = "would send at most" if pushed.dry_run else "sent"
    if pushed.objects:
        yield _amount(done, pushed.packs, pushed.objects, pushed.bytes, pushed.requests, pushed.seconds)


def fetched_lines(fetched: Fetched) -> Iterator[str]:
    """Yield the lines of a fetch."""
    if not fetched.refs:
        yield f"nothing new on {fetched.remote}"
        return
    yield f"from {one_line(fetched.url)}"
    yield from _moves((one, one.name, f"{fetched.remote}/{one.name}") for one in fetched.refs)


def pulled_lines(pulled: Pulled) -> Iterator[str]:
    """Yield the lines of a pull."""
    if pulled.up_to_date:
        yield f"all that was asked for on {pulled.remote} is here already"
    else:
        yield f"from {one_line(pulled.url)}"
        yield from _moves((one, f"{pulled.remote}/{one.name}", one.local or one.name) for one in pulled.refs)
        if pulled.objects:
            yield _amount("received", pulled.packs, pulled.objects, pulled.bytes, pulled.requests, pulled.seconds)
    for one in pulled.unlike:
        yield style(f"note: {unlike_text(one)}", fg="yellow")


def _moves(moves: Iterable[tuple[RefMove, str, str]]) -> list[str]:
    return table([_move(move, source, target) for move, source, target in moves])


def _move(move: RefMove, source: str, target: str) -> tuple[str, str]:
    if move.to is None:
        return f"  {style(_DELETED, fg='red')}", target
    arrow = f"{source} -> {target}"
    if move.rejected:
        return f"  {style(_REJECTED, fg='red')}", f"{arrow} ({one_line(move.rejected)})"
    if move.from_ is None:
        return f"  {style(_NEW, fg='green')}", arrow
    return f"    {style(f'{short(move.from_)}..{short(move.to)}', fg='yellow')}", arrow


def _amount(done: str, packs: int, objects: int, count: int, requests: int, seconds: float) -> str:
    in_packs = f" in {counted(packs, 'pack')}" if packs else ""
    figures = f"{size(count)}, {counted(requests, 'request')} ({seconds:.2f} s)"
    return f"{done} {counted(objects, 'object')}{in_packs}: {figures}"
