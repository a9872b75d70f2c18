/** The Train view: a form for a new run, the run that goes on in the worker, and the runs that this browser keeps. */
import { deleteRun, requestAdapter, type SavedRun } from '@rna/web';
import { useEffect, useState } from 'preact/hooks';
import { keepRun } from '../models/useModels.ts';
import { ProblemNote } from '../ui/problem.tsx';
import { NewRun } from './newRun.tsx';
import { begin, isGoing, listRuns, pack, useRun } from './run.ts';
import { RunCard } from './runCard.tsx';
import { TuningForm } from './tuningForm.tsx';

export function TrainView({ query }: { readonly query: URLSearchParams }) {
  const state = useRun();
  const [missing, setMissing] = useState('');
  useEffect(() => {
    requestAdapter().catch((error: unknown) => {
      setMissing(error instanceof Error ? error.message : String(error));
    });
  }, []);
  const going = isGoing(state);
  const taken = state.runs?.map(({ name }) => name) ?? [];
  const isTuning = query.has('task');
  return (
    <div class="columns">
      <div class="results">
        <nav class="tabs" aria-label="Ways to train">
          <a class="button" href="#/train" aria-current={isTuning ? undefined : 'page'}>
            Pre-train
          </a>
          <a class="button" href="#/train?task=table" aria-current={isTuning ? 'page' : undefined}>
            Fine-tune on a table
          </a>
        </nav>
        {isTuning ? (
          <TuningForm taken={taken} isGoing={going} first={query.get('model')} />
        ) : (
          <NewRun taken={taken} isGoing={going} />
        )}
      </div>
      <div class="results">
        {missing !== '' && <ProblemNote problem={{ kind: 'noWebGpu', message: missing }} />}
        {state.problem !== '' && <ProblemNote problem={{ kind: 'other', message: state.problem }} />}
        {state.phase === 'none' ? state.runs?.length === 0 && <Empty /> : <RunCard state={state} />}
        {state.runs !== undefined && state.runs.length > 0 && (
          <section class="card" aria-label="Runs kept in this browser">
            <h2>Kept in this browser</h2>
            <ul class="list">
              {state.runs.map((run) => (
                <KeptRun key={run.name} run={run} isGoing={going} />
              ))}
            </ul>
          </section>
        )}
      </div>
    </div>
  );
}

function KeptRun({
  run: { name, step, steps, task },
  isGoing: going,
}: {
  readonly run: SavedRun;
  readonly isGoing: boolean;
}) {
  return (
    <li>
      <div class="about">
        <strong class="id">{name}</strong>
        <small>
          {task === undefined ? '' : `${task}, `}
          {step === steps ? `done, ${steps} steps` : `step ${step} of ${steps}`}
        </small>
      </div>
      <div class="row">
        <button
          type="button"
          aria-label={`Resume ${name}`}
          disabled={going}
          onClick={() => {
            begin({ type: 'resume', run: name });
          }}
        >
          {step === steps ? 'Show' : 'Resume'}
        </button>
        <button
          type="button"
          aria-label={`Download ${name}`}
          onClick={() => {
            pack(name);
          }}
        >
          Download
        </button>
        <button
          type="button"
          aria-label={`Keep ${name} as a model`}
          onClick={() => {
            void keepRun(name).then(() => {
              location.hash = '#/models';
            });
          }}
        >
          Keep as a model
        </button>
        <button
          type="button"
          aria-label={`Delete ${name}`}
          disabled={going}
          onClick={() => {
            if (confirm(`Delete the run "${name}" with its checkpoints?`)) void deleteRun(name).then(listRuns);
          }}
        >
          Delete
        </button>
      </div>
    </li>
  );
}

function Empty() {
  return (
    <section class="card empty" aria-label="Run">
      <h2>No run yet</h2>
      <p>
        A run shows its loss and scores here as it goes on. It may be paused, and goes on from its newest checkpoint
        when the tab was closed; its archive goes on in <code>rna pretrain</code> to the same bits on the same driver.
      </p>
    </section>
  );
}
