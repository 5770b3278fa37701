"""The messages of a session: JSON-RPC 2.0 (jsonrpc.org/specification), one message or batch a line of UTF-8.

Pure: bytes to requests, results and errors to bytes. What the methods are is said in methods.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from snapstore.errors import SnapError
from snapstore.records import Record, annotated

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
FAILED = -32000  # what a method raised; `data` says which error it is
LONGEST_LINE = 16 << 20  # bytes: no request of ours comes near it
_VERSION = "2.0"
_KEYS = {"jsonrpc", "id", "method", "params"}


class Fault(Exception):
    """A request that cannot be done as it is, or whose method failed; `data` is for programs."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Request(Record):
    """A call; `wants_answer` is false for a notification. `fault` says why it cannot be one."""

    id: str | int | float | None
    method: str
    params: Mapping[str, Any] | list[Any]
    wants_answer: bool = True
    fault: Fault | None = None


class Message(Record):
    """The requests of one line."""

    requests: list[Request]
    is_batch: bool


def read_message(line: bytes) -> Message:
    """Read a line; what is wrong with it is the `fault` of a request."""
    try:
        document = json.loads(line.decode("utf-8"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        return Message([_faulty(PARSE_ERROR, f"not JSON: {_said(error)}")], is_batch=False)
    if isinstance(document, list) and document:
        return Message([_request(one) for one in document], is_batch=True)
    return Message([_request(document)], is_batch=False)


def too_long() -> Message:
    """Return what is read of a line that is longer than any may be."""
    return Message([_faulty(PARSE_ERROR, f"a line is longer than {LONGEST_LINE} bytes")], is_batch=False)


def result_of(request: Request, result: Any) -> dict[str, Any]:
    """Return the answer to a request that was done."""
    return {"jsonrpc": _VERSION, "id": request.id, "result": result}


def fault_of(request: Request, fault: Fault) -> dict[str, Any]:
    """Return the answer to a request that was not."""
    error = {"code": fault.code, "message": fault.message}
    if fault.data is not None:
        error["data"] = fault.data
    return {"jsonrpc": _VERSION, "id": request.id, "error": error}


def failure(error: SnapError, hint: str | None) -> Fault:
    """Return an error of ours as an answer, with the fields it can be made of again."""
    fields = {name: getattr(error, name) for name in annotated(type(error))}
    data = {"code": error.code, "exit_code": error.exit_code, "hint": hint, "fields": fields}
    return Fault(FAILED, str(error), data)


def encode(document: Any) -> bytes:
    """Return one line; characters past ASCII are escaped, so that nothing in it can end the line."""
    return json.dumps(document, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def call(id_: int, method: str, params: Mapping[str, Any]) -> bytes:
    """Return the line of a request."""
    return encode({"jsonrpc": _VERSION, "id": id_, "method": method, "params": params})


def _request(document: Any) -> Request:
    if not isinstance(document, dict):
        return _faulty(INVALID_REQUEST, "a request is an object")
    id_ = document.get("id")
    if isinstance(id_, bool) or not isinstance(id_, (str, int, float, type(None))):
        return _faulty(INVALID_REQUEST, "'id' is a string, a number or null")
    problem = _problem(document)
    if problem:
        return _faulty(INVALID_REQUEST, problem, id_)
    return Request(id_, document["method"], document.get("params", {}), "id" in document)


def _problem(document: dict[str, Any]) -> str:
    """Return what keeps an object from being a request, or nothing."""
    if document.get("jsonrpc") != _VERSION:
        return "'jsonrpc' has to be \"2.0\""
    if not isinstance(document.get("method"), str):
        return "'method' has to be a string"
    if not isinstance(document.get("params", {}), (dict, list)):
        return "'params' has to be an object or a list"
    unknown = sorted(set(document) - _KEYS)
    return f"a request has no member '{unknown[0]}'" if unknown else ""


def _faulty(code: int, message: str, id_: str | float | None = None) -> Request:
    return Request(id_, "", {}, fault=Fault(code, message))


def _said(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON's")


Handler = Callable[[Request], Any]
"""Does a request; raises Fault."""
