'use strict';
// One `snapstore session`: a child process that answers JSON-RPC 2.0, one message per line (docs/session.md of
// snapstore). It needs only Node. snapstore.cjs has the functions for a test suite.

const { execFile, spawn } = require('node:child_process');
const { promisify } = require('node:util');
const path = require('node:path');
const readline = require('node:readline');
const { escaped, repeat } = require('./console.cjs');
const { commandText, mapped, placeWords, placesFromHere, withProgram } = require('./commands.cjs');

const execute = promisify(execFile);
const PAGE_MS = 30_000; // for a page of differences
const MOST_PAGE_BYTES = 64 * 1024 * 1024;
const LAST_BYTES = 2000; // of the output of a session that ended
const OF_A_SUITE = new Set(['begin_test', 'fail_test', 'end_test', 'end_suite']);

/** An error of the session; `code` and `hint` are snapstore's, `fields` has the facts. */
class SnapstoreError extends Error {
  constructor(message, { code = 'failed', hint = null, exitCode = null, fields = {} } = {}) {
    super(escaped(hint ? `${message}\nHint: ${escaped(hint)}` : message, '\n'));
    this.name = 'SnapstoreError';
    this.code = code;
    this.hint = hint;
    this.exitCode = exitCode;
    this.fields = fields;
  }

  static of({ code, message, data }) {
    if (!data) return new SnapstoreError(escaped(message), { code: String(code) });
    return new SnapstoreError(escaped(message), {
      code: data.code,
      hint: data.hint,
      exitCode: data.exit_code,
      fields: data.fields,
    });
  }
}

/** Split a command line into words; quotes keep spaces together. */
function words(line) {
  const found = line.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return found.map((word) => word.replace(/"([^"]*)"|'([^']*)'/g, (_, double, single) => double ?? single));
}

/** The command as words: the option, else SNAPSTORE_COMMAND, else `snapstore`. */
function commandOf(given, env) {
  const command = given ?? env.SNAPSTORE_COMMAND ?? 'snapstore';
  const list = Array.isArray(command) ? command : words(command);
  if (!list.length) throw new SnapstoreError('the snapstore command is empty', { code: 'usage' });
  return list;
}

/**
 * Requests to one session at a time. The process starts with the first request and ends with `close`, or with this
 * process. If it was killed, the next request starts another one, but not in the middle of a suite: its tests would
 * have nothing to be compared with, so `begin_suite` has to come first, which repairs what was left.
 */
class Session {
  #options;
  #child = null;
  #pending = new Map();
  #number = 0;
  #output = '';
  #refusal = null;
  #inSuite = false;
  #lostSuite = false;
  #exited = null;

  constructor(options = {}) {
    this.#options = options;
  }

  /** The id of the process, undefined if none runs. */
  get pid() {
    return this.#child?.pid;
  }

  /** Whether a suite runs in it. */
  get inSuite() {
    return this.#inSuite;
  }

  /** Call a method of docs/session.md; parameters that are undefined or null are left out. */
  async call(method, parameters = {}) {
    if (this.#lostSuite && OF_A_SUITE.has(method)) throw this.#suiteIsLost();
    const child = this.#child ?? this.#begin();
    const id = ++this.#number;
    const params = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value != null));
    const answer = new Promise((resolve, reject) => this.#pending.set(id, { method, resolve, reject }));
    this.#keepAlive(child, true);
    child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', id, method, params })}\n`);
    return answer;
  }

  tag(name, options = {}) {
    return this.call('tag', { name, ...options });
  }

  backup(options = {}) {
    return this.call('backup', options);
  }

  deleteBackup(options = {}) {
    return this.call('delete_backup', options);
  }

  /** Restore a snapshot under open connections; the backup if none is named. */
  restore(rev, options = {}) {
    return this.call('restore', { rev, ...options });
  }

  undo() {
    return this.call('undo');
  }

  reset() {
    return this.call('reset');
  }

  status() {
    return this.call('status');
  }

  /** Compare the live database with a snapshot and report the rows that differ; HEAD if none is named. */
  verify(rev, options = {}) {
    return this.call('verify', { rev, ...options });
  }

  diff(a, b, options = {}) {
    return this.call('diff', { a, b, ...options });
  }

  /** Restore the rows that differ, and nothing else. */
  clean(rev, options = {}) {
    return this.call('clean', { rev, ...options });
  }

  query(rev, sql, options = {}) {
    return this.call('query', { rev, sql, ...options });
  }

  tags() {
    return this.call('tags');
  }

  log(options = {}) {
    return this.call('log', options);
  }

  show(rev) {
    return this.call('show', { rev });
  }

  /** Write a snapshot to a database file; the path is one here, and mapped as `paths` says. */
  export(rev, file, options = {}) {
    return this.call('export', { rev, file: mapped(file, this.#options), ...options });
  }

  beginSuite(name, options = {}) {
    return this.call('begin_suite', { name, ...options });
  }

  beginTest(label, options = {}) {
    return this.call('begin_test', { label, ...options });
  }

  /** Keep the state now as that of a failed test: of the one that runs, or of the one that is named. */
  failTest(label, options = {}) {
    return this.call('fail_test', { label, ...options });
  }

  endTest(outcome, options = {}) {
    return this.call('end_test', { outcome, ...options });
  }

  endSuite(options = {}) {
    return this.call('end_suite', options);
  }

  info() {
    return this.call('info');
  }

  /** End the process and wait until it has released the database; a second call does nothing. */
  async close() {
    const child = this.#child;
    if (!child) return;
    this.#keepAlive(child, true);
    child.ref();
    child.stdin.end();
    await this.#exited;
  }

  /** Return the differences of two snapshots as a page, by a command of its own. */
  async diffPage(a, b, title) {
    const { cwd, env = process.env } = this.#options;
    const [program, ...words] = this.#words('diff');
    const settings = { cwd, env, timeout: PAGE_MS, maxBuffer: MOST_PAGE_BYTES };
    const { stdout } = await execute(program, [...words, a, b, '--format', 'html', '--title', title], settings);
    return stdout;
  }

  /** A command line for a person to paste, which leads to the same databases from the current folder. */
  commandLine(...words) {
    const { command, env = process.env } = this.#options;
    return commandText([...commandOf(command, env), ...placesFromHere(this.#options), ...words]);
  }

  /** The same for a test on record: the project has it, whichever worker ran it. */
  commandLineOfTest(label) {
    return this.#commandLineOfProject('diff', '--test', label);
  }

  /** The same for a state that a test failed with: the project keeps it, if the database is a copy of the project's. */
  async commandLineOfKept({ name, remote, remote_name: there }) {
    if (remote && there) {
      const pull = commandText(['snap', 'pull', remote, there]);
      return `${pull} && ${commandText(['snap', 'restore', there])}`;
    }
    const { worker } = this.#options.worker ? await this.info() : {};
    return worker ? this.#commandLineOfProject('restore', name) : this.commandLine('restore', name);
  }

  #commandLineOfProject(...words) {
    const { command, env = process.env, worker, ...places } = this.#options;
    const ofProject = placesFromHere(worker ? { ...places, db: undefined } : places);
    return commandText([...commandOf(command, env), ...ofProject, ...words]);
  }

  /** Words of the session with the commands that they name as `commandLine` has them. */
  pasteable(text) {
    return withProgram(text, this.commandLine());
  }

  /** The words of a command line that runs a command with the options' places. */
  #words(verb) {
    const { command, env = process.env } = this.#options;
    return [...commandOf(command, env), verb, ...placeWords(this.#options, (file) => mapped(file, this.#options))];
  }

  #begin() {
    const { cwd, env = process.env } = this.#options;
    const [program, ...words] = this.#words('session');
    const child = spawn(program, [...words, ...(this.#options.verbose ? ['-v'] : [])], { cwd, env, stdio: 'pipe' });
    this.#child = child;
    this.#output = '';
    this.#refusal = null;
    child.stdin.on('error', () => {}); // it has ended, and its output says why
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (data) => {
      this.#output = (this.#output + data).slice(-LAST_BYTES);
      if (this.#options.verbose) repeat(data);
    });
    readline.createInterface({ input: child.stdout }).on('line', (line) => this.#answered(line));
    this.#exited = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#ended(child, this.#notStarted(program, error));
        resolve();
      });
      child.on('close', (status, signal) => {
        this.#ended(child, this.#refusal ?? this.#sessionEnded(status, signal));
        resolve();
      });
    });
    this.#keepAlive(child, false);
    return child;
  }

  #answered(line) {
    const answer = JSON.parse(line);
    if (answer.id === null) {
      this.#refusal = this.#errorOf(answer.error); // the configuration is invalid; the process ends by itself
      return;
    }
    const { method, resolve, reject } = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#child && !this.#pending.size) this.#keepAlive(this.#child, false);
    if (answer.error) {
      reject(this.#errorOf(answer.error));
      return;
    }
    if (method === 'begin_suite') [this.#inSuite, this.#lostSuite] = [true, false];
    if (method === 'end_suite') this.#inSuite = false;
    resolve(answer.result);
  }

  #errorOf({ data, ...error }) {
    return SnapstoreError.of({ ...error, data: data && { ...data, hint: data.hint && this.pasteable(data.hint) } });
  }

  #ended(child, error) {
    if (this.#child !== child) return;
    this.#child = null;
    this.#lostSuite ||= this.#inSuite;
    this.#inSuite = false;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  /** Keep Node running only while a request waits for its answer. */
  #keepAlive(child, needed) {
    for (const one of [child, child.stdin, child.stdout, child.stderr]) needed ? one.ref?.() : one.unref?.();
  }

  #notStarted(program, error) {
    const hint =
      "install it with pipx or uv (docs/playwright.md), or name it in SNAPSTORE_COMMAND or the option 'command'";
    const cwd = this.#options.cwd ? ` in ${this.#options.cwd}` : '';
    const why = error.code === 'ENOENT' ? 'no such command or folder' : error.message;
    return new SnapstoreError(`cannot run '${escaped(program)}'${escaped(cwd)}: ${escaped(why)}`, {
      code: 'no-command',
      hint,
    });
  }

  #sessionEnded(status, signal) {
    const how = signal ? `by ${signal}` : `with exit code ${status}`;
    const last = this.#output.trim();
    const fields = { status, signal, output: last };
    return new SnapstoreError(`the session ended ${how}${last ? `: ${last}` : ''}`, { code: 'session-ended', fields });
  }

  #suiteIsLost() {
    const hint = 'begin the suite again: that repairs the database first';
    return new SnapstoreError('the session ended in the middle of a suite', { code: 'session-ended', hint });
  }
}

module.exports = { Session, SnapstoreError };
