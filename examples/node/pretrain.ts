/**
 * The training of the application in Node: the same script, with a folder for
 * the run, stderr for the screen, and files for the corpus.
 *
 *     npm run example -- [PRESET] [RNAS.dbn] [HELD_OUT.dbn]
 *
 * A run that was stopped goes on when the command is given again.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { openRun } from '@rna/cli/runs';
import { parseStructureFile } from '@rna/structure';
import { openDevice } from '@rna/tensor/node';
import {
  memoryCorpus,
  pretrainConfig,
  runPretraining,
  STARTER_CONFIGS,
  type Corpus,
  type StarterName,
} from '@rna/train';

const demo = (name: string): string => new URL(`../../packages/cli/data/${name}`, import.meta.url).pathname;
const [preset = 'tiny', train = demo('demo_pretrain.dbn'), validation = demo('demo_valid.dbn')] = process.argv.slice(2);
if (!Object.hasOwn(STARTER_CONFIGS, preset))
  throw new RangeError(`no preset is called '${preset}'; there are ${Object.keys(STARTER_CONFIGS).join(', ')}`);

const readCorpus = async (path: string): Promise<Corpus> =>
  memoryCorpus(parseStructureFile(await readFile(path, 'utf8'), path));
const say = (line: string): void => {
  process.stderr.write(`${line}\n`);
};

const out = `runs/example-${preset}`;
const run = await openRun(out);
try {
  const state = await runPretraining({
    config: pretrainConfig.parse({
      ...STARTER_CONFIGS[preset as StarterName].config,
      out,
      data: { train: [basename(train)], validation: [basename(validation)] },
    }),
    train: await readCorpus(train),
    validation: await readCorpus(validation),
    openDevice: (tuned) => openDevice(tuned && { tuned }),
    store: run.store,
    log: run.log,
    onProgress: ({ step, steps, loss, tokensPerSecond }) => {
      if (step % 10 === 0)
        say(`step ${step}/${steps}: loss ${loss.toFixed(3)}, ${Math.round(tokensPerSecond)} tokens/s`);
    },
    onEvaluation: ({ step, metrics }) => {
      say(`step ${step}, held-out RNAs: ${JSON.stringify(metrics)}`);
    },
  });
  say(`done after ${state.step} steps: ${out}`);
} finally {
  run.close();
}
