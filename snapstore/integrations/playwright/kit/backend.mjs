import kit from './backend.cjs';

export const { startBackend } = kit;
