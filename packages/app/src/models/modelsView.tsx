/** The Models view: look for a model, see what it is and takes, fetch it, and what is kept here. */
import { useEffect, useState } from 'preact/hooks';
import { PUBLIC_HUB } from '@rna/model';
import { problemIn, type Problem } from '../calls/caller.ts';
import type { ModelPlace } from '../calls/modelCalls.ts';
import { store } from '../calls/workers.ts';
import type { ModelOffer } from '@rna/web';
import { ProblemNote } from '../ui/problem.tsx';
import { KeptList } from './keptList.tsx';
import { OfferCard } from './offerCard.tsx';
import { fetchModel, useModels } from './useModels.ts';

type From = Exclude<ModelPlace['from'], 'run'>;

const SOURCES: Readonly<Record<From, string>> = {
  hub: 'By its name on a hub',
  address: 'By an address',
  files: 'From files',
};

/** Published models to try, the smallest first. */
const SUGGESTED = ['multimolecule/rinalmo-micro', 'multimolecule/rnafm', 'multimolecule/rinalmo-mega'];

export function ModelsView({ query }: { readonly query: URLSearchParams }) {
  const [from, setFrom] = useState<From>('hub');
  const [name, setName] = useState(query.get('name') ?? '');
  const [hub, setHub] = useState<string>(query.get('hub') ?? PUBLIC_HUB);
  const [address, setAddress] = useState('');
  const [digest, setDigest] = useState('');
  const [files, setFiles] = useState<readonly File[]>([]);
  const [isLooking, setLooking] = useState(false);
  const [offer, setOffer] = useState<ModelOffer>();
  const [problem, setProblem] = useState<Problem>();
  const models = useModels();

  // A link to a model that was not here.
  useEffect(() => {
    const wanted = query.get('name');
    if (wanted !== null) setName(wanted);
  }, [query.toString()]);

  const place: ModelPlace | undefined =
    from === 'hub'
      ? name.trim() === ''
        ? undefined
        : { from, name: name.trim(), hub: hub.trim().replace(/\/+$/, '') }
      : from === 'address'
        ? address.trim() === ''
          ? undefined
          : { from, address: address.trim(), ...(digest.trim() !== '' && { sha256: digest }) }
        : files.length === 0
          ? undefined
          : { from, files };

  const look = async (): Promise<void> => {
    if (place === undefined || isLooking) return;
    setLooking(true);
    setProblem(undefined);
    setOffer(undefined);
    try {
      setOffer(await store.call('look', place));
    } catch (error) {
      setProblem(problemIn(error));
    }
    setLooking(false);
  };

  return (
    <div class="columns">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          void look();
        }}
        onDragOver={(event) => {
          event.preventDefault();
        }}
        onDrop={(event) => {
          event.preventDefault();
          const dropped = [...(event.dataTransfer?.files ?? [])];
          if (dropped.length === 0) return;
          setFrom('files');
          setFiles(dropped);
        }}
      >
        <h1>Models</h1>
        <p class="hint">
          The built-in model is always here. Others are fetched from where you say, once, and kept in this browser.
        </p>
        <fieldset class="field">
          <legend class="label">Get a model</legend>
          {(Object.keys(SOURCES) as From[]).map((each) => (
            <label key={each} class="choice">
              <input
                type="radio"
                name="from"
                checked={each === from}
                onChange={() => {
                  setFrom(each);
                }}
              />
              <span>{SOURCES[each]}</span>
            </label>
          ))}
        </fieldset>
        {from === 'hub' && (
          <>
            <div class="field">
              <label for="hub-name">Name</label>
              <input
                id="hub-name"
                class="text"
                value={name}
                placeholder="organisation/model"
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                onInput={({ currentTarget }) => {
                  setName(currentTarget.value);
                }}
              />
              <div class="row" role="group" aria-label="Published models">
                {SUGGESTED.map((each) => (
                  <button
                    key={each}
                    type="button"
                    class="chip"
                    onClick={() => {
                      setName(each);
                    }}
                  >
                    {each.split('/')[1]}
                  </button>
                ))}
              </div>
            </div>
            <div class="field">
              <label for="hub">Hub</label>
              <input
                id="hub"
                class="text"
                type="url"
                value={hub}
                onInput={({ currentTarget }) => {
                  setHub(currentTarget.value);
                }}
              />
            </div>
          </>
        )}
        {from === 'address' && (
          <>
            <div class="field">
              <label for="address">Address of the weights</label>
              <input
                id="address"
                class="text"
                type="url"
                value={address}
                placeholder="https://…/model.safetensors"
                onInput={({ currentTarget }) => {
                  setAddress(currentTarget.value);
                }}
              />
              <p class="hint">A config.json beside it is used. Its server must let other sites read it (CORS).</p>
            </div>
            <div class="field">
              <label for="digest">SHA-256, to be checked (optional)</label>
              <input
                id="digest"
                class="text"
                value={digest}
                spellcheck={false}
                pattern="\s*[0-9a-fA-F]{64}\s*"
                title="64 hexadecimal digits"
                onInput={({ currentTarget }) => {
                  setDigest(currentTarget.value);
                }}
              />
            </div>
          </>
        )}
        {from === 'files' && (
          <div class="field">
            <label class="button">
              Choose files…
              <input
                type="file"
                multiple
                onChange={({ currentTarget }) => {
                  setFiles([...(currentTarget.files ?? [])]);
                }}
              />
            </label>
            <p class="hint">
              {files.length === 0
                ? 'Weights as .safetensors, .pt or .bin, with their config.json if there is one; or the files of an adapter.'
                : files.map((file) => file.name).join(', ')}
            </p>
          </div>
        )}
        <div class="row">
          <button type="submit" class="primary" disabled={place === undefined || isLooking}>
            Look
          </button>
          <span class="said" role="status">
            {isLooking ? 'looking …' : ''}
          </span>
        </div>
      </form>
      <div class="results">
        {problem !== undefined && <ProblemNote problem={problem} onRetry={() => void look()} />}
        {models.problem !== undefined && <ProblemNote problem={models.problem} />}
        {offer !== undefined && (
          <OfferCard
            offer={offer}
            kept={models.kept}
            onFetch={() => {
              setOffer(undefined);
              void fetchModel(offer);
            }}
          />
        )}
        <KeptList state={models} />
      </div>
    </div>
  );
}
