/** The Predict view: what a fine-tuned model says of RNAs, as a table. */
import { CallProgress } from '../ui/callProgress.tsx';
import { DataTable } from '../ui/dataTable.tsx';
import { LeftOut } from '../ui/leftOut.tsx';
import { ModelForm } from '../ui/modelForm.tsx';
import { ProblemNote } from '../ui/problem.tsx';
import { SaveTable } from '../ui/saveTable.tsx';
import { useModelView } from '../ui/useModelView.ts';

export function PredictView({ query }: { readonly query: URLSearchParams }) {
  const view = useModelView('predict', query, {}, []);
  const { state, run } = view;
  return (
    <div class="columns">
      <ModelForm
        title="Predict"
        verb="Predict"
        hint="FASTA, or a table with a column “sequence”, whose other columns are kept."
        examples={[]}
        view={view}
        hasBuiltin={false}
        can={({ facts }) => facts === undefined || !['pairs', 'coordinates'].includes(facts.task?.kind ?? 'pairs')}
        none="No model here was fine-tuned for a task of tables."
      />
      <div class="results">
        {state.phase === 'idle' && (
          <section class="card empty" aria-label="Results">
            <h2>No prediction yet</h2>
            <p>
              A model that was fine-tuned for a task, such as splice sites, families or any column of a table, says what
              it expects of each RNA. Base pairs are predicted in the <a href="#/fold">Fold view</a>.
            </p>
            <p>
              Fine-tuned models come from <code>rna finetune</code> or a hub; keep one in the{' '}
              <a href="#/models">Models view</a> first.
            </p>
          </section>
        )}
        {state.problem !== undefined && <ProblemNote problem={state.problem} onRetry={run} />}
        <CallProgress state={state} unit="RNAs" />
        {state.answer !== undefined && (
          <>
            <LeftOut reasons={state.answer.leftOut} />
            <section class="card" aria-label="Predictions">
              <h2 class="first-capital">{state.answer.task}</h2>
              <DataTable label="Predictions" {...state.answer} />
              <SaveTable table={state.answer} name="predictions.csv" />
            </section>
          </>
        )}
      </div>
    </div>
  );
}
