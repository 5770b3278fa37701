"""A remote that somebody adds by a command: checked, and as the configuration is to have it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from snapstore.config.configuration import Configuration
from snapstore.config.editing import DEFAULT, PROJECT, Document, as_options, with_remote
from snapstore.config.remote_urls import read_endpoint, read_url
from snapstore.config.remotes import OF_OBJECT_STORAGE, name_problem, project_problem
from snapstore.errors import ConfigurationError, InvalidArgument
from snapstore.remotes.settings import RemoteSettings


@dataclass(frozen=True)
class NewRemote:
    """What was given; a relative path is relative to `folder`. `project` is the one that it has to be of."""

    name: str
    url: str
    folder: str
    endpoint: str | None = None
    region: str | None = None
    profile: str | None = None
    allow_http: bool = False
    unsafe_single_writer: bool = False
    read_only: bool = False
    project: str | None = None
    pull: tuple[str, ...] = ()

    def settings(self, configuration: Configuration) -> RemoteSettings:
        """Return it as a remote of a configuration. Raises ConfigurationError, InvalidArgument."""
        if self.name in configuration.remotes:
            error = ConfigurationError(f"there is a remote '{self.name}' already")
            error.hint = f"'snap remote rm {self.name}' removes it; or choose another name"
            raise error
        if problem := name_problem(self.name, configuration.remotes):
            raise InvalidArgument("name", f"is invalid: {problem}")
        url = self._url()
        self._check_project(configuration.project_name)
        if "://" not in url:
            self._refuse_for_folder()
        return RemoteSettings(
            self.name,
            url,
            project=self.project or configuration.project_name,
            endpoint=self._endpoint(),
            region=self.region,
            profile=self.profile,
            allow_http=self.allow_http,
            unsafe_single_writer=self.unsafe_single_writer,
            read_only=self.read_only,
        )

    def added_to(self, document: Document, configuration: Configuration, project_name: str) -> Document:
        """Return the text of a configuration with it. Raises ConfigurationError.

        One that was the only remote stays the default. A project that is called so anyway need not be named.
        """
        options = as_options(
            url=self._url_in(document.file, self._url()),
            endpoint=self._endpoint(),
            region=self.region,
            profile=self.profile,
            allow_http=self.allow_http,
            unsafe_single_writer=self.unsafe_single_writer,
            read_only=self.read_only,
            pull=self.pull,
        )
        default = configuration.default_remote if configuration.remote is None else None
        project = self.project if self.project not in (None, project_name) else None
        return with_remote(document, self.name, options, as_options(**{DEFAULT: default, PROJECT: project}))

    def _url(self) -> str:
        try:
            return read_url(self.url, self.folder)
        except ValueError as error:
            raise InvalidArgument("url", str(error)) from error

    def _endpoint(self) -> str | None:
        if self.endpoint is None:
            return None
        try:
            return read_endpoint(self.endpoint, allow_http=self.allow_http)
        except ValueError as error:
            raise InvalidArgument("endpoint", str(error)) from error

    def _check_project(self, configured: str | None) -> None:
        if self.project is None:
            return
        if problem := project_problem(self.project):
            raise InvalidArgument("project", f"is invalid: {problem}")
        if configured not in (None, self.project):
            raise InvalidArgument("project", f"is '{configured}' in the configuration")

    def _refuse_for_folder(self) -> None:
        for key in OF_OBJECT_STORAGE:
            if getattr(self, key):
                raise InvalidArgument(key, "belongs to object storage, not to a folder")

    def _url_in(self, file: str, url: str) -> str:
        """Return the URL for the file: a path that was given relative stays so, but to the folder of the file."""
        if "://" in self.url or self.url.startswith("~"):
            return url if "://" in self.url else self.url
        if os.path.isabs(self.url):
            return url
        return os.path.relpath(url, os.path.dirname(os.path.abspath(file)))
