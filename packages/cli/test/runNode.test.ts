/** A Node in place of another: the first ends as the second does, and what is asked of the first reaches the second. */
import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';

const module = new URL('../bin/runNode.js', import.meta.url).href;

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
}

/** Runs `script` in a Node in place of another; with `signal`, sends that to the first as soon as the script prints. */
function run(script: string, signal?: NodeJS.Signals): Promise<End> {
  const outer = `import(${JSON.stringify(module)}).then(({ runNode }) => runNode(process.execPath, ['--eval', process.argv[1]]))`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--eval', outer, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (stdout === '' && signal !== undefined) child.kill(signal);
      stdout += text;
    });
    child.once('error', reject);
    child.once('close', (code, by) => {
      resolve({ code, signal: by, stdout });
    });
  });
}

test('the exit code is handed on', async () => {
  expect(await run('console.log("done"); process.exitCode = 7')).toEqual({ code: 7, signal: null, stdout: 'done\n' });
  expect(await run('')).toMatchObject({ code: 0 });
});

test.runIf(process.platform !== 'win32')('the signal that ended it is handed on', async () => {
  expect(await run('process.kill(process.pid, "SIGKILL")')).toMatchObject({ code: null, signal: 'SIGKILL' });
  expect(await run('setInterval(() => {}, 1000); console.log("up")', 'SIGTERM')).toMatchObject({ signal: 'SIGTERM' });
});

test.runIf(process.platform === 'linux')('the descriptor of a launcher of MPI is handed on', async () => {
  // The one end is in the hands of a first process, which starts the one that is put in place of another.
  const inner = 'require("node:fs").writeSync(Number(process.env.PMI_FD), "heard")';
  const middle = `import(${JSON.stringify(module)}).then(({ runNode }) => runNode(process.execPath, ['--eval', process.argv[1]]))`;
  const env = { ...process.env, PMI_FD: '4' };
  const child = spawn(process.execPath, ['--eval', middle, inner], {
    env,
    stdio: ['ignore', 'inherit', 'inherit', 'ignore', 'pipe'],
  });
  const texts: string[] = [];
  child.stdio[4]?.on('data', (text: Buffer) => texts.push(text.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect({ code, text: texts.join('') }).toEqual({ code: 0, text: 'heard' });
});

test.runIf(process.platform !== 'win32').each(['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const)(
  '%s reaches it once, and its answer is waited for',
  async (signal) => {
    const script = `
      let count = 0;
      process.on('${signal}', () => {
        if (++count === 1) setTimeout(() => { console.log('had', count); process.exit(5); }, 300);
      });
      setInterval(() => {}, 1000);
      console.log('up');`;
    expect(await run(script, signal)).toEqual({ code: 5, signal: null, stdout: 'up\nhad 1\n' });
  },
);
