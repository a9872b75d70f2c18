/**
 * Runs a TypeScript file on the machine's fastest driver, after set-up:
 *
 *     node scripts/run.mjs FILE [ARGUMENTS]
 *
 * Ends as the file's process ends.
 */
import { runNode } from '../packages/cli/bin/runNode.js';
import { setup } from './setup.mjs';

try {
  const { node } = await setup();
  runNode(node, ['--import', 'tsx', ...process.argv.slice(2)]);
} catch (error) {
  process.stderr.write(`set-up failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
