'use strict';
// What a test's result carries of the database: attachments, and the error of a test that left rows behind.

const { writeFile } = require('node:fs/promises');
const { escaped, warn } = require('./console.cjs');
const { describe } = require('./report.cjs');
const { isLeft } = require('./suite.cjs');

/** Attach what was found: as text, and of a state that differs as a page with before and after, and as JSON. */
async function attachEvidence(testInfo, session, found, label, started) {
  await testInfo.attach('database', { body: describe(found), contentType: 'text/plain' });
  if (!isLeft(found.verdict)) return;
  const page = await pageOf(session, found, `${label}, ${started.toISOString().slice(0, 19).replace('T', ' ')} UTC`);
  if (page !== null) {
    const file = testInfo.outputPath('database.html');
    await writeFile(file, page);
    await testInfo.attach('database.html', { path: file, contentType: 'text/html' });
  }
  await testInfo.attach('database.json', { body: JSON.stringify(found, null, 1), contentType: 'application/json' });
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
  const description = label === null ? describe(found) : `${escaped(label)}: ${describe(found)}`;
  if (found.ok === false) throw errorAt(testInfo, description);
  if (!isLeft(found.verdict) || leaks === 'pass') return;
  if (leaks === 'fail') throw errorAt(testInfo, description);
  testInfo.annotations.push({ type: 'database', description });
  warn(`${escaped(testInfo.title)}: ${description}`);
}

/** An error that points to the test, not into this kit. */
function errorAt({ file, line, column }, message) {
  const error = new Error(message);
  error.stack = `${error.name}: ${message}\n    at ${file}:${line}:${column}`;
  return error;
}

module.exports = { attachEvidence, judge };
