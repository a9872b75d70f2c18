/**
 * The Fold view: sequences and methods on one side, structures on the other. The address holds what was folded and how
 * it is shown; opening an address folds again.
 */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { foldAddress, LONGEST_LINK, readFoldAddress, type FoldAddress, type Method } from '../address.ts';
import { PASTED, type Input } from '../ui/sequenceField.tsx';
import { InputPanel } from './inputPanel.tsx';
import { ProblemCard } from './problemCard.tsx';
import { Results, type Shown } from './results.tsx';
import { useFolding, type FoldSettings } from './useFolding.ts';

export function FoldView({ query }: { readonly query: URLSearchParams }) {
  const given = readFoldAddress(query);
  const [input, setInput] = useState<Input>({ text: given.fasta ?? '', file: PASTED });
  const [method, setMethod] = useState(given.method);
  const [against, setAgainst] = useState(given.against);
  const [shown, setShown] = useState<Shown>({ picture: given.picture, colour: given.colour, rna: given.rna });
  const { state, start, cancel } = useFolding();
  const current = useRef<FoldSettings | undefined>(undefined);
  const results = useRef<HTMLDivElement>(null);
  const field = useRef<HTMLTextAreaElement>(null);

  const begin = useCallback(
    (settings: FoldSettings) => {
      current.current = settings;
      start(settings);
    },
    [start],
  );

  // An address that was opened, or gone back to.
  useEffect(() => {
    const { fasta, ...rest } = readFoldAddress(query);
    const now = current.current;
    if (fasta === undefined) return;
    setShown({ picture: rest.picture, colour: rest.colour, rna: rest.rna });
    if (now?.text === fasta && now.method === rest.method && now.against === rest.against) return;
    setInput({ text: fasta, file: PASTED });
    setMethod(rest.method);
    setAgainst(rest.against);
    begin({ method: rest.method, against: rest.against, text: fasta, file: PASTED });
  }, [query.toString()]);

  const show = (next: Shown): void => {
    setShown(next);
    const settings = current.current;
    if (settings !== undefined) history.replaceState(null, '', addressOf(settings, next));
  };
  const foldBy = (wanted: Method): void => {
    const second = wanted === against ? undefined : against;
    setMethod(wanted);
    setAgainst(second);
    const next = { ...shown, rna: 1 };
    setShown(next);
    const settings = { method: wanted, against: second, ...input };
    history.pushState(null, '', addressOf(settings, next));
    begin(settings);
    // In one column the results are below what was pressed.
    const { top = 0 } = results.current?.getBoundingClientRect() ?? {};
    if (top > innerHeight / 2) results.current?.scrollIntoView({ block: 'start' });
  };

  const goToLine = (line: number): void => {
    const here = field.current;
    if (here === null) return;
    const lines = here.value.split(/\r\n|\r|\n/);
    const from = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
    here.focus();
    here.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
  };

  const isLinkWhole = (state.settings?.text.length ?? 0) <= LONGEST_LINK;
  return (
    <div class="fold">
      <InputPanel
        input={input}
        method={method}
        against={against}
        isRunning={state.phase === 'running'}
        field={field}
        onInput={setInput}
        onMethod={(wanted) => {
          setMethod(wanted);
          if (wanted === against) setAgainst(undefined);
        }}
        onAgainst={setAgainst}
        onFold={() => {
          foldBy(method);
        }}
        onCancel={cancel}
      />
      <div class="results" ref={results}>
        {state.phase === 'idle' && <Empty />}
        {state.problem !== undefined && (
          <ProblemCard
            problem={state.problem}
            onRetry={() => {
              foldBy(method);
            }}
            onMethod={foldBy}
            onLine={goToLine}
          />
        )}
        <Results state={state} shown={shown} isLinkWhole={isLinkWhole} onShown={show} onMethod={foldBy} />
      </div>
    </div>
  );
}

const addressOf = ({ method, against, text }: FoldSettings, shown: Shown): string => {
  const address: FoldAddress = { method, against, ...shown, fasta: text };
  return foldAddress(address);
};

function Empty() {
  return (
    <section class="card empty" aria-label="Results">
      <h2>No structure yet</h2>
      <p>
        Paste a sequence or take one of the examples, then press Fold. The structure is drawn here, coloured by how
        probable each pair is, with arcs, the matrix of all pairs, and files for other programs.
      </p>
      <p class="quiet">The built-in model is loaded when it is first used: 1.9 MB.</p>
    </section>
  );
}
