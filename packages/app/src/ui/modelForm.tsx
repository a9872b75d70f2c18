/** The form of a view that runs a model on RNAs. */
import type { ComponentChildren } from 'preact';
import type { ModelRecord } from '@rna/web';
import type { Weights } from '../calls/modelCalls.ts';
import { ModelPicker } from './modelPicker.tsx';
import { PASTED, SequenceField, useFile, type Input } from './sequenceField.tsx';

interface Example {
  readonly name: string;
  readonly text: () => Promise<string>;
}

interface Props {
  readonly title: string;
  readonly verb: string;
  readonly hint: string;
  readonly examples: readonly Example[];
  readonly view: {
    readonly input: Input;
    readonly setInput: (input: Input) => void;
    readonly model: string;
    readonly setModel: (model: string) => void;
    readonly weights: Weights;
    readonly setWeights: (weights: Weights) => void;
    readonly run: () => void;
    readonly cancel: () => void;
    readonly state: { readonly phase: string };
  };
  readonly hasBuiltin: boolean;
  readonly can: (model: ModelRecord) => boolean;
  readonly none: string;
  /** Settings of the view's own. */
  readonly children?: ComponentChildren;
}

const ACCEPTED = '.fasta,.fa,.fna,.fas,.ffn,.frn,.dbn,.ct,.bpseq,.st,.csv,.tsv,.txt,.gz';

export function ModelForm({ title, verb, hint, examples, view, hasBuiltin, can, none, children }: Props) {
  const { input, setInput, model, setModel, weights, setWeights, run, cancel, state } = view;
  const { complaint, isOver, onFile, dropping } = useFile(setInput);
  const isRunning = state.phase === 'running';
  const isReady = input.text.trim() !== '' && model !== '' && (hasBuiltin || model !== 'builtin');
  return (
    <form
      class={isOver ? 'card input over' : 'card input'}
      onSubmit={(event) => {
        event.preventDefault();
        if (isReady && !isRunning) run();
      }}
      {...dropping}
    >
      <h1>{title}</h1>
      <SequenceField
        input={input}
        hint={hint}
        accept={ACCEPTED}
        complaint={complaint}
        onInput={setInput}
        onFile={onFile}
        onSubmit={() => {
          if (isReady && !isRunning) run();
        }}
      />
      {examples.length > 0 && (
        <div class="row" role="group" aria-label="Examples">
          <span class="label">Examples</span>
          {examples.map(({ name, text }) => (
            <button
              key={name}
              type="button"
              class="chip"
              onClick={() => {
                void text().then((example) => {
                  setInput({ text: example, file: PASTED });
                });
              }}
            >
              {name}
            </button>
          ))}
        </div>
      )}
      <ModelPicker
        model={model}
        weights={weights}
        hasBuiltin={hasBuiltin}
        can={can}
        none={none}
        onModel={setModel}
        onWeights={setWeights}
      />
      {children}
      <div class="row">
        <button type="submit" class="primary" disabled={!isReady || isRunning}>
          {verb}
        </button>
        {isRunning && (
          <button type="button" onClick={cancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}
