/** The form of a fine-tuning: a table of labelled RNAs, what of it is learnt, a model to begin with, and how it is trained. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { problemIn } from '../calls/caller.ts';
import { BUILTIN, type TableColumns } from '../calls/modelCalls.ts';
import { maps } from '../calls/workers.ts';
import { usable, useModels } from '../models/useModels.ts';
import { Choice } from '../ui/choice.tsx';
import { useFile, type Input } from '../ui/sequenceField.tsx';
import { NumberField } from '../ui/numberField.tsx';
import { begin } from './run.ts';
import { freeName, RunName } from './runName.tsx';

const TASKS = {
  regression: 'Numbers, such as a half-life',
  classification: 'One class of several, such as a family',
  'multi-label': 'Any of several labels, such as sites',
} as const;
type Task = keyof typeof TASKS;

const TRAINED = { all: 'The whole model', head: 'The head alone, which is faster' } as const;
type Trained = keyof typeof TRAINED;
/** Rates that suit either. */
const RATES: Readonly<Record<Trained, number>> = { all: 3e-4, head: 1e-3 };

const ACCEPTED = '.csv,.tsv,.txt,.gz';
const NAME = 'table';
/** Columns that are usually named so hold no label. */
const NO_LABEL = /^(?:id|name|identifier|accession)$/i;

interface Props {
  /** Names that runs have already. */
  readonly taken: readonly string[];
  readonly isGoing: boolean;
  /** The model to begin with. */
  readonly first: string | null;
}

export function TuningForm({ taken, isGoing, first }: Props) {
  const form = useRef<HTMLFormElement>(null);
  const models = useModels();
  const [table, setTable] = useState<Input>({ text: '', file: NAME });
  const [columns, setColumns] = useState<TableColumns>();
  const [problem, setProblem] = useState('');
  const [sequence, setSequence] = useState('');
  const [targets, setTargets] = useState<readonly string[]>([]);
  const [task, setTask] = useState<Task>('regression');
  const [model, setModel] = useState(first ?? BUILTIN);
  const [trained, setTrained] = useState<Trained>('all');
  const [learningRate, setLearningRate] = useState(RATES.all);
  const [epochs, setEpochs] = useState(10);
  const [batchSize, setBatchSize] = useState(8);
  const [heldOut, setHeldOut] = useState(10);
  const [seed, setSeed] = useState(0);
  const [name, setName] = useState('');
  const { complaint, isOver, onFile, dropping } = useFile(setTable);

  useEffect(() => {
    let isWanted = true;
    if (table.text.trim() === '') {
      setColumns(undefined);
      setProblem('');
      return;
    }
    maps.call('columns', table).then(
      (found) => {
        if (!isWanted) return;
        const guess = guessed(found);
        setColumns(found);
        setProblem('');
        setSequence(guess.sequence);
        setTask(guess.task);
        setTargets(guess.target === undefined ? [] : [guess.target]);
      },
      (error: unknown) => {
        if (!isWanted) return;
        setColumns(undefined);
        setProblem(problemIn(error).message);
      },
    );
    return () => {
      isWanted = false;
    };
  }, [table]);
  useEffect(() => {
    setName(freeName(task, taken));
  }, [task, taken.join('\n')]);

  const kept = usable(models).map((each) => each.name);
  const names = [BUILTIN, ...kept, ...([BUILTIN, ...kept].includes(model) ? [] : [model])];
  const others = columns?.columns.filter((column) => column.name !== sequence) ?? [];
  const isReady = columns !== undefined && targets.length > 0 && sequence !== '';

  return (
    <form
      ref={form}
      class={isOver ? 'card input over' : 'card input'}
      onSubmit={(event) => {
        event.preventDefault();
        if (!isReady || isGoing || form.current?.reportValidity() !== true) return;
        begin({
          type: 'finetune',
          run: name.trim(),
          choice: { task, table, columns: { sequence, target: targets } },
          config: {
            seed,
            model: { checkpoint: model, freeze: trained === 'head' },
            data: { heldOutShare: heldOut / 100 },
            train: { epochs, batchSize },
            batch: { maxTokens: 2048 },
            optimizer: { learningRate, maxGradientNorm: 1 },
            run: { evaluateEvery: 'epoch', checkpointEvery: 25 },
          },
        });
      }}
      {...dropping}
    >
      <h1>Fine-tune a model</h1>
      <p class="hint">
        A model learns what a table says of RNAs, on this machine’s graphics adapter, and then predicts it of others.
        The table stays in this browser.
      </p>
      <div class="field">
        <label for="table">Table</label>
        <textarea
          id="table"
          rows={5}
          spellcheck={false}
          autocapitalize="off"
          autocomplete="off"
          placeholder={'id,sequence,halflife\na,GGGAAACUUCGG,3.5'}
          aria-describedby="table-hint"
          value={table.text}
          onInput={({ currentTarget }) => {
            setTable({ text: currentTarget.value, file: NAME });
          }}
        />
        <p class="hint" id="table-hint">
          CSV or TSV with a line of names: a column of sequences, and one or more of labels. An empty label is one that
          is not known.
        </p>
        <div class="row">
          <label class="button">
            Open a table…
            <input
              type="file"
              accept={ACCEPTED}
              onChange={({ currentTarget }) => {
                const file = currentTarget.files?.[0];
                if (file !== undefined) onFile(file);
                currentTarget.value = '';
              }}
            />
          </label>
          {columns !== undefined && (
            <span class="said" role="status">
              {columns.rows} {columns.rows === 1 ? 'row' : 'rows'}
            </span>
          )}
        </div>
        {(complaint !== '' || problem !== '') && (
          <p class="complaint" role="alert">
            {complaint === '' ? problem : complaint}
          </p>
        )}
      </div>
      {columns !== undefined && (
        <>
          <Choice<string>
            id="sequence-column"
            label="Column of the sequences"
            values={{
              ...(sequence === '' && { '': 'choose …' }),
              ...Object.fromEntries(columns.columns.map((column) => [column.name, column.name])),
            }}
            value={sequence}
            onValue={(column) => {
              setSequence(column);
              setTargets((before) => before.filter((each) => each !== column));
            }}
          />
          <Choice
            id="task"
            label="What is learnt"
            values={TASKS}
            value={task}
            onValue={(wanted) => {
              setTask(wanted);
              // A task of one column keeps the first.
              if (wanted === 'classification') setTargets((before) => before.slice(0, 1));
            }}
          />
          <fieldset class="field">
            <legend class="label">
              {task === 'classification' ? 'Column of the classes' : 'Columns of the labels'}
            </legend>
            {others.map((column) => (
              <label key={column.name} class="choice">
                <input
                  type={task === 'classification' ? 'radio' : 'checkbox'}
                  name="target"
                  checked={targets.includes(column.name)}
                  onChange={({ currentTarget }) => {
                    const { checked } = currentTarget;
                    setTargets((before) =>
                      task === 'classification'
                        ? [column.name]
                        : others
                            .map((each) => each.name)
                            .filter((each) => (each === column.name ? checked : before.includes(each))),
                    );
                  }}
                />
                <span class="id">
                  {column.name} <small>{aboutColumn(column)}</small>
                </span>
              </label>
            ))}
          </fieldset>
        </>
      )}
      <Choice
        id="begin-with"
        label="Model to begin with"
        values={Object.fromEntries(names.map((each) => [each, each === BUILTIN ? 'Built-in model' : each]))}
        value={model}
        onValue={setModel}
      />
      <Choice
        id="trained"
        label="What is trained"
        values={TRAINED}
        value={trained}
        onValue={(wanted) => {
          setTrained(wanted);
          setLearningRate(RATES[wanted]);
        }}
      />
      <div class="pair">
        <NumberField id="epochs" label="Epochs" least={1} most={10_000} step={1} value={epochs} onValue={setEpochs} />
        <NumberField
          id="rate"
          label="Learning rate"
          least={0}
          step="any"
          value={learningRate}
          onValue={setLearningRate}
        />
        <NumberField
          id="batch"
          label="RNAs a step"
          least={1}
          most={1024}
          step={1}
          value={batchSize}
          onValue={setBatchSize}
        />
        <NumberField
          id="held-out"
          label="Held out, %"
          least={1}
          most={90}
          step={1}
          value={heldOut}
          onValue={setHeldOut}
        />
        <NumberField id="seed" label="Seed" least={0} step={1} value={seed} onValue={setSeed} />
      </div>
      <p class="hint">
        RNAs that are held out, drawn by the seed, score the model after each epoch; the best one is kept.
      </p>
      <RunName name={name} onName={setName} />
      <div class="row">
        <button type="submit" class="primary" disabled={!isReady || isGoing}>
          Fine-tune
        </button>
      </div>
    </form>
  );
}

type Column = TableColumns['columns'][number];

const aboutColumn = ({ isNumeric, different }: Column): string =>
  isNumeric ? 'numbers' : `${different} different ${different === 1 ? 'text' : 'texts'}`;

/** The columns that are probably meant, and what is probably learnt of them. */
function guessed({ rows, columns }: TableColumns): {
  readonly sequence: string;
  readonly target: string | undefined;
  readonly task: Task;
} {
  const named = columns.find(({ name }) => /^(?:sequence|seq|rna)$/i.test(name.trim()));
  const sequence = (named ?? columns.find(({ isSequence }) => isSequence))?.name ?? '';
  const labels = columns.filter(({ name, isSequence }) => name !== sequence && !isSequence && !NO_LABEL.test(name));
  // A text of its own in each row is a name.
  const label = labels.find(({ isNumeric, different }) => isNumeric || different < rows) ?? labels[0];
  return { sequence, target: label?.name, task: label?.isNumeric === false ? 'classification' : 'regression' };
}
