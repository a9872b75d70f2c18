/** The Embed view: vectors of RNAs by a model, a map of them, their list, and files of vectors. */
import type { Embedded } from '../calls/modelCalls.ts';
import { CallProgress } from '../ui/callProgress.tsx';
import { Choice } from '../ui/choice.tsx';
import { LeftOut } from '../ui/leftOut.tsx';
import { ModelForm } from '../ui/modelForm.tsx';
import { ProblemNote } from '../ui/problem.tsx';
import { useModelView } from '../ui/useModelView.ts';
import { fetchText } from '../ui/fetchText.ts';
import { EmbeddedCard } from './embeddedCard.tsx';

const FAMILIES = new URL('../../../cli/data/rfam_families.fasta', import.meta.url);
const DEFAULTS = { pool: 'mean', layout: 'umap', colour: '' };

export function EmbedView({ query }: { readonly query: URLSearchParams }) {
  const view = useModelView('embed', query, DEFAULTS, ['pool']);
  const { state, settings, set, run } = view;
  return (
    <div class="columns">
      <ModelForm
        title="Embed RNA"
        verb="Embed"
        hint="FASTA, or a table with a column “sequence”: its other columns colour the map. Four RNAs at least are mapped."
        examples={[{ name: '256 of Rfam’s families', text: () => fetchText(FAMILIES) }]}
        view={view}
        hasBuiltin
        can={() => true}
        none=""
      >
        <Choice
          id="pool"
          label="Vector of an RNA"
          values={{ mean: 'Mean of its nucleotides', cls: 'That of <cls>' }}
          value={settings['pool']!}
          onValue={(pool) => {
            set('pool', pool);
          }}
        />
      </ModelForm>
      <div class="results">
        {state.phase === 'idle' && <Empty />}
        {state.problem !== undefined && <ProblemNote problem={state.problem} onRetry={run} />}
        <CallProgress state={state} unit="RNAs" />
        {state.answer !== undefined && (
          <>
            <LeftOut reasons={state.answer.leftOut} />
            <EmbeddedCard
              embedded={state.answer satisfies Embedded}
              model={view.model}
              settings={settings}
              onSetting={set}
            />
          </>
        )}
      </div>
    </div>
  );
}

function Empty() {
  return (
    <section class="card empty" aria-label="Results">
      <h2>No map yet</h2>
      <p>
        A model turns each RNA into a vector; RNAs that are alike to the model have vectors that are near each other.
        The vectors are laid out in the plane here, coloured by a column of your table or by clusters, and can be taken
        along as safetensors, npy or CSV.
      </p>
    </section>
  );
}
