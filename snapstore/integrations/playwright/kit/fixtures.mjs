// Required, not imported, as in the other modules of this kind: Playwright 1.52 and older wait forever where they
// transpile a CommonJS module that an ES module imports and that requires others.
import { createRequire } from 'node:module';

export const { configured, expect, shareState, test, withSnapstore } = createRequire(import.meta.url)('./fixtures.cjs');
