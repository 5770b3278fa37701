"""The transport of a remote: a folder, or object storage, which is loaded only then."""

from __future__ import annotations

from collections.abc import Mapping

from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Transport


def open_transport(settings: RemoteSettings, environ: Mapping[str, str] | None = None) -> Transport:
    """Return the transport of a remote; `environ` has the credentials, by default this process's variables.

    Raises ExtraMissing, CredentialsMissing, ConfigurationError.
    """
    if settings.is_folder:
        return FolderTransport(settings.url)
    from snapstore.remotes.buckets import BucketTransport

    return BucketTransport(settings, environ)
