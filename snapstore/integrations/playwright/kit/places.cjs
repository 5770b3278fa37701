'use strict';
// Where the options of a Playwright configuration point to: their relative paths are relative to that file.

const path = require('node:path');

const OWN_PROGRAM = /^(['"]?)(\.{1,2}[\\/])/; // `./` or `../`: not a command that PATH has

/** Return options with absolute paths; `configFile` is Playwright's, undefined where it has none. */
function located(given, { configFile, rootDir }) {
  const base = configFile ? path.dirname(configFile) : rootDir;
  const at = (file) => file && path.resolve(base, given.cwd ?? '.', file);
  const paths = given.paths && Object.entries(given.paths).map(([here, there]) => [at(here), there]);
  return {
    ...given,
    command: commandAt(given.command, path.resolve(base, given.cwd ?? '.')),
    cwd: given.cwd && path.resolve(base, given.cwd),
    config: at(given.config),
    db: at(given.db),
    store: at(given.store),
    fromStore: at(given.fromStore),
    paths: paths && Object.fromEntries(paths),
  };
}

function commandAt(command, base) {
  if (Array.isArray(command)) return command.map((word, at) => (at ? word : commandAt(word, base)));
  return command?.replace(OWN_PROGRAM, (_, quote, dots) => `${quote}${path.resolve(base, dots)}${path.sep}`);
}

module.exports = { located };
