/** Serves and builds the application: a folder of static files that any server serves, from any path. */
import { createHash } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, transformWithOxc, type Plugin } from 'vite';

/**
 * What the built page may load and do: its own scripts, styles and files, and nothing from elsewhere. The development
 * server has no such policy, since it puts scripts and styles of its own into the page.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "connect-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

const contentSecurityPolicy: Plugin = {
  name: 'content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    { tag: 'meta', attrs: { 'http-equiv': 'Content-Security-Policy', content: POLICY }, injectTo: 'head-prepend' },
  ],
};

/** The engines' parameters, and a library inside of a package's one file, may be passed on with their licences. */
const otherLicences: Plugin = {
  name: 'other-licences',
  apply: 'build',
  generateBundle() {
    for (const engine of ['contrafold', 'eternafold'])
      this.emitFile({
        type: 'asset',
        fileName: `licences/${engine}.txt`,
        source: readFileSync(new URL(`../builtin/engines/${engine}/COPYING`, import.meta.url)),
      });
    // The viewer of structures has pako in its one file. What a package needs lies beside its real path.
    const viewer = createRequire(realpathSync(fileURLToPath(import.meta.resolve('3dmol/build/3Dmol-min.js'))));
    const pako = join(dirname(viewer.resolve('pako/package.json')), 'LICENSE');
    this.emitFile({ type: 'asset', fileName: 'licences/pako.txt', source: readFileSync(pako) });
  },
};

/** The worker that keeps the page for visits without a network, with the list of what there is to keep. */
const offline: Plugin = {
  name: 'offline',
  apply: 'build',
  enforce: 'post',
  async generateBundle(_, bundle) {
    // Licences are for people, who have a network then.
    const files = Object.keys(bundle).filter((file) => !file.startsWith('licences/') && file !== 'index.html');
    const version = createHash('sha256').update(files.sort().join('\n')).digest('hex').slice(0, 16);
    const { code } = await transformWithOxc(
      readFileSync(new URL('src/offline/serviceWorker.ts', import.meta.url), 'utf8'),
      'serviceWorker.ts',
    );
    this.emitFile({
      type: 'asset',
      fileName: 'serviceWorker.js',
      source: `const KEPT_FILES = ${JSON.stringify(files)};\nconst KEPT_VERSION = '${version}';\n${code}`,
    });
  },
};

export default defineConfig({
  root: import.meta.dirname,
  // Also works from a folder of a site.
  base: './',
  plugins: [contentSecurityPolicy, otherLicences, offline],
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  // Nothing is inlined: a file that is fetched must come from an address that the policy allows.
  build: {
    license: { fileName: 'licences/packages.md' },
    target: 'esnext',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  worker: { format: 'es' },
});
