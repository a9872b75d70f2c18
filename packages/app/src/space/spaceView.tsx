/** The 3D view: structures in space by a model that is kept here, or from a file, beside what a model is sure of. */
import { PLDDT_MEANING, structureTrust, type StructureEvidence } from '@rna/figures';
import { writeMmcif, writePdb } from '@rna/structure';
import { useMemo, useState } from 'preact/hooks';
import { problemIn, type Problem } from '../calls/caller.ts';
import type { PredictedChain, SpatialChain } from '../calls/modelCalls.ts';
import { maps } from '../calls/workers.ts';
import { EXAMPLES } from '../fold/examples.ts';
import { CallProgress } from '../ui/callProgress.tsx';
import { Choice } from '../ui/choice.tsx';
import { LeftOut } from '../ui/leftOut.tsx';
import { ModelForm } from '../ui/modelForm.tsx';
import { NumberField } from '../ui/numberField.tsx';
import { ProblemNote } from '../ui/problem.tsx';
import { useFile } from '../ui/sequenceField.tsx';
import { useModelView } from '../ui/useModelView.ts';
import { fileNames } from '../workers/fileNames.ts';
import { StructureCard } from './structureCard.tsx';
import type { Scene } from './viewer.ts';

const DEFAULTS = { recycles: '', samples: '1', seed: '0' };
/** Structures of one RNA at most; each takes as long as the first. */
const MOST_SAMPLES = 32;
const MOST_RECYCLES = 50;

/** A file that a person opened to look at. */
interface Opened {
  readonly text: string;
  readonly format: Scene['format'];
  readonly chains: readonly SpatialChain[];
}

export function SpaceView({ query }: { readonly query: URLSearchParams }) {
  const [made, setMade] = useState<readonly PredictedChain[]>([]);
  const [evidence, setEvidence] = useState<StructureEvidence>();
  const [shown, setShown] = useState(0);
  const [opened, setOpened] = useState<Opened>();
  const [isStopping, setStopping] = useState(false);
  const view = useModelView('3d', query, DEFAULTS, Object.keys(DEFAULTS), {
    asked: ({ recycles, samples, seed }) => ({
      recycles: recycles === '' ? undefined : Number(recycles),
      samples: Number(samples),
      seed: Number(seed),
    }),
    onBegin() {
      setMade([]);
      setEvidence(undefined);
      setShown(0);
      setOpened(undefined);
      setStopping(false);
    },
    onOther(progress) {
      if ('structure' in progress) setMade((before) => [...before, progress.structure]);
      else setEvidence(progress.evidence);
    },
  });
  const { state, settings, set, run } = view;
  const number = (name: keyof typeof DEFAULTS, label: string, least: number, most: number, none?: string) => (
    <NumberField
      id={name}
      label={label}
      least={least}
      most={most}
      step={1}
      value={settings[name] === '' ? NaN : Number(settings[name])}
      {...(none !== undefined && { none })}
      onValue={(value) => {
        set(name, Number.isNaN(value) ? '' : String(value));
      }}
    />
  );
  const chain = made[Math.min(shown, made.length - 1)];
  return (
    <div class="columns">
      <div class="results">
        <ModelForm
          title="Structures in 3D"
          verb="Predict"
          hint="FASTA, or a table with a column “sequence”. Letters are A, C, G and U or T."
          examples={EXAMPLES.filter(({ name }) => name !== 'All').map(({ name, fasta }) => ({
            name,
            text: () => Promise.resolve(fasta),
          }))}
          view={{
            ...view,
            cancel() {
              setStopping(true);
              view.cancel();
            },
          }}
          hasBuiltin={false}
          can={({ facts }) => facts === undefined || facts.task?.kind === 'coordinates'}
          none="No model here predicts structures in 3D."
        >
          <div class="pair">
            {number('recycles', 'Recycles', 0, MOST_RECYCLES, 'auto')}
            {number('samples', 'Samples', 1, MOST_SAMPLES)}
            {number('seed', 'Seed', 0, 2 ** 31 - 1)}
          </div>
          <p class="hint">
            Recycles are cycles after the first; by default as many as the model was made for. Of several samples the
            surest is shown; from the second on the model reads the RNA with 15 % of its nucleotides masked, drawn from
            the seed.
          </p>
        </ModelForm>
        <FileForm
          onOpened={(file) => {
            view.cancel();
            setShown(0);
            setOpened(file);
          }}
        />
      </div>
      <div class="results">
        {opened === undefined ? (
          <>
            {state.phase === 'idle' && <Empty />}
            {state.problem !== undefined && <ProblemNote problem={state.problem} onRetry={run} />}
            {isStopping && state.phase === 'running' ? (
              <p class="quiet" role="status">
                stopping after the structure at hand …
              </p>
            ) : (
              <CallProgress state={state} unit={settings['samples'] === '1' ? 'structures' : 'samples'} />
            )}
            {state.answer !== undefined && <LeftOut reasons={state.answer.leftOut} />}
            {evidence !== undefined && <Trust evidence={evidence} />}
            {made.length > 1 && <Chains chains={made} shown={shown} onShown={setShown} />}
            {chain !== undefined && <Predicted chain={chain} />}
          </>
        ) : (
          <>
            {made.length > 0 && (
              <div class="row">
                <button
                  type="button"
                  onClick={() => {
                    setShown(0);
                    setOpened(undefined);
                  }}
                >
                  Back to the predictions
                </button>
              </div>
            )}
            <OpenedFile opened={opened} shown={shown} onShown={setShown} />
          </>
        )}
      </div>
    </div>
  );
}

/** What the model can be trusted for, before any structure of it. */
function Trust({ evidence }: { readonly evidence: StructureEvidence }) {
  return (
    <section class="card" aria-label="What the model can be trusted for">
      <h2>What the model can be trusted for</h2>
      <p>{structureTrust(evidence).join(' ')}</p>
      <p class="hint">{PLDDT_MEANING}</p>
    </section>
  );
}

function Predicted({ chain }: { readonly chain: PredictedChain }) {
  const { id, sequence, coordinates, mask, plddt, sample, samples, recycles } = chain;
  const written = { id: 'A', sequence, coordinates, mask, plddt };
  const scene = useMemo((): Scene => ({ text: writePdb([written]), format: 'pdb', chain }), [chain]);
  const [stem] = fileNames([id]);
  return (
    <StructureCard
      scene={scene}
      facts={[
        `${recycles + 1} ${recycles === 0 ? 'cycle' : 'cycles'}`,
        ...(samples === 1 ? [] : [`sample ${sample} of ${samples}`]),
      ]}
      files={[
        { title: 'PDB', name: `${stem!}.pdb`, text: () => scene.text },
        { title: 'mmCIF', name: `${stem!}.cif`, text: () => writeMmcif([written], stem!) },
      ]}
    />
  );
}

interface ChainsProps {
  readonly chains: readonly SpatialChain[];
  readonly shown: number;
  readonly onShown: (at: number) => void;
}

function Chains({ chains, shown, onShown }: ChainsProps) {
  return (
    <nav class="card rnas" aria-label="Structures">
      <ol>
        {chains.map(({ id, sequence, plddt }, at) => (
          <li key={at}>
            <button
              type="button"
              aria-current={at === shown ? 'true' : undefined}
              onClick={() => {
                onShown(at);
              }}
            >
              <span class="name">{id}</span>
              <small>
                {sequence.length} nt
                {plddt !== undefined &&
                  `, plDDT ${(plddt.reduce((sum, each) => sum + each, 0) / plddt.length).toFixed(2)}`}
              </small>
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function OpenedFile({
  opened: { text, format, chains },
  shown,
  onShown,
}: { readonly opened: Opened } & Omit<ChainsProps, 'chains'>) {
  const chain = chains[Math.min(shown, chains.length - 1)]!;
  const scene = useMemo((): Scene => ({ text, format, chain }), [text, chain]);
  return (
    <>
      {chains.length > 1 && (
        <div class="card">
          <Choice
            id="chain"
            label="Chain that is linked"
            values={Object.fromEntries(chains.map(({ id }, at) => [String(at), id]))}
            value={String(shown)}
            onValue={(at) => {
              onShown(Number(at));
            }}
          />
        </div>
      )}
      <StructureCard
        scene={scene}
        facts={chain.plddt === undefined ? [] : ['plDDT read from the B-factors']}
        files={[]}
      />
    </>
  );
}

/** Opens a PDB or mmCIF file. */
function FileForm({ onOpened }: { readonly onOpened: (opened: Opened) => void }) {
  const [problem, setProblem] = useState<Problem>();
  const { complaint, isOver, onFile, dropping } = useFile(({ text, file }) => {
    setProblem(undefined);
    const format = /^\uFEFF?(?:\s*#[^\n]*\n)*\s*data_/i.test(text.slice(0, 65536)) ? 'cif' : 'pdb';
    maps.call('chains', { text, file }).then(
      (chains) => {
        onOpened({ text, format, chains });
      },
      (error: unknown) => {
        setProblem(problemIn(error));
      },
    );
  });
  return (
    <section class={isOver ? 'card input over' : 'card input'} aria-label="Look at a file" {...dropping}>
      <h2>Look at a file</h2>
      <p class="hint">A PDB or mmCIF file with RNA, also gzipped. It is read in this browser and sent nowhere.</p>
      <div class="row">
        <label class="button">
          Open a structure…
          <input
            type="file"
            accept=".pdb,.ent,.cif,.mmcif,.gz"
            onChange={({ currentTarget }) => {
              const file = currentTarget.files?.[0];
              if (file !== undefined) onFile(file);
              currentTarget.value = '';
            }}
          />
        </label>
      </div>
      {(complaint !== '' || problem !== undefined) && (
        <p class="complaint" role="alert">
          {complaint === '' ? problem?.message : complaint}
        </p>
      )}
    </section>
  );
}

function Empty() {
  return (
    <section class="card empty" aria-label="Results">
      <h2>No structure yet</h2>
      <p>
        A model with the head for structures in space predicts all heavy atoms of an RNA from its sequence, and says how
        sure it is of each nucleotide. Base pairs alone are predicted in the <a href="#/fold">Fold view</a>.
      </p>
      <p>
        Such models come from <code>rna finetune tertiary-structure</code> or are RhoFold’s file; keep one in the{' '}
        <a href="#/models">Models view</a> first. A PDB or mmCIF file can be opened without one.
      </p>
    </section>
  );
}
