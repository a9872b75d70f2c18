/**
 * Worker threads of this package: from source in a checkout, by way of
 * bin/sourceWorker.js, and from the build in a published package.
 */
import { Worker, type WorkerOptions } from 'node:worker_threads';

/** Starts a thread on a module of this package, given by its path in `src` without extension. */
export function startWorker(name: string, options: Omit<WorkerOptions, 'argv' | 'eval'>): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const module = new URL(`../${name}.${extension}`, import.meta.url);
  if (extension === 'js') return new Worker(module, options);
  return new Worker(new URL('../../bin/sourceWorker.js', import.meta.url), { ...options, argv: [module.href] });
}
