/** What a task predicts of an RNA. Heads, baselines, scores, tables and figures go by it. */

/**
 * 'probability': a number from 0 to 1, labels 0 or 1. 'classes': probabilities of all classes, a label is a class's
 * number. 'number': a number in the labels' own unit. 'pairs': probabilities of all pairs, labels are partners.
 *
 * The others are tables of several columns, row by row in one array, and so are their labels, with NaN for what is not
 * known. 'numbers': a number for each title. 'labels': the probability of each label, labels 0 or 1.
 * 'nucleotide-numbers': a row for each nucleotide, a number for each title. 'nucleotide-classes': a row for each
 * nucleotide, probabilities of all classes; a label has the number of its class for each nucleotide.
 *
 * 'coordinates': atoms in space with the confidence in each nucleotide; a label is a chain of the PDB.
 */
export type PredictionKind =
  | 'probability'
  | 'classes'
  | 'number'
  | 'pairs'
  | 'numbers'
  | 'labels'
  | 'nucleotide-numbers'
  | 'nucleotide-classes'
  | 'coordinates';
