/** A table of results: its first rows; the file has all of them. */

interface Props {
  readonly label: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** Rows beyond it make a page slow and are read by nobody. */
const SHOWN = 200;
/** Characters of a cell; a list with a number for each nucleotide is long. */
const CELL = 60;

export function DataTable({ label, header, rows }: Props) {
  return (
    <>
      <div class="table" role="region" aria-label={label} tabIndex={0}>
        <table>
          <thead>
            <tr>
              {header.map((name, at) => (
                <th key={at} scope="col" class={typeof rows[0]?.[at] === 'number' ? 'number' : undefined}>
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.slice(0, SHOWN).map((row, at) => (
              <tr key={at}>
                {row.map((cell, column) => (
                  <td key={column} class={typeof cell === 'number' ? 'number' : undefined}>
                    {cellText(cell)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > SHOWN && (
        <p class="hint">
          The first {SHOWN} of {rows.length} rows; the CSV has all.
        </p>
      )}
    </>
  );
}

function cellText(cell: string | number): string {
  if (typeof cell === 'number') return Number.isInteger(cell) ? String(cell) : String(Number(cell.toPrecision(4)));
  return cell.length > CELL ? `${cell.slice(0, CELL)}…` : cell;
}
