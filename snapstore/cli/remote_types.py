"""Arguments that name a remote, or tags on one. A shell completes them with what is known here, without the network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

from snapstore.cli.context import Context
from snapstore.errors import SnapError

if TYPE_CHECKING:
    from snapstore.config.configuration import Configuration


class RemoteType(click.ParamType):  # type: ignore[type-arg]  # only newer releases of click make it generic
    """The name of a remote; a shell completes it with those of the configuration."""

    name = "remote"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the remotes that begin with what was typed, nothing where the configuration cannot be read."""
        return _offered(_remotes(ctx), incomplete)


class RemoteTagType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A tag on the remote that is the first of the words in the argument `words`, else on the default one."""

    name = "name"

    def __init__(self, words: str) -> None:
        self._words = words

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the tags that the remote had at the last contact; in the first place of the words, remotes too."""
        given = ctx.params.get(self._words) or ()
        names = _remotes(ctx) if param.name == self._words and not given else []
        return _offered([*names, *_remote_tags(ctx, given)], incomplete)


class PushedType(click.ParamType):  # type: ignore[type-arg]  # as above
    """A remote in the first place, or a tag of the store."""

    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer remotes and tags that begin with what was typed."""
        names = [] if ctx.params.get(param.name or "") else _remotes(ctx)
        with suppress(SnapError, OSError), ctx.ensure_object(Context).snapstore as snapstore:
            names += [name for tag in snapstore.tags() for name in tag.names]
        return _offered(names, incomplete)


def split_remote(configuration: Configuration, words: Sequence[str]) -> tuple[str | None, tuple[str, ...]]:
    """Return the remote and the names in `[REMOTE] [NAME]...`; None for the default one."""
    if words and words[0] in configuration.remotes:
        return words[0], tuple(words[1:])
    return None, tuple(words)


def _remotes(ctx: click.Context) -> list[str]:
    with suppress(SnapError, OSError):
        return list(ctx.ensure_object(Context).locations.configuration.remotes)
    return []


def _remote_tags(ctx: click.Context, given: Sequence[str]) -> list[str]:
    context = ctx.ensure_object(Context)
    with suppress(SnapError, OSError), context.snapstore as snapstore:
        remote, _ = split_remote(context.locations.configuration, given)
        return list(snapstore.known_tags(remote))
    return []


def _offered(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


REMOTE = RemoteType()
PUSHED = PushedType()
ON_PUSHED = RemoteTagType("revs")
PULLED = RemoteTagType("tags")
