'use strict';
// What a run says at its end where most of its tests left something: it may be no leak, such as a row for each login.

const { warn } = require('./console.cjs');
const { Session, placesOf } = require('./snapstore.cjs');
const { isLeft } = require('./suite.cjs');

const ENOUGH = 3; // tests, of which most left something

/** Name the command that proposes rules for what every test of the suite of a number left. */
async function proposeRules(session, number) {
  const { suites } = await session.call('report');
  const counts = Object.entries(suites.find((one) => one.suite === number)?.verdicts ?? {});
  const sum = (some) => some.reduce((total, [, count]) => total + count, 0);
  const tests = sum(counts);
  const left = sum(counts.filter(([verdict]) => isLeft(verdict)));
  if (left < ENOUGH || 2 * left < tests) return;
  warn(
    `${left} of ${tests} tests left something. If all of them leave the same, such as a session: ` +
      `'${session.commandLine('diff', '--suggest-ignore', '--of-tests')}' proposes rules for that`,
  );
}

/** The same for a run in which every worker had a database of its own: the record of the project has all of them. */
async function proposeRulesForWorkers(given) {
  if (given.store?.includes('{worker}')) return;
  const session = new Session(placesOf({ ...given, db: undefined }));
  try {
    if ((await session.info()).configuration === null) return;
    const { suites } = await session.call('report');
    if (suites.length) await proposeRules(session, suites[0].suite);
  } catch (error) {
    if (error.code !== 'no-store' && error.code !== 'configuration') throw error;
  } finally {
    await session.close();
  }
}

module.exports = { proposeRules, proposeRulesForWorkers };
