/** Addresses of the views that run a model: `#/embed?model=…&weights=int8&fasta=…`, with what each view has beside. */
import { LONGEST_LINK } from './address.ts';
import { BUILTIN, WEIGHTS, type Weights } from './calls/modelCalls.ts';

export interface ModelAddress {
  readonly model: string;
  readonly weights: Weights;
  /** Sequences that were run; undefined before that, and where they are too long for an address. */
  readonly fasta: string | undefined;
}

export function readModelAddress(query: URLSearchParams): ModelAddress {
  return {
    model: query.get('model') ?? BUILTIN,
    weights: WEIGHTS.find((each) => each === query.get('weights')) ?? 'f32',
    fasta: query.get('fasta') ?? undefined,
  };
}

/** What is as it is by default is left out, and so are sequences that are too long. */
export function modelAddress(
  view: string,
  { model, weights, fasta }: ModelAddress,
  others: Readonly<Record<string, string>> = {},
): string {
  const query = new URLSearchParams();
  if (model !== BUILTIN) query.set('model', model);
  if (weights !== 'f32') query.set('weights', weights);
  for (const [name, value] of Object.entries(others)) query.set(name, value);
  if (fasta !== undefined && fasta.length <= LONGEST_LINK) query.set('fasta', fasta);
  const text = query.toString();
  return text === '' ? `#/${view}` : `#/${view}?${text}`;
}
