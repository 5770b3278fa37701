'use strict';
// The one place of the kit that writes to the console, and what makes text safe for a terminal. Names, values and
// messages come from a database: a control character or a change of direction in them shows as an escape.

const SHORT_HEX = 10; // digits of an id
const OF_A_HOOK = /^(required )?(before|after)_restore hook '/;
const UNSEEN = /[\p{C}\p{Z}]/gu; // control, format, surrogate, unassigned; separators

/** Return text with an escape, as in Python, for each character that a terminal would not show; some may be kept. */
function escaped(text, keep = '') {
  return String(text).replace(UNSEEN, (char) => (char === ' ' || keep.includes(char) ? char : escape(char)));
}

function escape(char) {
  const code = char.codePointAt(0);
  const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[char];
  const hex = (digits) => code.toString(16).padStart(digits, '0');
  return named ?? (code < 0x100 ? `\\x${hex(2)}` : code < 0x10000 ? `\\u${hex(4)}` : `\\U${hex(8)}`);
}

/** Print a warning; it may have several lines. */
function warn(text) {
  console.warn(`snapstore: ${escaped(text, '\n')}`);
}

function log(text) {
  console.log(`snapstore: ${escaped(text, '\n')}`);
}

/** Say which hooks failed: the application may not know that its database was restored. */
function hookLines(hooks) {
  const failed = (hooks ?? []).filter((one) => !one.ok);
  return failed.map((one) =>
    escaped(`${one.required ? 'required ' : ''}${one.when} hook '${one.what}' failed: ${one.detail}`),
  );
}

/** What to know beside the hooks: another file took the place of a database. */
function otherWarnings({ warnings } = {}) {
  return (warnings ?? []).filter((text) => !OF_A_HOOK.test(text)).map((text) => escaped(text));
}

/** Warn of the hooks that failed between the beginning and the end of a suite; throw if one of them was required. */
function checkHooks(begun, ended) {
  const since = (ended?.hooks ?? []).slice(begun?.hooks?.length ?? 0);
  const failed = hookLines(since);
  for (const line of [...otherWarnings(ended ?? {}), ...failed]) warn(line);
  if (since.some((one) => one.required && !one.ok)) throw new Error(failed.join('; '));
}

/** Say what a session repaired before a suite began, what it found and left as it is, and which hooks failed. */
function warnOfRepairs({ repaired, left_alone: leftAlone, hooks }, session) {
  for (const what of leftAlone) warn(escaped(`left alone ${session.pasteable(what)}`));
  for (const { what, verdict, found, forensic } of repaired) {
    const kept = forensic
      ? `; kept as ${forensic.slice(0, SHORT_HEX)}, '${session.commandLine('undo')}' brings it back`
      : '';
    warn(escaped(`repaired ${what}: it was ${verdict}${found ? `: ${found}` : ''}${kept}`));
  }
  for (const line of hookLines(hooks)) warn(line);
}

/** Repeat what a session wrote to its standard error. */
function repeat(output) {
  process.stderr.write(escaped(output, '\n'));
}

module.exports = { checkHooks, escaped, hookLines, log, otherWarnings, repeat, warn, warnOfRepairs };
