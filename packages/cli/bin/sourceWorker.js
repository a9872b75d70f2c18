/**
 * A worker thread that runs from source, which Node does not read by itself:
 * the first argument is the URL of its module. See src/threads/startWorker.ts.
 */
import process from 'node:process';
import { register } from 'tsx/esm/api';

register();
await import(process.argv[2] ?? '');
