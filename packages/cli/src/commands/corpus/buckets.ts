/**
 * Encoded records set aside on disk in buckets by a hash, so that work on all
 * of them (finding duplicates, sorting) is done on one bucket at a time, in
 * memory. In a bucket they keep the order in which they came.
 */
import { appendFile, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_BYTES, RECORD_KINDS, type EncodedRecord } from '@rna/train';

/** Bytes that all buckets together gather before they are written. */
const GATHERED = 2 ** 24;
/** What stands before a row: length (u32), bytes (u32), kind (u8), whether its cluster has a name (u8), key. */
const HEAD_BYTES = 10 + KEY_BYTES;

export interface Buckets {
  readonly count: number;
  /** Adds a record to the bucket of a hash, of which the first two bytes count. */
  add(record: EncodedRecord, hash: Uint8Array): Promise<void>;
  /** The records of a bucket; it is then gone. */
  take(bucket: number): Promise<EncodedRecord[]>;
}

/** `count` (at most 65,536) empty buckets, in files `NAME-N` of a folder. Bucket by bucket, hashes ascend. */
export function createBuckets(folder: string, name: string, count: number): Buckets {
  const gathered = Array.from({ length: count }, () => ({ parts: [] as Uint8Array[], bytes: 0, isOnDisk: false }));
  const file = (bucket: number): string => join(folder, `${name}-${bucket}`);
  return {
    count,
    async add(record, hash) {
      const number = Math.floor(((hash[0]! * 256 + hash[1]!) * count) / 65536);
      const bucket = gathered[number]!;
      const row = encodeRow(record);
      bucket.parts.push(row);
      bucket.bytes += row.byteLength;
      if (bucket.bytes < GATHERED / count) return;
      const parts = bucket.parts.splice(0);
      bucket.bytes = 0;
      bucket.isOnDisk = true;
      await appendFile(file(number), Buffer.concat(parts));
    },
    async take(number) {
      const bucket = gathered[number]!;
      const parts = bucket.parts.splice(0);
      if (bucket.isOnDisk) {
        parts.unshift(await readFile(file(number)));
        await rm(file(number));
      }
      return decodeRows(Buffer.concat(parts));
    },
  };
}

function encodeRow({ kind, length, bytes, key, hasNamedCluster }: EncodedRecord): Uint8Array {
  const row = Buffer.allocUnsafe(HEAD_BYTES + bytes.byteLength);
  row.writeUInt32LE(length, 0);
  row.writeUInt32LE(bytes.byteLength, 4);
  row.writeUInt8(RECORD_KINDS.indexOf(kind), 8);
  row.writeUInt8(hasNamedCluster ? 1 : 0, 9);
  row.set(key, 10);
  row.set(bytes, HEAD_BYTES);
  return row;
}

function decodeRows(rows: Buffer): EncodedRecord[] {
  const records: EncodedRecord[] = [];
  for (let at = 0; at < rows.byteLength;) {
    const bytesAt = at + HEAD_BYTES;
    const end = bytesAt + rows.readUInt32LE(at + 4);
    records.push({
      length: rows.readUInt32LE(at),
      kind: RECORD_KINDS[rows.readUInt8(at + 8)]!,
      hasNamedCluster: rows.readUInt8(at + 9) === 1,
      key: rows.subarray(at + 10, bytesAt),
      bytes: rows.subarray(bytesAt, end),
    });
    at = end;
  }
  return records;
}
