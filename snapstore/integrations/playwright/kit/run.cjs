'use strict';
// The run of Playwright that this process is part of: its id, which all workers share, and its number of workers.

const { randomUUID } = require('node:crypto');
const { SnapstoreError } = require('./session.cjs');
const { hasWorker } = require('./snapstore.cjs');

const VARIABLE = 'SNAPSTORE_TEST_RUN';
const HINT =
  "set workers: 1, or give each worker its own database: db: 'data/worker-{worker}.sqlite3', from: 'baseline'";

/** The id of the run. The configuration is loaded before any worker starts, and workers inherit the environment. */
function runId(env = process.env) {
  env[VARIABLE] ??= randomUUID();
  return env[VARIABLE];
}

/** Refuse several workers on one database: each test would be compared with what the others write. */
function refuseSharing(given, { workers }) {
  if (workers <= 1 || hasWorker(given)) return;
  throw new SnapstoreError(`${workers} workers would share one database`, { code: 'usage', hint: HINT });
}

module.exports = { refuseSharing, runId };
