import { createRequire } from 'node:module';

export const { startBackend } = createRequire(import.meta.url)('./backend.cjs');
