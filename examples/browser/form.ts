/** The form of a new run: what it offers, and what a person chose. */
import type { CorpusChoice } from '@rna/web';
import { EXAMPLE_PRESETS, type ConfigFields, type ExamplePreset } from '../shared/presets.ts';
import { byId } from './dom.ts';

export interface NewRun {
  readonly run: string;
  readonly config: ConfigFields;
  readonly corpus: CorpusChoice;
}

// Served beside the page; a worker's relative addresses would be relative to itself.
const SERVED: CorpusChoice = {
  train: new URL('demo_pretrain.dbn', location.href).href,
  validation: new URL('demo_valid.dbn', location.href).href,
};

const form = byId('form', HTMLFormElement);

/** Fills the form with the presets and their values. */
export function prepareForm(): void {
  const preset = field('preset', HTMLSelectElement);
  preset.replaceChildren(...Object.entries(EXAMPLE_PRESETS).map(([name, { title }]) => new Option(title, name)));
  preset.addEventListener('change', showPreset);
  form.addEventListener('change', showFiles);
  showPreset();
  showFiles();
}

function showPreset(): void {
  const { config } = presetChosen();
  field('steps', HTMLInputElement).value = String(config.train.steps);
  field('learningRate', HTMLInputElement).value = String(config.optimizer.learningRate);
  field('scheme', HTMLSelectElement).value = 'masking' in config ? config.masking.scheme : 'ssm';
  suggestName([]);
}

function showFiles(): void {
  const own = field('corpus').value === 'file';
  byId('files', HTMLElement).hidden = !own;
  field('train', HTMLInputElement).required = own;
}

/** Proposes a name that no run has. */
export function suggestName(taken: readonly string[]): void {
  const base = field('preset', HTMLSelectElement).value;
  let name = base;
  for (let i = 2; taken.includes(name); i++) name = `${base} ${i}`;
  field('run', HTMLInputElement).value = name;
}

/** What is chosen; undefined where a field is missing or wrong, which the browser then points at. */
export function readForm(): NewRun | undefined {
  if (!form.reportValidity()) return undefined;
  const { config } = presetChosen();
  return {
    run: field('run', HTMLInputElement).value.trim(),
    config: {
      ...config,
      seed: field('seed', HTMLInputElement).valueAsNumber,
      masking: { scheme: field('scheme', HTMLSelectElement).value as 'ssm' | 'sm' | 'mlm' },
      optimizer: { ...config.optimizer, learningRate: field('learningRate', HTMLInputElement).valueAsNumber },
      train: { ...config.train, steps: field('steps', HTMLInputElement).valueAsNumber },
    },
    corpus: readCorpus(),
  };
}

function readCorpus(): CorpusChoice {
  if (field('corpus').value === 'served') return SERVED;
  const [train, validation] = [
    field('train', HTMLInputElement).files?.[0],
    field('validation', HTMLInputElement).files?.[0],
  ];
  return { train: train!, ...(validation && { validation }) };
}

const presetChosen = () => EXAMPLE_PRESETS[field('preset', HTMLSelectElement).value as ExamplePreset];

function field(name: string): RadioNodeList;
function field<T extends Element>(name: string, type: new () => T): T;
function field(name: string, type?: new () => Element): RadioNodeList | Element {
  const found = form.elements.namedItem(name);
  if (found === null || !(found instanceof (type ?? RadioNodeList)))
    throw new Error(`the form has no field ${name} of that kind`);
  return found;
}
