/**
 * Addresses of views: `#/fold?method=contrafold&fasta=…`. A view's settings and its sequences are in the part behind
 * `#`, which no server sees, so that a link brings somebody else the same view.
 */

export interface Address {
  /** '' where none is named. */
  readonly view: string;
  readonly query: URLSearchParams;
}

export function readAddress(hash: string): Address {
  const [path = '', ...rest] = hash.replace(/^#\/?/, '').split('?');
  return { view: path, query: new URLSearchParams(rest.join('?')) };
}

export const METHODS = ['builtin', 'contrafold', 'eternafold'] as const;
/** One of them, or a model that is kept in this browser, by its name. */
export type Method = (typeof METHODS)[number] | `model:${string}`;

const methodOf = (value: string | null): Method | undefined =>
  value?.startsWith('model:') === true && value.length > 'model:'.length
    ? (value as `model:${string}`)
    : oneOf(METHODS, value);

export const PICTURES = ['structure', 'arcs', 'circle', 'matrix'] as const;
export type Picture = (typeof PICTURES)[number];

export const COLOURS = ['probability', 'loop', 'none'] as const;
export type Colour = (typeof COLOURS)[number];

/** What the Fold view shows. */
export interface FoldAddress {
  readonly method: Method;
  /** A second method, whose structure is drawn over the first one's. */
  readonly against: Method | undefined;
  readonly picture: Picture;
  readonly colour: Colour;
  /** Which RNA is shown, from 1. */
  readonly rna: number;
  /** Sequences that were folded; undefined before that, and where they are too long for an address. */
  readonly fasta: string | undefined;
}

/** Characters of sequences that an address holds at most. Browsers take more, but programs that links pass through cut. */
export const LONGEST_LINK = 12_000;

const oneOf = <T extends string>(values: readonly T[], value: string | null): T | undefined =>
  values.find((each) => each === value);

/** What is missing or unknown has its default. */
export function readFoldAddress(query: URLSearchParams): FoldAddress {
  const rna = Number(query.get('rna'));
  const method = methodOf(query.get('method')) ?? 'builtin';
  const against = methodOf(query.get('against'));
  return {
    method,
    against: against === method ? undefined : against,
    picture: oneOf(PICTURES, query.get('view')) ?? 'structure',
    colour: oneOf(COLOURS, query.get('colour')) ?? 'probability',
    rna: Number.isSafeInteger(rna) && rna > 0 ? rna : 1,
    fasta: query.get('fasta') ?? undefined,
  };
}

/** The address of a view; sequences that are too long are left out. */
export function foldAddress({ method, against, picture, colour, rna, fasta }: FoldAddress): string {
  const query = new URLSearchParams({ method });
  if (against !== undefined) query.set('against', against);
  if (picture !== 'structure') query.set('view', picture);
  if (colour !== 'probability') query.set('colour', colour);
  if (rna !== 1) query.set('rna', String(rna));
  if (fasta !== undefined && fasta.length <= LONGEST_LINK) query.set('fasta', fasta);
  return `#/fold?${query.toString()}`;
}
