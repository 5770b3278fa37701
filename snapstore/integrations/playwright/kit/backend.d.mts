export * from './backend.cjs';
