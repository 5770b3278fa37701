"""Pages for a browser: the templates of templates/ as one file that runs no script and loads nothing.

Values from a database are hostile. Jinja2 escapes markup in everything a template prints, and `_finalize` escapes
non-printable characters. A template prints text with the filter `visible` to mark such escapes, and with `lines` to
keep line breaks and tabs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import groupby
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from snapstore import __version__
from snapstore.cli.figures import duration, interval, share
from snapstore.cli.output import size
from snapstore.results.text import counted, one_line
from snapstore.timestamps import now

SIGNS = {"added": "+", "removed": "\N{MINUS SIGN}", "changed": "~"}  # colour never carries the meaning alone

_BUFFERED = 1000  # pieces of output that are joined before they are written
_ESCAPE = Markup('<span class="escape">{}</span>')


def render(template: str, **context: object) -> Iterator[str]:
    """Yield the pieces of a page while its rows are drawn."""
    stream = _environment().get_template(template).stream(context)
    stream.enable_buffering(_BUFFERED)
    yield from stream


def visible(text: str, keep: str = "") -> str:
    """Return text with non-printable characters, except those to keep, as marked escapes."""
    if text.isprintable():
        return text
    runs = groupby(text, lambda char: char.isprintable() or char in keep)
    pieces = ((is_visible, "".join(chars)) for is_visible, chars in runs)
    return Markup().join(piece if is_visible else _ESCAPE.format(one_line(piece)) for is_visible, piece in pieces)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("snapstore.cli"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals.update(signs=SIGNS, version=__version__, now=now)
    environment.filters.update(
        counted=counted,
        duration=duration,
        interval=interval,
        lines=partial(visible, keep="\n\t"),
        share=share,
        size=size,
        thousands="{:,}".format,
        visible=visible,
    )
    return environment


def _finalize(value: Any) -> Any:
    """Escape non-printable characters wherever no filter did, such as in attributes and in the title."""
    if isinstance(value, str) and not (isinstance(value, Markup) or value.isprintable()):
        return one_line(value)
    return value
