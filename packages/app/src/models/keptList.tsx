/** The models that are kept here, what they are for, downloads that go on or wait, and the space that all of it takes. */
import { fileBytes, isWhole, type ModelRecord } from '@rna/web';
import { bytesText, parametersText } from '../ui/format.ts';
import { whatItIs } from './offerCard.tsx';
import { fetchModel, removeModel, type Download, type ModelsState } from './useModels.ts';

export function KeptList({ state: { kept, downloads } }: { readonly state: ModelsState }) {
  return (
    <section class="card" aria-label="Models kept in this browser">
      <h2>Kept in this browser</h2>
      <ul class="list">
        <li>
          <div class="about">
            <strong>Built-in model</strong>
            <small>SSR-LM, 4 layers of 128: embeds, folds. It came with the page.</small>
          </div>
          <Uses name="builtin" uses={['fold', 'embed']} />
        </li>
        {kept?.models.map((model) => (
          <KeptModel key={model.name} model={model} download={downloads.find(({ name }) => name === model.name)} />
        ))}
        {downloads
          .filter(({ name }) => kept?.models.every((model) => model.name !== name) ?? true)
          .map((download) => (
            <li key={download.name}>
              <div class="about">
                <strong class="id">{download.name}</strong>
                <Progress download={download} />
              </div>
            </li>
          ))}
      </ul>
      {kept?.used !== undefined && kept.quota !== undefined && (
        <p class="hint">
          This site takes {bytesText(kept.used)} of the {bytesText(kept.quota)} that the browser gives it.
        </p>
      )}
    </section>
  );
}

function KeptModel({ model, download }: { readonly model: ModelRecord; readonly download: Download | undefined }) {
  const { name, facts, adapterOf } = model;
  const whole = isWhole(model);
  return (
    <li>
      <div class="about">
        <strong class="id">{name}</strong>
        <small>
          {facts !== undefined && `${whatItIs(facts)} ${parametersText(facts.parameters)}, `}
          {adapterOf !== undefined && `An adapter of ${adapterOf}. `}
          {bytesText(fileBytes(model))}
          {whole || download !== undefined ? '.' : ', not here as a whole.'}
        </small>
        {download !== undefined && <Progress download={download} />}
        {whole && <Digests model={model} />}
      </div>
      {whole && <Uses name={name} uses={usesOf(model)} />}
      <div class="row">
        {!whole && download === undefined && (
          <button type="button" aria-label={`Go on with ${name}`} onClick={() => void fetchModel(name)}>
            Go on
          </button>
        )}
        {download === undefined && (
          <button
            type="button"
            aria-label={`Delete ${name}`}
            onClick={() => {
              if (confirm(`Delete ${name} from this browser?`)) void removeModel(name);
            }}
          >
            Delete
          </button>
        )}
      </div>
    </li>
  );
}

function Digests({ model: { files } }: { readonly model: ModelRecord }) {
  return (
    <details>
      <summary>Files and checksums</summary>
      <ul class="digests">
        {files.map(({ name, bytes = 0, sha256 }) => (
          <li key={name}>
            {name}, {bytesText(bytes)}
            <code>{sha256}</code>
          </li>
        ))}
      </ul>
    </details>
  );
}

function Progress({ download: { name, received, total, pause } }: { readonly download: Download }) {
  return (
    <div class="progress">
      <p role="status">
        {bytesText(received)}
        {total === undefined || total === 0 ? '' : ` of ${bytesText(total)}`} …
      </p>
      <progress aria-label={`Download of ${name}`} {...(total ? { value: received, max: total } : {})} />
      <div class="row">
        <button type="button" aria-label={`Pause ${name}`} onClick={pause}>
          Pause
        </button>
      </div>
    </div>
  );
}

type Use = 'fold' | '3d' | 'embed' | 'score' | 'predict';
const USES: Readonly<Record<Use, string>> = {
  fold: 'Fold',
  '3d': '3D',
  embed: 'Embed',
  score: 'Score',
  predict: 'Predict',
};

/** The views that a model can be used in. An adapter's head is known once it is opened with its base. */
function usesOf({ facts }: ModelRecord): Use[] {
  if (facts === undefined) return ['embed', 'score', 'predict'];
  const { lmHead, task } = facts;
  return [
    ...(task?.kind === 'pairs' ? (['fold'] as const) : []),
    ...(task?.kind === 'coordinates' ? (['3d'] as const) : []),
    'embed',
    ...(lmHead ? (['score'] as const) : []),
    ...(task !== undefined && !['pairs', 'coordinates'].includes(task.kind) ? (['predict'] as const) : []),
  ];
}

function Uses({ name, uses }: { readonly name: string; readonly uses: readonly Use[] }) {
  return (
    <nav class="row" aria-label={`Use ${name}`}>
      {uses.map((use) => (
        <a
          key={use}
          class="button"
          href={`#/${use}?${new URLSearchParams(use === 'fold' ? { method: name === 'builtin' ? name : `model:${name}` } : { model: name }).toString()}`}
        >
          {USES[use]}
        </a>
      ))}
    </nav>
  );
}
