/**
 * `npm start`: set-up, then the demonstration (`rna demo`) with the arguments
 * given. Ends with the demonstration's exit code and, if it failed, a last line
 * that says what failed.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root, setup } from './setup.mjs';

/** @returns {Promise<number>} */
async function start() {
  const { node } = await setup();
  const demo = spawnSync(node, [join(root, 'packages/cli/bin/rna.js'), 'demo', ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  if (demo.error) throw demo.error;
  if (demo.signal !== null) throw new Error(`the demonstration was ended by ${demo.signal}`);
  if (demo.status !== 0)
    process.stderr.write(
      `npm start failed: the demonstration ended with exit code ${String(demo.status)}; the lines above say why\n`,
    );
  return demo.status ?? 1;
}

process.exitCode = await start().catch((/** @type {unknown} */ error) => {
  process.stderr.write(`npm start failed: ${error instanceof Error ? error.message : String(error)}\n`);
  return 1;
});
