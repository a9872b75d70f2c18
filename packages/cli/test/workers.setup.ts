/**
 * Compiles the modules of worker threads once for all tests (bin/sourceWorker.js): tests start hundreds of threads, and
 * from source each takes a second of processor time before it begins.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import type { TestProject } from 'vitest/node';

const source = fileURLToPath(new URL('../src', import.meta.url));
const WORKERS = ['folding/worker.ts', 'folding/priorWorker.ts', 'commands/pretrain/batchWorker.ts'];

// oxlint-disable-next-line import/no-default-export -- vitest takes a set-up from the default export
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'rna-workers-'));
  const compile = async (): Promise<void> => {
    await build({
      entryPoints: WORKERS.map((name) => join(source, name)),
      outbase: source,
      outdir: folder,
      outExtension: { '.js': '.mjs' },
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'error',
      // For dependencies that are no ES modules.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    });
  };
  await compile();
  // A test that is run again because a file was changed has threads of the changed source.
  project.onTestsRerun(compile);
  process.env['RNA_WORKERS'] = folder;
  return () => rm(folder, { recursive: true });
}
