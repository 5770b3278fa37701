// The helpers that are often written by hand: copy the database file away, and copy it back.
import { copyFile, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const DATABASE =
  process.env.BACKEND_DATABASE ?? fileURLToPath(new URL('../backend/data/api_db_dev.sqlite3', import.meta.url));
const BACKUP = `${DATABASE}.e2e-backup`;

export async function backupDatabase() {
  await copyFile(DATABASE, BACKUP);
}

export async function restoreDatabase() {
  await copyFile(BACKUP, DATABASE);
}

export async function deleteBackup() {
  await rm(BACKUP, { force: true });
}
