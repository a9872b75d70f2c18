/** What the tests of structures in space share: a tiny module, and two chains that are A-form helices. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { helixModel, writePdb } from '@rna/structure';
import { modelFixture, modelFolder, temporaryFolder } from './harness.ts';

const SIZES = JSON.parse(readFileSync(modelFixture('tinyTertiary.json'), 'utf8')) as Readonly<Record<string, number>>;
export const HAIRPIN = 'GGCGAAAGCC';
const PARTNERS = Int32Array.from([9, 8, 7, -1, -1, -1, -1, 2, 1, 0]);
const LONGER = `${HAIRPIN}AUAU`;

/** Files of two structures that are A-form helices by their making, and the arguments of a run on them. */
export function prepared(): {
  folder: string;
  data: string;
  run: (out: string, steps: number, ...more: string[]) => string[];
} {
  const folder = temporaryFolder();
  const data = join(folder, 'chains');
  mkdirSync(data);
  const write = (name: string, sequence: string, partners: Int32Array): void => {
    writeFileSync(join(data, name), writePdb([{ id: 'A', ...helixModel(sequence, partners) }]));
  };
  write('hairpin.pdb', HAIRPIN, PARTNERS);
  write('longer.pdb', LONGER, Int32Array.of(...PARTNERS, -1, -1, -1, -1));
  const model = modelFolder(folder, 'ssrlm-A');
  return {
    folder,
    data,
    run: (out, steps, ...more) => [
      ...['finetune', 'tertiary-structure', '--out', join(folder, out), '--train.steps', String(steps)],
      ...['--model.checkpoint', model, '--model.freeze', 'true'],
      ...['--data.train', data, '--data.validation', join(data, 'hairpin.pdb'), '--data.shortest', '10'],
      ...['--optimizer.schedule', 'constant', '--optimizer.learningRate', '0.01', '--optimizer.warmupSteps', '3'],
      ...Object.entries(SIZES).flatMap(([name, value]) => [`--head.${name}`, String(value)]),
      ...more,
    ],
  };
}
