/** Names of files: their formats by extension, of which `.gz` and `.bgz` are no part. */

/** Formats of files by their extensions. Stockholm's text is latin-1, all else UTF-8. */
export const RECORD_FORMATS = {
  fasta: ['.fasta', '.fa', '.fna', '.fas', '.ffn', '.frn'],
  dotBracket: ['.dbn', '.dot', '.db', '.dotbracket', '.vienna'],
  ct: ['.ct'],
  bpseq: ['.bpseq'],
  st: ['.st'],
  stockholm: ['.sto', '.stk', '.stockholm', '.seed'],
  coordinates: ['.pdb', '.ent', '.cif', '.mmcif'],
} as const;

export type RecordFormat = keyof typeof RECORD_FORMATS;

const PACKED_EXTENSIONS = ['.gz', '.bgz'];

/** A file's name without a last `.gz` or `.bgz`. */
export function unpackedName(file: string): string {
  const packed = PACKED_EXTENSIONS.find((extension) => file.toLowerCase().endsWith(extension));
  return packed === undefined ? file : file.slice(0, -packed.length);
}

/** The extension, with its dot and in lower case; '' without one. */
export function extensionOf(file: string): string {
  const name = baseName(unpackedName(file));
  const dot = name.lastIndexOf('.');
  return dot < 0 ? '' : name.slice(dot).toLowerCase();
}

/** The name without folders and extension. */
export function fileStem(file: string): string {
  const name = baseName(unpackedName(file));
  const dot = name.lastIndexOf('.');
  return dot < 0 ? name : name.slice(0, dot);
}

/** The id of a chain, one of `count` in a file: the file's stem, with `_CHAIN` where there are several. */
export const chainRecordId = (file: string, chain: string, count: number): string =>
  count === 1 ? fileStem(file) : `${fileStem(file)}_${chain}`;

/** The format of a file by its name; undefined where none is known. */
export function recordFormat(file: string): RecordFormat | undefined {
  const extension = extensionOf(file);
  return (Object.keys(RECORD_FORMATS) as RecordFormat[]).find((format) =>
    (RECORD_FORMATS[format] as readonly string[]).includes(extension),
  );
}

const baseName = (file: string): string => file.slice(Math.max(file.lastIndexOf('/'), file.lastIndexOf('\\')) + 1);
