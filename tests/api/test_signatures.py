"""`Snapstore`, `Session` and the verbs they share have the same methods, with the same parameters and results."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Annotated, Any

import pytest

from snapstore import Session, Snapstore
from snapstore.api import verbs
from snapstore.api.verbs import METHODS, Verbs

VERBS = [name for name in vars(Verbs) if not name.startswith("_")]


def taken_for_verbs(one: Snapstore, other: Session) -> tuple[Verbs, Verbs]:
    """Have mypy prove that one can be taken for the other."""
    return one, other


def parameters(function: Callable[..., Any]) -> list[tuple[str, Any, Any, Any]]:
    """Return name, kind, type and default of each parameter, and the type of the result."""
    hints = typing.get_type_hints(function, vars(verbs))
    found = inspect.signature(function).parameters.values()
    each = [(one.name, one.kind, hints.get(one.name), one.default) for one in found]
    return [*each, ("return", None, hints["return"], None)]


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_takes_and_gives_the_same_in_this_process_and_in_a_child(name: str) -> None:
    wanted = parameters(getattr(Verbs, name))
    assert parameters(getattr(Snapstore, name)) == wanted
    assert parameters(getattr(Session, name)) == wanted


def test_both_begin_with_the_same_parameters() -> None:
    assert parameters(Snapstore.__init__) == parameters(Session.__init__)


@pytest.mark.parametrize("name", VERBS)
def test_a_verb_and_its_parameters_are_explained(name: str) -> None:
    verb = getattr(Verbs, name)
    assert inspect.getdoc(verb)
    assert inspect.getdoc(getattr(Snapstore, name))
    hints = typing.get_type_hints(verb, include_extras=True)
    for parameter in inspect.signature(verb).parameters:
        if parameter != "self":
            assert typing.get_origin(hints[parameter]) is Annotated, parameter
            assert hints[parameter].__metadata__[0], parameter


def test_the_names_of_the_methods_are_no_keywords_with_an_underscore() -> None:
    assert {name.rstrip("_") for name in VERBS} == set(METHODS)
    assert "import" in METHODS
