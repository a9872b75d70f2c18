/** A model that was found: what it is, what it takes of disk and adapter, and whether that fits. */
import type { ModelFacts, ModelOffer } from '@rna/web';
import { BITS, WEIGHTS, type KeptModels } from '../calls/modelCalls.ts';
import { bytesText, parametersText } from '../ui/format.ts';

interface Props {
  readonly offer: ModelOffer;
  readonly kept: KeptModels | undefined;
  readonly onFetch: () => void;
}

export function OfferCard({ offer, kept, onFetch }: Props) {
  const { name, origin, files, facts, adapterOf } = offer;
  const isKnown = files.every(({ bytes }) => bytes !== undefined);
  const bytes = files.reduce((sum, file) => sum + (file.bytes ?? 0), 0);
  const isHere = kept?.models.some((model) => model.name === name) ?? false;
  const room = kept?.quota === undefined ? undefined : kept.quota - (kept.used ?? 0);
  const fitsDisk = room === undefined || bytes <= room;
  const isFile = files.some(({ from }) => typeof from !== 'string');
  return (
    <section class="card" aria-label={`Found: ${name}`}>
      <h2 class="id">{name}</h2>
      <p class="quiet facts">{isFile ? 'from files' : `from ${origin.replace(/^https?:\/\//, '')}`}</p>
      <dl class="figures">
        <div>
          <dt>{isFile ? 'Size' : 'Download'}</dt>
          <dd>{isKnown ? bytesText(bytes) : 'not said'}</dd>
        </div>
        {facts !== undefined && <FactFigures facts={facts} memory={kept?.memory} />}
      </dl>
      {facts !== undefined && <p>{whatItIs(facts)}</p>}
      {adapterOf !== undefined && (
        <p>
          It is an adapter of <strong>{adapterOf}</strong>, which has to be kept here too.
        </p>
      )}
      {facts?.warnings.map((warning) => (
        <p key={warning} class="hint">
          {warning}
        </p>
      ))}
      {!fitsDisk && (
        <p class="complaint">
          It does not fit: the browser gives this site {bytesText(Math.max(0, room))} more. Delete a model or a run, or
          free disk space.
        </p>
      )}
      {isHere && <p class="complaint">A model of that name is kept here already.</p>}
      <div class="row">
        <button type="button" class="primary" disabled={!fitsDisk || isHere} onClick={onFetch}>
          {isFile ? 'Keep it' : `Download${isKnown ? ` ${bytesText(bytes)}` : ''}`}
        </button>
      </div>
    </section>
  );
}

/** What the weights take on the adapter, and whether that fits. */
function FactFigures({ facts, memory }: { readonly facts: ModelFacts; readonly memory: KeptModels['memory'] }) {
  const verdict = (bytes: number): string => {
    if (memory === undefined) return '';
    return bytes + facts.passBytes <= memory ? 'fits' : 'does not fit';
  };
  return (
    <>
      <div>
        <dt>Parameters</dt>
        <dd>{parametersText(facts.parameters).replace(' parameters', '')}</dd>
      </div>
      {WEIGHTS.map((weights) => (
        <div key={weights}>
          <dt>Memory, {BITS[weights]} bits</dt>
          <dd>
            {bytesText(facts.bytes[weights] + facts.passBytes)} <small>{verdict(facts.bytes[weights])}</small>
          </dd>
        </div>
      ))}
    </>
  );
}

const FAMILIES: Readonly<Record<string, string>> = { rinalmo: 'RiNALMo', 'ssr-lm': 'SSR-LM', 'rna-fm': 'RNA-FM' };

/** What a model is and can do, in a sentence. */
export function whatItIs({ model, layers, dim, lmHead, task, longest }: ModelFacts): string {
  const can = [
    'embeds',
    ...(lmHead ? ['scores mutations'] : []),
    ...(task === undefined ? [] : [task.kind === 'pairs' ? 'folds' : `predicts ${task.title}`]),
  ];
  const limit = longest === undefined ? '' : `, up to ${longest} nucleotides`;
  return `${FAMILIES[model] ?? model}, ${layers} layers of ${dim}: ${can.join(', ')}${limit}.`;
}
