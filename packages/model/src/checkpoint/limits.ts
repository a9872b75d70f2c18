/**
 * Bounds on what a file may claim before memory or time is spent on it: well
 * above every published model, far below what would end a process. Each is
 * stated here alone, and the reader that refuses says the number.
 */
export const LIMITS = {
  /** JSON header of a safetensors file. The format allows 100 MB; parsed, those take gigabytes. */
  headerBytes: 2 ** 24,
  /** Name of a tensor, in UTF-16 units. */
  nameLength: 1024,
  /** Extents of a tensor: PyTorch's own bound. */
  extents: 64,
  /** Pickle of a `.pt`, inflated. A tensor takes about 250 bytes. */
  pickleBytes: 2 ** 25,
  /** Opcodes of that pickle. A tensor takes about 35. */
  pickleOpcodes: 1_000_000,
  /** Directory of a `.pt`, in records. */
  archiveRecords: 100_000,
  /** The same directory in bytes. */
  archiveDirectoryBytes: 2 ** 26,
  /** A deflated record of a `.pt`, inflated; it has to be in memory as a whole. */
  inflatedBytes: 2 ** 30,
  /** A byte of deflated data stands for at most this many: a bound of the method itself. */
  inflation: 1032,
  /** A `config.json`, an `adapter_config.json` or the index of shards. */
  jsonBytes: 2 ** 24,
  /** Layers of an encoder, blocks of a task head, and how often a part of one is run. */
  layers: 1000,
  /** Width of the residual stream, and of every other vector of an encoder. */
  width: 2 ** 16,
  /** Every other number among the sizes of a task head, and the items of a list there. */
  headSize: 2 ** 16,
} as const;
