/**
 * The page: a form for a new run, the runs that this browser keeps, and the run
 * that goes on in the worker. The page holds nothing that matters: it may be
 * closed or loaded again at any moment, and the run goes on from its newest
 * checkpoint.
 */
import { connectRun, deleteRun, requestAdapter, savedRuns, type RunEvent, type SavedRun } from '@rna/web';
import { button, byId } from './dom.ts';
import { prepareForm, readForm, suggestName } from './form.ts';
import { createRunView } from './runView.ts';

const [setup, runSection, problem] = [
  byId('setup', HTMLElement),
  byId('run', HTMLElement),
  byId('problem', HTMLElement),
];
const [pause, stop, download] = ['pause', 'stop', 'download'].map((id) => byId(id, HTMLButtonElement)) as [
  HTMLButtonElement,
  HTMLButtonElement,
  HTMLButtonElement,
];
const archive = byId('archive', HTMLInputElement);
const view = createRunView();
const client = connectRun(new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' }), onEvent);
let paused = false;

function onEvent(event: RunEvent): void {
  view.show(event);
  switch (event.type) {
    case 'begun':
      view.status('training');
      break;
    case 'saved':
      download.disabled = false;
      break;
    case 'note':
      view.status(event.text);
      break;
    case 'packed':
      save(event.run, event.file);
      break;
    case 'notPacked':
      download.disabled = false;
      complain(event.message);
      break;
    case 'finished':
      end(`done, ${event.state.step} steps`);
      break;
    case 'stopped':
      end('stopped');
      break;
    case 'failed':
      complain(event.message);
      end('failed');
      break;
    default:
  }
}

/** The page while a run goes on. */
function begin(name: string, resumed: boolean): void {
  complain('');
  setup.hidden = true;
  byId('saved', HTMLElement).hidden = true;
  runSection.hidden = false;
  byId('run-title', HTMLElement).textContent = name;
  for (const each of [pause, stop]) each.disabled = false;
  download.disabled = !resumed;
  setPaused(false);
  view.status('opening the adapter, compiling kernels …');
  pause.focus();
  // Asks the browser not to clear the run when disk space runs short; a refusal changes nothing here.
  void navigator.storage.persist();
}

function end(status: string): void {
  for (const each of [pause, stop]) each.disabled = true;
  view.status(status);
  setup.hidden = false;
  void listRuns();
}

function setPaused(value: boolean): void {
  paused = value;
  pause.textContent = paused ? 'Go on' : 'Pause';
}

pause.addEventListener('click', () => {
  setPaused(!paused);
  client.send({ type: paused ? 'pause' : 'unpause' });
  view.status(paused ? 'paused' : 'training');
  view.forgetSpeed();
});
stop.addEventListener('click', () => {
  client.send({ type: 'stop' });
  view.status('stopping after this step …');
});
download.addEventListener('click', () => {
  download.disabled = true;
  client.send({ type: 'pack', run: byId('run-title', HTMLElement).textContent });
});

byId('form', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  const chosen = readForm();
  if (chosen === undefined) return;
  begin(chosen.run, false);
  client.send({ type: 'start', ...chosen });
});
archive.addEventListener('change', () => {
  const file = archive.files?.[0];
  const chosen = readForm();
  archive.value = '';
  if (file === undefined || chosen === undefined) return;
  begin(chosen.run, true);
  client.send({ type: 'import', run: chosen.run, archive: file, corpus: chosen.corpus });
});

async function listRuns(): Promise<void> {
  const runs = await savedRuns();
  byId('runs', HTMLElement).replaceChildren(...runs.map(runItem));
  byId('saved', HTMLElement).hidden = runs.length === 0;
  suggestName(runs.map(({ name }) => name));
}

function runItem({ name, step, steps }: SavedRun): HTMLElement {
  const [item, title, state] = [
    document.createElement('li'),
    document.createElement('span'),
    document.createElement('small'),
  ];
  title.className = 'name';
  state.textContent = step === steps ? `done, ${steps} steps` : `step ${step} of ${steps}`;
  title.append(name, state);
  item.append(
    title,
    button(
      step === steps ? 'Show' : 'Resume',
      () => {
        begin(name, true);
        client.send({ type: 'resume', run: name });
      },
      `Resume ${name}`,
    ),
    button(
      'Download',
      () => {
        client.send({ type: 'pack', run: name });
      },
      `Download ${name}`,
    ),
    button(
      'Delete',
      () => {
        if (confirm(`Delete the run "${name}" with its checkpoints?`)) void deleteRun(name).then(listRuns);
      },
      `Delete ${name}`,
    ),
  );
  return item;
}

function save(run: string, file: File): void {
  download.disabled = false;
  const link = document.createElement('a');
  link.href = URL.createObjectURL(file);
  link.download = `${run}.zip`;
  link.click();
  // The browser reads the file while it saves it.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}

function complain(message: string): void {
  problem.textContent = message;
  problem.hidden = message === '';
}

prepareForm();
try {
  await listRuns();
  await requestAdapter();
} catch (error) {
  complain(error instanceof Error ? error.message : String(error));
}
