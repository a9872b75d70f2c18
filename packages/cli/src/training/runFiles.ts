/** Names of what is in a training run's folder. */

/** The whole config, which the run was begun with. */
export const CONFIG_FILE = 'config.yaml';
/** A line for each step, evaluation and refusal. */
export const LOG_FILE = 'log.jsonl';
/** How fast the run was and what memory it took, which differs from time to time. */
export const TIMINGS_FILE = 'timings.jsonl';
export const REPORT_FILE = 'report.html';
export const CHECKPOINTS = 'checkpoints';
/** The model of the best checkpoint, else of the last. */
export const MODEL_FOLDER = 'model';
