'use strict';
// A state that the tests of a file or of a describe block share. They begin with what the one before left, and the
// database is verified and restored once, after the last of them. The hooks are Playwright's own: they run before and
// after all tests of the place where `shareState` is called, and before the hooks that are declared after it.

const { attachEvidence, judge, tellLate } = require('./evidence.cjs');

const DEFAULTS = { leaks: 'fail', name: null };

/** The shared state that is open in a worker, if one is; those inside of it are part of it. */
class SharedState {
  #depth = 0;
  #label = '';
  #outcome = 'passed';
  #keep = undefined;
  #started = new Date();

  get isOpen() {
    return this.#depth > 0;
  }

  async begin(suite, label, testInfo) {
    this.#depth += 1;
    if (this.#depth > 1) return;
    [this.#label, this.#outcome, this.#keep, this.#started] = [label, 'passed', undefined, new Date()];
    const begun = await suite.beginTest(label, { scenario: testInfo.project.name, again: testInfo.retry > 0 });
    if (begun?.late) tellLate(testInfo, begun.late);
  }

  /** Note how a test inside it went. */
  note({ outcome, keep }) {
    if (outcome !== 'failed' && outcome !== 'interrupted') return;
    [this.#outcome, this.#keep] = [outcome, this.#outcome === 'failed' ? this.#keep && keep : keep];
  }

  /** Verify and restore; return what was found, null if this state is part of another one. */
  async end(suite, leaks) {
    this.#depth -= 1;
    if (this.#depth) return null;
    const seconds = (Date.now() - this.#started) / 1000;
    const found = await suite.endTest(this.#outcome, seconds, leaks, this.#keep);
    return { found, label: this.#label, started: this.#started };
  }

  /** The same, and show in a test's result what was found. */
  async endIn(testInfo, { session, suite }, leaks) {
    const ended = await this.end(suite, leaks);
    if (!ended) return;
    await attachEvidence(testInfo, session, ended.found, ended.label, ended.started, leaks);
    judge(testInfo, ended.found, leaks, ended.label);
  }
}

/** Let the tests of this file, or of the describe block around the call, share a state. Call it before other hooks. */
function shareState(test, options = {}) {
  const { leaks, name } = { ...DEFAULTS, ...options };
  test.beforeAll(async ({ database }, testInfo) => {
    const label = name ?? testInfo.titlePath.slice(0, -1).join(' > ');
    await database.shared.begin(database.suite, label, testInfo);
  });
  test.afterAll(async ({ database }, testInfo) => {
    await database.shared.endIn(testInfo, database, leaks);
  });
}

module.exports = { SharedState, shareState };
