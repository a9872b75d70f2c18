/** What each size takes of the data (the longest RNA, and how many of each set, drawn once), and how it trains. */
import { fileURLToPath } from 'node:url';

/** How many RNAs of a set are taken; all without a number. */
export interface SetLimits {
  readonly maxLength?: number;
  readonly train?: number;
  readonly validation?: number;
  readonly test?: number;
}

export interface Limits {
  readonly secondary: SetLimits;
  /** Of ArchiveII: tests of the model that bpRNA made, or one model for each family that is held out. */
  readonly archive: SetLimits & { readonly holdOut: boolean };
  readonly splice: SetLimits;
  readonly 'ribosome-load': SetLimits;
  readonly translation: SetLimits;
  readonly ncrna: SetLimits;
  readonly contacts: { readonly maxLength?: number };
  /** Of --corpus, for pre-training. */
  readonly corpus: SetLimits;
}

export const pretraining = (size: Size): string =>
  fileURLToPath(
    new URL(size === 'small' ? 'small.pretrain.yaml' : '../../packages/cli/configs/ssr-lm-s.yaml', import.meta.url),
  );

/** The config of a fine-tuning: short ones of our own, or the papers' recipes. */
export function recipe(size: Size, task: string, protocol: 'rinalmo' | 'ssr-lm'): string {
  const utr = ['translation-efficiency', 'expression-level'].includes(task);
  if (size === 'small') return fileURLToPath(new URL(`small.${utr ? 'ribosome-load' : task}.yaml`, import.meta.url));
  const name =
    task === 'secondary-structure' && protocol === 'ssr-lm'
      ? 'ssr-lm'
      : utr || task === 'ncrna-family'
        ? 'rinalmo'
        : 'rinalmo-paper';
  return fileURLToPath(new URL(`../../packages/cli/configs/finetune-${task}-${name}.yaml`, import.meta.url));
}

export type Size = 'small' | 'full';

export const PLANS: Readonly<Record<Size, Limits>> = {
  small: {
    secondary: { maxLength: 80, train: 600, validation: 60, test: 200 },
    archive: { holdOut: false, maxLength: 130, test: 300 },
    splice: { train: 400, validation: 100, test: 250 },
    'ribosome-load': { train: 12000, validation: 400, test: 2000 },
    translation: { train: 2000, validation: 300, test: 500 },
    ncrna: { maxLength: 150, train: 1200, validation: 200, test: 600 },
    contacts: { maxLength: 80 },
    corpus: { maxLength: 150 },
  },
  full: {
    secondary: {},
    archive: { holdOut: true, maxLength: 512 },
    splice: {},
    'ribosome-load': {},
    translation: {},
    ncrna: {},
    contacts: {},
    corpus: {},
  },
};
