'use strict';
// What a test's result carries of the database: attachments, and the error of a test that left rows behind.

const { writeFile } = require('node:fs/promises');
const { escaped, otherWarnings, warn } = require('./console.cjs');
const { describe } = require('./report.cjs');
const { keptLines, tellKept } = require('./kept.cjs');
const { isLeft, lateText } = require('./suite.cjs');

const SHORT_HEX = 10; // digits of an id

/**
 * Attach what was found: as text, and of a state that differs as JSON, and as a page with before and after. A test that
 * may leave something has no page, since another process makes it.
 */
async function attachEvidence(testInfo, session, found, label, started, leaks) {
  const isOfChain = found.verdict === null && Boolean(found.forensic && found.compared_with);
  const [first, ...rest] = (isOfChain ? changesText(found, session) : describe(found)).split('\n');
  const restoring = keptLines(await tellKept(testInfo, session, found.kept ?? []));
  const body = [first, ...restoring, ...rest].join('\n');
  await testInfo.attach('database', { body, contentType: 'text/plain' });
  if (isOfChain ? testInfo.status === testInfo.expectedStatus : !isLeft(found.verdict)) return;
  const title = `${label}, ${started.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const page = isOfChain || severity(found, leaks) ? await pageOf(session, found, title) : null;
  if (page !== null) {
    const file = testInfo.outputPath('database.html');
    await writeFile(file, page);
    await testInfo.attach('database.html', { path: file, contentType: 'text/html' });
  }
  await testInfo.attach('database.json', { body: JSON.stringify(found, null, 1), contentType: 'application/json' });
}

/** Where to see what a test of a chain changed: nobody compares the two states unless somebody asks. */
function changesText({ forensic, compared_with: { snapshot } }, session) {
  const [before, after] = [snapshot, forensic].map((id) => id.slice(0, SHORT_HEX));
  return `database: not verified; '${escaped(session.commandLine('diff', before, after))}' shows what the test changed`;
}

/** Return the differences as a page; null where the failing state was not kept. */
async function pageOf(session, { forensic, compared_with: against }, title) {
  if (!forensic || !against) return null;
  try {
    return await session.diffPage(against.snapshot.includes(',') ? against.rev : against.snapshot, forensic, title);
  } catch (error) {
    warn(`no page of the differences: ${escaped(error.message)}`);
    return null;
  }
}

/** Fail, warn or pass, as `leaks` says; a state that could not be restored always fails. `label` names several tests. */
function judge(testInfo, found, leaks, label = null) {
  for (const text of otherWarnings(found)) tell(testInfo, text);
  const description = label === null ? describe(found) : `${escaped(label)}: ${describe(found)}`;
  const what = severity(found, leaks);
  if (what === 'fail') throw errorAt(testInfo, description);
  if (what !== null) tell(testInfo, description);
}

/** Note something about a test that does not fail it. */
function tell(testInfo, description) {
  testInfo.annotations.push({ type: 'database', description });
  warn(`${escaped(testInfo.title)}: ${description}`);
}

/** What follows from what was found: `fail`, `warn` or null. */
function severity(found, leaks) {
  if (found.ok === false) return 'fail';
  return isLeft(found.verdict) && leaks !== 'pass' ? leaks : null;
}

/** Name what was written after the test before was verified; it is taken back, and nobody fails for it. */
function tellLate(testInfo, late) {
  testInfo.annotations.push({ type: 'database', description: lateText(late) });
  warn(lateText(late));
}

/** An error that points to the test, not into this kit. */
function errorAt({ file, line, column }, message) {
  const error = new Error(message);
  error.stack = `${error.name}: ${message}\n    at ${file}:${line}:${column}`;
  return error;
}

module.exports = { attachEvidence, errorAt, judge, severity, tellLate };
