/**
 * Readers of models and runs for the fuzzer: safetensors and PyTorch's archives with tensors that are drawn, the
 * configs and indices beside them, configs of runs, a checkpoint's state and the log.
 */
import { readFileSync } from 'node:fs';
import { parseTuningRecord } from '@rna/tensor';
import * as z from 'zod';
import {
  CheckpointError,
  configJson,
  headParameters,
  HEADS,
  memorySink,
  memorySource,
  openRhoFold,
  openTensorFile,
  parseConfig,
  parsePeftConfig,
  parseShardIndex,
  PRESETS,
  readFloat32,
  taskHead,
  writePyTorch,
  writeSafetensors,
  type PresetName,
  type TensorEntry,
} from '@rna/model';
import type { RandomStream } from '@rna/kernels';
import { parseLog, parseState, pretrainConfig, validateConfig } from '@rna/train';
import { parseYaml } from '../../src/input/trainingInput.ts';
import type { Reader } from './engine.ts';

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Files of up to three tensors of small shapes, written before the fuzzer asks for one: writers are asynchronous. */
async function tensorFiles(
  write: (sink: ReturnType<typeof memorySink>, entries: readonly TensorEntry[]) => Promise<void>,
): Promise<{ bytes: Uint8Array; expected: unknown }[]> {
  return Promise.all(
    Array.from({ length: 8 }, async (_, file) => {
      const tensors = Array.from({ length: 1 + (file % 3) }, (__, k) => {
        const shape = [1 + ((file + k) % 4), 2 + k];
        const values = Float32Array.from({ length: shape[0]! * shape[1]! }, (___, at) => (file - at) / 8);
        return { name: `layer.${k}.weight`, shape, values };
      });
      const sink = memorySink();
      await write(
        sink,
        tensors.map(({ name, shape, values }) => ({ name, shape, dtype: 'F32', data: () => Promise.resolve(values) })),
      );
      return { bytes: sink.bytes(), expected: tensors.map(({ name, shape, values }) => [name, shape, [...values]]) };
    }),
  );
}

function tensorReader(name: string, files: readonly { bytes: Uint8Array; expected: unknown }[]): Reader {
  const draw = (random: RandomStream) => files[random.below(files.length)]!;
  return {
    name,
    make: draw,
    spoil(random) {
      const { bytes } = draw(random);
      return bytes.subarray(0, bytes.length - 1 - random.below(16));
    },
    async read(bytes) {
      const file = await openTensorFile(memorySource('a', bytes));
      const read: unknown[] = [];
      for (const tensor of file.tensors.values())
        if (['F32', 'F16', 'BF16', 'F64'].includes(tensor.dtype))
          // As text, which tells NaN from what a reader left out.
          read.push([
            tensor.name,
            tensor.shape,
            [...(await readFloat32(tensor))].map((v) => (Number.isFinite(v) ? v : `${v}`)),
          ]);
      return read;
    },
    check(read) {
      const wrong = (read as [string, number[], unknown[]][]).find(
        ([, shape, values]) => shape.reduce((product, extent) => product * extent, 1) !== values.length,
      );
      return wrong && `tensor "${wrong[0]}" of shape ${wrong[1].join(' × ')} has ${wrong[2].length} values`;
    },
  };
}

/** A reader of JSON, of which a field with a number or a name that cannot be is refused. */
const jsonReader = (
  name: string,
  draw: (random: RandomStream) => object,
  spoilt: object,
  read: (json: string) => unknown,
): Reader => ({
  name,
  make: (random) => ({ bytes: Buffer.from(JSON.stringify(draw(random), null, 1)) }),
  spoil: (random) => Buffer.from(JSON.stringify({ ...draw(random), ...spoilt })),
  read: (bytes) => Promise.resolve().then(() => read(text(bytes))),
});

const presets = Object.keys(PRESETS) as PresetName[];

const modelConfig = jsonReader(
  'model config',
  (random) => JSON.parse(configJson(PRESETS[presets[random.below(presets.length)]!])) as object,
  { num_hidden_layers: -1 },
  (json) => parseConfig(json, 'config.json'),
);

const shardIndex = jsonReader(
  'shard index',
  (random) => ({ weight_map: { a: `model-${random.below(9)}.safetensors`, b: 'model-2.safetensors' } }),
  { weight_map: { a: '../model.safetensors' } },
  (json) => [...parseShardIndex(json, 'model.safetensors.index.json')],
);

const loraConfig = jsonReader(
  'LoRA config',
  (random) => ({ peft_type: 'LORA', r: 1 + random.below(8), lora_alpha: 16, target_modules: ['q', 'v'] }),
  { peft_type: 'IA3' },
  (json) => parsePeftConfig(json, 'adapter_config.json'),
);

/** The sizes of a tertiary-structure head, as a config has them: all parameters are named, so no count may be large. */
const tertiaryConfig = jsonReader(
  'tertiary config',
  (random) => ({
    blocks: 1 + random.below(3),
    pairDim: 4 * (1 + random.below(8)),
    form: ['pub', 'af2'][random.below(2)],
  }),
  { pairDim: 6 },
  (json) => {
    const sizes = z.record(z.string(), z.unknown()).safeParse(jsonOf(json));
    if (!sizes.success) throw new CheckpointError('config.json', 'no object');
    return headParameters(taskHead({ task: 'tertiary-structure', sizes: sizes.data }, HEADS, 'config.json'), 32).size;
  },
);

/** What JSON says, or nothing. */
function jsonOf(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The bytes that come before a RhoFold file's data, of which every size of the module follows. */
const rhoFoldBytes = readFileSync(
  new URL('../../../model/test/fixtures/oracle/tertiary/rhofold_tiny.safetensors', import.meta.url),
);
const rhoFoldHeader = 8 + Number(rhoFoldBytes.readBigUInt64LE());
const rhoFold: Reader = {
  name: 'RhoFold file',
  cost: 20,
  make: () => ({ bytes: rhoFoldBytes.subarray(0, rhoFoldHeader) }),
  // A tensor of another shape.
  spoil: () => {
    const header = rhoFoldBytes.subarray(0, rhoFoldHeader).toString('latin1');
    return Buffer.from(header.replace('e2eformer.linear.weight', 'e2eformer.linear.height'), 'latin1');
  },
  async read(bytes) {
    // The data stay as they were, behind whatever the header is.
    const whole = Buffer.concat([bytes, rhoFoldBytes.subarray(rhoFoldHeader)]);
    const opened = await openRhoFold(await openTensorFile(memorySource('RhoFold.safetensors', whole)));
    return [...opened.shapes].length;
  },
  check: (count) => (Number(count) > 0 ? undefined : 'no parameters'),
};

const tuning = jsonReader(
  'kernel timings',
  (random) => ({
    format: 1,
    adapters: {
      a: { gemm: { version: '1', shapes: { s: { ms: random.below(9), tableMs: 1, variant: { rows: 4 } } } } },
    },
  }),
  { format: 2 },
  (json) => parseTuningRecord(json, 'tuning.json'),
);

const state = jsonReader(
  'run state',
  (random) => ({
    step: random.below(1000),
    cursor: { epoch: 0, window: random.below(9), row: random.below(9) },
    evaluationsSinceBest: 0,
    settings: { seed: random.below(9) },
  }),
  { step: -1 },
  (json) => parseState(json, 'trainer.json'),
);

const log: Reader = {
  name: 'run log',
  make(random) {
    const lines = Array.from({ length: 1 + random.below(5) }, (_, step) =>
      random.below(2) === 0
        ? { step, epoch: 0, loss: random.below(99) / 7, learningRate: 0.01, gradientNorm: 1, tokens: 64 }
        : { step, evaluation: { loss: random.below(99) / 7, f1: null } },
    );
    return { bytes: Buffer.from(lines.map((line) => `${JSON.stringify(line)}\n`).join('')), expected: lines };
  },
  spoil: (random) => Buffer.from(`${text(log.make(random).bytes)}{"step": 1}\n`),
  read: (bytes) => Promise.resolve().then(() => parseLog(text(bytes), 'log.jsonl')),
};

const runConfig: Reader = {
  name: 'run config',
  make: (random) => ({
    bytes: Buffer.from(
      [
        `out: runs/${random.below(9)}`,
        `seed: ${random.below(99)}`,
        'model: { preset: ssr-lm-s }',
        'data:',
        '  train: [a.fasta, b.dbn]',
        'train:',
        `  steps: ${1 + random.below(99)}`,
        'optimizer:',
        '  learningRate: 1.0e-3',
        '',
      ].join('\n'),
    ),
  }),
  spoil: (random) => Buffer.from(text(runConfig.make(random).bytes).replace('steps:', 'step:')),
  read: (bytes) =>
    Promise.resolve().then(() => validateConfig(pretrainConfig, parseYaml(text(bytes), 'a.yaml'), 'a.yaml')),
};

export const MODEL_READERS: readonly Reader[] = [
  tensorReader('safetensors', await tensorFiles(writeSafetensors)),
  tensorReader('PyTorch', await tensorFiles(writePyTorch)),
  modelConfig,
  tertiaryConfig,
  rhoFold,
  tuning,
  shardIndex,
  loraConfig,
  state,
  log,
  runConfig,
];
