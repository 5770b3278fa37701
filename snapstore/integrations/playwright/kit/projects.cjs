'use strict';
// The project pair: `setup db` before all tests, `cleanup db` after them. Let your projects depend on the first.

const { runId } = require('./run.cjs');

runId(); // this is the runner, or a worker that has it in its environment

/** The two projects, for `projects` in Playwright's configuration. */
function databaseProjects() {
  return [
    { name: 'setup db', testDir: __dirname, testMatch: 'db.setup.mjs', teardown: 'cleanup db', retries: 0 },
    { name: 'cleanup db', testDir: __dirname, testMatch: 'db.cleanup.mjs', retries: 0 },
  ];
}

module.exports = { databaseProjects };
