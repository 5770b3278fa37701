"""The kit as an npm package and as a copy: types, linters, what `init` prints, and tests that run with both."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import snapstore
from snapstore.integrations.playwright import KIT, PACKAGE
from tests.documents import ROOT, blocks
from tests.support import ENVIRONMENT, make_database, run

DOCUMENT = ROOT / "docs" / "playwright.md"
TYPESCRIPT = ("typescript@5.9.3", "@types/node@22")
LINTERS = ("prettier@3", "eslint@9", "@eslint/js@9", "typescript-eslint@8")
KINDS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "esm": ({"type": "module"}, {"module": "nodenext", "target": "es2022"}),
    "commonjs": ({}, {"module": "nodenext", "target": "es2022"}),
    "classic": ({}, {"module": "commonjs", "moduleResolution": "node10", "esModuleInterop": True}),
    "bundler": ({"type": "module"}, {"module": "preserve", "moduleResolution": "bundler"}),
}
"""A project's package.json and its options of TypeScript."""
ESLINT = """
import js from '@eslint/js';
import tseslint from 'typescript-eslint';
export default tseslint.config(js.configs.recommended, ...tseslint.configs.recommended);
"""
USE = """
import { defineConfig } from '@playwright/test';
import { expect, test, withSnapstore } from 'snapstore-playwright/fixtures';
import { configure, enhancedCleanupTestData, restoreDatabase } from 'snapstore-playwright/snapstore';
import { Session, SnapstoreError } from 'snapstore-playwright/snapstore';
import { databaseProjects } from 'snapstore-playwright/projects';

export default defineConfig({ projects: [...databaseProjects(), { name: 'e2e', dependencies: ['setup db'] }] });

test.use({ snapstoreLeaks: 'warn' });
test('typed', async ({ page, databaseState, database }) => {
  const found = await databaseState.verify();
  const verdict: string | null = found.verdict;
  expect(verdict).toBe('clean');
  const number: number = found.databases['default'].tables['item'].added;
  const path: string | null = database.path;
  const { report, errors } = await enhancedCleanupTestData(page, { cleanup: async () => path });
  const text: string = report + errors[0].message + number;
  const restored = await restoreDatabase();
  if (!restored.skipped) text.concat(restored.snapshot);
});
withSnapstore(test)('again', async ({ database }) => { await database.session.restore('baseline'); });
const session = new Session({ command: ['docker', 'exec', '-i', 'backend', 'snapstore'], paths: { a: '/b' } });
session.tag('baseline').catch((error: SnapstoreError) => error.hint);
void configure({ cleanup: (page) => page.close() });
void configure({ mode: 'chain' });
test.use({ snapstore: { scope: 'file', config: 'snapstore.yaml' } });
test('in a chain', async ({ database }) => {
  const begun = await database.suite.beginTest('again', { again: true });
  const snapshot: string | null | undefined = begun?.snapshot;
  const paused: boolean | undefined = (await database.suite.pause())?.paused;
  expect([snapshot, begun?.brought_back]).toEqual([null, paused]);
});
// @ts-expect-error there is no such scope
test.use({ snapstore: { scope: 'files' } });
// @ts-expect-error there is no such mode
void configure({ mode: 'chains' });
// @ts-expect-error the option has another type
void configure({ db: 5 });
// @ts-expect-error there is no such policy
test.use({ snapstoreLeaks: 'sometimes' });
"""
CONFIGURATION = """
export default defineConfig<SnapstoreTestFixtures, SnapstoreWorkerFixtures>({
  reporter: 'json',
  use: { snapstore: { config: './snapstore.yaml' } },
  projects: [...databaseProjects(), { name: 'e2e', dependencies: ['setup db'], testMatch: 'one.spec.ts' }],
});
"""
SPEC = """
test('it begins clean', async ({ databaseState }) => {
  expect((await databaseState.verify()).verdict).toBe('clean');
});
"""


LEAK = """
import { execFileSync } from 'node:child_process';
test('it <leaks>', async () => {
  const code = `import sqlite3; c = sqlite3.connect('db.sqlite3')
c.execute("INSERT INTO item(id, name) VALUES (9001, 'Forgotten one')"); c.commit()`;
  execFileSync(process.env.PYTHON!, ['-c', code]);
});
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the packed kit, Playwright, TypeScript and linters in node_modules."""
    return install(tmp_path_factory.mktemp("npm"), "@playwright/test@1.65.1", *TYPESCRIPT, *LINTERS)


@pytest.fixture(scope="module")
def oldest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same with the oldest Playwright that the package allows, without linters."""
    allowed = json.loads((KIT / "package.json").read_text())["peerDependencies"]["@playwright/test"]
    version = f"{allowed.removeprefix('>=')}.0"
    folder = install(tmp_path_factory.mktemp("oldest"), f"@playwright/test@{version}", *TYPESCRIPT)
    found = json.loads((folder / "node_modules/@playwright/test/package.json").read_text())
    assert found["version"] == version
    return folder


def install(folder: Path, *packages: str) -> Path:
    """Pack the kit, and install it with packages."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm on this machine")
    (folder / "package.json").write_text('{"private": true}')
    printed = run(["init", "--playwright-package"], folder).stdout.strip()
    packed = tools(folder, npm, "pack", "--json", printed)
    (document,) = json.loads(packed.stdout)
    assert document["name"] == PACKAGE
    assert document["version"] == snapstore.__version__
    assert {one["path"] for one in document["files"]} == {one.name for one in KIT.iterdir()} - {".prettierrc"}
    command = (npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", f"./{document['filename']}", *packages)
    done = tools(folder, *command, code=None)
    if done.returncode:
        pytest.skip(f"npm cannot install TypeScript: {done.stderr.splitlines()[:2]}")
    return folder


def tools(folder: Path, *command: str, code: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program of a project."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT | {"XDG_CONFIG_HOME": os.fspath(folder)} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def project(installed: Path, folder: Path, package: dict[str, Any]) -> dict[str, list[str]]:
    """Make a project with a database, a copy of the kit, and the package.

    Return the lines that `init` prints before the package is installed and after it.
    """
    (folder / "package.json").write_text(json.dumps(package))
    make_database(folder / "db.sqlite3", rows=5)
    printed = {"copy": json.loads(run(["init", "--playwright", ".", "--json"], folder).stdout)}
    (folder / "node_modules").symlink_to(installed / "node_modules")
    printed["package"] = json.loads(run(["init", "--playwright", ".", "--json"], folder).stdout)
    assert [bool(one["playwright"]) for one in printed.values()] == [True, False]
    return {name: one["lines"] for name, one in printed.items()}


def of_copy(text: str, end: str) -> str:
    """Return code that imports the copy of the kit instead of the package."""
    text = text.replace(f"'{PACKAGE}'", f"'{PACKAGE}/fixtures'")
    return re.sub(rf"'{PACKAGE}/(\w+)'", rf"'./snapstore/\1.{end}'", text)


def documented() -> dict[str, str]:
    """Return the TypeScript of the documentation and of this module by the names of its files."""
    texts = {code.partition("\n")[0].removeprefix("// "): code for code in blocks(DOCUMENT, "ts")}
    assert len(texts) > 1
    return texts | {"use.ts": USE}


@pytest.mark.parametrize("kind", KINDS)
def test_types_fit_every_kind_of_project(kind: str, installed: Path, tmp_path: Path) -> None:
    check_types(kind, installed, tmp_path)


def test_types_fit_the_oldest_playwright(oldest: Path, tmp_path: Path) -> None:
    check_types("esm", oldest, tmp_path)


def check_types(kind: str, installed: Path, tmp_path: Path) -> None:
    """Compile the documentation and this module's code, against the package and against the copy."""
    package, options = KINDS[kind]
    project(installed, tmp_path, package)
    texts = documented()
    texts |= {f"copy-{name}": of_copy(text, "mjs" if package else "cjs") for name, text in texts.items()}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    strict: dict[str, object] = {"strict": True, "noEmit": True, "skipLibCheck": False, "types": ["node"]}
    settings = {"compilerOptions": strict | options, "files": list(texts)}
    (tmp_path / "tsconfig.json").write_text(json.dumps(settings))
    tools(tmp_path, "node", "node_modules/typescript/bin/tsc", "-p", ".")


@pytest.mark.parametrize(("kind", "source"), [("esm", "package"), ("commonjs", "package"), ("commonjs", "copy")])
def test_tests_run_with_what_init_prints(kind: str, source: str, installed: Path, tmp_path: Path) -> None:
    play(kind, source, installed, tmp_path)


@pytest.mark.parametrize(("kind", "source"), [("esm", "package"), ("esm", "copy"), ("commonjs", "copy")])
def test_tests_run_with_the_oldest_playwright(kind: str, source: str, oldest: Path, tmp_path: Path) -> None:
    play(kind, source, oldest, tmp_path)


def play(kind: str, source: str, installed: Path, tmp_path: Path) -> None:
    """Run a test with the project pair, in a project as `init` says."""
    lines = project(installed, tmp_path, KINDS[kind][0])[source]
    start = lines[: lines.index("")]
    assert len(start) == 3
    (tmp_path / "playwright.config.ts").write_text("\n".join(start) + CONFIGURATION)
    (tmp_path / "one.spec.ts").write_text(lines[-1] + SPEC)
    elsewhere = tmp_path / "elsewhere"  # paths are relative to the configuration
    elsewhere.mkdir()
    cli = os.fspath(tmp_path / "node_modules/@playwright/test/cli.js")
    command = f"{sys.executable} -m snapstore"
    done = tools(elsewhere, "node", cli, "test", "-c", os.fspath(tmp_path), SNAPSTORE_COMMAND=command)
    stats = json.loads(done.stdout)["stats"]
    assert (stats["expected"], stats["unexpected"]) == (3, 0)


def test_a_failed_test_carries_a_page_and_points_to_itself(installed: Path, tmp_path: Path) -> None:
    lines = project(installed, tmp_path, {})["copy"]
    start = lines[: lines.index("")]
    (tmp_path / "playwright.config.ts").write_text("\n".join(start) + CONFIGURATION)
    (tmp_path / "one.spec.ts").write_text(lines[-1] + LEAK)
    cli = os.fspath(tmp_path / "node_modules/@playwright/test/cli.js")
    environment = {"SNAPSTORE_COMMAND": f"{sys.executable} -m snapstore", "PYTHON": sys.executable}
    done = tools(tmp_path, "node", cli, "test", code=1, **environment)
    (of_file,) = (one for one in json.loads(done.stdout)["suites"] if one["file"] == "one.spec.ts")
    (result,) = of_file["specs"][0]["tests"][0]["results"]
    assert 'left behind: item 9001 "Forgotten one"' in result["error"]["message"]
    assert (result["errorLocation"]["file"], result["errorLocation"]["line"]) == (str(tmp_path / "one.spec.ts"), 3)
    assert [one["name"] for one in result["attachments"]][:3] == ["database", "database.html", "database.json"]
    page = Path(result["attachments"][1]["path"]).read_text("utf-8")
    title = re.search("<title>(.*?)</title>", page)
    assert title
    assert re.match(r"one\.spec\.ts &gt; it &lt;leaks&gt;, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: ", title[1])
    assert "item 9001 &#34;Forgotten one&#34;" in page
    text = tools(tmp_path, sys.executable, "-m", "snapstore", "diff", "--test", "it <leaks>").stdout
    assert text.startswith("one.spec.ts > it <leaks>, ")
    assert "'Forgotten one'" in text


def test_linters_leave_what_init_writes_alone(installed: Path, tmp_path: Path) -> None:
    make_database(tmp_path / "db.sqlite3", rows=5)
    run(["init", "--playwright", "e2e", "--example"], tmp_path)
    (tmp_path / "node_modules").symlink_to(installed / "node_modules")
    (tmp_path / "eslint.config.mjs").write_text(ESLINT)
    tools(tmp_path, "node", "node_modules/eslint/bin/eslint.js", "e2e")
    tools(tmp_path, "node", "node_modules/prettier/bin/prettier.cjs", "--check", "e2e")
