"""Pages for a browser: one file without scripts or anything from elsewhere, and the parts that every page shares.

The looks are in page.css. How a value of a row is written is in `value` and `change`; everything that
comes from a database goes through `text`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from html import escape
from importlib import resources
from itertools import groupby

from snapstore import __version__
from snapstore.cli.output import counted
from snapstore.cli.values import escaped, shown
from snapstore.database.record import Value
from snapstore.timestamps import now

SIGNS = {"added": "+", "removed": "\N{MINUS SIGN}", "changed": "~"}  # colour is never the only carrier
PICTURE = "picture"  # the class of a column of drawings
BECAME = '<span class="to" role="img" aria-label="became">→</span>'

_LONGEST = 90  # characters of a text in a cell, and twice the bytes of a blob
_WHOLE = 20_000  # characters of a text that a cell unfolds to
_LEAD = 24  # characters shown before the place where two long texts begin to differ
_MOST_WORDS = 4000  # past it, comparing two statements word by word takes long
_WORDS = re.compile(r"\w+|\s+|.", re.DOTALL)
_LIKE_ANOTHER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?inf|null|x?'.*|", re.IGNORECASE | re.DOTALL)
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"  # no script runs, whatever a value contains


def document(title: str, body: Iterable[str], *styles: str) -> Iterator[str]:
    """Yield a whole page around its body; the title is plain text, `styles` are more files of looks beside page.css."""
    looks = "".join(resources.files(__package__).joinpath(name).read_text("utf-8") for name in ("page.css", *styles))
    yield f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="generator" content="snapstore {text(__version__)}">
<title>{text(title)}</title>
<style>
{looks}</style>
</head>
<body>
<main id="top">
"""
    yield from body
    yield f"</main>\n<footer>Made by snapstore {text(__version__)} at {time(now())}</footer>\n</body>\n</html>\n"


def text(plain: str, keep: str = "") -> str:
    """Return text as HTML; what is no visible character is written as an escape, but for those to keep."""
    if plain.isprintable():
        return escape(plain)
    return "".join(
        escape("".join(chars)) if is_visible else f'<span class="escape">{escaped("".join(chars))[1:-1]}</span>'
        for is_visible, chars in groupby(plain, lambda char: char.isprintable() or char in keep)
    )


def heading(level: int, id_: str, html: str, beside: str = "") -> str:
    """Return the heading of a section, with something beside it and a way back to the page's top."""
    title = f'<h{level} id="{id_}">{html}</h{level}>'
    return f'<div class="heading">{title}{beside}<a href="#top">Summary</a></div>\n'


def code(plain: str) -> str:
    """Return a name or an id as HTML."""
    return f"<code>{text(plain)}</code>"


def sign(change: str) -> str:
    """Return the sign of a kind of change."""
    return f'<span role="img" aria-label="{change}">{SIGNS[change]}</span>'


def bar(amounts: Mapping[str, int], longest: int) -> str:
    """Return amounts by class as a bar whose full length stands for `longest`; it adds no word to the numbers."""
    shares = ((kind, 100 * amount / longest) for kind, amount in amounts.items() if amount)
    parts = "".join(f'<i class="{kind}" style="width:{share:.2f}%"></i>' for kind, share in shares)
    return f'<span class="bar" aria-hidden="true">{parts}</span>'


def chips(amounts: Mapping[str, int]) -> str:
    """Return amounts by kind of change, each on its colour."""
    return "".join(
        f'<span class="chip {kind}">{_said(kind, amount)}</span>' for kind, amount in amounts.items() if amount
    )


def filters(amounts: Mapping[str, int]) -> str:
    """Return chips that show and hide the rows of a page that have their kind as class."""
    boxes = "".join(
        f'<label class="chip {kind}"><input type="checkbox" id="show-{kind}" checked>{_said(kind, amount)}</label>'
        for kind, amount in amounts.items()
        if amount
    )
    return f'<fieldset class="chips">{unseen("Rows to show", "legend")}{boxes}</fieldset>\n'


def scrolled(table: Iterable[str], label: str, kind: str = "") -> Iterator[str]:
    """Yield a table in a box that scrolls, so that the page itself does not; `label` is the id of its heading."""
    yield f'<div class="box {kind}" tabindex="0" role="region" aria-labelledby="{label}">\n<table>\n'
    yield from table
    yield "</table>\n</div>\n"


def listing(
    id_: str, title: str, head: Sequence[tuple[str, str]], groups: Iterable[tuple[str, Sequence[Sequence[str]]]]
) -> Iterator[str]:
    """Yield a table of rows that share a name; `head` has a class and a title for each column, the name's first.

    A narrow page shows the cells of a row below each other, and says each one's title from `data-title`.
    """

    def parts() -> Iterator[str]:
        yield unseen(title, "caption")
        cells = "".join(f'<th scope="col"{_class(kind)}>{name}</th>' for kind, name in head)
        yield f"<thead><tr>{cells}</tr></thead>\n<tbody>\n"
        for name, rows in groups:
            span = f' rowspan="{len(rows)}"' if len(rows) > 1 else ""
            names = [f'<th scope="rowgroup"{span}>{name}</th>' if span else f'<th scope="row">{name}</th>']
            for row in rows:
                yield f"<tr>{''.join(names)}{''.join(map(_cell, head[1:], row))}</tr>\n"
                names.clear()
        yield "</tbody>\n"

    return scrolled(parts(), id_, "listing")


def unseen(html: str, tag: str = "span") -> str:
    """Return what only a screen reader says."""
    return f'<{tag} class="unseen">{html}</{tag}>'


def value(of: Value, start: int = 0) -> str:
    """Return a value as HTML; a long one shows what is at `start`, a long text unfolds."""
    if of is None:
        return '<span class="null">NULL</span>'
    if isinstance(of, bytes):
        return _blob(of, start)
    if not isinstance(of, str):
        return repr(of)
    if len(of) > _LONGEST:
        return _long_text(of, start)
    return f"'{text(of)}'" if _LIKE_ANOTHER.fullmatch(of) or of != of.strip() else text(of)


def change(old: Value, new: Value) -> str:
    """Return a value that changed as HTML; of long ones the place where they begin to differ."""
    start = 0
    if (isinstance(old, str) and isinstance(new, str)) or (isinstance(old, bytes) and isinstance(new, bytes)):
        start = _first_difference(old, new)
    return f"<del>{value(old, start)}</del> {BECAME} <ins>{value(new, start)}</ins>"


def marked(old: str, new: str) -> tuple[str, str]:
    """Return two statements as HTML with the words marked that only one of them has."""
    sides = _WORDS.findall(old), _WORDS.findall(new)
    if sum(map(len, sides)) > _MOST_WORDS:
        return text(old, "\n\t"), text(new, "\n\t")
    pieces: tuple[list[str], list[str]] = ([], [])
    for kind, *places in SequenceMatcher(None, *sides, autojunk=False).get_opcodes():
        for tag, words, found, start, end in zip(("del", "ins"), sides, pieces, places[::2], places[1::2], strict=True):
            piece = text("".join(words[start:end]), "\n\t")
            found.append(f"<{tag}>{piece}</{tag}>" if piece and kind != "equal" else piece)
    return "".join(pieces[0]), "".join(pieces[1])


def time(moment: str) -> str:
    """Return a time of ours as HTML."""
    return f'<time datetime="{moment}">{moment[:10]} {moment[11:19]} UTC</time>'


def _cell(column: tuple[str, str], html: str) -> str:
    kind, title = column
    said = "" if kind == PICTURE else f' data-title="{title}"'
    return f"<td{_class(kind)}{said}>{html}</td>"


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _said(kind: str, amount: int) -> str:
    return f'<span><span aria-hidden="true">{SIGNS[kind]}</span> {amount:,} {kind}</span>'


def _long_text(of: str, start: int) -> str:
    begin = start - _LEAD if start > _LONGEST - _LEAD else 0
    piece = text(of[begin : begin + _LONGEST])
    before, after = "…" if begin else "", "…" if begin + _LONGEST < len(of) else ""
    size = f"<small>{counted(len(of), 'character')}</small>"
    rest = f"\n<small>… {counted(len(of) - _WHOLE, 'more character')}</small>" if len(of) > _WHOLE else ""
    whole = text(of[:_WHOLE], "\n\t") + rest
    return f"<details><summary>{before}{piece}{after} {size}</summary><pre>\n{whole}</pre></details>"


def _blob(of: bytes, start: int) -> str:
    """Return the first bytes of a blob and its size, or those at `start` where it differs further behind."""
    if start < _LONGEST // 4:
        return f'<span class="blob">{shown(of, _LONGEST // 2)}</span>'
    piece = of[start : start + _LONGEST // 8].hex()
    return f"<span class=\"blob\">x'…{piece}…' (from byte {start:,} of {len(of):,})</span>"


def _first_difference(old: str | bytes, new: str | bytes) -> int:
    """Return how many characters or bytes two values begin with alike."""
    low, high = 0, min(len(old), len(new))
    while low < high:
        middle = (low + high + 1) // 2
        if old[low:middle] == new[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
