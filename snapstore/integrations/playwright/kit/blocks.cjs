'use strict';
// The options `scope: 'file'` and `scope: 'describe'`: the tests of a file or a block share a state, as they do with
// `shareState`, without a call in the file. Playwright tells nobody where a file ends. So a state ends when a hook or a
// test of another file or block begins, before its body runs, or with the worker. Then it is too late for a test to fail:
// what was left fails the run, in an error of the worker that names the file or the block.

const { describe } = require('./report.cjs');
const { escaped, warn } = require('./console.cjs');
const { errorAt, severity } = require('./evidence.cjs');

class Blocks {
  #database;
  #scope;
  #current = null; // the name of the file or block whose state is open
  #place = null; // the first test that took part in it
  #leaks = 'fail';
  #failed = [];

  constructor(database, scope) {
    this.#database = database;
    this.#scope = scope;
  }

  /** Begin the state of the file or block that this hook or test is part of, if it is not the one that is open. */
  async enter(testInfo, leaks) {
    const name = nameOf(testInfo, this.#scope);
    const entered = name && `${name}\0${testInfo.repeatEachIndex}`;
    if (entered !== this.#current) {
      await this.#leave();
      if (name) await this.#database.shared.begin(this.#database.suite, name, testInfo);
      this.#current = entered;
      this.#place = { file: testInfo.file, line: testInfo.line, column: testInfo.column };
    }
    this.#leaks = leaks;
  }

  /** End the state that is open; throw if a file or block of this worker left rows, and that fails the run. */
  async end() {
    await this.#leave();
    if (!this.#failed.length) return;
    const [{ place }] = this.#failed;
    throw errorAt(place, this.#failed.map(({ text }) => text).join('\n\n'));
  }

  async #leave() {
    if (!this.#current) return;
    this.#current = null;
    const ended = await this.#database.shared.end(this.#database.suite, this.#leaks);
    const found = ended && severity(ended.found, this.#leaks);
    if (!found) return;
    const command = this.#database.suite.commandLineOfTest(ended.label);
    const text = `${escaped(ended.label)}: ${describe(ended.found)}\n${escaped(command)} shows the rows`;
    if (found === 'fail') this.#failed.push({ text, place: this.#place });
    else warn(text);
  }
}

/** The file of a test, or its outermost describe block; null if its state is its own. */
function nameOf({ titlePath }, scope) {
  if (scope === 'file') return titlePath[0];
  return scope === 'describe' && titlePath.length > 2 ? titlePath.slice(0, 2).join(' > ') : null;
}

module.exports = { Blocks };
