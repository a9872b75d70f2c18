/** Serves and builds the page. */
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  // The demonstration's RNAs are served beside the page.
  publicDir: fileURLToPath(new URL('../../packages/cli/data', import.meta.url)),
  // Also works from a folder of a site.
  base: './',
  build: { target: 'esnext' },
  worker: { format: 'es' },
});
