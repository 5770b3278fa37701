import { createRequire } from 'node:module';

export const { databaseProjects } = createRequire(import.meta.url)('./projects.cjs');
