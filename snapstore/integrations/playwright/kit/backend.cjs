'use strict';
// A backend for one worker: started on a free port, with the worker's database, and stopped with all of its children.

const { spawn } = require('node:child_process');
const http = require('node:http');
const net = require('node:net');
const { setTimeout: sleep } = require('node:timers/promises');
const { escaped, repeat } = require('./console.cjs');
const { SnapstoreError } = require('./session.cjs');
const { says } = require('./suite.cjs');

const HOST = '127.0.0.1';
const START_MS = 30_000;
const STOP_MS = 5_000; // before it is killed
const AGAIN_MS = 50;
const LAST_CHARACTERS = 4000; // of the output of a backend that did not start
const HAS_GROUPS = process.platform !== 'win32';
// A shell that waits for the end of its standard input, which comes with the end of this process, however that ends.
const WATCH = 'read -r _; kill -s TERM -- "-$0"; sleep 2; kill -s KILL -- "-$0"';

/**
 * Start a backend and wait until it answers. `{port}` and `{database}` in its command and environment stand for a free
 * port and the path of the worker's database.
 */
async function startBackend({ command, database, cwd, env = {}, path = '/', timeout = START_MS }) {
  const port = await freePort();
  const filled = (text) =>
    String(text)
      .replaceAll('{port}', port)
      .replaceAll('{database}', database ?? '{database}');
  const variables = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, filled(value)]));
  const [program, ...words] = [command].flat().map(filled);
  const child = spawn(program, words, {
    cwd,
    env: { ...process.env, PORT: String(port), ...variables },
    shell: !Array.isArray(command),
    detached: HAS_GROUPS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const backend = new Backend(child, `http://${HOST}:${port}`, port);
  try {
    await backend.ready(path, Date.now() + timeout);
  } catch (error) {
    await backend.stop();
    throw error;
  }
  return backend;
}

class Backend {
  #child;
  #output = '';
  #ended = null;
  #exited;
  #watcher = null;
  #atExit = () => this.#signal('SIGKILL');

  constructor(child, url, port) {
    this.#child = child;
    this.url = url;
    this.port = port;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8');
      stream.on('data', (data) => {
        this.#output = (this.#output + data).slice(-LAST_CHARACTERS);
        if (says(process.env, 'E2E_DEBUG')) repeat(data);
      });
    }
    this.#exited = new Promise((resolve) => {
      child.on('error', (error) => resolve((this.#ended = error.message)));
      child.on('exit', (code, signal) => resolve((this.#ended = signal ? `ended by ${signal}` : `exit code ${code}`)));
    });
    process.on('exit', this.#atExit);
    if (HAS_GROUPS && child.pid) this.#watch(child.pid);
  }

  get pid() {
    return this.#child.pid;
  }

  /** Wait until the backend answers a request, with whatever status below 500. */
  async ready(path, deadline) {
    while (!(await answers(this.url + path))) {
      if (this.#ended) throw this.#error(`the backend did not start: ${this.#ended}`);
      if (Date.now() > deadline) throw this.#error(`the backend does not answer at ${this.url}${path}`);
      await sleep(AGAIN_MS);
    }
  }

  /** End the backend and its children; a second call does nothing. */
  async stop() {
    process.off('exit', this.#atExit);
    this.#watcher?.kill('SIGKILL');
    this.#signal('SIGTERM');
    const ended = await Promise.race([this.#exited, sleep(STOP_MS, null, { ref: false })]);
    this.#signal('SIGKILL'); // children that outlive it, or all of it
    if (ended === null) await this.#exited;
  }

  /** Have the backend end with this process even if that is killed. */
  #watch(group) {
    const stdio = ['pipe', 'ignore', 'ignore'];
    this.#watcher = spawn('sh', ['-c', WATCH, String(group)], { detached: true, stdio });
    this.#watcher.on('error', () => {}); // a system without a shell has no watcher
    this.#watcher.stdin.on('error', () => {});
    this.#watcher.unref();
    this.#watcher.stdin.unref();
  }

  #signal(name) {
    try {
      if (HAS_GROUPS && this.#child.pid) process.kill(-this.#child.pid, name);
      else this.#child.kill(name);
    } catch (error) {
      if (error.code !== 'ESRCH') throw error;
    }
  }

  #error(message) {
    const said = this.#output.trim();
    return new SnapstoreError(escaped(said ? `${message}\n${said}` : message, '\n'), {
      code: 'backend',
      hint: "it has to listen on the port of '{port}' or of the variable PORT, at 127.0.0.1",
    });
  }
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer().on('error', reject);
    server.listen(0, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function answers(url) {
  return new Promise((resolve) => {
    const request = http.get(url, { timeout: 1000 }, (response) => {
      response.resume();
      resolve(response.statusCode < 500);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

module.exports = { startBackend };
