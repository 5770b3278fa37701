"""One pack, downloaded as a whole to a folder of the store; its name is the digest of its bytes, and is checked."""

from __future__ import annotations

import os
from contextlib import closing, suppress

from snapstore.errors import RemoteDamaged
from snapstore.files import create_temporary, reached, remove_if_there, sync_folder, translated
from snapstore.objects.pack import PackReader, pack_path
from snapstore.remotes.keys import pack_key
from snapstore.remotes.transport import KeyMissing, ObjectGone, Transport


def download_pack(transport: Transport, folder: str, name: str, size: int, adopted: str | None) -> None:
    """Download a pack of `size` bytes, unless an earlier pull did, which may have moved it to the folder `adopted`.

    What does not match the name is downloaded once more: it may have been damaged on its way.

    Raises ObjectGone, RemoteDamaged, DiskFull, FileError and what requests raise.
    """
    path = pack_path(folder, name)
    if _is_complete(path) or (adopted and _linked(pack_path(adopted, name), path)):
        return
    try:
        _download(transport, folder, name, size)
    except RemoteDamaged:
        _download(transport, folder, name, size)


def _download(transport: Transport, folder: str, name: str, size: int) -> None:
    path = pack_path(folder, name)
    with translated(folder):
        fd, temporary = create_temporary(path)
        try:
            _receive(transport, name, fd, size)
            os.fsync(fd)
            _check(transport, name, temporary)
            os.rename(temporary, path)
        except BaseException:
            with suppress(OSError):
                remove_if_there(temporary)
            raise
        finally:
            os.close(fd)
        sync_folder(folder)
    reached("pack-downloaded")


def _is_complete(path: str) -> bool:
    try:
        with closing(PackReader(path)) as reader:
            reader.check()
    except (OSError, ValueError):
        with suppress(OSError):
            os.unlink(path)
        return False
    return True


def _linked(source: str, path: str) -> bool:
    """Give a pack of the store a second name, as long as no prune takes the first; return whether it is whole."""
    try:
        os.link(source, path, follow_symlinks=False)
    except OSError:
        return False
    return _is_complete(path)


def _receive(transport: Transport, name: str, fd: int, size: int) -> None:
    try:
        transport.download(pack_key(name), fd, size, _ignored)
    except KeyMissing as error:
        raise ObjectGone(name) from error
    except ValueError as error:
        raise RemoteDamaged(transport.url, f"pack {name}: {error}") from error


def _check(transport: Transport, name: str, path: str) -> None:
    with closing(PackReader(path)) as reader:
        try:
            found = reader.digest()
        except ValueError as error:
            raise RemoteDamaged(transport.url, f"pack {name}: {error}") from error
    if found != name:
        raise RemoteDamaged(transport.url, f"pack {name}: contents do not match its name")


def _ignored(_bytes: int) -> None:
    """Packs are counted as a whole."""
