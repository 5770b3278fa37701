import kit from './projects.cjs';

export const { databaseProjects } = kit;
