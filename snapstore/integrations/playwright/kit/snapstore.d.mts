export * from './snapstore.cjs';
