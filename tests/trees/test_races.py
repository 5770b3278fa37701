"""A writer creates, grows, renames and unlinks while states are taken, verified and restored.

No command fails but with an error that names a file, nothing outside is touched, and every content that a snapshot has
is one that the file had. TREE_RACE_SECONDS makes it longer.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from snapstore.errors import FileError, FilesChanging, NothingToUndo
from tests.trees.mtree import mtree
from tests.trees.site import Site

SECONDS = float(os.environ.get("TREE_RACE_SECONDS", "3"))

WRITER = """
import os, random, shutil, sys
top, outside = sys.argv[1:]
random.seed(5)

def name():
    return os.path.join(top, *random.choices("abc", k=random.randint(1, 3)))

def write(path):
    with open(path, "w") as file:
        file.write(random.choice("xyz") * random.choice((1, 1000, 70_000, 200_000)))

def flip():  # a folder in the place of a link, or a link in that of a folder: nothing is written through it
    path = os.path.join(top, random.choice(("l", "m")))
    if os.path.islink(path):
        os.unlink(path)
    elif os.path.exists(path):
        shutil.rmtree(path)
    if random.random() < 0.5:
        os.symlink(outside, path)
    else:
        built = os.path.join(top, "built")
        shutil.rmtree(built, ignore_errors=True)
        os.mkdir(built)
        write(os.path.join(built, "a"))
        os.rename(built, path)

while True:
    path = name()
    try:
        what = random.random()
        if what < 0.3:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            write(path + ".new")
            os.replace(path + ".new", path)
        elif what < 0.4:
            with open(path, "a") as file:
                file.write("x" * random.randint(1, 5000))
        elif what < 0.5:
            os.rename(path, name())
        elif what < 0.6:
            os.unlink(path)
        elif what < 0.7:
            shutil.rmtree(path)
        elif what < 0.9:
            flip()
        else:
            os.utime(path, ns=(0, random.randrange(1 << 60)), follow_symlinks=False)
    except OSError:
        pass
"""


def test_a_writer_meets_no_crash_and_no_torn_file(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a").write_text("not ours")
    before = mtree(outside)
    app = tmp_path / "app"
    app.mkdir()
    with Site(app) as site:
        site.snap.tag("empty")
        writer = subprocess.Popen([sys.executable, "-c", WRITER, os.fspath(site.media), os.fspath(outside)])
        taken = []
        end = time.monotonic() + SECONDS
        try:
            while time.monotonic() < end:
                for verb in (
                    lambda: taken.append(site.snap.tag("now", timeout=0.2).snapshot),
                    lambda: site.snap.verify("now", timeout=0.2),
                    lambda: site.snap.diff("empty", timeout=0.2),
                    lambda: site.snap.restore("now", timeout=0.2),
                    lambda: site.snap.clean("empty", timeout=0.2),
                    lambda: site.snap.undo(timeout=0.2),
                ):
                    try:
                        verb()
                    except (FilesChanging, FileError) as error:
                        assert os.fspath(site.media) in str(error)
                    except NothingToUndo:  # no restore was possible yet
                        continue
        finally:
            writer.kill()
            writer.wait()
        assert mtree(outside) == before
        assert taken
        site.snap.status()
        assert site.temporaries() == []
        for id_ in dict.fromkeys(taken[:3] + taken[-3:]):
            site.snap.restore(id_)
            for line in mtree(site.media).values():
                if line.kind == "file" and len(line.content) > 5000:
                    assert set(line.content.rstrip(b"x")) <= {line.content[0]}, "torn"
        assert site.snap.fsck().ok
