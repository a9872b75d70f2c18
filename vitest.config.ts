/**
 * The projects: `node` runs every `*.test.ts` on Dawn, `browser` runs every
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

const node: TestProjectConfiguration = {
  test: {
    name: 'node',
    include: ['packages/*/test/**/*.test.ts', 'test/**/*.test.ts', 'benchmarks/test/**/*.test.ts'],
    exclude: [browserTests, '**/node_modules/**'],
    // In threads, a test that times out with work pending on the adapter can abort the whole run.
    pool: 'forks',
    env: { ...untuned, ...quickCompiler },
    ...timeouts,
  },
};

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

export default defineConfig({ test: { maxWorkers: 2, projects: [node, ...browser, ...drivers, ...examples] } });
