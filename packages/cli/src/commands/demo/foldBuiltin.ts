/**
 * The first part of the demonstration: RNAs with known structures, most of which the built-in model was not trained on,
 * folded by it as `rna fold` does, beside CONTRAfold. A few of them are shown and drawn.
 */
import { join } from 'node:path';
import {
  averagePrecision,
  basePairs,
  decodeBasePairs,
  dotBracket,
  meanScore,
  parseDotBracket,
  scoreStructure,
  type Structure,
  type StructureScore,
} from '@rna/structure';
import { figureFile, formatScore, structureMap } from '@rna/figures';
import { predictsPairs } from '@rna/model';
import { pairPredictor } from '@rna/train';
import { CommandError } from '../../commandLine/errors.ts';
import { progressBar } from '../../commandLine/terminal.ts';
import { makeFolder, writeAtomically } from '../../files/files.ts';
import { foldEach } from '../../folding/baselines.ts';
import { withPriors } from '../../folding/priors.ts';
import { BUILTIN } from '../../models/builtin.ts';
import { withEncoder, withModel } from '../../models/loadModel.ts';

interface Folded {
  readonly partners: Int32Array;
  readonly score: StructureScore;
}

export interface BuiltinFolds {
  /** What a person reads: some of the structures, both means, and where the drawings are. */
  readonly text: string;
  /** Scores of the unseen RNAs, in their order. */
  readonly builtin: readonly StructureScore[];
  readonly contrafold: readonly StructureScore[];
  /** Paths of the drawings. */
  readonly drawings: readonly string[];
}

/** Yeast's tRNA for phenylalanine, with the pairs of its cloverleaf. Likes of it are in the model's training set. */
const TRNA: Structure = {
  id: 'tRNA-Phe',
  sequence: 'GCGGAUUUAGCUCAGUUGGGAGAGCGCCAGACUGAAGAUCUGGAGGUCCUGUGUUCGAUCCACAGAAUUCGCACCA',
  partners: parseDotBracket('(((((((..((((........)))).(((((.......))))).....(((((.......))))))))))))....'),
};

/**
 * Folds a tRNA and RNAs that the model has not seen. The tRNA is shown, and of the others those at the quartiles of F1, so
 * that they are neither the best nor the worst alone; what is shown is drawn in `folder`.
 */
export async function foldBuiltin(unseen: readonly Structure[], folder: string): Promise<BuiltinFolds> {
  const rnas = [TRNA, ...unseen];
  const builtin = await foldAll(rnas);
  const contrafold = await foldEach('contrafold', rnas, new AbortController().signal, scored);
  const f1 = (index: number): number => builtin[index]!.score.strict.f1;
  const order = [...rnas.keys()].slice(1).sort((a, b) => f1(b) - f1(a));
  const quartiles = [1, 2, 3].map((quarter) => order[Math.floor((quarter * order.length) / 4)]!);

  await makeFolder(folder);
  const drawings: string[] = [];
  for (const index of [0, ...quartiles]) {
    const path = join(folder, `${rnas[index]!.id}.svg`);
    await draw(path, rnas[index]!, builtin[index]!);
    drawings.push(path);
  }
  const show = (index: number): string => asText(rnas[index]!, builtin[index]!, contrafold[index]!);
  const [own, others] = [builtin, contrafold].map((all) => all.slice(1).map(({ score }) => score)) as [
    StructureScore[],
    StructureScore[],
  ];
  const mean = (scores: readonly StructureScore[]): string =>
    formatScore(meanScore(scores.map(({ strict }) => strict)).f1);
  return {
    text: [
      `The built-in model on a tRNA, whose likes it was trained on\n\n${show(0)}`,
      `and on ${unseen.length} RNAs of bpRNA's TS0, which it has not seen; those at the quartiles of its F1 are\n\n`,
      ...quartiles.map(show),
      `mean F1 of exact pairs over the ${unseen.length}: built-in model ${mean(own)}, CONTRAfold ${mean(others)}\n`,
      `drawings: ${join(folder, '*.svg')}\n`,
      'your own: rna fold FILE.fasta\n\n',
    ].join(''),
    builtin: own,
    contrafold: others,
    drawings,
  };
}

const scored = (rna: Structure, probabilities: Float32Array, partners: Int32Array): Folded => ({
  partners,
  score: scoreStructure(rna, partners, averagePrecision(probabilities, rna.partners)),
});

function foldAll(rnas: readonly Structure[]): Promise<Folded[]> {
  return withModel(BUILTIN, {}, async (model) => {
    const { task } = model;
    if (!predictsPairs(task)) throw new CommandError('the built-in model predicts no base pairs; install it again');
    const threshold = model.scalars.get('threshold') ?? 0.5;
    return withPriors(task, {}, (priors) =>
      withEncoder(model, async (encoder) => {
        const predict = pairPredictor({ encoder, task, parameters: encoder.parameters, ...(priors && { priors }) });
        const bar = progressBar('folding', rnas.length, 'RNAs');
        const folded: Folded[] = [];
        try {
          for (const [i, rna] of rnas.entries()) {
            const probabilities = await predict(rna.sequence, rnas[i + 1]?.sequence);
            folded.push(scored(rna, probabilities, decodeBasePairs(probabilities, rna.sequence, { threshold })));
            bar.update(folded.length);
          }
        } finally {
          bar.stop();
        }
        return folded;
      }),
    );
  });
}

function asText({ id, sequence, partners }: Structure, builtin: Folded, contrafold: Folded): string {
  const f1 = ({ score }: Folded): string => `F1 ${formatScore(score.strict.f1)}`;
  return [
    `>${id}, ${sequence.length} nucleotides\n`,
    `${sequence}\n`,
    `${dotBracket(partners)} known\n`,
    `${dotBracket(builtin.partners)} built-in model, ${f1(builtin)}\n`,
    `${dotBracket(contrafold.partners)} CONTRAfold, ${f1(contrafold)}\n\n`,
  ].join('');
}

async function draw(path: string, { id, sequence, partners }: Structure, { score, ...built }: Folded): Promise<void> {
  const svg = structureMap({
    id,
    family: '',
    sequence,
    truth: basePairs(partners),
    prediction: basePairs(built.partners),
    scores: score.strict,
    probabilities: [],
  });
  await writeAtomically(path, (sink) =>
    sink.write(new TextEncoder().encode(figureFile({ name: id, caption: '', svg }))),
  );
}
