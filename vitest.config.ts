/**
 * The projects: `node` runs every `*.test.ts` on Dawn, many files in a process
 * but for a few that are a project of their own, and `browser` every
 * `*.browser.test.ts` in real Chromium on SwiftShader. The second is left out
 * where no browser is found; scripts/test.mjs says so. One more for each
 * software driver repeats the kernels' tests there. `examples` runs Node beside
 * Chromium, where there is a Chromium with its driver.
 */
import { playwright } from '@vitest/browser-playwright';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { fasterNode } from './packages/tensor/src/node/driver.ts';
import { driverProjects, fullMatrix, quickCompiler } from './packages/tensor/test/softwareDrivers.ts';
import { findChromium } from './scripts/setup/chromium.ts';

// Test processes are forks of this one, which itself needs no device.
process.execPath =
  fasterNode((line) => {
    process.stderr.write(`${line}\n`);
  }) ?? process.execPath;

// What a person tuned on this machine must not decide what is tested.
const untuned = { RNA_TUNING: 'off' };
// Software drivers compile a large kernel for seconds.
const timeouts = { testTimeout: fullMatrix ? 3_600_000 : 300_000, hookTimeout: 120_000 };
const browserTests = 'packages/*/test/**/*.browser.test.ts';

// What looks at its process as a whole, or replaces a module of Node in it.
const ownProcess = [
  'packages/inference/test/hub.test.ts',
  'packages/tensor/test/driver.test.ts',
  'packages/tensor/test/kernels.test.ts',
  'packages/tensor/test/ownLibc.test.ts',
  'packages/train/test/leak.test.ts',
];
const everywhere = { pool: 'forks', env: { ...untuned, ...quickCompiler }, ...timeouts } as const;

const node: TestProjectConfiguration[] = [
  {
    test: {
      name: 'node',
      include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'benchmarks/test/**/*.test.ts'],
      exclude: [browserTests, ...ownProcess, '**/node_modules/**'],
      globalSetup: ['packages/cli/test/workers.setup.ts'],
      // Loading the modules anew for each file takes a fifth of the time.
      isolate: false,
      // In threads, a test that times out with work pending on the adapter can abort the whole run.
      ...everywhere,
    },
  },
  { test: { name: 'node, own process', include: ownProcess, ...everywhere } },
];

const chromium = findChromium();
const browser: TestProjectConfiguration[] =
  chromium === undefined
    ? []
    : [
        {
          // Dawn's binding has no place in a browser's bundle.
          optimizeDeps: { exclude: ['webgpu'] },
          test: {
            name: 'browser',
            include: [browserTests],
            ...timeouts,
            browser: {
              enabled: true,
              headless: true,
              screenshotFailures: false,
              provider: playwright({
                launchOptions: {
                  executablePath: chromium.executable,
                  // Chromium has a driver of its own.
                  env: { ...process.env, VK_DRIVER_FILES: undefined, ...chromium.env },
                  args: [
                    '--enable-unsafe-webgpu',
                    '--headless=new',
                    '--no-sandbox',
                    '--disable-quic',
                    '--no-first-run',
                    '--disable-background-networking',
                    '--disable-component-update',
                    '--disable-sync',
                  ],
                },
              }),
              instances: [{ browser: 'chromium' }],
            },
          },
        },
      ];

const drivers = driverProjects(chromium?.executable).map(({ name, env, tests }): TestProjectConfiguration => ({
  test: {
    name,
    env: { ...untuned, ...env },
    include: tests.map((file) => `packages/tensor/test/${file}`),
    pool: 'forks',
    ...timeouts,
  },
}));

// A run in Node and one in Chromium have the same bits on the same driver, and Chromium's is SwiftShader.
const swiftShader = driverProjects(chromium?.executable).find(({ name }) => name === 'SwiftShader')?.env ?? {};
const examples: TestProjectConfiguration[] =
  chromium === undefined || !('VK_DRIVER_FILES' in swiftShader)
    ? []
    : [
        {
          test: {
            name: 'examples',
            include: ['examples/test/**/*.test.ts'],
            pool: 'forks',
            env: { ...untuned, ...swiftShader, ...chromium.env, CHROME_PATH: chromium.executable },
            ...timeouts,
          },
        },
      ];

export default defineConfig({ test: { maxWorkers: 2, projects: [...node, ...browser, ...drivers, ...examples] } });
