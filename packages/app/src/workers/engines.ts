/** CONTRAfold and EternaFold, whose parameters lie beside the page. */
import { engineFiles } from '@rna/builtin';
import {
  createFolder,
  expectedAccuracy,
  FOLDING_RULES,
  foldingMemory,
  parseFoldingParameters,
  type FoldingEngine,
  type FoldingParameters,
} from '@rna/structure';
import { fetchFile } from './fetchFile.ts';
import { folded, type FoldOne } from './foldOne.ts';
import { TooLongError } from './refusals.ts';

/** CONTRAfold's own. */
const GAMMA = 6;
/** Tabs are ended by browsers that take much more. */
const MOST_MEMORY = 2 ** 30;

async function readParameters(engine: FoldingEngine): Promise<FoldingParameters> {
  return parseFoldingParameters(await (await fetchFile(engineFiles[engine])).text(), engine);
}

/** Throws a TooLongError for a sequence that takes more memory than a tab should. */
export function checkFoldable({ length }: string): void {
  if (foldingMemory(length, 'exact') <= MOST_MEMORY) return;
  // Memory grows with the square of the length.
  const most = Math.floor(length * Math.sqrt(MOST_MEMORY / foldingMemory(length, 'exact')));
  throw new TooLongError(
    `${length} nucleotides are too long to be folded in a tab, which takes up to about ${Math.floor(most / 100) * 100}; fold pieces of it, or the whole by the command line`,
  );
}

/** Structures of maximum expected accuracy by an engine. */
export async function openEngine(engine: FoldingEngine): Promise<FoldOne> {
  const fold = createFolder(await readParameters(engine));
  return ({ id, sequence }) => {
    checkFoldable(sequence);
    const { partners, probabilities } = fold(sequence, {
      rules: FOLDING_RULES[engine],
      gamma: GAMMA,
      arithmetic: 'exact',
    });
    return Promise.resolve(
      folded({ id, sequence }, partners, probabilities, expectedAccuracy(probabilities, partners)),
    );
  };
}
