"""The files beside the databases: exit code 14, nothing was changed."""

from __future__ import annotations

from snapstore.errors.refused import Refused


class WrongFiles(Refused):
    """The files of a snapshot were taken from another folder than the one they should be restored to."""

    code = "wrong-files"
    hint = "check 'files' in snapstore.yaml, or use --force to go ahead"

    def __init__(self, path: str, snapshot: str, origin: str) -> None:
        super().__init__(f"the files of snapshot '{snapshot}' were taken from another place: '{origin}', not '{path}'")
        self.path = path
        self.snapshot = snapshot
        self.origin = origin


class TreeRefused(Refused):
    """Something lies in a folder of `files` that must not become a part of a snapshot; `problem` says what it is."""

    code = "tree-refused"
    hint = "name a folder with the application's files alone, or leave it out with 'ignore'"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"'{path}' {problem}, and cannot be in a folder of 'files'")
        self.path = path
        self.problem = problem


class TreeTooLarge(Refused):
    """A folder of `files` has more in it than `limit`; `places` names what most of it is in."""

    code = "tree-too-large"
    hint = "leave out what can be made again with 'ignore', or allow more with 'most'"

    def __init__(self, path: str, limit: str, places: tuple[str, ...]) -> None:
        most = f"; most of it is in {', '.join(places)}" if places else ""
        super().__init__(f"'{path}' has more than {limit}{most}")
        self.path = path
        self.limit = limit
        self.places = places


class TreeNotConfigured(Refused):
    """An interrupted restore of files has to be finished, and the configuration does not say where they are."""

    code = "tree-not-configured"
    hint = "name them under 'files' again, or use the configuration that does"

    def __init__(self, name: str) -> None:
        super().__init__(f"an interrupted restore of the files '{name}' has to be finished, and nothing names them")
        self.name = name


class TreeInTheWay(Refused):
    """A folder cannot become what the snapshot has in its place: something is in it that is never touched."""

    code = "tree-in-the-way"
    hint = "move away what is in it; 'ignore' in snapstore.yaml says what is left alone"

    def __init__(self, path: str) -> None:
        super().__init__(f"'{path}' is no folder in the snapshot, and it holds files that are ignored or special")
        self.path = path
