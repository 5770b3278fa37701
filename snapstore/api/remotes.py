"""The verbs about which remotes there are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from snapstore.api.by_name import ByName
from snapstore.errors import ConfigurationError, RemoteUnsafe

if TYPE_CHECKING:
    from snapstore.remotes.cache import RemoteCache
    from snapstore.remotes.founding import Founded
    from snapstore.remotes.settings import RemoteSettings
    from snapstore.results.remotes import Fetched, Remote, RemoteAdded, RemoteRemoved, Remotes

_CLOCK_SECONDS = 60.0  # that a clock may be off without a word


class RemoteVerbs(ByName):
    """The part of `Snapstore` that lists, adds and removes remotes."""

    def remotes(self) -> Remotes:
        """List the remotes of the configuration, with what is known of them from the last contact."""
        from snapstore.results.remotes import Remotes

        return Remotes(tuple(map(self._listed_remote, self.locations.configuration.remotes.values())))

    def add_remote(
        self,
        name: str,
        url: str,
        *,
        endpoint: str | None = None,
        region: str | None = None,
        profile: str | None = None,
        allow_http: bool = False,
        unsafe_single_writer: bool = False,
        read_only: bool = False,
        project: str | None = None,
    ) -> RemoteAdded:
        """Add a remote to the configuration once it has answered; it is created where nothing is.

        Raises ConfigurationError, InvalidArgument, NotARemote, RemoteNotEmpty, OtherProject, RemoteUnsafe,
        RemoteUnreachable, RemoteRefused, CredentialsMissing, ExtraMissing.
        """
        from snapstore.config.editing import read
        from snapstore.config.new_remote import NewRemote
        from snapstore.results.remotes import RemoteAdded

        new = NewRemote(
            name,
            url,
            self.locations.path(""),
            endpoint=endpoint,
            region=region,
            profile=profile,
            allow_http=allow_http,
            unsafe_single_writer=unsafe_single_writer,
            read_only=read_only,
            project=project,
        )
        configuration, project_name = self.locations.configuration, self.locations.project_name
        settings = new.settings(configuration)
        document = new.added_to(read(self._file()), configuration, project_name)
        founded = self._founded(settings, project or project_name)
        is_safe = self._is_safe(settings)
        self._cache(name).forget()
        document.write()
        self.reread()
        return RemoteAdded(name, settings.url, founded.project, document.file, founded.created, is_safe, founded.tags)

    def remove_remote(self, name: str) -> RemoteRemoved:
        """Take a remote out of the configuration; nothing is deleted there. Raises NoRemote, ConfigurationError."""
        from snapstore.config.editing import read, without_remote
        from snapstore.results.remotes import RemoteRemoved

        file = self._file()
        self.locations.remote_settings(name)
        without_remote(read(file), name).write()
        self.reread()
        self._cache(name).forget()
        return RemoteRemoved(name, file)

    def accept_remote(self, name: str | None = None, *, unsigned: bool = False) -> Fetched:
        """Take a remote as it is now: its log, its project, and if `unsigned`, what none of its signers signed.

        Raises NoRemote, and what `fetch` raises but RemoteRewound and OtherProject.
        """
        from snapstore.actions.fetch import accept

        settings = self.locations.remote_settings(name)
        with self._log(self.books(create=True), settings) as log:
            return accept(log, unsigned=unsigned)

    def known_tags(self, name: str | None = None) -> tuple[str, ...]:
        """Return the names that a remote had at the last contact; nothing is asked for there. Raises NoRemote."""
        seen = self._cache(self.locations.remote_settings(name).name).read()
        return tuple(seen.state.refs) if seen else ()

    def _founded(self, settings: RemoteSettings, project: str) -> Founded:
        """Contact a remote that is new here; it is created where nothing is. Raises what `found` raises."""
        from contextlib import closing

        from snapstore.remotes.founding import found
        from snapstore.remotes.opening import open_transport

        with closing(open_transport(settings, self.locations.environ)) as transport:
            return found(transport, settings, project)

    def _is_safe(self, settings: RemoteSettings) -> bool | None:
        """Tell whether the server of a remote refuses to overwrite, None where that cannot be tried.

        Raises RemoteUnsafe where it does not, and the configuration does not take that.
        """
        from contextlib import closing

        from snapstore.remotes.opening import open_transport
        from snapstore.remotes.probe import probe

        if settings.read_only:
            return None
        bare = settings._replace(unsafe_single_writer=False)
        with closing(open_transport(bare, self.locations.environ)) as transport:
            found = probe(transport)
        if found.is_safe is False and not settings.unsafe_single_writer:
            raise RemoteUnsafe(settings.name, settings.url)
        if found.clock_offset_seconds is not None and abs(found.clock_offset_seconds) > _CLOCK_SECONDS:
            self._say(f"warning: the clock here is {found.clock_offset_seconds:+,.0f} s off from that of the server")
        return found.is_safe

    def _listed_remote(self, settings: RemoteSettings) -> Remote:
        from snapstore.results.remotes import Remote

        seen = self._cache(settings.name).read()
        return Remote(
            settings.name,
            settings.url,
            settings.name == self.locations.configuration.default_remote,
            settings.read_only,
            *((seen.project, seen.state.n, len(seen.state.refs), seen.fetched) if seen else ()),
        )

    def _cache(self, name: str) -> RemoteCache:
        from snapstore.remotes.cache import RemoteCache

        return RemoteCache(self.locations.project_store, name)

    def reread(self) -> None:
        """Read the configuration again when it is needed next."""
        for name in ("configuration", "project"):
            vars(self.locations).pop(name, None)

    def _file(self) -> str:
        """Return the configuration file that is edited. Raises ConfigurationError."""
        file = self.locations.config_path
        if file is None:
            error = ConfigurationError("there is no snapstore.yaml to add a remote to")
            error.hint = "'snap init' writes one"
            raise error
        return os.path.abspath(file)
