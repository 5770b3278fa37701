'use strict';
// The state that a test fails with. It is kept when the body of the test has ended, before afterEach hooks and fixtures
// tear anything down. Playwright has no public hook there: its own screenshots are taken by one that it keeps to itself,
// under names that differ between its versions. Where none of them is found, the end of the test keeps the state.

const { escaped, warn } = require('./console.cjs');

const HOOK = '_onDidFinishTestFunction'; // how its names begin
const PAIR = ['setup db', 'cleanup db'];
const OUTCOMES = { timedOut: 'failed' };

/** Whether a test fails, also one that passes against what it expects. */
function fails({ status, expectedStatus }) {
  return status !== 'skipped' && status !== 'interrupted' && status !== expectedStatus;
}

/** The outcome of a test for the session, and whose state it keeps: not that of one which fails as it expects. */
function outcomeOf(testInfo) {
  const outcome = OUTCOMES[testInfo.status] ?? testInfo.status;
  return { outcome, keep: outcome === 'failed' && !fails(testInfo) ? 'never' : undefined };
}

/** Keep the state as soon as the body of a test has ended and failed; the array that is returned gets the commands. */
function keepWhenItFails(testInfo, database) {
  const lines = [];
  afterBody(testInfo, async () => {
    if (fails(testInfo)) lines.push(...(await keepNow(testInfo, database)));
  });
  return lines;
}

function afterBody(testInfo, look) {
  const name = Object.keys(testInfo).find((one) => one.startsWith(HOOK));
  const others = name && testInfo[name];
  if (others instanceof Set) others.add(look);
  else if (Array.isArray(others)) others.push(look);
  else if (name && (others === undefined || typeof others === 'function'))
    testInfo[name] = async (...given) => {
      await others?.apply(testInfo, given);
      await look();
    };
}

async function keepNow(testInfo, { session, suite }) {
  try {
    const { kept } = await suite.failTest(labelOf(testInfo));
    return kept ? await tellKept(testInfo, session, [kept]) : [];
  } catch (error) {
    warn(`${escaped(testInfo.title)}: the state when it failed could not be kept: ${escaped(error.message)}`);
    return [];
  }
}

/** The commands as lines of an attachment. */
function keptLines(commands) {
  return commands.map((line) => `when it failed: ${escaped(line)}`);
}

/** The label of a test, with its project if several have tests. */
function labelOf({ titlePath, project, config }) {
  const several = config.projects.filter(({ name }) => !PAIR.includes(name)).length > 1;
  return [...(several ? [project.name] : []), ...titlePath].join(' > ');
}

/** Name the commands that restore the states that a test failed with in its result, each once; return them. */
async function tellKept(testInfo, session, kept) {
  const lines = [];
  for (const one of kept) lines.push(await session.commandLineOfKept(one));
  for (const description of lines) {
    const type = 'state when it failed';
    if (!testInfo.annotations.some((one) => one.type === type && one.description === description))
      testInfo.annotations.push({ type, description });
  }
  return lines;
}

module.exports = { keepWhenItFails, keptLines, outcomeOf, tellKept };
