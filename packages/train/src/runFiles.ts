/**
 * The names in a run's folder, which the command line and the browser share: a
 * run goes on in one that the other began, and an archive holds these files.
 */

/** What a run's folder holds. */
export const RUN_FILES = {
  /** The whole config. */
  config: 'config.yaml',
  /** One line of JSON for each step and each evaluation. */
  log: 'log.jsonl',
  /** Speed and memory now and then. */
  timings: 'timings.jsonl',
  /** The folder of checkpoints, each a folder of its own. */
  checkpoints: 'checkpoints',
  /** The folder of the model that the run ended with. */
  model: 'model',
  /** The run's curves as a page. */
  report: 'report.html',
} as const;

/** What a checkpoint holds: a model's two files, what of less than a whole model was trained, and the run's state. */
export const CHECKPOINT_FILES = {
  config: 'config.json',
  weights: 'model.safetensors',
  /** The head and the low-rank terms, where the encoder's own weights are not trained. */
  trained: 'trained.safetensors',
  /** Adam's moments, and weights where an average of them is the model. */
  moments: 'optimizer.safetensors',
  /** Where the run stands, and the digests of the other files. */
  state: 'trainer.json',
} as const;

/** Updates of the longest run: their number has nine digits, so that names of checkpoints sort by it. */
export const MOST_STEPS = 999_999_999;

/** The name of the checkpoint after `step` updates; names sort by step. */
export const checkpointName = (step: number): string => `step-${String(step).padStart(9, '0')}`;

/** The step in a checkpoint's name; undefined for any other name. */
export function checkpointStep(name: string): number | undefined {
  const digits = /^step-(\d{9})$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
