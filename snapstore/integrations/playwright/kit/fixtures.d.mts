export * from './fixtures.cjs';
