'use strict';
// What a test left in the database, in words: tables with counts, then the rows by table and key.

const MOST_ROWS = 20; // of each kind
const KINDS = { removed: 'gone', changed: 'changed' };

/** Say a value of a row as a reader would write it. */
function valueText(value) {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if ('blob' in value) return `${value.bytes} bytes`;
  return String(Object.values(value)[0]);
}

function keyText(key) {
  const values = Object.values(key ?? {}).map((value) => (typeof value === 'string' ? value : valueText(value)));
  return values.join(', ');
}

function countsText({ added = 0, removed = 0, changed = 0 }) {
  const said = [[added, 'added'], [removed, 'removed'], [changed, 'changed']];
  return said.filter(([number]) => number).map(([number, kind]) => `${number} ${kind}`).join(', ');
}

function leakText({ table, key, under, of }) {
  const below = Object.entries(under ?? {}).map(([name, number]) => `${number} ${name}`);
  const owner = of ? ` (of ${of.table} ${keyText(of.key)})` : '';
  return `left behind: ${table} ${keyText(key)}${owner}${below.length ? `, with ${below.join(', ')}` : ''}`;
}

function rowText({ table, key, change, columns, before, after }) {
  const moved = (columns ?? []).map((name) => `${name} ${valueText(before[name])} -> ${valueText(after[name])}`);
  return `${KINDS[change]}: ${table} ${keyText(key)}${change === 'changed' ? `: ${moved.join(', ')}` : ''}`;
}

function some(lines) {
  const more = lines.length - MOST_ROWS;
  return more > 0 ? [...lines.slice(0, MOST_ROWS), `... ${more} more`] : lines;
}

function databaseLines(found) {
  const rows = (found.rows ?? []).filter((row) => row.change in KINDS);
  return [
    ...(found.schema ?? []).map((one) => `${one.type} ${one.name} ${one.change}`),
    ...Object.entries(found.tables ?? {}).map(([table, counts]) => `${table}: ${countsText(counts)}`),
    ...some((found.leaks ?? []).map(leakText)),
    ...some(rows.map(rowText)),
  ];
}

/** Say what `verify` or `end_test` found, a line each; a clean state is its verdict alone. */
function describe(found) {
  const databases = Object.entries(found.databases ?? {});
  const lines = databases.flatMap(([name, one]) =>
    databaseLines(one).map((line) => (databases.length > 1 ? `${name}: ${line}` : line)));
  const failed = (found.attempts ?? []).filter((one) => one.status !== 'done');
  return [
    `database: ${found.verdict ?? 'not verified'}`,
    ...lines,
    ...failed.map((one) => `cleanup step '${one.step}' ${one.status}: ${one.detail}`),
    ...(found.restored ? ['restored'] : []),
  ].join('\n');
}

module.exports = { describe };
