/**
 * Child processes for set-up: quiet while they work, complete when they fail.
 * Nothing here asks a question on the terminal.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Tells the person what set-up does. On stderr: stdout is for results. */
export type Say = (line: string) => void;

/** Runs a command to its end and returns its stdout; throws with the end of its output when it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: { env?: NodeJS.ProcessEnv; cwd?: string } = {},
): string {
  const child = spawnSync(command, args, {
    ...options,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    // npm and npx are command files on Windows, which only a shell starts.
    shell: process.platform === 'win32',
    env: { ...quietless(process.env), ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.error) throw new Error(`${command} did not start: ${child.error.message}`);
  if (child.status !== 0) {
    const output = `${child.stdout}\n${child.stderr}`.trim().split('\n').slice(-40).join('\n  ');
    throw new Error(
      `\`${command} ${args.slice(0, 3).join(' ')} …\` ended with ${child.signal ?? `exit code ${String(child.status)}`}:\n  ${output}`,
    );
  }
  return child.stdout;
}

export function isOnPath(command: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The environment without `npm --silent`, which would hide the reason of a failure in a nested npm. */
function quietless(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name !== 'npm_config_loglevel'));
}
