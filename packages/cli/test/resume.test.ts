/** A run killed with SIGKILL again and again, and resumed, ends in the same bits as one that was left alone. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '@rna/kernels';
import { afterAll, beforeAll, expect, it } from 'vitest';

const KILLS = 4;
const root = fileURLToPath(new URL('../../..', import.meta.url));
const script = fileURLToPath(new URL('./resume.child.ts', import.meta.url));
const data = fileURLToPath(new URL('../../train/test/fixtures/short.dbn', import.meta.url));

let base: string;
beforeAll(() => {
  base = mkdtempSync(join(tmpdir(), 'rna-resume-'));
});
afterAll(() => {
  rmSync(base, { recursive: true });
});

/**
 * Runs the child to its end, or kills it `delay` ms after it reported `steps` steps. Returns how it ended and the steps
 * it did.
 */
function runChild(
  folder: string,
  kill?: { readonly steps: number; readonly delay: number },
): Promise<{ killed: boolean; steps: number[] }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', script, folder, data], {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const steps: number[] = [];
    let [output, errors] = ['', ''];
    let armed = false;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      steps.splice(0, steps.length, ...[...output.matchAll(/^step (\d+)$/gm)].map((match) => Number(match[1])));
      if (kill !== undefined && steps.length >= kill.steps && !armed) {
        armed = true;
        setTimeout(() => child.kill('SIGKILL'), kill.delay);
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0 || signal === 'SIGKILL') resolve({ killed: signal === 'SIGKILL', steps });
      else reject(new Error(`the child ended with ${code ?? signal}:\n${errors}`));
    });
  });
}

/** Every file of a run, by its path. */
function filesOf(folder: string): Record<string, string> {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(paths.map((path) => [path.slice(folder.length), readFileSync(path, 'latin1')]));
}

it('ends in the same bits, log included', async () => {
  const seed = Date.now();
  const random = new RandomStream(seed);
  const [whole, broken] = [join(base, 'whole'), join(base, 'broken')];
  const { steps } = await runChild(whole);
  expect(steps).toHaveLength(24);

  // The first kill comes at once after a checkpoint and long before the end, so that there is a resume on any machine.
  const first = await runChild(broken, { steps: 7 + random.below(5), delay: 0 });
  expect(first.killed).toBe(true);
  for (let i = 1; i < KILLS; i++) {
    const { killed, steps: done } = await runChild(broken, { steps: 1 + random.below(9), delay: random.below(60) });
    if (i === 1) expect(done[0]).toBeGreaterThan(1);
    if (!killed) break;
  }
  await runChild(broken);

  const [expected, actual] = [filesOf(whole), filesOf(broken)];
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort());
  expect(Object.keys(expected)).toContain('/checkpoints/step-000000024/model.safetensors');
  for (const [path, content] of Object.entries(expected)) {
    expect(actual[path] === content, `${path} is the same (moments drawn from ${seed})`).toBe(true);
  }
  expect(expected['/log.jsonl']!.trim().split('\n')).toHaveLength(24 + 5);
});
