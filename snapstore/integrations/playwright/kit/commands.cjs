'use strict';
// Command lines: the options that lead to the databases of a session, and commands that messages name. A person is to
// paste these as they stand, so they have the same options, with paths as they are from the current folder.

const path = require('node:path');
const { existsSync } = require('node:fs');

const NAME = 'snapstore.yaml';
const PLAIN = /^[\w@%+=:,./-]+$/; // a word that no shell changes
const COMMAND = /(?<!\w)'snap (?=[a-z])/g;

/** The path as the command sees it: `paths` maps prefixes of paths here to prefixes of paths there. */
function mapped(file, { paths, cwd }) {
  if (!file || !paths) return file;
  const absolute = path.resolve(cwd ?? '.', file);
  for (const [here, there] of Object.entries(paths)) {
    const below = path.relative(path.resolve(cwd ?? '.', here), absolute);
    if (below === '') return there;
    if (!below.startsWith('..') && !path.isAbsolute(below)) return path.posix.join(there, ...below.split(path.sep));
  }
  return file;
}

/** The options as words; `at` says how a path is written. */
function placeWords({ config, db, store, worker }, at) {
  const places = [
    ['--config', config],
    ['--db', db],
    ['--store', store],
  ];
  const given = places.flatMap(([name, file]) => (file ? [name, at(file)] : []));
  return [...given, ...(worker ? ['--worker', worker] : [])];
}

/** The options for a command that is typed in the current folder; a configuration that is found there needs none. */
function placesFromHere(options) {
  const { cwd, paths, config } = options;
  if (paths) return placeWords(options, (file) => mapped(file, options));
  const here = (file) => path.relative('', path.resolve(cwd ?? '.', file)) || '.';
  const isFound = Boolean(config) && path.resolve(cwd ?? '.', config) === nearest(process.cwd());
  return placeWords({ ...options, config: isFound ? undefined : config }, here);
}

/** The configuration that a command finds in a folder, or above. */
function nearest(folder) {
  const file = path.join(folder, NAME);
  if (existsSync(file)) return file;
  const above = path.dirname(folder);
  return above === folder ? null : nearest(above);
}

/** Words as a line for a shell. */
function commandText(words) {
  return words.map((word) => (PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}

/** Text of snapstore with another program, and its options, in the commands that it names: 'snap undo'. */
function withProgram(text, program) {
  return text.replace(COMMAND, () => `'${program} `);
}

module.exports = { commandText, mapped, placeWords, placesFromHere, withProgram };
