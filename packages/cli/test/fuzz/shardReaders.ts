/**
 * Readers of shards for the fuzzer. Two shards of every kind of file are joined, of which one file is damaged: its
 * manifest, or one that the manifest has the digest of. What is joined is what one process would have written, or
 * nothing.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { memorySink, writeNpy, writeSafetensors } from '@rna/model';
import { merge } from '../../src/commands/shards/merge.ts';
import { MANIFEST_FILE, type Kind, type Manifest } from '../../src/shards/manifest.ts';
import type { Reader } from './engine.ts';
import { quietly } from './fileReaders.ts';

const folder = mkdtempSync(join(tmpdir(), 'rna-fuzz-shards-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** The files of shard `k`, by kind. */
async function filesOf(k: number): Promise<ReadonlyMap<Kind, Uint8Array>> {
  const [npy, tensors] = [memorySink(), memorySink()];
  const row = Float32Array.of(k, 0.5, -1);
  // Records are read as a stream elsewhere, so the type asks for one.
  const rows = (async function* () {
    yield await Promise.resolve(row);
  })();
  await writeNpy(npy, { ids: [`r${k}`], shape: [3], rows });
  await writeSafetensors(tensors, [{ name: `r${k}`, dtype: 'F32', shape: [3], data: () => Promise.resolve(row) }]);
  return new Map<Kind, Uint8Array>([
    ['lines', Buffer.from(`>r${k}\nGGAACC\n((..))\n`)],
    ['table', Buffer.from(`id,"two\nlines"\nr${k},${k}.5\n`)],
    ['npy', npy.bytes()],
    ['safetensors', tensors.bytes()],
  ]);
}

const shards = await Promise.all([0, 1].map(filesOf));
const made: Manifest['made'] = {
  command: 'embed',
  version: '0.1.0',
  shards: 2,
  input: { sha256: 'a'.repeat(64), records: 2, nucleotides: 12 },
  digests: { model: 'b'.repeat(64) },
  options: { pool: 'mean', layer: 2 },
};

/** The manifest of shard `k` of one kind of file. */
const manifestOf = (k: number, kind: Kind): Buffer => {
  const bytes = shards[k]!.get(kind)!;
  const manifest: Manifest = {
    format: 1,
    shard: k + 1,
    firstRecord: k + 1,
    records: 1,
    files: [{ suffix: '', kind, bytes: bytes.length, sha256: sha256(bytes) }],
    made,
  };
  return Buffer.from(JSON.stringify(manifest, null, 2));
};

/** Joins shards of which one file is as it is given, and gives what was written. */
async function joined(kind: Kind, damaged: 'manifest' | 'file', bytes: Uint8Array): Promise<string> {
  const out = join(folder, 'out');
  rmSync(folder, { recursive: true, force: true });
  shards.forEach((files, k) => {
    const own = join(`${out}.shards`, `shard-0000${k + 1}-of-00002`);
    mkdirSync(own, { recursive: true });
    writeFileSync(join(own, MANIFEST_FILE), damaged === 'manifest' && k === 1 ? bytes : manifestOf(k, kind));
    writeFileSync(join(own, 'out'), damaged === 'file' && k === 1 ? bytes : files.get(kind)!);
  });
  await quietly(() => merge({ shardsOf: out }));
  return sha256(readFileSync(out));
}

async function shardReader(kind: Kind, damaged: 'manifest' | 'file'): Promise<Reader> {
  const bytes = damaged === 'manifest' ? manifestOf(1, kind) : shards[1]!.get(kind)!;
  const expected = await joined(kind, damaged, bytes);
  return {
    name: damaged === 'manifest' ? 'shard manifest' : `shard of ${kind}`,
    cost: 4,
    make: () => ({ bytes, expected }),
    // One bit of a file, or a digest that is none of it.
    spoil(random) {
      if (damaged === 'manifest')
        return Buffer.from(bytes.toString().replace(/"sha256": "[0-9a-f]{8}/, '"sha256": "00000000'));
      const spoilt = Uint8Array.from(bytes);
      spoilt[random.below(bytes.length)]! ^= 1 << random.below(8);
      return spoilt;
    },
    read: (read) => joined(kind, damaged, read),
    check: (digest) => (digest === expected ? undefined : 'joined to other bytes than one process writes'),
    leftovers() {
      const files = readdirSync(folder).filter((file) => file !== 'out.shards' && file !== 'out');
      return files.length > 0 ? files.join(', ') : undefined;
    },
  };
}

export const SHARD_READERS: readonly Reader[] = [
  await shardReader('lines', 'manifest'),
  await shardReader('lines', 'file'),
  await shardReader('table', 'file'),
  await shardReader('npy', 'file'),
  await shardReader('safetensors', 'file'),
];
