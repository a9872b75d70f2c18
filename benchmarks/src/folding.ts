/**
 * The suite `folding`: the CONTRAfold engine on one core, from a sequence to log
 * partition function, pair probabilities and structure, for random sequences of
 * several lengths, as the true sum (`contrafold exact 150 nt`) and in the
 * arithmetic of the programs (`contrafold 150 nt`), which is not timed beyond
 * 1,024 nucleotides. A row is one sequence; sequences a second are its inverse.
 * The longest have three samples.
 */
import { readFile } from 'node:fs/promises';
import { RandomStream } from '@rna/kernels';
import { createFolder, FOLDING_RULES, parseFoldingParameters } from '@rna/structure';
import type { Report } from './report.ts';
import { makeRow } from './rows.ts';
import { measure, SAMPLES } from './timing.ts';

const LENGTHS = [50, 100, 150, 300, 500, 1024, 2000];
// Half a minute a sequence; twice the length takes four minutes.
const LONGEST_PROGRAM = 1024;
const SETS = {
  contrafold: 'contrafold/contrafold.params.complementary',
  eternafold: 'eternafold/EternaFoldParams.v1',
} as const;
const SEQUENCES = 4;
const SEED = 20060714;

/** Times every case whose name matches, a set, an arithmetic and a length each. */
export async function benchmarkFolding(filter: RegExp, report: Report): Promise<void> {
  for (const set of ['contrafold', 'eternafold'] as const) {
    const text = await readFile(new URL(`../../packages/cli/data/${SETS[set]}`, import.meta.url), 'utf8');
    const fold = createFolder(parseFoldingParameters(text, SETS[set]));
    for (const arithmetic of ['program', 'exact'] as const) {
      for (const length of LENGTHS) {
        const name = arithmetic === 'program' ? `${set} ${length} nt` : `${set} ${arithmetic} ${length} nt`;
        if (!filter.test(name) || (arithmetic === 'program' && length > LONGEST_PROGRAM)) continue;
        const random = new RandomStream(SEED + length);
        const sequences = Array.from({ length: SEQUENCES }, () =>
          Array.from({ length }, () => 'ACGU'[random.below(4)]!).join(''),
        );
        let next = 0;
        const statistics = await measure(
          (runs) => {
            const begin = performance.now();
            for (let run = 0; run < runs; run++)
              fold(sequences[next++ % SEQUENCES]!, { rules: FOLDING_RULES[set], arithmetic });
            return Promise.resolve((performance.now() - begin) / runs);
          },
          length > 500 ? 3 : SAMPLES,
        );
        report.row(
          makeRow(
            'folding',
            name,
            'rna',
            statistics,
            { flops: 0 },
            { tokensPerSecond: (1000 * length) / statistics.medianMs },
          ),
        );
      }
    }
  }
}
