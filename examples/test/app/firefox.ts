/**
 * The application in Firefox, where there is one: it folds by the built-in model on Firefox's WebGPU, which on Linux has
 * to be switched on. No driver of browsers is needed for it: a script that is served beside the page tells what a person
 * would see.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { served } from './tools.ts';

const FIREFOX = ['/usr/bin/firefox-esr', '/usr/bin/firefox'].find((path) => existsSync(path));
const PREFERENCES = {
  'dom.webgpu.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
};
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html' };
const PROBE = `
  const look = () => {
    const text = (selector) => document.querySelector(selector)?.textContent;
    const [problem, structure] = [text('[role=alert]'), text('[aria-label="Sequence and dot-bracket"]')];
    if (problem ?? structure) void fetch('/seen', { method: 'POST', body: JSON.stringify({ problem, structure }) });
    else setTimeout(look, 200);
  };
  look();`;

interface Seen {
  readonly problem?: string;
  readonly structure?: string;
}

/** What Firefox shows first at an address of the application: a structure or a problem. */
async function seenInFirefox(hash: string): Promise<Seen> {
  const profile = await mkdtemp(join(tmpdir(), 'rna-firefox-'));
  const preferences = Object.entries(PREFERENCES).map(([name, value]) => `user_pref("${name}", ${String(value)});\n`);
  await writeFile(join(profile, 'user.js'), preferences.join(''));
  let tell: ((seen: Seen) => void) | undefined;
  const seen = new Promise<Seen>((resolve) => {
    tell = resolve;
  });
  const server = createServer((request, response) => {
    const path = new URL(request.url!, 'http://page').pathname;
    if (path === '/seen') {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        response.end();
        tell?.(JSON.parse(Buffer.concat(parts).toString()) as Seen);
      });
      return;
    }
    const file = path === '/' ? '/index.html' : path;
    response.setHeader('content-type', TYPES[extname(file)] ?? 'application/octet-stream');
    if (path === '/probe.js') response.end(PROBE);
    else
      readFile(join(served.folder, file)).then(
        (bytes) => response.end(path === '/' ? withProbe(bytes.toString()) : bytes),
        () => response.writeHead(404).end(),
      );
  });
  await new Promise<void>((listening) => {
    server.listen(0, '127.0.0.1', listening);
  });
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/${hash}`;
  const firefox = spawn(FIREFOX!, ['--headless', '--no-remote', '--profile', profile, address], { stdio: 'ignore' });
  const ended = new Promise<void>((end) => {
    firefox.once('exit', () => {
      end();
    });
  });
  try {
    return await seen;
  } finally {
    firefox.kill();
    await ended;
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

const withProbe = (page: string): string => page.replace('</body>', '<script src="/probe.js"></script></body>');

describe.skipIf(FIREFOX === undefined)('in Firefox', () => {
  test('the built-in model folds', async () => {
    const query = new URLSearchParams({ method: 'builtin', fasta: '>h\nGGGGCGAAAGCCCC\n' }).toString();
    expect(await seenInFirefox(`#/fold?${query}`)).toEqual({ structure: 'GGGGCGAAAGCCCC\n(((((....)))))' });
  });
});
