/** What is folded and by what: sequences that are pasted, dropped, opened or examples, and the methods. */
import { useState } from 'preact/hooks';
import type { RefObject } from 'preact';
import { METHODS, type Method } from '../address.ts';
import { EXAMPLES } from './examples.ts';
import { METHOD_NAMES, METHOD_NOTES } from './methods.ts';

export interface Input {
  readonly text: string;
  /** The name that errors give. */
  readonly file: string;
}

/** The name of what was pasted or typed, in errors. */
export const PASTED = 'sequences';
/** Characters; a text field that holds more is slow. */
const LONGEST_SHOWN = 300_000;

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
  const [isOver, setOver] = useState(false);
  const [complaint, setComplaint] = useState('');

  const open = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    try {
      onInput({ text: await textOf(file), file: file.name });
      setComplaint('');
    } catch (error) {
      setComplaint(`${file.name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const isEmpty = input.text.trim() === '';
  const isLong = input.text.length > LONGEST_SHOWN;

  return (
    <form
      class={isOver ? 'card input over' : 'card input'}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isEmpty) onFold();
      }}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => {
        setOver(false);
      }}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        void open(event.dataTransfer?.files[0]);
      }}
    >
      <h1>Fold RNA</h1>
      <div class="field">
        <label for="sequences">Sequences</label>
        {isLong ? (
          <p class="long-file">
            <strong>{input.file}</strong>, {(input.text.length / 1e6).toFixed(1)} MB
          </p>
        ) : (
          <textarea
            id="sequences"
            ref={field}
            rows={7}
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            placeholder={'>name\nGGGAAACUUCGGUUUCCC'}
            aria-describedby="sequences-hint"
            value={input.text}
            onInput={({ currentTarget }) => {
              onInput({ text: currentTarget.value, file: PASTED });
            }}
            onKeyDown={(event) => {
              if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
              event.preventDefault();
              if (!isEmpty) onFold();
            }}
          />
        )}
        <p class="hint" id="sequences-hint">
          FASTA, one sequence, or dot-bracket to compare with: paste it, or drop a file.
        </p>
        <div class="row">
          <label class="button">
            Open a file…
            <input
              type="file"
              accept=".fasta,.fa,.fna,.fas,.ffn,.frn,.dbn,.dot,.db,.vienna,.ct,.bpseq,.st,.txt,.gz"
              onChange={({ currentTarget }) => {
                void open(currentTarget.files?.[0]);
                currentTarget.value = '';
              }}
            />
          </label>
          {!isEmpty && (
            <button
              type="button"
              onClick={() => {
                onInput({ text: '', file: PASTED });
              }}
            >
              Clear
            </button>
          )}
        </div>
        {complaint !== '' && (
          <p class="complaint" role="alert">
            {complaint}
          </p>
        )}
      </div>
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
        {METHODS.map((each) => (
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
              {METHOD_NAMES[each]}
              <small>{METHOD_NOTES[each]}</small>
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
            onAgainst(METHODS.find((each) => each === currentTarget.value));
          }}
        >
          <option value="">nothing</option>
          {METHODS.filter((each) => each !== method).map((each) => (
            <option key={each} value={each}>
              {METHOD_NAMES[each]}
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

/** The text of a file, unpacked where its name says that it is gzipped. */
function textOf(file: File): Promise<string> {
  if (!/\.b?gz$/i.test(file.name)) return file.text();
  return new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).text();
}
