/** The field of sequences that views share: typed, pasted, dropped or opened, also gzipped. */
import { useState } from 'preact/hooks';
import type { RefObject } from 'preact';

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
  readonly hint: string;
  /** Endings of files that can be opened. */
  readonly accept: string;
  readonly field?: RefObject<HTMLTextAreaElement | null>;
  readonly complaint: string;
  readonly onInput: (input: Input) => void;
  readonly onFile: (file: File) => void;
  /** Ctrl and Enter. */
  readonly onSubmit: () => void;
}

export function SequenceField({ input, hint, accept, field, complaint, onInput, onFile, onSubmit }: Props) {
  const isEmpty = input.text.trim() === '';
  return (
    <div class="field">
      <label for="sequences">Sequences</label>
      {input.text.length > LONGEST_SHOWN ? (
        <p class="long-file">
          <strong>{input.file}</strong>, {(input.text.length / 1e6).toFixed(1)} MB
        </p>
      ) : (
        <textarea
          id="sequences"
          {...(field && { ref: field })}
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
            if (!isEmpty) onSubmit();
          }}
        />
      )}
      <p class="hint" id="sequences-hint">
        {hint}
      </p>
      <div class="row">
        <label class="button">
          Open a file…
          <input
            type="file"
            accept={accept}
            onChange={({ currentTarget }) => {
              const file = currentTarget.files?.[0];
              if (file !== undefined) onFile(file);
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
  );
}

/** Reads a file that is opened or dropped: what a form takes for it, and what it says of one that cannot be read. */
export function useFile(onInput: (input: Input) => void) {
  const [complaint, setComplaint] = useState('');
  const [isOver, setOver] = useState(false);
  const open = async (file: File | undefined): Promise<void> => {
    if (file === undefined) return;
    try {
      onInput({ text: await textOf(file), file: file.name });
      setComplaint('');
    } catch (error) {
      setComplaint(`${file.name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  return {
    complaint,
    isOver,
    onFile: (file: File): void => {
      void open(file);
    },
    dropping: {
      onDragOver(event: DragEvent): void {
        event.preventDefault();
        setOver(true);
      },
      onDragLeave(): void {
        setOver(false);
      },
      onDrop(event: DragEvent): void {
        event.preventDefault();
        setOver(false);
        void open(event.dataTransfer?.files[0]);
      },
    },
  };
}

/** The text of a file, unpacked where its name says that it is gzipped. */
function textOf(file: File): Promise<string> {
  if (!/\.b?gz$/i.test(file.name)) return file.text();
  return new Response(file.stream().pipeThrough(new DecompressionStream('gzip'))).text();
}
