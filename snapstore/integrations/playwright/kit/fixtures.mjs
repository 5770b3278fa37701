import kit from './fixtures.cjs';

export const { configured, expect, shareState, test, withSnapstore } = kit;
