/** The Score view: how much less or more likely a language model finds mutations than the wild type. */
import { useState } from 'preact/hooks';
import { VARIANT_SCORES, type VariantScore } from '@rna/model';
import type { ScoreMode, Scored } from '../calls/modelCalls.ts';
import { EXAMPLES } from '../fold/examples.ts';
import { Zoomable } from '../fold/zoomable.tsx';
import { CallProgress } from '../ui/callProgress.tsx';
import { Choice } from '../ui/choice.tsx';
import { DataTable } from '../ui/dataTable.tsx';
import { LeftOut } from '../ui/leftOut.tsx';
import { ModelForm } from '../ui/modelForm.tsx';
import { ProblemNote } from '../ui/problem.tsx';
import { saveFile } from '../ui/save.ts';
import { SaveTable } from '../ui/saveTable.tsx';
import { useModelView } from '../ui/useModelView.ts';

const METHODS: Readonly<Record<VariantScore, string>> = {
  'masked-marginal': 'Masked marginal',
  'single-masked-marginal': 'Masked one at a time',
  'wild-type-marginal': 'One pass without masks (fastest)',
  'pseudo-likelihood': 'Pseudo-likelihood (slowest)',
};
const MODES: Readonly<Record<ScoreMode, string>> = {
  scan: 'Every single substitution',
  variants: 'The RNAs as variants of the first',
};
const [FIRST_METHOD] = VARIANT_SCORES;

export function ScoreView({ query }: { readonly query: URLSearchParams }) {
  const view = useModelView('score', query, { mode: 'scan', method: FIRST_METHOD! }, ['mode', 'method']);
  const { state, settings, set, run } = view;
  return (
    <div class="columns">
      <ModelForm
        title="Score mutations"
        verb="Score"
        hint="FASTA, or a table with a column “sequence”. Variants have the length of the first RNA."
        examples={EXAMPLES.filter(({ name }) => name !== 'All').map(({ name, fasta }) => ({
          name,
          text: () => Promise.resolve(fasta),
        }))}
        view={view}
        hasBuiltin={false}
        can={({ facts }) => facts === undefined || facts.lmHead}
        none="No pre-trained model is here; the built-in one was not trained to say how likely a letter is."
      >
        <Choice
          id="mode"
          label="What is scored"
          values={MODES}
          value={settings['mode']!}
          onValue={(mode) => {
            set('mode', mode);
          }}
        />
        <Choice
          id="method"
          label="How"
          values={METHODS}
          value={settings['method']!}
          onValue={(method) => {
            set('method', method);
          }}
        />
      </ModelForm>
      <div class="results">
        {state.phase === 'idle' && <Empty />}
        {state.problem !== undefined && <ProblemNote problem={state.problem} onRetry={run} />}
        <CallProgress state={state} unit={settings['mode'] === 'scan' ? 'RNAs' : 'runs'} />
        {state.answer !== undefined && (
          <>
            <LeftOut reasons={state.answer.leftOut} />
            <ScoredCard scored={state.answer} />
          </>
        )}
      </div>
    </div>
  );
}

function ScoredCard({ scored }: { readonly scored: Scored }) {
  const [shown, setShown] = useState(0);
  const map = scored.maps[Math.min(shown, scored.maps.length - 1)];
  return (
    <section class="card" aria-label="Scores">
      <h2 class="id">{map === undefined ? 'Variants' : map.id}</h2>
      {scored.maps.length > 1 && (
        <Choice
          id="shown"
          label="RNA"
          isInline
          values={Object.fromEntries(scored.maps.map(({ id }, at) => [String(at), id]))}
          value={String(shown)}
          onValue={(at) => {
            setShown(Number(at));
          }}
        />
      )}
      {map !== undefined && <Zoomable svg={map.svg} label={`Mutation map of ${map.id}`} />}
      <DataTable label="Scores" {...scored} />
      <p class="hint">
        A score is the log-likelihood of the variant less that of the wild type, in nats: below 0 the model finds the
        variant less likely.
      </p>
      <SaveTable table={scored} name="scores.csv">
        {map !== undefined && (
          <button
            type="button"
            class="chip"
            onClick={() => {
              saveFile({ name: 'mutations.svg', bytes: new TextEncoder().encode(map.file) });
            }}
          >
            Mutation map (SVG)
          </button>
        )}
      </SaveTable>
    </section>
  );
}

function Empty() {
  return (
    <section class="card empty" aria-label="Results">
      <h2>No score yet</h2>
      <p>
        A language model that was pre-trained on RNAs says how likely each letter is at each place. A mutation that it
        finds unlikely often does harm. All single substitutions of an RNA are drawn as a map, or your own variants are
        listed with their scores.
      </p>
    </section>
  );
}
