/** What is folded and by what: sequences that are pasted, dropped, opened or examples, and the methods. */
import type { RefObject } from 'preact';
import { METHODS, type Method } from '../address.ts';
import { EXAMPLES } from './examples.ts';
import { PASTED, SequenceField, useFile, type Input } from '../ui/sequenceField.tsx';
import { usable, useModels } from '../models/useModels.ts';
import { methodName, METHOD_NOTES, modelOf } from './methods.ts';

interface Props {
  readonly input: Input;
  readonly method: Method;
  readonly against: Method | undefined;
  readonly isRunning: boolean;
  readonly field: RefObject<HTMLTextAreaElement | null>;
  readonly onInput: (input: Input) => void;
  readonly onMethod: (method: Method) => void;
  readonly onAgainst: (method: Method | undefined) => void;
  readonly onFold: () => void;
  readonly onCancel: () => void;
}

export function InputPanel(props: Props) {
  const { input, method, against, isRunning, field, onInput, onMethod, onAgainst, onFold, onCancel } = props;
  const { complaint, isOver, onFile, dropping } = useFile(onInput);
  const foldingModels = usable(useModels())
    .filter(({ facts }) => facts?.task?.kind === 'pairs')
    .map(({ name }): Method => `model:${name}`);
  // A link may name a model that is not here.
  const methods = [...new Set<Method>([...METHODS, ...foldingModels, method])];
  const isEmpty = input.text.trim() === '';

  return (
    <form
      class={isOver ? 'card input over' : 'card input'}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isEmpty) onFold();
      }}
      {...dropping}
    >
      <h1>Fold RNA</h1>
      <SequenceField
        input={input}
        hint="FASTA, one sequence, or dot-bracket to compare with: paste it, or drop a file."
        accept=".fasta,.fa,.fna,.fas,.ffn,.frn,.dbn,.dot,.db,.vienna,.ct,.bpseq,.st,.txt,.gz"
        field={field}
        complaint={complaint}
        onInput={onInput}
        onFile={onFile}
        onSubmit={onFold}
      />
      <div class="field">
        <span class="label" id="examples">
          Examples
        </span>
        <div class="row" role="group" aria-labelledby="examples">
          {EXAMPLES.map(({ name, fasta }) => (
            <button
              key={name}
              type="button"
              class="chip"
              onClick={() => {
                onInput({ text: fasta, file: PASTED });
              }}
            >
              {name}
            </button>
          ))}
        </div>
      </div>
      <fieldset class="field">
        <legend class="label">Method</legend>
        {methods.map((each) => (
          <label key={each} class="choice">
            <input
              type="radio"
              name="method"
              value={each}
              checked={each === method}
              onChange={() => {
                onMethod(each);
              }}
            />
            <span>
              {methodName(each)}
              <small>{noteOf(each)}</small>
            </span>
          </label>
        ))}
      </fieldset>
      <div class="field">
        <label for="against">Compare with</label>
        <select
          id="against"
          value={against ?? ''}
          onChange={({ currentTarget }) => {
            onAgainst(methods.find((each) => each === currentTarget.value));
          }}
        >
          <option value="">nothing</option>
          {methods
            .filter((each) => each !== method)
            .map((each) => (
              <option key={each} value={each}>
                {methodName(each)}
              </option>
            ))}
        </select>
      </div>
      <div class="row">
        <button type="submit" class="primary" disabled={isEmpty || isRunning} title="Ctrl + Enter">
          Fold
        </button>
        {isRunning && (
          <button type="button" onClick={onCancel}>
            Cancel
          </button>
        )}
      </div>
    </form>
  );
}

const noteOf = (method: Method): string =>
  modelOf(method) === undefined ? METHOD_NOTES[method as (typeof METHODS)[number]] : 'a model of yours; needs WebGPU';
