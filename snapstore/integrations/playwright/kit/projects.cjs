'use strict';
// The project pair: `setup db` before all tests, `cleanup db` after them. Let your projects depend on the first.

/** The two projects, for `projects` in the configuration of Playwright. */
function databaseProjects() {
  return [
    { name: 'setup db', testDir: __dirname, testMatch: 'db.setup.mjs', teardown: 'cleanup db', retries: 0 },
    { name: 'cleanup db', testDir: __dirname, testMatch: 'db.cleanup.mjs', retries: 0 },
  ];
}

module.exports = { databaseProjects };
