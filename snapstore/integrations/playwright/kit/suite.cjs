'use strict';
// The hybrid flow around tests: a suite with its tests, begun and ended by a test runner. Under `snap run`, which
// has its own suite, each test is still verified against the backup and restored if needed.

const { setTimeout: sleep } = require('node:timers/promises');
const { escaped, warn } = require('./console.cjs');
const { SnapstoreError } = require('./session.cjs');

const WAIT_FOR_OTHERS = 5000; // milliseconds: the session of a process that was killed may be about to end
const LOOK_AGAIN = 100;
const SHORT_HEX = 10; // digits of an id
const RIGHT = new Set(['clean', 'drifted']);

/** Whether an environment variable is set to yes. */
function says(env, name) {
  return ['1', 'true', 'yes', 'on'].includes((env[name] ?? '').trim().toLowerCase());
}

/** Whether a verdict means that rows were left, changed or lost; false if nothing was verified. */
function isLeft(verdict) {
  return verdict != null && !RIGHT.has(verdict);
}

/** What was written late, after which test, and what became of it. */
function lateText({ after, text, state_ok: isOk, kept }) {
  const place = after ? `'${after}'` : 'the beginning of the suite';
  const done = isOk ? 'taken back' : 'could not be taken back';
  return escaped(
    `written late, after ${place}: ${text}; ${done}${kept ? `; kept as ${kept.slice(0, SHORT_HEX)}` : ''}`,
  );
}

class Suite {
  #session;
  #options;
  #label = null;
  #kept = []; // of the test that runs, inside a run
  toldLate = 0; // of the late writes that the session will list at the end

  constructor(session, options = {}) {
    this.#session = session;
    this.#options = options;
    const env = options.env ?? process.env;
    this.isOff = says(env, 'E2E_NO_BACKUP');
    this.isInsideRun = Boolean(env.SNAPSTORE_SUITE) && !options.ownDatabase;
  }

  /** A command line for a person to paste, which shows what a test on record left. */
  commandLineOfTest(label) {
    return this.#session.commandLineOfTest(label);
  }

  /** The name of the backup; null if there is none yet. */
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
    const { baseline, mode, verdicts, quiet, keepBackup, keep, run, resume } = this.#options;
    const given = {
      baseline,
      verdicts,
      quiet,
      run,
      keep,
      keep_backup: keepBackup,
      ...(resume && !this.isOff && { resume }),
    };
    given.mode = this.isOff ? 'cleanup' : mode;
    for (const deadline = Date.now() + WAIT_FOR_OTHERS; ;) {
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
    this.#kept = [];
    if (this.isInsideRun) return null;
    const begun = await this.#session.beginTest(label, options);
    if (begun.late) this.toldLate += 1;
    return begun;
  }

  /** Keep the state of the test that runs, which has just failed; `label` names a part of it that did. */
  async failTest(label = this.#label, options = {}) {
    if (this.isOff || this.#options.keep === 'never') return { label, kept: null, problem: null };
    const failed = await this.#session.failTest(label, options);
    if (failed.kept) this.#kept.push(failed.kept);
    return failed;
  }

  /** Clean up as snapstore.yaml says, verify, and restore as the policy says; return what was found. */
  async endTest(outcome = 'passed', seconds = undefined, leaks = undefined, keep = undefined) {
    if (!this.isInsideRun) return this.#session.endTest(outcome, { seconds, leaks, keep });
    if (this.isOff) return { verdict: null, ok: true, state_ok: null, restored: false, databases: {} };
    if (outcome === 'failed' && keep !== 'never' && !this.#kept.length) await this.#keep();
    const rev = await backupName(this.#session);
    const found = await this.#session.verify(rev, { label: this.#label, restore_on_fail: true });
    const failsForIt = leaks === 'fail' && keep !== 'never' && isLeft(found.verdict) && found.forensic;
    if (failsForIt && !this.#kept.length) await this.#keep({ rev: found.forensic });
    const isTold = !(found.hooks ?? []).some((one) => one.required && !one.ok);
    return { ...found, ok: found.state_ok && isTold, kept: this.#kept };
  }

  /** Do as `failTest`, and fail nothing if the state cannot be kept. */
  async #keep(options = {}) {
    try {
      const { problem } = await this.failTest(this.#label, options);
      if (problem) warn(`the state when it failed could not be kept: ${escaped(problem)}`);
    } catch (error) {
      warn(`the state when it failed could not be kept: ${escaped(error.message)}`);
    }
  }

  async end(options = {}) {
    return this.isInsideRun ? null : this.#session.endSuite(options);
  }

  /** Leave the suite open, with its state: the next one of the same run goes on. Without a backup, it just ends. */
  async pause() {
    return this.end(this.isOff ? {} : { pause: true });
  }
}

/** The name of the backup in the configuration. */
async function backupName(session) {
  const { backup_name: name } = await session.info();
  if (!name) throw new SnapstoreError('the snapstore command is older than this kit', { code: 'version' });
  return name;
}

module.exports = { Suite, backupName, isLeft, lateText, says };
