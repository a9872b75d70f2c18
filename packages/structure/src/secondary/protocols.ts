/**
 * How each paper decodes and scores secondary structures, as the options that
 * decode, scores and the tuning of the threshold take. A number is comparable
 * with a paper's only under that paper's protocol, so a table names it. Both
 * decode greedily and take the threshold with the best mean F1 on the validation
 * set (decode.ts, metrics.ts).
 */
import type { DecodeOptions } from './decode.ts';
import type { ScoreOptions } from './metrics.ts';

export interface StructureProtocol extends Required<Omit<DecodeOptions, 'threshold'>>, ScoreOptions {
  readonly name: string;
  /** A few words for a report. */
  readonly description: string;
}

/** RiNALMo, sections 3.3 and 4.3. */
export const RINALMO_PROTOCOL: StructureProtocol = {
  name: 'rinalmo',
  description: 'canonical pairs without sharp loops; a pair that is one position off counts as right',
  allowNcPairs: false,
  allowSharpLoops: false,
  flexible: true,
};

/**
 * SSR-LM, A.1.2: the probabilities are taken as they are. The paper does not say which thresholds it tries; ours are
 * RiNALMo's.
 */
export const SSR_LM_PROTOCOL: StructureProtocol = {
  name: 'ssr-lm',
  description: 'all pairs and loops; exact pairs alone count, and the area under the precision-recall curve',
  allowNcPairs: true,
  allowSharpLoops: true,
  flexible: false,
};

export const STRUCTURE_PROTOCOLS: readonly StructureProtocol[] = [RINALMO_PROTOCOL, SSR_LM_PROTOCOL];
