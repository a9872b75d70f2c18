/** The results of a job: how far it is, its RNAs, and one of them in full. */
import type { Colour, Method, Picture } from '../address.ts';
import { isEngine, methodName } from './methods.ts';
import { EngineButtons } from './problemCard.tsx';
import type { Compared } from './protocol.ts';
import { RnaCard } from './rnaCard.tsx';
import type { FoldState, Outcome, Row } from './useFolding.ts';

export interface Shown {
  readonly picture: Picture;
  readonly colour: Colour;
  /** From 1. */
  readonly rna: number;
}

interface Props {
  readonly state: FoldState;
  readonly shown: Shown;
  readonly isLinkWhole: boolean;
  readonly onShown: (shown: Shown) => void;
  readonly onMethod: (method: Method) => void;
}

export function Results({ state, shown, isLinkWhole, onShown, onMethod }: Props) {
  const { rows, settings } = state;
  if (settings === undefined || (rows.length === 0 && state.phase === 'failed')) return null;
  const index = Math.min(shown.rna, rows.length) - 1;
  const row = rows[index];
  return (
    <>
      <Progress state={state} />
      {rows.length > 1 && (
        <nav class="card rnas" aria-label="RNAs">
          <ol>
            {rows.map((each, at) => (
              <li key={at}>
                <button
                  type="button"
                  aria-current={at === index ? 'true' : undefined}
                  onClick={() => {
                    onShown({ ...shown, rna: at + 1 });
                  }}
                >
                  <span class="name">{each.id}</span>
                  <small>{rowNote(each)}</small>
                </button>
              </li>
            ))}
          </ol>
        </nav>
      )}
      {row !== undefined && (
        <OneRna row={row} state={state} shown={shown} isLinkWhole={isLinkWhole} onShown={onShown} onMethod={onMethod} />
      )}
    </>
  );
}

const percent = (share: number): string => `${Math.round(100 * share)} %`;

function rowNote({ length, first }: Row): string {
  if (first === undefined) return `${length} nt`;
  return 'folded' in first ? `${length} nt · ${percent(first.folded.accuracy)}` : `${length} nt · left out`;
}

function Progress({ state: { phase, rows, settings, turn, note } }: Pick<Props, 'state'>) {
  const { method, against } = settings!;
  const turns = against === undefined ? 1 : 2;
  const count = (which: 'first' | 'second'): number => rows.filter((row) => row[which] !== undefined).length;
  const all = rows.length * turns;
  const done = count('first') + count('second');
  const name = methodName(turn === 'first' ? method : (against ?? method));
  const leftOut = rows.filter(({ first }) => first !== undefined && 'leftOut' in first).length;
  const text = {
    idle: '',
    running:
      note !== '' ? note : rows.length === 0 ? 'reading …' : `${name}: ${count(turn)} of ${rows.length} folded …`,
    done: `${rows.length - leftOut} of ${rows.length} folded${leftOut > 0 ? `, ${leftOut} left out` : ''}.`,
    cancelled: `Cancelled; ${count('first')} of ${rows.length} folded.`,
    failed: `Stopped; ${count('first')} of ${rows.length} folded.`,
  }[phase];
  return (
    <div class="progress">
      <p role="status">{text}</p>
      {phase === 'running' && (
        <progress aria-label="RNAs folded" {...(all > 0 && note === '' ? { value: done, max: all } : {})} />
      )}
    </div>
  );
}

const foldedOf = (outcome: Outcome | undefined) =>
  outcome !== undefined && 'folded' in outcome ? outcome.folded : undefined;

/** A row as it is drawn; undefined while there is nothing to draw. */
function comparedOf(row: Row, method: Method, against: Method | undefined): Compared | undefined {
  const [folded, second] = [foldedOf(row.first), foldedOf(row.second)];
  if (folded === undefined) return undefined;
  const other =
    against !== undefined
      ? second && { folded: second, name: methodName(against), isKnown: false }
      : row.known && { folded: row.known, name: 'the given structure', isKnown: true };
  return { folded, name: methodName(method), ...(other && { against: other }) };
}

/** Objects of rows that have not changed stay the same, so that nothing is drawn again. */
const made = new WeakMap<Row, Compared>();

function OneRna({ row, state, shown, isLinkWhole, onShown, onMethod }: Props & { readonly row: Row }) {
  const { method, against } = state.settings!;
  const compare = (each: Row): Compared | undefined => {
    const found = made.get(each) ?? comparedOf(each, method, against);
    if (found !== undefined) made.set(each, found);
    return found;
  };
  const compared = compare(row);
  if (compared !== undefined) {
    const all = (): Compared[] => state.rows.flatMap((each) => compare(each) ?? []);
    const problem = row.second !== undefined && 'leftOut' in row.second ? row.second.leftOut : undefined;
    return (
      <RnaCard
        compared={compared}
        problem={problem}
        all={all}
        shown={shown}
        isLinkWhole={isLinkWhole}
        onShown={onShown}
      />
    );
  }
  const leftOut = row.first !== undefined && 'leftOut' in row.first ? row.first.leftOut : undefined;
  return (
    <section class="card" aria-label={row.id}>
      <h2 class="id">{row.id}</h2>
      {leftOut === undefined ? (
        <p class="quiet">{state.phase === 'running' ? 'Its turn comes.' : 'It was not folded.'}</p>
      ) : (
        <>
          <p class="complaint">{leftOut}</p>
          {!isEngine(method) && (
            <div class="row">
              <EngineButtons onMethod={onMethod} />
            </div>
          )}
        </>
      )}
    </section>
  );
}
