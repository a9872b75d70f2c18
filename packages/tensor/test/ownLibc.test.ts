/**
 * A Node that was started by the loader of another C library passes for Node: its children, threads and scripts are
 * such Nodes too, and programs that are none run as ever. Left out where set-up put no such driver on the machine.
 */
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { driverRecordFile, graphicsDevices, ICD_FILE, nodeOf, ownLibcFolder } from '../src/node/driver.ts';

const node = nodeOf();
const folder = ownLibcFolder();
// The environment of a process that was not started by it.
const env: NodeJS.ProcessEnv = {
  ...process.env,
  VK_DRIVER_FILES: undefined,
  RNA_NODE: undefined,
  PATH: (process.env['PATH'] ?? '').replaceAll(`${dirname(node)}:`, ''),
};

const FACTS = `[process.execPath, process.argv[0], process.execArgv.length, process.report.getReport().header.glibcVersionRuntime, process.env.VK_DRIVER_FILES]`;

describe.runIf(process.platform === 'linux' && existsSync(node))(
  'Node on a C library of its own (where set-up put it)',
  () => {
    let temporary = '';
    beforeEach(() => {
      temporary = mkdtempSync(join(tmpdir(), 'rna-own-libc-'));
    });
    afterEach(() => {
      rmSync(temporary, { recursive: true });
    });
    const script = (name: string, text: string): string => {
      const file = join(temporary, name);
      writeFileSync(file, text);
      return file;
    };
    const start = (args: readonly string[], more: NodeJS.ProcessEnv = {}, command = node) => {
      const { status, signal, stdout, stderr } = spawnSync(command, args, {
        encoding: 'utf8',
        env: { ...env, ...more },
      });
      return { status, signal, stdout, stderr };
    };
    const factsOf = (text: string): unknown[] =>
      text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown);

    test('is itself, and so are forks, threads and scripts', () => {
      const report = script('report.cjs', `console.log(JSON.stringify(${FACTS}))`);
      const shebang = script('tool', `#!/usr/bin/env node\nconsole.log(JSON.stringify(${FACTS}))`);
      chmodSync(shebang, 0o755);
      const main = script(
        'main.cjs',
        `console.log(JSON.stringify(${FACTS}));
       const { fork, spawnSync } = require('node:child_process');
       const { Worker } = require('node:worker_threads');
       fork(${JSON.stringify(report)}).on('exit', () => new Worker(${JSON.stringify(report)}).on('exit', () => {
         process.stdout.write(spawnSync(process.execPath, [${JSON.stringify(report)}], { encoding: 'utf8' }).stdout);
         process.stdout.write(spawnSync(${JSON.stringify(shebang)}, { encoding: 'utf8' }).stdout);
       }));`,
      );
      const { stdout, stderr, status } = start([main]);
      expect(stderr).toBe('');
      expect(status).toBe(0);
      const expected = [node, node, 0, expect.stringMatching(/^2\.\d+$/) as unknown, join(folder, ICD_FILE)];
      expect(factsOf(stdout)).toEqual(Array.from({ length: 5 }, () => expected));
    });

    test("starts the machine's programs with the machine's own C library", () => {
      const { stdout } = start([
        '-e',
        `console.log(require('node:child_process').execSync('cat /proc/self/maps') + '')`,
      ]);
      expect(stdout).toContain('libc.so.6');
      expect(stdout).not.toContain(folder);
    });

    test('hands on exit codes and signals', () => {
      expect(start(['-e', 'process.exit(7)']).status).toBe(7);
      expect(start(['-e', 'process.kill(process.pid, "SIGTERM")']).signal).toBe('SIGTERM');
    });

    test('leaves a driver that the user chose', () => {
      const { stdout } = start(['-p', 'process.env.VK_DRIVER_FILES'], { VK_DRIVER_FILES: '/other/icd.json' });
      expect(stdout).toBe('/other/icd.json\n');
    });

    test('starts the Node that it is told, else the first other one in PATH', () => {
      const { stdout } = start(['-p', 'process.env.RNA_NODE'], { PATH: `${dirname(node)}:${env['PATH']}` });
      expect(stdout.trim()).not.toBe(node);
      expect(start(['-p', 'process.env.RNA_NODE'], { RNA_NODE: stdout.trim(), PATH: '/usr/bin' }).stdout).toBe(stdout);
      symlinkSync(node, join(temporary, 'node'));
      const nothing = start(['-v'], { PATH: temporary }, node);
      expect(nothing).toMatchObject({
        status: 127,
        stderr: expect.stringContaining('no other node is in PATH') as string,
      });
    });

    test('that does not start is told and left out: the program goes on with the driver that there is', () => {
      const broken = join(temporary, 'rna', 'driver-own-libc');
      mkdirSync(join(broken, 'bin'), { recursive: true });
      for (const name of [join('bin', 'node'), 'execPath.cjs', ICD_FILE])
        cpSync(join(folder, name), join(broken, name));
      writeFileSync(
        driverRecordFile(broken),
        JSON.stringify({
          name: 'broken',
          icd: join(broken, ICD_FILE),
          libraries: [],
          preferredWith: graphicsDevices(),
        }),
      );
      const rna = fileURLToPath(new URL('../../cli/bin/rna.js', import.meta.url));
      const machinesNode = start(['-p', 'process.env.RNA_NODE']).stdout.trim();
      const { status, stdout, stderr } = start(
        [rna, '--version'],
        { XDG_CACHE_HOME: temporary, PATH: env['PATH'] },
        machinesNode,
      );
      expect(stderr).toMatch(
        /the faster Vulkan driver in .*driver-own-libc does not start \(.*\) and is left out; `npm run setup`/,
      );
      expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
      expect(status).toBe(0);
    });
  },
);
