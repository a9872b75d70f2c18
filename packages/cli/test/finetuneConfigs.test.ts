/** The recipes that come with the package: each is valid for its task, and its stages name what they are meant to. */
import { readdirSync, readFileSync } from 'node:fs';
import { encoderParameters, headParameters, HEADS, PRESETS, type Head, type PresetName } from '@rna/model';
import type { Tensor } from '@rna/tensor';
import { finetuneConfig, unfreezingGroups, validateConfig } from '@rna/train';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { config } from './training.ts';

const names = readdirSync(config('.'))
  .filter((name) => name.startsWith('finetune-'))
  .sort();

const headOf = (name: string): Head => HEADS.find(({ name: task }) => name.startsWith(`finetune-${task}-`))!;

function read(name: string) {
  const text = parse(readFileSync(config(name), 'utf8')) as Readonly<Record<string, object>>;
  const { data, model } = text;
  return validateConfig(
    finetuneConfig(headOf(name)),
    { out: 'run', ...text, data: { train: ['a'], ...data }, model: { checkpoint: 'm', ...model } },
    name,
  );
}

/** Names of the parameters that begin to train, by the epoch. */
function trainedFrom(name: string, preset: PresetName): Map<number, string[]> {
  const { unfreeze, head } = read(name);
  const encoder = PRESETS[preset];
  const task = { head: headOf(name), sizes: headOf(name).sizes.parse(head) };
  // Groups look at names and shapes alone.
  const parameters = new Map(
    [...encoderParameters(encoder), ...headParameters(task, encoder.dim)].map(([each, shape]) => [
      each,
      { shape } as Tensor,
    ]),
  );
  const groups = unfreezingGroups(parameters, parameters.keys(), unfreeze, {
    layers: encoder.layers,
    stepsPerEpoch: 1,
    decay: { weightDecay: 0 },
  });
  const byEpoch = new Map<number, string[]>();
  for (const group of groups)
    byEpoch.set(group.since!, [...(byEpoch.get(group.since!) ?? []), ...group.parameters.keys()]);
  return byEpoch;
}

const blocksOf = (parameters: readonly string[] | undefined): number[] =>
  [...new Set(parameters?.flatMap((name) => /^blocks\.(\d+)\./.exec(name)?.[1] ?? []).map(Number))].sort(
    (a, b) => a - b,
  );

test('every recipe is valid for its task, and every task has a small one and one after its paper, if it has a paper', () => {
  expect(names.map(read)).toHaveLength(26);
  for (const { name: task, columns } of HEADS) {
    // A user's own labels are in no paper.
    if (columns?.learn === undefined)
      expect(
        names.filter((name) => new RegExp(`^finetune-${task}-(rinalmo|ssr-lm)`).test(name)),
        task,
      ).not.toEqual([]);
    expect(names).toContain(`finetune-${task}-small.yaml`);
  }
});

describe('stages', () => {
  const staged = names.filter((name) => read(name).unfreeze.length > 0);

  test.each(staged)('%s: the head trains from the beginning, the LM head never, on any of the models', (name) => {
    for (const preset of Object.keys(PRESETS) as PresetName[]) {
      const stages = trainedFrom(name, preset);
      const own = [
        ...headParameters({ head: headOf(name), sizes: headOf(name).sizes.parse({}) }, PRESETS[preset].dim).keys(),
      ];
      expect(stages.get(0)).toEqual(expect.arrayContaining(own));
      expect([...stages.values()].flat().filter((each) => each.startsWith('lmHead.'))).toEqual([]);
      // The last block is in the first stage that has any.
      const first = [...stages.values()].map(blocksOf).find((blocks) => blocks.length > 0)!;
      expect(first.at(-1)).toBe(PRESETS[preset].layers - 1);
    }
  });

  test('of the published schedules name the published blocks', () => {
    const structure = trainedFrom('finetune-secondary-structure-rinalmo-code.yaml', 'rinalmo-giga');
    expect([...structure].map(([epoch, parameters]) => [epoch, ...blocksOf(parameters)])).toEqual([
      [0],
      [3, 30, 31, 32],
      [6, 27, 28, 29],
      [9, 24, 25, 26],
      [12, 21, 22, 23],
      [15, 18, 19, 20],
      [18, 15, 16, 17],
      [21, 12, 13, 14],
      [24, 9, 10, 11],
    ]);
    expect(structure.get(3)).toContain('finalNorm.weight');
    const load = trainedFrom('finetune-ribosome-load-rinalmo-code.yaml', 'rinalmo-giga');
    expect(blocksOf(load.get(2))).toEqual(Array.from({ length: 27 }, (_, i) => i + 6));
    const family = trainedFrom('finetune-ncrna-family-rinalmo.yaml', 'rinalmo-micro').get(0)!;
    expect(family.filter((name) => /embedding|\.beta$/.test(name))).toEqual([]);
    expect(blocksOf(family)).toHaveLength(12);
  });
});
