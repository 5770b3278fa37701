"""Why a request to object storage failed, in words: from the text of obstore's errors, which has the answer."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from http import HTTPStatus
from typing import NamedTuple

from snapstore.errors import RemoteRefused, RemoteUnreachable, SnapError
from snapstore.remotes.places import AZURE, GOOGLE, S3, Place

READ, LIST, CREATE, DELETE = RIGHTS = ("read", "list", "create", "delete")
_RIGHTS = {
    S3: dict(zip(RIGHTS, ("s3:GetObject", "s3:ListBucket", "s3:PutObject", "s3:DeleteObject"), strict=True)),
    GOOGLE: dict(zip(RIGHTS, (f"storage.objects.{verb}" for verb in ("get", "list", "create", "delete")), strict=True)),
    AZURE: dict(zip(RIGHTS, (f"a SAS with '{letter}'" for letter in "rlcd"), strict=True)),
}
"""The names of rights, as the rules of a bucket have them."""
NO_BUCKET = {"NoSuchBucket", "ContainerNotFound"}
_WRONG_KEY = {
    "InvalidAccessKeyId": "the access key is not known there",
    "SignatureDoesNotMatch": "the secret key is not that of the access key",
    "AuthenticationFailed": "the account key or the token is wrong",
    "NoAuthenticationInformation": "it needs credentials",
    "AuthenticationRequired": "it needs credentials",
    "InvalidToken": "the session token is not valid",
    "ExpiredToken": "the session token has expired",
    "TokenRefreshRequired": "the session token has expired",
    "InvalidSecurity": "the credentials are not valid",
}
_SKEWED = {"RequestTimeTooSkewed", "RequestExpired"}
_OTHER_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
_NETWORK = (
    ("dns error", "its host is not known", "check the URL, the endpoint and the network"),
    ("ConnectionRefused", "nothing listens there", "check the endpoint and its port"),
    ("NetworkUnreachable", "the network is unreachable", "check the network"),
    ("HostUnreachable", "the host is unreachable", "check the network"),
    ("InvalidCertificate", "its certificate is not trusted", "AWS_CA_BUNDLE names a file with more certificates"),
    ("invalid peer certificate", "its certificate is not trusted", "AWS_CA_BUNDLE names a file with more certificates"),
    ("InvalidContentType", "it does not speak TLS there", "check the port, or whether the endpoint is one of http"),
    ("kind: Timeout", "no answer in time", "check the network; a firewall may drop what is sent"),
    ("TimedOut", "no answer in time", "check the network; a firewall may drop what is sent"),
    ("169.254.169.254", "no credentials from the metadata of the instance", "set the variables of the provider"),
    ("ConnectionReset", "it closed the connection", None),
    ("IncompleteMessage", "it closed the connection", None),
    ("ConnectionClosed", "it closed the connection", None),
    ("UnexpectedEof", "it closed the connection", None),
    ("BrokenPipe", "it closed the connection", None),
)
"""What obstore's text has where there is no answer; the first that fits."""


_MANGLED = {"BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest", "IncompleteBody", "RequestTimeout"}
"""What arrived is not what was sent."""


MAY_EXIST = (HTTPStatus.NOT_MODIFIED, HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED)
"""What a create is answered with where there is an object, or another create is under way."""
_WITHOUT_RANGES = "source: NotPartial"
_PAST_THE_END = "Wanted range starting at"
"""What obstore says where a range begins past the end, and the server sent something else than an error."""


class Answer(NamedTuple):
    """What a server answered: the HTTP status, None without any; the error's code, and what else its body names.

    `retries` counts how often obstore has tried again.
    """

    status: int | None
    code: str
    region: str | None
    clock_offset: float | None
    """Seconds by which this machine's clock is ahead."""
    retries: int


def answer_of(error: BaseException) -> Answer:
    """Return what the text of an error of obstore has of the server's answer."""
    text = str(error)
    status = _found(r"status(?: code)?: (\d{3})", text) or _found(r"\(code: (\d{3})\)", text)
    code = _found(r"<Code>(\w+)</Code>", text) or _found(r"\(code: ([A-Z]\w+)\)", text) or ""
    if not status and code == "AccessDenied":  # of one of many in a request
        status = "403"
    if not status and _PAST_THE_END in text:
        status = "416"
    return Answer(
        int(status) if status else None,
        code,
        _found(r"<Region>([\w-]+)</Region>", text),
        _offset(_found(r"<ServerTime>([\w:.+-]+)</ServerTime>", text)),
        int(_found(r"after (\d+) retries", text) or 0),
    )


def may_pass(error: BaseException) -> bool:
    """Return whether to try again what obstore has not tried again: a connection that broke off, or a conflict."""
    answer = answer_of(error)
    if answer.status is None:
        return not answer.retries and not any(mark in str(error) for mark in ("kind: Connect,", _WITHOUT_RANGES))
    return answer.status in MAY_EXIST or answer.code in _MANGLED


def may_be_the_clock(answer: Answer) -> bool:
    """Return whether a refusal may be due to the clock, and does not say by how much that is off."""
    if answer.code in _SKEWED:
        return answer.clock_offset is None
    return answer.status in (400, 401, 403) and answer.code in ("", "SignatureDoesNotMatch", "AuthenticationFailed")


def in_words(error: BaseException, url: str, place: Place, right: str, key: str, offset: float | None) -> SnapError:
    """Return what to raise for an error; `offset` is by how many seconds the clock here is ahead, if that is known."""
    answer = answer_of(error)
    if _WITHOUT_RANGES in str(error):
        return RemoteRefused(url, f"{right} {key}", "it does not know ranges of bytes", "use another server")
    if answer.status is None or answer.status in (408, 504):
        return RemoteUnreachable(url, *_network(str(error)))
    offset = answer.clock_offset if answer.clock_offset is not None else offset
    action = f"{right} {key}".rstrip()
    return RemoteRefused(url, action, *_refusal(answer, place, right, offset))


def _refusal(answer: Answer, place: Place, right: str, offset: float | None) -> tuple[str, str | None]:
    """Return the problem and the hint for an answer."""
    if answer.code in _SKEWED or (answer.status in (401, 403) and abs(offset or 0) > MOST_OFFSET):
        return _clock(offset), "set the clock, and switch its synchronization on"
    if answer.code in NO_BUCKET:
        return f"there is no bucket '{place.bucket}'", "check its name, and the endpoint"
    if answer.code in _OTHER_REGION or answer.status == HTTPStatus.MOVED_PERMANENTLY:
        where = f"'{answer.region}'" if answer.region else "another region"
        return f"bucket '{place.bucket}' is in {where}", "set 'region' at the remote, or AWS_REGION"
    if problem := _WRONG_KEY.get(answer.code):
        return problem, "check the credentials"
    if answer.status in (401, 403):
        return _denied(answer, place, right)
    if answer.status in (429, 503):
        return f"too many requests ({_named(answer)}), also after pauses", "try again later"
    if answer.status is not None and answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"it failed ({_named(answer)}), also when tried again", "try again later"
    return _named(answer), None


MOST_OFFSET = 300
"""Seconds: further off, Azure and GCS already refuse; S3 does from 900."""


def _denied(answer: Answer, place: Place, right: str) -> tuple[str, str | None]:
    needed = _RIGHTS[place.scheme]
    hint = f"they need {needed[right]} for '{place.bucket}'"
    if place.scheme == S3 and right == READ:
        hint += f"; without {needed[LIST]}, an object that is missing looks the same"
    return f"the credentials do not allow it ({_named(answer)})", hint


def _clock(offset: float | None) -> str:
    if offset is None:
        return "the clock of this machine is too far off"
    direction = "ahead" if offset > 0 else "behind"
    return f"the clock of this machine is {_duration(abs(offset))} {direction}"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "h" and seconds >= size):
            return f"{seconds / size:.1f} {unit}".replace(".0 ", " ")
    return f"{seconds:.0f} s"


def _named(answer: Answer) -> str:
    return " ".join(filter(None, (f"HTTP status {answer.status}", answer.code)))


def _network(text: str) -> tuple[str, str | None]:
    host = _found(r"\bhttps?://([^/\s]+)/", text)
    for mark, problem, hint in _NETWORK:
        if mark in text:
            return f"{problem} ({host})" if host else problem, hint
    return _without_addresses(text), None


def _without_addresses(text: str) -> str:
    """Return the last part of the first line: tokens can stand in the addresses before it."""
    return re.sub(r"\S+://\S+", "...", text.splitlines()[0].rpartition(" - ")[2]).strip() or "no answer"


def _offset(server_time: str | None) -> float | None:
    if server_time is None:
        return None
    try:
        then = datetime.fromisoformat(server_time)
    except ValueError:
        return None
    return (datetime.now(UTC) - then).total_seconds() if then.tzinfo else None


def _found(pattern: str, text: str) -> str | None:
    found = re.search(pattern, text)
    return found[1] if found else None
