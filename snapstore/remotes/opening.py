"""The transport of a remote: a folder, or object storage, which is loaded only then."""

from __future__ import annotations

from snapstore.errors import ConfigurationError
from snapstore.remotes.folder import FolderTransport
from snapstore.remotes.settings import RemoteSettings
from snapstore.remotes.transport import Transport


def open_transport(settings: RemoteSettings) -> Transport:
    """Return the transport of a remote. Raises ExtraMissing, CredentialsMissing, ConfigurationError."""
    if settings.is_folder:
        return FolderTransport(settings.url)
    raise ConfigurationError(f"cannot use '{settings.url}': only folders are supported")
