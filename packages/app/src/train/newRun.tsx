/** The form of a new run: RNAs, a model and how it is trained. */
import { STARTER_CONFIGS, type StarterFields, type StarterName } from '@rna/train';
import type { CorpusChoice } from '@rna/web';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Choice } from '../ui/choice.tsx';
import { NumberField } from '../ui/numberField.tsx';
import { freeName, RunName } from './runName.tsx';
import { begin } from './run.ts';

/** The demonstration's RNAs; a worker's relative addresses would be relative to itself. */
const SERVED: CorpusChoice = {
  train: new URL('../../../cli/data/demo_pretrain.dbn', import.meta.url).href,
  validation: new URL('../../../cli/data/demo_valid.dbn', import.meta.url).href,
};
const TITLES = Object.fromEntries(Object.entries(STARTER_CONFIGS).map(([name, { title }]) => [name, title])) as Record<
  StarterName,
  string
>;
const SCHEMES: Readonly<Record<'ssm' | 'sm' | 'mlm', string>> = {
  ssm: 'SSM, by structure',
  sm: 'SM, spans',
  mlm: 'MLM, RiNALMo’s',
};

interface Props {
  /** Names that runs have already. */
  readonly taken: readonly string[];
  readonly isGoing: boolean;
}

export function NewRun({ taken, isGoing }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const [isOwn, setOwn] = useState(false);
  const [files, setFiles] = useState<{ readonly train?: File; readonly validation?: File }>({});
  const [preset, setPreset] = useState<StarterName>('tiny');
  const [scheme, setScheme] = useState<keyof typeof SCHEMES>('ssm');
  const [steps, setSteps] = useState(0);
  const [learningRate, setLearningRate] = useState(0);
  const [seed, setSeed] = useState(0);
  const [name, setName] = useState('');

  const take = (wanted: StarterName): void => {
    const config: StarterFields = STARTER_CONFIGS[wanted].config;
    setPreset(wanted);
    setScheme(config.masking?.scheme ?? 'ssm');
    setSteps(config.train.steps);
    setLearningRate(config.optimizer!.learningRate!);
  };
  useEffect(() => {
    take('tiny');
  }, []);
  useEffect(() => {
    setName(freeName(preset, taken));
  }, [preset, taken.join('\n')]);

  /** What is chosen; undefined where a field is missing or wrong, which the browser then points at. */
  const chosen = () => {
    if (form.current?.reportValidity() !== true) return undefined;
    const config: StarterFields = STARTER_CONFIGS[preset].config;
    const { train, validation } = files;
    const corpus = isOwn ? { train: train!, ...(validation && { validation }) } : SERVED;
    return {
      run: name.trim(),
      corpus,
      config: {
        ...config,
        seed,
        masking: { scheme },
        optimizer: { ...config.optimizer, learningRate },
        train: { ...config.train, steps },
      },
    };
  };

  return (
    <form
      ref={form}
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        const run = chosen();
        if (run !== undefined) begin({ type: 'start', ...run });
      }}
    >
      <h1>Pre-train a model</h1>
      <p class="hint">
        An RNA language model learns to fill in masked nucleotides, on this machine’s graphics adapter. RNAs,
        checkpoints and the model stay in this browser.
      </p>
      <fieldset class="field">
        <legend class="label">RNAs to train on</legend>
        <label class="choice">
          <input
            type="radio"
            name="corpus"
            checked={!isOwn}
            onChange={() => {
              setOwn(false);
            }}
          />
          <span>the demonstration’s 714, with structures</span>
        </label>
        <label class="choice">
          <input
            type="radio"
            name="corpus"
            checked={isOwn}
            onChange={() => {
              setOwn(true);
            }}
          />
          <span>a file of mine</span>
        </label>
      </fieldset>
      {isOwn && (
        <>
          <div class="field">
            <label for="train-file">Training RNAs</label>
            <input
              id="train-file"
              type="file"
              required
              onChange={({ currentTarget }) => {
                const train = currentTarget.files?.[0];
                setFiles(({ validation }) => ({ ...(train && { train }), ...(validation && { validation }) }));
              }}
            />
            <p class="hint">A corpus, or FASTA, dot-bracket, CT, bpseq, ST or Stockholm, also as .gz.</p>
          </div>
          <div class="field">
            <label for="validation-file">Held-out RNAs, to evaluate on (optional)</label>
            <input
              id="validation-file"
              type="file"
              onChange={({ currentTarget }) => {
                const validation = currentTarget.files?.[0];
                setFiles(({ train }) => ({ ...(train && { train }), ...(validation && { validation }) }));
              }}
            />
          </div>
        </>
      )}
      <Choice id="preset" label="Model" values={TITLES} value={preset} onValue={take} />
      <p class="hint">{STARTER_CONFIGS[preset].takes}</p>
      <Choice
        id="scheme"
        label="Masking"
        values={SCHEMES}
        value={scheme}
        onValue={(wanted) => {
          setScheme(wanted);
        }}
      />
      <div class="pair">
        <NumberField id="steps" label="Steps" least={1} step={1} value={steps} onValue={setSteps} />
        <NumberField
          id="rate"
          label="Learning rate"
          least={0}
          step="any"
          value={learningRate}
          onValue={setLearningRate}
        />
        <NumberField id="seed" label="Seed" least={0} step={1} value={seed} onValue={setSeed} />
      </div>
      <RunName name={name} onName={setName} />
      <div class="row">
        <button type="submit" class="primary" disabled={isGoing}>
          Train
        </button>
        <label class="button">
          Go on with an archive…
          <input
            type="file"
            accept=".zip,application/zip"
            disabled={isGoing}
            onChange={({ currentTarget }) => {
              const archive = currentTarget.files?.[0];
              const run = chosen();
              currentTarget.value = '';
              if (archive !== undefined && run !== undefined)
                begin({ type: 'import', run: run.run, archive, corpus: run.corpus });
            }}
          />
        </label>
      </div>
      <p class="hint">
        An archive is a run that was downloaded here, or the zipped folder of one by <code>rna pretrain</code>. Choose
        the RNAs that it was begun on above.
      </p>
    </form>
  );
}
