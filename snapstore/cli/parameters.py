"""Parameters that several commands have, with their shell completion."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

from snapstore.cli.options import Globals
from snapstore.cli.places import Places
from snapstore.errors import SnapError


class Revision(click.ParamType[str]):
    """A revision, completed with the names of the store."""

    name = "rev"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer tags that begin as typed; say nothing where there is no store."""
        from click.shell_completion import CompletionItem

        try:
            with Places(ctx.ensure_object(Globals)).open_store() as store:
                names = [ref.name for ref in store.refs.all()]
        except (SnapError, OSError):
            return []
        return [CompletionItem(name) for name in [*names, "latest", "HEAD"] if name.startswith(incomplete)]


REVISION = Revision()


def yes_option(function: Any) -> Any:
    """Add -y."""
    return click.option("-y", "--yes", is_flag=True, help="Do not ask.")(function)


def timeout_option(function: Any) -> Any:
    """Add --timeout."""
    text = "Wait this long for locks [default: 10, or 'timeout' of the configuration]."
    return click.option("--timeout", type=click.FloatRange(min=0), metavar="S", help=text)(function)
