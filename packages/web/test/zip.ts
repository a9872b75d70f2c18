/** Archives for tests, made at once in memory: entries as they are given, however many, and no compression. */

/** A ZIP of files by name, their contents stored. */
export function zip(files: readonly (readonly [name: string, content: string])[]): Blob {
  const [local, central]: [Uint8Array[], Uint8Array[]] = [[], []];
  let [offset, directory] = [0, 0];
  for (const [name, content] of files) {
    const [label, bytes] = [new TextEncoder().encode(name), new TextEncoder().encode(content)];
    const sizes = [crc32(bytes), bytes.length, bytes.length];
    // Version, flags, method, time, date.
    const common = [...u16(20, 0, 0, 0, 0x21), ...u32(...sizes), ...u16(label.length, 0)];
    const head = Uint8Array.from([...u32(0x04034b50), ...common]);
    local.push(head, label, bytes);
    const entry = Uint8Array.from([...u32(0x02014b50), ...u16(20), ...common, ...u16(0, 0, 0), ...u32(0, offset)]);
    central.push(entry, label);
    offset += head.length + label.length + bytes.length;
    directory += entry.length + label.length;
  }
  const count = files.length;
  const end = Uint8Array.from([...u32(0x06054b50), ...u16(0, 0, count, count), ...u32(directory, offset), ...u16(0)]);
  // One piece: a browser is slow to read a blob of very many.
  const whole = new Uint8Array(offset + directory + end.length);
  let at = 0;
  for (const piece of [...local, ...central, end]) {
    whole.set(piece, at);
    at += piece.length;
  }
  return new Blob([whole]);
}

const u16 = (...values: number[]): number[] => values.flatMap((value) => [value & 255, (value >>> 8) & 255]);
const u32 = (...values: number[]): number[] => values.flatMap((value) => u16(value & 0xffff, value >>> 16));

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}
