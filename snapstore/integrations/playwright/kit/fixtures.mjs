import kit from './fixtures.cjs';

export const {
  configured,
  expect,
  test,
  withSnapstore,
} = kit;
