/** Serves and builds the application: a folder of static files that any server serves, from any path. */
import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

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

/** The engines' parameters may be passed on with their licences. */
const engineLicences: Plugin = {
  name: 'engine-licences',
  apply: 'build',
  generateBundle() {
    for (const engine of ['contrafold', 'eternafold'])
      this.emitFile({
        type: 'asset',
        fileName: `licences/${engine}.txt`,
        source: readFileSync(new URL(`../builtin/engines/${engine}/COPYING`, import.meta.url)),
      });
  },
};

export default defineConfig({
  root: import.meta.dirname,
  // Also works from a folder of a site.
  base: './',
  plugins: [contentSecurityPolicy, engineLicences],
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
