'use strict';
// The hybrid flow around tests: a suite with its tests, begun and ended by a test runner. Under `snap run`, which
// holds the suite already, each test is verified against its backup and put right all the same.

const { setTimeout: sleep } = require('node:timers/promises');
const { SnapstoreError } = require('./session.cjs');

const WAIT_FOR_OTHERS = 5000; // milliseconds: the session of a process that was killed may be about to end
const LOOK_AGAIN = 100;
const RIGHT = new Set(['clean', 'drifted']);

/** Whether an environment variable says yes. */
function says(env, name) {
  return ['1', 'true', 'yes', 'on'].includes((env[name] ?? '').trim().toLowerCase());
}

/** Whether a verdict means that rows were left, changed or lost; not where nobody looked. */
function isLeft(verdict) {
  return verdict != null && !RIGHT.has(verdict);
}

class Suite {
  #session;
  #options;
  #label = null;

  constructor(session, options = {}) {
    this.#session = session;
    this.#options = options;
    const env = options.env ?? process.env;
    this.isOff = says(env, 'E2E_NO_BACKUP');
    this.isInsideRun = Boolean(env.SNAPSTORE_SUITE) && !options.ownDatabase;
  }

  /** The name of the backup; null where there is none yet. */
  async backup() {
    const name = await backupName(this.#session);
    try {
      const tags = await this.#session.tags();
      return tags.some(({ names }) => names.includes(name)) ? name : null;
    } catch (error) {
      if (error.code === 'no-store') return null;
      throw error;
    }
  }

  /** Repair a suite that died, go to the baseline, take the backup. */
  async begin(name) {
    if (this.isInsideRun) return { repaired: [], left_alone: [], notes: ["the suite is that of 'snap run'"] };
    const { baseline, mode, verdicts, quiet, keepBackup } = this.#options;
    const given = { baseline, verdicts, quiet, mode: this.isOff ? 'cleanup' : mode, keep_backup: keepBackup };
    for (const deadline = Date.now() + WAIT_FOR_OTHERS; ; ) {
      try {
        return await this.#session.beginSuite(name, given);
      } catch (error) {
        if (error.code !== 'run-in-progress' || Date.now() > deadline) throw error;
        await sleep(LOOK_AGAIN);
      }
    }
  }

  async beginTest(label, options = {}) {
    this.#label = label;
    if (!this.isInsideRun) await this.#session.beginTest(label, options);
  }

  /** Clean up as snapstore.yaml says, verify, and put right what the policy says; return what was found. */
  async endTest(outcome = 'passed', seconds = undefined) {
    if (!this.isInsideRun) return this.#session.endTest(outcome, { seconds });
    if (this.isOff) return { verdict: null, ok: true, restored: false, databases: {} };
    const rev = await backupName(this.#session);
    const found = await this.#session.verify(rev, { label: this.#label, restore_on_fail: true });
    return { ...found, ok: found.ok || found.restored };
  }

  async end(options = {}) {
    return this.isInsideRun ? null : this.#session.endSuite(options);
  }
}

/** The name of the backup, as the configuration has it. */
async function backupName(session) {
  const { backup_name: name } = await session.info();
  if (!name) throw new SnapstoreError('the snapstore command is older than this kit', { code: 'version' });
  return name;
}

module.exports = { Suite, backupName, isLeft, says };
