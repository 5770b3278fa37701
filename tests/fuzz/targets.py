"""Every decoder of bytes that may be damaged, as a function of bytes: it returns, or raises what it says it raises."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import xxhash

from snapstore.actions.fsck import fsck
from snapstore.actions.rebuild import rebuild
from snapstore.config.keys import load
from snapstore.database import btree, header, record, wal
from snapstore.database.image import DamagedPage, Image
from snapstore.database.schema_reader import read_schema
from snapstore.errors import ConfigurationError, DatabaseCorrupt, SnapError
from snapstore.history.manifest import Manifest
from snapstore.history.reflog_file import parse_reflog
from snapstore.history.replay import replay
from snapstore.history.snapshot import Snapshot
from snapstore.objects import codec
from snapstore.objects.pack import ENTRY_BYTES, HEADER_BYTES, Entry, PackReader
from snapstore.objects.pack_check import salvage, structure_problem
from snapstore.store import Store
from tests.damage.here import run_here
from tests.database.damaged import make
from tests.fuzz.mutations import mutated
from tests.support import connect

ROOT = Path(__file__).parents[2]
_CHECKED = 44  # bytes of an entry that its checksum is of
_MOST_ENTRIES = 200

Target = Callable[[Random], None]
"""Makes an input from a random number generator and feeds it."""


class Corpus:
    """Whole files to begin from: a store, databases with a log, a configuration."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.work = folder / "work"
        self.work.mkdir()
        self.database = folder / "db.sqlite3"
        make(self.database, page_size=512, rows=60)
        self.store = folder / "store"
        places = ["--db", os.fspath(self.database), "--store", os.fspath(self.store)]
        for number in range(3):
            assert run_here(["tag", f"run-{number}", "-m", "text", *places]).code == 0
            with closing(connect(self.database)) as connection:
                connection.execute("UPDATE plain SET b = b || ? WHERE a = 3", (str(number),))
        assert run_here(["rename", "run-1", "middle", *places]).code == 0
        assert run_here(["restore", "run-0", *places]).code == 0
        self.packs = [path.read_bytes() for path in sorted(self.store.glob("packs/*.pack"))]
        self.reflog = (self.store / "reflog").read_bytes()
        self.image = self.database.read_bytes()
        self.wal = self._wal()
        self.configuration = (ROOT / "config.example.yaml").read_bytes()
        with Store.open(self.store) as store:
            rows = store.catalog.rows("SELECT id, kind FROM object")
            objects = [(kind, store.objects.read(id_)) for id_, kind in rows]
        self.manifests = [data for kind, data in objects if kind == 2]
        self.snapshots = [data for kind, data in objects if kind == 3]
        self.blocks = [data for kind, data in objects if kind == 1]

    def _wal(self) -> bytes:
        path = self.folder / "wal.sqlite3"
        with closing(connect(path)) as connection:
            connection.execute("PRAGMA journal_mode = wal")
            connection.execute("CREATE TABLE t(a)")
            connection.execute("INSERT INTO t VALUES (1)")
            return Path(f"{path}-wal").read_bytes()

    def targets(self) -> dict[str, Target]:
        """Return the targets by name."""
        names = [name for name in dir(self) if name.startswith("fuzz_")]
        return {name.removeprefix("fuzz_"): getattr(self, name) for name in names}

    def fuzz_pack(self, random: Random) -> None:
        """A pack is read from end to end, with checksums made right in half of the inputs."""
        data = bytearray(mutated(random.choice(self.packs), random, (b"SNAPPACK", b"SNAPEND\0", bytes(48))))
        if random.random() < 0.5:
            at = HEADER_BYTES
            fields = data[at : at + _CHECKED]
            data[at + _CHECKED : at + ENTRY_BYTES] = xxhash.xxh32_intdigest(bytes(fields)).to_bytes(4, "big")
        path = self.work / "fuzzed.pack"
        path.write_bytes(data)
        with closing(PackReader(os.fspath(path))) as reader:
            structure_problem(reader, len(data))
            with suppress(ValueError):
                reader.check()
            for entry in list(salvage(reader))[:_MOST_ENTRIES]:
                with suppress(ValueError):
                    codec.decompress(reader.frame(entry.offset, entry.stored_bytes), entry.object_bytes)

    def fuzz_entry(self, random: Random) -> None:
        pack = random.choice(self.packs)
        with suppress(ValueError):
            Entry.decode(mutated(pack[HEADER_BYTES : HEADER_BYTES + ENTRY_BYTES], random), 64)

    def fuzz_frame(self, random: Random) -> None:
        block = random.choice(self.blocks)[: random.choice((100, 2000, 65536))]
        prefix = random.choice((None, random.choice(self.blocks)))
        frame = mutated(codec.compress(block, prefix), random, (b"\x28\xb5\x2f\xfd",))
        size = random.choice((len(block), len(block), random.randrange(1 << 33)))
        with suppress(ValueError):
            codec.decompress(frame, size, prefix)

    def fuzz_manifest(self, random: Random) -> None:
        with suppress(ValueError):
            Manifest.decode(mutated(random.choice(self.manifests), random, (b"SNAPMANI",)))

    def fuzz_snapshot(self, random: Random) -> None:
        words = (b"null", b"[]", b"{}", b"1e999", b"-1", b'"', b"true", b"[" * 50, b'"databases":', b"\\ud800")
        with suppress(ValueError):
            Snapshot.decode(mutated(random.choice(self.snapshots), random, words))

    def fuzz_reflog(self, random: Random) -> None:
        """Lines are parsed and replayed, with checksums made right in half of the inputs."""
        words = (
            b"null",
            b"[]",
            b"\n",
            b"-1",
            b"1e999",
            b'"last": ',
            b'"entry": 1, ',
            b"[" * 50,
            b"99999999999999999999",
        )
        data = mutated(self.reflog, random, words)
        lines = data.splitlines(keepends=True)
        if random.random() < 0.5:
            lines = [_with_checksum(line) for line in lines]
        read = parse_reflog(lines)
        replay((read.entries[number] for number in sorted(read.entries)), lambda _: ("default",))

    def fuzz_header(self, random: Random) -> None:
        page = bytearray(mutated(self.image[:512], random, (header.MAGIC,)))
        with suppress(ValueError):
            decoded = header.Header.decode(bytes(page))
            if len(page) == 512:
                header.is_void(bytes(page), decoded, random.randrange(3))
        if len(page) == 512:
            with suppress(DatabaseCorrupt):
                Image("fuzzed", 512, 1, lambda _: bytes(page))

    def fuzz_wal(self, random: Random) -> None:
        path = self.work / "fuzzed"
        Path(wal.wal_path(os.fspath(path))).write_bytes(mutated(self.wal, random, (self.wal[:32], self.wal[32:56])))
        wal.pages_named(os.fspath(path))

    def fuzz_page(self, random: Random) -> None:
        """One page of an image is changed and read as every kind of page."""
        count = len(self.image) // 512
        changed = random.randrange(1, count + 1)
        page = mutated(self._page(changed), random)[:512].ljust(512, b"\0")
        with suppress(DatabaseCorrupt):
            image = Image("fuzzed", 512, count, lambda pgno: page if pgno == changed else self._page(pgno))
            for read in (btree.children, btree.table_cells, btree.index_cells, btree.chains):
                with suppress(DamagedPage):
                    for found in read(image, changed):
                        if isinstance(found, btree.Cell):
                            with suppress(ValueError):
                                record.decode(found.payload, image.encoding)

    def fuzz_record(self, random: Random) -> None:
        payload = mutated(b"\x07\x00\x01\x17\x0c\x07\x21" + b"\x05hello" + bytes(16), random)
        with suppress(ValueError):
            record.decode(payload, random.choice((record.UTF8, record.UTF16LE, record.UTF16BE)))

    def fuzz_schema(self, random: Random) -> None:
        """The schema on page 1 is read, by SQLite too."""
        page = bytearray(self.image[:512])
        page[100:] = mutated(bytes(page[100:]), random, (b"CREATE", b"TABLE", b"(", b"UNIQUE", b"WITHOUT ROWID"))[
            :412
        ].ljust(412, b"\0")
        with suppress(SnapError):
            image = Image("fuzzed", 512, len(self.image) // 512, lambda n: bytes(page) if n == 1 else self._page(n))
            read_schema(image)

    def fuzz_configuration(self, random: Random) -> None:
        words = (
            b": ",
            b"- ",
            b"&a ",
            b"*a",
            b"!!int ",
            b'"\\UFFFFFFFF"',
            b'"~\\ud800"',
            b"9" * 5000,
            b"~root/",
            b"|\n",
            b"{",
            b"[",
            b"\t",
            b"<<: ",
            b"~",
        )
        path = self.work / "snapstore.yaml"
        path.write_bytes(mutated(random.choice(self._sections()), random, words))
        with suppress(ConfigurationError):
            load(os.fspath(path))

    def fuzz_rebuild(self, random: Random) -> None:
        """A whole store is rebuilt and checked after one of its files was changed."""
        store = self.work / "store"
        shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(self.store, store)
        file = random.choice([path for path in sorted(store.rglob("*")) if path.is_file()])
        file.write_bytes(mutated(file.read_bytes(), random))
        with suppress(SnapError):
            fsck(os.fspath(store), full=False)
        with suppress(SnapError):
            rebuild(os.fspath(store))
            fsck(os.fspath(store))

    def _page(self, pgno: int) -> bytes:
        return self.image[(pgno - 1) * 512 : pgno * 512]

    def _sections(self) -> list[bytes]:
        """Return pieces of the example, since parsing all of it takes long."""
        uncommented = b"\n".join(line.removeprefix(b"# ") for line in self.configuration.splitlines())
        pieces = [piece for piece in (uncommented + b"\n\n" + self.configuration).split(b"\n\n") if piece]
        return pieces or [self.configuration]


def _with_checksum(line: bytes) -> bytes:
    text = line[17:].rstrip(b"\n")
    return xxhash.xxh3_64_hexdigest(text).encode() + b" " + text + b"\n"


def described(error: BaseException) -> Iterator[str]:
    """Yield what describes a failure: its class, where it was raised, its text."""
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    where = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
    yield f"{type(error).__name__} at {where}"
    yield json.dumps(str(error)[:200])
