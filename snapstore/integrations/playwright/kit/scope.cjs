'use strict';
// How long a state lives: the option `scope`, and `mode: 'chain'`. What is impossible is refused before the first test.

const { SnapstoreError } = require('./session.cjs');
const { hasWorker } = require('./snapstore.cjs');

const SCOPES = ['test', 'file', 'describe', 'suite'];
const SETUP = 'setup db';

/** Whether one suite lasts for the whole run, over all workers that Playwright starts one after the other. */
function lasts(given) {
  return optionOf(given) !== null;
}

/** The options of a suite that go on from worker to worker; `cleanup db` ends it. */
function lasting(given) {
  return lasts(given) ? { mode: 'chain', resume: true } : {};
}

/** The option that makes a suite last; null if none does. */
function optionOf({ scope, mode } = {}) {
  if (mode === 'chain') return "mode: 'chain'";
  return scope === 'suite' ? "scope: 'suite'" : null;
}

/** Refuse a scope that does not exist, or that does not fit the other options. */
function checkScope(given, env = given.env ?? process.env) {
  const { scope = 'test', mode } = given;
  if (!SCOPES.includes(scope)) throw usage(`scope: must be one of ${SCOPES.join(', ')}, not '${scope}'`);
  const option = optionOf(given);
  if (!option) return;
  if (mode === 'chain' && scope !== 'test')
    throw usage(`${option} and scope: '${scope}' exclude each other`, 'leave out the scope: a chain has no other');
  if (hasWorker(given) || given.worker)
    throw usage(`${option} needs one database, not one for each worker`, "leave out '{worker}', and set workers: 1");
  if (mode === 'chain' && env.SNAPSTORE_SUITE)
    throw usage(`${option} needs a suite of its own`, "run the tests without 'snap run'");
}

/** Refuse what does not fit the project: tests one by one, and a suite that no `cleanup db` ends. */
function checkProject(given, { dependencies, fullyParallel }, config) {
  if (['file', 'describe'].includes(given.scope) && (fullyParallel || config.fullyParallel))
    throw usage(`scope: '${given.scope}' does not fit fullyParallel: true`, 'Playwright runs each test by itself then');
  const option = optionOf(given);
  if (option && !dependencies.includes(SETUP))
    throw usage(
      `${option} needs the projects '${SETUP}' and 'cleanup db'`,
      `spread databaseProjects() into projects, and add dependencies: ['${SETUP}'] to yours`,
    );
  const setup = config.projects.find(({ name }) => name === SETUP);
  const forAll = setup ? optionOf(setup.use.snapstore) : option;
  if (dependencies.includes(SETUP) && forAll !== option)
    throw usage(`${option ?? forAll} holds for the whole run`, 'set it under use for all projects, not in one of them');
}

function usage(message, hint = null) {
  return new SnapstoreError(message, { code: 'usage', hint });
}

module.exports = { SETUP, checkProject, checkScope, lasting, lasts };
