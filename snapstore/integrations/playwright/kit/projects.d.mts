export * from './projects.cjs';
