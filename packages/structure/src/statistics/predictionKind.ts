/** What a task predicts of an RNA. Heads, baselines, scores, tables and figures go by it. */

/**
 * 'probability': a number from 0 to 1, labels 0 or 1. 'classes': probabilities of all classes, a label is a class's
 * number. 'number': a number in the labels' own unit. 'pairs': probabilities of all pairs, labels are partners.
 */
export type PredictionKind = 'probability' | 'classes' | 'number' | 'pairs';
