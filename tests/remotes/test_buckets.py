"""Object storage: what goes wrong, in words, and what of it is tried again; with SeaweedFS behind a proxy."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from snapstore.errors import ConfigurationError, RemoteRefused, RemoteUnreachable
from snapstore.remotes.answers import answer_of
from snapstore.remotes.clients import Limits
from snapstore.remotes.credentials import StaticKeys
from snapstore.remotes.keys import log_key, pack_key
from snapstore.remotes.probe import probe
from snapstore.remotes.transport import KeyExists, KeyMissing, Transport
from tests.remotes.conftest import Bucket, variables
from tests.remotes.proxy import Fault, Proxy, proxy
from tests.remotes.servers import READER, WRITER, Server
from tests.support import ENVIRONMENT, raised

KEY = log_key(1)
FORMAT = b"snapstore-remote 1\nproject shop\n"
QUICK = Limits(connect=1, idle=1, retries=2)


@pytest.fixture
def between(seaweed: Server) -> Iterator[Proxy]:
    """Return a proxy before SeaweedFS."""
    with proxy(seaweed.endpoint, stall=4) as running:
        yield running


def put(transport: Transport) -> None:
    transport.put_new(KEY, b"data")


def listed(transport: Transport) -> list[str]:
    return [one.key for one in transport.list_after("log/")]


def test_a_key_that_may_only_read_is_told_which_right_is_missing(seaweed: Server, bucket: Bucket) -> None:
    put(bucket(seaweed.endpoint))
    reader = bucket(seaweed.endpoint, keys=READER)
    assert (reader.get(KEY, 4), listed(reader), reader.head(KEY).bytes) == (b"data", [KEY], 4)
    error = raised(RemoteRefused, 17, reader.put_new, log_key(2), b"data")
    assert error.message == (
        f"'{reader.url}' refused to create {log_key(2)}: the credentials do not allow it (HTTP status 403 AccessDenied)"
    )
    assert error.hint == "they need s3:PutObject for 'snapshots'"
    error = raised(RemoteRefused, 17, reader.delete, [KEY])
    assert (error.action, error.hint) == (f"delete {KEY}", "they need s3:DeleteObject for 'snapshots'")
    assert listed(reader) == [KEY]


def test_a_right_that_is_missing_is_named(between: Proxy, bucket: Bucket) -> None:
    between.plan = lambda _: Fault.FORBIDDEN
    transport = bucket(between.endpoint)
    for action, right in (
        (lambda: transport.get(KEY, 10), "s3:GetObject"),
        (lambda: transport.get_range(KEY, 0, 1), "s3:GetObject"),
        (lambda: listed(transport), "s3:ListBucket"),
        (lambda: put(transport), "s3:PutObject"),
    ):
        assert right in (raised(RemoteRefused, 17, action).hint or "")
    assert len(between.requests()) == 4  # it does not help to ask again


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (StaticKeys("nobody", "secret"), "the access key is not known there"),
        (StaticKeys(WRITER.access_key, "wrong-secret"), "the secret key is not that of the access key"),
    ],
)
def test_a_wrong_key_is_reported(seaweed: Server, bucket: Bucket, keys: StaticKeys, problem: str) -> None:
    transport = bucket(seaweed.endpoint, keys=keys)
    for action in (lambda: transport.get(KEY, 10), lambda: listed(transport), lambda: put(transport)):
        error = raised(RemoteRefused, 17, action)
        assert (error.problem, error.hint) == (problem, "check the credentials")
        assert keys.secret_key not in str(error.__cause__)
    with pytest.raises(RemoteRefused, match="403"):  # an answer without a body gives no reason
        transport.head(KEY)
    assert keys.secret_key not in repr(keys)


def test_a_bucket_that_is_not_there_is_named(seaweed: Server, bucket: Bucket) -> None:
    transport = bucket(seaweed.endpoint, bucket="snapshotz")
    for action in (lambda: transport.get(KEY, 10), lambda: listed(transport)):
        error = raised(RemoteRefused, 17, action)
        assert error.problem == "there is no bucket 'snapshotz'"


def test_a_bucket_elsewhere_is_reported_with_its_region(between: Proxy, bucket: Bucket) -> None:
    xml = b"<Error><Code>AuthorizationHeaderMalformed</Code><Region>eu-west-1</Region></Error>"
    between.answer = (400, xml, {"Content-Type": "application/xml"})
    error = raised(RemoteRefused, 17, listed, bucket(between.endpoint))
    assert error.problem == "bucket 'snapshots' is in 'eu-west-1'"
    assert error.hint == "set 'region' at the remote, or AWS_REGION"


def test_a_host_that_is_not_known_is_reported(bucket: Bucket) -> None:
    error = raised(RemoteUnreachable, 17, listed, bucket("https://no-such-host.invalid", limits=QUICK))
    assert error.problem == "its host is not known (no-such-host.invalid)"


def test_a_port_that_nobody_listens_on_is_reported(bucket: Bucket) -> None:
    with closing(socket.socket()) as taken:  # bound, so that nobody else has it, and not listening
        taken.bind(("127.0.0.1", 0))
        transport = bucket(f"http://127.0.0.1:{taken.getsockname()[1]}", limits=QUICK)
        for action in (lambda: transport.get(KEY, 10), lambda: listed(transport), lambda: put(transport)):
            error = raised(RemoteUnreachable, 17, action)
            assert error.problem == f"nothing listens there (127.0.0.1:{taken.getsockname()[1]})"


def test_a_server_without_tls_is_reported(seaweed: Server, bucket: Bucket) -> None:
    transport = bucket(seaweed.endpoint.replace("http:", "https:"), limits=QUICK)
    error = raised(RemoteUnreachable, 17, listed, transport)
    assert error.problem.startswith(("it does not speak TLS there", "it closed the connection"))


def test_a_server_that_does_not_answer_is_given_up(between: Proxy, bucket: Bucket) -> None:
    between.plan = lambda _: Fault.STALL
    error = raised(RemoteUnreachable, 17, bucket(between.endpoint, limits=QUICK).get, KEY, 10)
    assert error.problem == f"no answer in time ({between.endpoint.removeprefix('http://')})"


@pytest.mark.parametrize(("hours", "words"), [(1, "1 h ahead"), (-3, "3 h behind")])
@pytest.mark.parametrize("named", ["by the error", "by the header", "by nothing"])
def test_a_clock_that_is_off_is_reported(between: Proxy, bucket: Bucket, named: str, hours: int, words: str) -> None:
    server_time = datetime.now(UTC) - timedelta(hours=hours)
    inside = f"<ServerTime>{server_time.strftime('%Y-%m-%dT%H:%M:%SZ')}</ServerTime>" if named == "by the error" else ""
    xml = f"<Error><Code>RequestTimeTooSkewed</Code>{inside}</Error>".encode()
    date = {"Date": server_time.strftime("%a, %d %b %Y %H:%M:%S GMT")} if named == "by the header" else {}
    between.answer = (403, xml, date)
    error = raised(RemoteRefused, 17, listed, bucket(between.endpoint))
    assert error.problem == f"the clock of this machine is {'too far off' if named == 'by nothing' else words}"
    assert error.hint == "set the clock, and switch its synchronization on"


def test_rclone_is_found_to_be_unsafe(careless: Server, bucket: Bucket) -> None:
    bucket(careless.endpoint, unsafe_single_writer=True).put_new("format", FORMAT)
    found = probe(bucket(careless.endpoint))
    assert (found.can_list, found.can_create, found.is_safe) == (True, True, False)
    assert bucket(careless.endpoint).get("format", 100) == FORMAT


def test_a_single_writer_overwrites_nothing_where_conditions_are_ignored(careless: Server, bucket: Bucket) -> None:
    transport = bucket(careless.endpoint, unsafe_single_writer=True)
    transport.put_new(KEY, b"first")
    with pytest.raises(KeyExists):
        transport.put_new(KEY, b"second")
    assert transport.get(KEY, 10) == b"first"
    assert listed(transport) == [KEY]


def test_the_probe_finds_a_key_that_may_only_read(seaweed: Server, bucket: Bucket) -> None:
    bucket(seaweed.endpoint).put_new("format", FORMAT)
    assert probe(bucket(seaweed.endpoint, keys=READER))[:4] == (True, True, False, None)


def test_the_probe_finds_a_key_that_may_not_list(between: Proxy, bucket: Bucket) -> None:
    bucket(between.endpoint).put_new("format", FORMAT)
    between.plan = lambda request: Fault.FORBIDDEN if request.is_list else None
    assert probe(bucket(between.endpoint))[:4] == (True, False, True, True)


def test_the_probe_finds_the_time(between: Proxy, bucket: Bucket) -> None:
    bucket(between.endpoint).put_new("format", FORMAT)
    offset = probe(bucket(between.endpoint)).clock_offset_seconds
    assert offset is not None
    assert abs(offset) < 60
    with pytest.raises(KeyMissing):
        probe(bucket(between.endpoint, prefix="nothing-here"))


PASSING = [
    Fault.TOO_MANY,
    Fault.INTERNAL,
    Fault.BAD_GATEWAY,
    Fault.SLOW_DOWN,
    Fault.ANSWER_LOST,
    Fault.ANSWER_500,
    Fault.RESET,
    Fault.STALL,
    Fault.CUT,
    Fault.BODY_STALLS,
]


@pytest.mark.parametrize("fault", PASSING, ids=lambda fault: fault.name)
def test_what_passes_is_tried_again(between: Proxy, bucket: Bucket, fault: Fault, tmp_path: Path) -> None:
    data = random.Random(1).randbytes(3 << 20)
    direct = bucket(f"http://127.0.0.1:{between.upstream[1]}")
    direct.put_new(pack_key("0" * 64), data)
    between.plan = lambda request: fault if request.number == 1 else None
    transport = bucket(between.endpoint, limits=QUICK)
    try:
        put(transport)
    except KeyExists:  # the first try was done, and its answer was lost
        assert fault in (Fault.ANSWER_LOST, Fault.ANSWER_500)
    assert direct.get(KEY, 10) == b"data"
    assert transport.get(KEY, 10) == b"data"
    assert transport.get_range(pack_key("0" * 64), 5, 100) == data[5:105]
    assert listed(transport) == [KEY]
    assert transport.head(KEY).bytes == 4
    between.clear()  # so that the first one fails again
    with (tmp_path / "pack").open("wb") as file:
        transport.download(pack_key("0" * 64), file.fileno(), len(data), lambda _: None)
    assert (tmp_path / "pack").read_bytes() == data
    assert any(one.fault is fault for one in between.requests("GET"))


@pytest.mark.parametrize("fault", [Fault.CONFLICT, Fault.FLIPPED_SENT], ids=lambda fault: fault.name)
def test_a_create_that_did_not_count_is_made_again(between: Proxy, bucket: Bucket, fault: Fault) -> None:
    between.plan = lambda request: fault if (request.method, request.number) == ("PUT", 1) else None
    put(bucket(between.endpoint))
    assert bucket(between.endpoint).get(KEY, 10) == b"data"


def test_a_small_object_that_was_damaged_on_its_way_is_read_again(between: Proxy, bucket: Bucket) -> None:
    transport = bucket(between.endpoint)
    put(transport)
    between.plan = lambda request: Fault.FLIPPED if request.method == "GET" and request.number < 3 else None
    assert transport.get(KEY, 10) == b"data"
    assert [one.fault for one in between.requests("GET")] == [Fault.FLIPPED, Fault.FLIPPED, None]


def test_an_object_whose_checksum_is_another_thing_is_read_thrice_once(between: Proxy, bucket: Bucket) -> None:
    transport = bucket(between.endpoint)
    between.answer = (200, b"data", {"ETag": f'"{"0" * 32}"', "Last-Modified": "Mon, 30 Nov 2026 15:00:00 GMT"})
    assert [transport.get(KEY, 10) for _ in range(3)] == [b"data"] * 3
    assert len(between.requests("GET")) == 5


def test_a_conflict_with_one_that_won_is_one_that_exists(between: Proxy, bucket: Bucket) -> None:
    bucket(f"http://127.0.0.1:{between.upstream[1]}").put_new(KEY, b"another")
    between.plan = lambda request: Fault.CONFLICT if request.method == "PUT" else None
    with pytest.raises(KeyExists):
        put(bucket(between.endpoint))


def test_a_conflict_that_does_not_end_is_reported(between: Proxy, bucket: Bucket) -> None:
    between.plan = lambda request: Fault.CONFLICT if request.method == "PUT" else None
    error = raised(RemoteRefused, 17, put, bucket(between.endpoint))
    assert error.problem == "HTTP status 409 ConditionalRequestConflict"
    assert listed(bucket(between.endpoint)) == []


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        (Fault.SLOW_DOWN, "too many requests (HTTP status 503 SlowDown), also after pauses"),
        (Fault.TOO_MANY, "too many requests (HTTP status 429 TooManyRequests), also after pauses"),
        (Fault.INTERNAL, "it failed (HTTP status 500 InternalError), also when tried again"),
    ],
)
def test_a_server_that_keeps_failing_is_reported(
    between: Proxy, bucket: Bucket, fault: Fault, problem: str, tmp_path: Path
) -> None:
    between.plan = lambda _: fault
    transport = bucket(between.endpoint, limits=QUICK)
    for action in (lambda: transport.get(KEY, 10), lambda: listed(transport), lambda: put(transport)):
        assert raised(RemoteRefused, 17, action).problem == problem
    assert transport.traffic.requests == len(between.requests()) == 9  # each was tried three times, and that shows


def test_a_connection_that_always_breaks_is_reported(between: Proxy, bucket: Bucket) -> None:
    between.plan = lambda _: Fault.RESET
    transport = bucket(between.endpoint, limits=QUICK)
    for action in (lambda: transport.get(KEY, 10), lambda: listed(transport), lambda: put(transport)):
        assert raised(RemoteUnreachable, 17, action).problem.startswith("it closed the connection (127.0.0.1:")


def test_a_body_that_never_ends_is_given_up(between: Proxy, bucket: Bucket, tmp_path: Path) -> None:
    bucket(between.endpoint).put_new(KEY, bytes(3 << 20))
    between.plan = lambda _: Fault.BODY_STALLS
    transport = bucket(between.endpoint, limits=QUICK)
    with (tmp_path / "pack").open("wb") as file, pytest.raises(RemoteUnreachable):
        transport.download(KEY, file.fileno(), 3 << 20, lambda _: None)


def test_a_download_that_is_too_slow_is_given_up(seaweed: Server, bucket: Bucket, tmp_path: Path) -> None:
    bucket(seaweed.endpoint).put_new(KEY, bytes(8 << 20))
    transport = bucket(seaweed.endpoint, limits=Limits(idle=0.2, slowest=1 << 40))
    with (tmp_path / "pack").open("wb") as file, pytest.raises(RemoteUnreachable, match="too slow"):
        transport.download(KEY, file.fileno(), 8 << 20, lambda _: time.sleep(0.1))


def test_what_waits_ends_when_the_transport_is_closed(between: Proxy, bucket: Bucket) -> None:
    between.plan = lambda _: Fault.STALL
    between.stall = 60
    transport = bucket(between.endpoint)
    errors: list[RemoteUnreachable] = []

    def wait() -> None:
        try:
            transport.get(KEY, 10)
        except RemoteUnreachable as error:
            errors.append(error)

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(between.requests()) < 3:
        time.sleep(0.01)
    transport.close()
    for thread in threads:
        thread.join(5)
    assert [error.problem for error in errors] == ["it was given up"] * 3
    assert raised(RemoteUnreachable, 17, transport.get, KEY, 10).problem == "it was given up"


def test_an_interrupt_ends_a_request_that_nobody_answers(between: Proxy) -> None:
    between.plan = lambda _: Fault.STALL
    between.stall = 60
    program = """
        import sys
        from snapstore.remotes.opening import open_transport
        from snapstore.remotes.settings import RemoteSettings
        transport = open_transport(RemoteSettings("origin", "s3://snapshots/x", endpoint=sys.argv[1], region="auto"))
        try:
            transport.get("log/1", 10)
        except KeyboardInterrupt:
            print("interrupted")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), between.endpoint],
        env={**ENVIRONMENT, **variables()},
        stdout=subprocess.PIPE,
        text=True,
    )
    while not between.requests():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10)[0] == "interrupted\n"  # its own limit is 30 s, and more with retries
    assert process.returncode == 0


HIDDEN = """
import sys
sys.modules["obstore"] = None
from snapstore.errors import ExtraMissing
from snapstore.remotes.opening import open_transport
from snapstore.remotes.settings import RemoteSettings
try:
    open_transport(RemoteSettings("origin", "s3://team/shop"))
except ExtraMissing as error:
    print(error.exit_code, error.message, error.hint, sep="|")
"""


@pytest.mark.parametrize("keys", [variables(), {}], ids=["with keys", "without keys"])
def test_without_the_extra_it_is_said_how_to_install_it(keys: dict[str, str]) -> None:
    out = subprocess.run(
        [sys.executable, "-c", HIDDEN],
        env={**ENVIRONMENT, **keys},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert out == (
        "13|cannot use 's3://team/shop': the package 'obstore' is not installed|pip install 'snapstore[remote]'\n"
    )


def test_a_folder_loads_nothing_of_object_storage(tmp_path: Path) -> None:
    program = f"""
        import sys
        from snapstore.remotes.opening import open_transport
        from snapstore.remotes.settings import RemoteSettings
        open_transport(RemoteSettings("origin", {str(tmp_path)!r}))
        print(sorted(name for name in sys.modules if "obstore" in name or "buckets" in name))
    """
    out = subprocess.check_output([sys.executable, "-c", textwrap.dedent(program)], text=True, env=ENVIRONMENT)
    assert out == "[]\n"


MEMORY = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from snapstore.remotes.keys import pack_key
from snapstore.remotes.opening import open_transport
from snapstore.remotes.settings import RemoteSettings
transport = open_transport(RemoteSettings("origin", sys.argv[1], endpoint=sys.argv[2], region="auto"))
def up(number):
    transport.put_new(pack_key(f"{number:064x}"), os.urandom(16 << 20))
def down(number):
    with open(f"{sys.argv[3]}/{number}", "wb") as file:
        transport.download(pack_key(f"{number:064x}"), file.fileno(), 16 << 20, lambda _: None)
with ThreadPoolExecutor(3) as pool:
    list(pool.map(up, range(12)))
with ThreadPoolExecutor(8) as pool:
    list(pool.map(down, range(12)))
with open("/proc/self/status") as lines:  # getrusage(2) counts the parent, too, before the program
    print(next(line.split()[1] for line in lines if line.startswith("VmHWM:")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc")
def test_packs_are_sent_and_received_in_bounded_memory(seaweed: Server, bucket: Bucket, tmp_path: Path) -> None:
    url = bucket(seaweed.endpoint).url
    out = subprocess.check_output(
        [sys.executable, "-c", MEMORY, url, seaweed.endpoint, tmp_path], text=True, env={**ENVIRONMENT, **variables()}
    )
    assert int(out) < 150 << 10  # KiB


def test_http_is_for_this_machine_alone(bucket: Bucket) -> None:
    error = raised(ConfigurationError, 13, bucket, "http://storage.example.org")
    assert error.message == "endpoint 'http://storage.example.org' must begin with https://"
    assert error.hint == "'allow_http: true' at the remote 'origin' permits http, which everybody can read"
    bucket("http://storage.example.org", allow_http=True)
    for local in ("http://localhost:9000", "http://127.0.0.7:9000", "http://[::1]:9000"):
        bucket(local)


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("DeleteObjects request failed for key pre/log/1: Access Denied. (code: AccessDenied)", 403, "AccessDenied"),
        ("Bulk delete request failed for key pre/log/1: The specified blob does not exist. (code: 404)", 404, ""),
        ("Server returned non-2xx status code: 503 Service Unavailable: <Code>SlowDown</Code>", 503, "SlowDown"),
        ("HTTP error: error sending request", None, ""),
    ],
)
def test_answers_are_read_from_what_obstore_says(text: str, status: int | None, code: str) -> None:
    """Words of obstore for S3, and for Azure, of which no server is at hand."""
    found = answer_of(OSError(text))
    assert (found.status, found.code) == (status, code)
