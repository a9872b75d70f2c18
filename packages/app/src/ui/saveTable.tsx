/** Gives a table as CSV. */
import type { ComponentChildren } from 'preact';
import { csvLine } from '@rna/structure';
import type { Table } from '../calls/modelCalls.ts';
import { saveFile } from './save.ts';

interface Props {
  readonly table: Table;
  readonly name: string;
  /** Buttons of other files. */
  readonly children?: ComponentChildren;
}

export function SaveTable({ table: { header, rows }, name, children }: Props) {
  return (
    <div class="row files" role="group" aria-label="Download">
      <span class="label">Download</span>
      <button
        type="button"
        class="chip"
        onClick={() => {
          const text = [header, ...rows].map(csvLine).join('');
          saveFile({ name, bytes: new TextEncoder().encode(text) });
        }}
      >
        CSV
      </button>
      {children}
    </div>
  );
}
