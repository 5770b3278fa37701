"""Colours: click gives text its style where somebody may see it; elsewhere it is not even imported."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_ESCAPE = "\x1b"


class _Look:
    """Whether anybody sees styles in this process."""

    is_seen = True


def show(*, seen: bool) -> None:
    """Say whether styles will be seen."""
    _Look.is_seen = seen


def style(text: str, **how: Any) -> str:
    """Return text in a style, as `click.style` has it."""
    if not _Look.is_seen:
        return text
    import click

    return click.style(text, **how)


def unstyle(text: str) -> str:
    """Return text without any style."""
    if _ESCAPE not in text:
        return text
    import click

    return click.unstyle(text)
