'use strict';
// What a test left in the database, as text: the rows by table and key, causes first, then the tables with counts.

const { escaped, hookLines, otherWarnings } = require('./console.cjs');

const MOST_ROWS = 20; // of each kind
const LONGEST = 200; // characters of a value
const MOST_RANGES = 6; // of keys
const MOST_BELOW = 6; // tables with rows that refer to others
const SHORT_HEX = 10; // digits of an id
const KINDS = { removed: 'gone', changed: 'changed' };

/** Return a value of a row as text, cut where it is long. */
function valueText(value) {
  if (typeof value === 'string') return `"${cut(value)}"`;
  if (value === null || typeof value !== 'object') return String(value);
  if ('blob' in value) return `${value.bytes} bytes`;
  if ('text' in value)
    return `text that is not Unicode, ${Buffer.from(value.text, 'base64').toString('hex').slice(0, LONGEST)}`;
  return String(Object.values(value)[0]);
}

function cut(text) {
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}

function keyText(key) {
  const values = Object.values(key ?? {}).map((value) => (typeof value === 'string' ? cut(value) : valueText(value)));
  return values.join(', ');
}

function countsText({ added = 0, removed = 0, changed = 0 }) {
  const counts = [
    [added, 'added'],
    [removed, 'removed'],
    [changed, 'changed'],
  ];
  return counts
    .filter(([number]) => number)
    .map(([number, kind]) => `${number} ${kind}`)
    .join(', ');
}

function leakText({ table, key, under, of }) {
  const below = Object.entries(under ?? {}).map(
    ([name, number]) => `${number} ${number === 1 ? 'row' : 'rows'} in ${name}`,
  );
  const owner = of ? ` (of ${of.table} ${keyText(of.key)})` : '';
  return `left behind: ${table} ${keyText(key)}${owner}${below.length ? `: ${below.join(', ')}` : ''}`;
}

function rangeText({ first, last, rows }) {
  const text = Object.keys(first).length > 1 ? `(${keyText(first)})` : keyText(first);
  return rows > 1 ? `${text}${text.startsWith('-') ? ' to ' : '-'}${keyText(last)}` : text;
}

function rangesText(keys) {
  const shown = keys.slice(0, MOST_RANGES).map(rangeText);
  const more = keys.slice(MOST_RANGES).reduce((sum, one) => sum + one.rows, 0);
  return shown.join(', ') + (more ? ` and ${more} more ${more === 1 ? 'row' : 'rows'}` : '');
}

/** What people know some rows by: ` "Forgotten one"`, or ` ("one", "two", …)`. */
function labelsText(labels, rows) {
  const texts = labels.map((label) => valueText(label));
  if (!texts.length || rows === 1) return texts.length ? ` ${texts[0]}` : '';
  return ` (${[...texts, ...(texts.length < rows ? ['…'] : [])].join(', ')})`;
}

/** The rows of a table on one line: `sessions 5-7, 12 (of users 1): 3 rows in log`. */
function leftText({ table, keys, under, of, labels = [], rows }) {
  const below = Object.entries(under).map(([name, number]) => `${number} ${number === 1 ? 'row' : 'rows'} in ${name}`);
  if (below.length > MOST_BELOW) below.splice(MOST_BELOW, Infinity, `rows in ${below.length - MOST_BELOW} more tables`);
  const owners = Object.entries(of).map(([name, ranges]) => `${name} ${rangesText(ranges)}`);
  const owner = owners.length ? ` (of ${owners.join('; ')})` : '';
  return `${table} ${rangesText(keys)}${labelsText(labels, rows)}${owner}${below.length ? `: ${below.join(', ')}` : ''}`;
}

function rowText({ table, key, change, columns, before, after, label }) {
  const moved = (columns ?? []).map((name) => `${name} ${valueText(before[name])} -> ${valueText(after[name])}`);
  return `${KINDS[change]}: ${table} ${keyText(key)}${label ? ` ${valueText(label)}` : ''}${change === 'changed' ? `: ${moved.join(', ')}` : ''}`;
}

function some(lines) {
  const more = lines.length - MOST_ROWS;
  return more > 0 ? [...lines.slice(0, MOST_ROWS), `... ${more} more`] : lines;
}

/** Return a snapshot as it was asked for, with its tags and its id: `, against e2e-backup (baseline, 0d4c41a24d)`. */
function againstText(one) {
  if (!one) return '';
  const ids = one.snapshot.split(',').map((id) => id.slice(0, SHORT_HEX));
  return `, against ${one.rev} (${[...(one.names ?? []).filter((name) => name !== one.rev), ...ids].join(', ')})`;
}

/** What happened, causes before consequences, then the counts of all tables. */
function databaseLines(found) {
  const { gone, left_behind: left } = found;
  const rows = (found.rows ?? []).filter(({ change }) => change === 'changed' || (change === 'removed' && !gone));
  return [
    ...(found.schema ?? []).map((one) => `${one.type} ${one.name} ${one.change}`),
    ...some((gone ?? []).map((one) => `gone: ${leftText(one)}`)),
    ...some(left ? left.map((one) => `left behind: ${leftText(one)}`) : (found.leaks ?? []).map(leakText)),
    ...some(rows.map(rowText)),
    ...Object.entries(found.tables ?? {}).map(([table, counts]) => {
      const of = found.derived?.[table];
      return `${table}${of ? ` (derived from ${of})` : ''}: ${countsText(counts)}`;
    }),
  ];
}

function allLines(found) {
  const databases = Object.entries(found ?? {});
  return databases.flatMap(([name, one]) =>
    databaseLines(one).map((line) => (databases.length > 1 ? `${name}: ${line}` : line)),
  );
}

const FILE_SIGNS = { added: '+', removed: '-', changed: '~', drifted: '.' };
const MOST_PATHS = 10;

/** Files that differ: the counts of each folder, and its first paths. */
function fileLines(files) {
  return Object.entries(files ?? {})
    .filter(([, one]) => one.verdict !== 'clean')
    .flatMap(([name, one]) => {
      const more = one.paths.length + one.paths_left_out - MOST_PATHS;
      const drifted = one.drifted ? [`${one.drifted} with another mode or time`] : [];
      return [
        `files ${name}: ${[countsText(one), ...drifted].filter(Boolean).join(', ')}`,
        ...one.paths.slice(0, MOST_PATHS).map(({ change, path }) => `  ${FILE_SIGNS[change]} ${path}`),
        ...(more > 0 ? [`  … ${more} more`] : []),
      ];
    });
}

/** Say what a restore came to: with the differences that were found after it, if there were any. */
function restoredLines(found) {
  if (found.restored && found.state_ok !== false) return ['restored'];
  if (found.state_ok !== false || !found.verdict_after) return [];
  const now = `restored, but verification still reports '${found.verdict_after}'; what differs now:`;
  const lines = [...allLines(found.databases_after), ...fileLines(found.files_after)];
  return [now, ...lines.map((line) => `  ${line}`)];
}

/** Describe what `verify` or `end_test` found, one line for each difference; a clean state is only its verdict. */
function describe(found) {
  const failed = (found.attempts ?? []).filter((one) => one.status !== 'done');
  return [
    `database: ${found.verdict ?? 'not verified'}${againstText(found.compared_with)}`,
    ...allLines(found.databases),
    ...fileLines(found.files),
    ...failed.map((one) => `cleanup step '${one.step}' ${one.status}: ${one.detail}`),
    ...restoredLines(found),
    ...otherWarnings(found).map((text) => `warning: ${text}`),
    ...hookLines(found.hooks),
  ]
    .map((line) => escaped(line))
    .join('\n');
}

module.exports = { describe };
