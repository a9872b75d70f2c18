/**
 * Tiny models of structures in space, as files: an encoder of the oracle with a head that was drawn, and RhoFold's form
 * with the reference's weights.
 */
import { readFileSync } from 'node:fs';
import {
  configJson,
  headConfig,
  headParameters,
  initialHead,
  memorySink,
  memorySource,
  openModel,
  openTensorFile,
  parseConfig,
  savedLayout,
  taskHead,
  tertiaryStructure,
  writeModel,
} from '@rna/model';
import { openDevice } from '@rna/tensor/node';

const fixture = (name: string): Buffer =>
  readFileSync(new URL(`../../packages/model/test/fixtures/oracle/${name}`, import.meta.url));

const SIZES = JSON.parse(fixture('../tinyTertiary.json').toString()) as Readonly<Record<string, number>>;

/** A model that is fine-tuned in form, on a few chains by what it says, and knows nothing. */
export async function tinyTertiary(): Promise<ReadonlyMap<string, Uint8Array>> {
  const encoder = await openModel(
    await openTensorFile(memorySource('weights.safetensors', fixture('ssrlm-A/weights.safetensors'))),
    parseConfig(fixture('ssrlm-A/config.json').toString(), 'config.json'),
  );
  const { config } = encoder;
  const task = taskHead({ task: 'tertiary-structure', sizes: SIZES }, [tertiaryStructure], 'tiny');
  const values = new Map<string, Float32Array>();
  for await (const { name, shape, offset, data } of encoder.parameters()) {
    const whole = values.get(name) ?? new Float32Array(shape.reduce((product, size) => product * size, 1));
    whole.set(data, offset);
    values.set(name, whole);
  }
  const device = await openDevice();
  try {
    const head = initialHead(device, task, config, 1);
    for (const name of headParameters(task, config.dim).keys()) values.set(name, await head.get(name)!.read());
  } finally {
    device.destroy();
  }
  const layout = savedLayout(config.model);
  const sink = memorySink();
  await writeModel(sink, {
    config,
    scheme: layout.scheme,
    lmHead: false,
    task,
    scalars: new Map([
      ['trainedChains', 12],
      ['heldOutChains', 3],
      ['heldOutLddt', 0.4375],
    ]),
    read: (name) => Promise.resolve(values.get(name)!),
  });
  return new Map([
    ['config.json', new TextEncoder().encode(configJson(config, layout.vocabularySize, headConfig(task)))],
    ['tertiary.safetensors', sink.bytes()],
  ]);
}

/** RhoFold's form, with weights of the reference, for up to 24 nucleotides. */
export const tinyRhoFold = (): Uint8Array => fixture('tertiary/rhofold_tiny.safetensors');
