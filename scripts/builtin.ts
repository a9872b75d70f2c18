/**
 * `npm run builtin`: brings what follows from the built-in model's weights up to date, after they were replaced. In
 * packages/builtin/model these are expected.safetensors, what the model says of a few short RNAs, worked out in doubles
 * by scripts/builtin/reference.ts, and the size, the digest and the number of parameters in card.json. What else the card
 * says (training data, scores) is written by hand. No adapter is needed.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { builtinFiles, type ModelCard } from '../packages/builtin/src/index.ts';
import {
  memorySink,
  memorySource,
  openModel,
  openTensorFile,
  parameterCount,
  parseConfig,
  secondaryStructure,
  writeSafetensors,
  type TensorEntry,
} from '../packages/model/src/index.ts';
import {
  enginePairsInProcess,
  logOddsMap,
  MOST_LOG_ODDS,
  parseFoldingParameters,
  tokenize,
} from '../packages/structure/src/index.ts';
import { pairProbabilities, representation } from './builtin/reference.ts';

/** A hairpin, the pseudoknot of beet western yellows virus, and yeast's tRNA for phenylalanine. */
const RNAS = {
  hairpin: 'GGGGAAAACCCC',
  pseudoknot: 'GGCGCGGCACCGUCCGCGGAACAAACGG',
  trna: 'GCGGAUUUAGCUCAGUUGGGAGAGCGCCAGACUGAAGAUCUGGAGGUCCUGUGUUCGAUCCACAGAAUUCGCACCA',
};

const data = (file: string): string =>
  readFileSync(new URL(`../packages/builtin/engines/${file}`, import.meta.url), 'utf8');
const pairsOf = enginePairsInProcess({
  contrafold: parseFoldingParameters(data('contrafold/contrafold.params.complementary'), 'CONTRAfold'),
  eternafold: parseFoldingParameters(data('eternafold/EternaFoldParams.v1'), 'EternaFold'),
});

function replace(url: URL, content: string | Uint8Array): void {
  const path = fileURLToPath(url);
  writeFileSync(`${path}.new`, content);
  renameSync(`${path}.new`, path);
}

async function main(): Promise<void> {
  const bytes = new Uint8Array(readFileSync(builtinFiles.weights));
  const config = parseConfig(readFileSync(builtinFiles.config, 'utf8'), 'config.json');
  const model = await openModel(await openTensorFile(memorySource('model.safetensors', bytes)), config);
  if (model.task?.head !== secondaryStructure)
    throw new TypeError('the built-in model has no secondary-structure head');
  const sizes = secondaryStructure.sizes.parse(model.task.sizes);
  const engines = secondaryStructure.engines?.(sizes) ?? [];
  const values = new Map<string, Float32Array>();
  for (const name of model.shapes.keys()) values.set(name, Float32Array.from(await model.read(name)));
  const weight = (name: string): Float32Array => {
    const found = values.get(name);
    if (found === undefined) throw new TypeError(`the built-in model has no ${name}`);
    return found;
  };

  const entries: TensorEntry[] = [];
  const tensor = (name: string, shape: readonly number[], numbers: Float64Array): void => {
    entries.push({ name, dtype: 'F32', shape, data: () => Promise.resolve(Float32Array.from(numbers)) });
  };
  for (const [name, sequence] of Object.entries(RNAS)) {
    const rows = representation(tokenize(sequence), weight, model.config);
    const pairs = await pairsOf(sequence, engines);
    const logOdds = logOddsMap(
      engines.map((engine) => pairs[engine]),
      sequence.length,
    );
    const probabilities = pairProbabilities(rows.slice(1, -1), logOdds, MOST_LOG_ODDS, weight, sizes);
    tensor(`${name}.embedding`, [rows.length, model.config.dim], Float64Array.from(rows.flatMap((row) => [...row])));
    tensor(`${name}.probabilities`, [probabilities.length], probabilities);
  }
  const sink = memorySink();
  await writeSafetensors(sink, entries, new Map(Object.entries(RNAS)));
  replace(builtinFiles.expected, sink.bytes());

  const card: ModelCard = {
    ...(JSON.parse(readFileSync(builtinFiles.card, 'utf8')) as ModelCard),
    parameters: parameterCount(model.shapes),
    bytes: bytes.length,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
  replace(builtinFiles.card, await format(JSON.stringify(card), { parser: 'json', printWidth: 120 }));
  process.stderr.write('packages/builtin/model: expected.safetensors and card.json are up to date\n');
}

await main();
