"""Arguments that a verb cannot have: exit code 2."""

from __future__ import annotations

from snapstore.errors.base import SnapError


class InvalidArgument(SnapError):
    """An argument of a verb has a value that the verb cannot use."""

    code = "usage"
    exit_code = 2

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"'{name}' {problem}")
        self.name = name
        self.problem = problem


class NothingNamed(SnapError):
    """A push or a pull was given no name, and the configuration has none either; `known` are the tags there are."""

    code = "usage"
    exit_code = 2

    def __init__(self, verb: str, known: tuple[str, ...]) -> None:
        super().__init__(f"name what to {verb}; the tags are {', '.join(known)}" if known else f"no tag to {verb}")
        self.verb = verb
        self.known = known
        self.hint = f"'snap {verb} --help' shows how; '{verb}:' at the remote in the configuration names the usual ones"
