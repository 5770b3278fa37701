"""The messages of a session: JSON-RPC 2.0 (jsonrpc.org/specification), one request or response a line of UTF-8.

Pure: bytes to requests, results and errors to bytes. methods.py has the methods. Batches are not supported.
"""

from __future__ import annotations

import json
import math
import signal
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from snapstore.errors import SnapError

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
FAILED = -32000  # a verb raised an error, which `data` describes
INTERRUPT = signal.SIGUSR1  # ends the query of the request that is under way
LONGEST_LINE = 16 << 20  # bytes: no sensible request comes near it
_VERSION = "2.0"
_KEYS = {"jsonrpc", "id", "method", "params"}


class Fault(Exception):
    """A request that cannot be done as it is, or whose verb failed; `data` is for programs."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class Request(NamedTuple):
    """A call; a notification has no response. `fault` says why this cannot be a request."""

    id: str | int | float | None
    method: str
    params: Mapping[str, Any] | list[Any]
    wants_response: bool = True
    fault: Fault | None = None


def read_request(line: bytes) -> Request:
    """Read a line; what is wrong with it is the `fault` of the request."""
    try:
        document = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        problem = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        return _faulty(PARSE_ERROR, f"not JSON: {problem}")
    return _request(document)


def too_long() -> Request:
    """Return what is read of a line that is longer than any may be."""
    return _faulty(PARSE_ERROR, f"a line is longer than {LONGEST_LINE} bytes")


def response_of(request: Request, result: Any) -> dict[str, Any]:
    """Return the response to a request that was done."""
    return {"jsonrpc": _VERSION, "id": request.id, "result": result}


def fault_of(request: Request, fault: Fault) -> dict[str, Any]:
    """Return the response to a request that was not done."""
    error = {"code": fault.code, "message": fault.message}
    if fault.data is not None:
        error["data"] = fault.data
    return {"jsonrpc": _VERSION, "id": request.id, "error": error}


def failure(error: SnapError) -> Fault:
    """Return the response for an error, with the fields from which the client rebuilds it."""
    fields = {name: getattr(error, name) for name in error.fields()}
    data = {"code": error.code, "exit_code": error.exit_code, "hint": error.hint, "fields": fields}
    return Fault(FAILED, str(error), data)


def encode(document: Any) -> bytes:
    """Return one line; characters past ASCII are escaped, so that nothing in it can end the line."""
    # No document contains itself, and looking for that takes a sixth of the time.
    return json.dumps(document, separators=(",", ":"), allow_nan=False, check_circular=False).encode("ascii") + b"\n"


def call(id_: int, method: str, params: Mapping[str, Any]) -> bytes:
    """Return the line of a request."""
    return encode({"jsonrpc": _VERSION, "id": id_, "method": method, "params": params})


def _request(document: Any) -> Request:
    if not isinstance(document, dict):
        return _faulty(INVALID_REQUEST, "a request must be an object")
    id_ = document.get("id")
    if not _is_id(id_):
        return _faulty(INVALID_REQUEST, "'id' must be a string, a finite number or null")
    problem = _problem(document)
    if problem:
        return _faulty(INVALID_REQUEST, problem, id_)
    return Request(id_, document["method"], document.get("params", {}), "id" in document)


def _is_id(value: Any) -> bool:
    """Tell whether a value may be an id; 1e400 is a number of JSON's that Python reads as an infinity."""
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, (str, int)) and not isinstance(value, bool))


def _problem(document: dict[str, Any]) -> str:
    """Return what keeps an object from being a request, or nothing."""
    if document.get("jsonrpc") != _VERSION:
        return "'jsonrpc' must be \"2.0\""
    if not isinstance(document.get("method"), str):
        return "'method' must be a string"
    if not isinstance(document.get("params", {}), (dict, list)):
        return "'params' must be an object or a list"
    unknown = sorted(set(document) - _KEYS)
    return f"a request has no member '{unknown[0]}'" if unknown else ""


def _faulty(code: int, message: str, id_: str | float | None = None) -> Request:
    return Request(id_, "", {}, fault=Fault(code, message))


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number in JSON")
