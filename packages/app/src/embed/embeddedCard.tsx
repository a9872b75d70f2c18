/** Vectors that were made: their map with its list, and their files. */
import { PROJECTIONS, type Projection } from '@rna/figures';
import { useEffect, useState } from 'preact/hooks';
import { problemIn } from '../calls/caller.ts';
import { VECTOR_FORMATS, type Embedded, type Places, type Pool } from '../calls/modelCalls.ts';
import { maps } from '../calls/workers.ts';
import { Choice } from '../ui/choice.tsx';
import { saveFile } from '../ui/save.ts';
import { colouringsOf, labelsOf } from './colourings.ts';
import { LinkedMap } from './linkedMap.tsx';

interface Props {
  readonly embedded: Embedded;
  readonly model: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly onSetting: (name: string, value: string) => void;
}

/** Fewer have no neighbourhoods. */
const LEAST = 4;
/** t-SNE compares all with all: 17 seconds for 1,000, by the square. */
const MOST = 3000;
const FORMAT_NAMES = { safetensors: 'safetensors', npy: 'npy', csv: 'CSV' };

interface Clusters {
  readonly of: readonly number[];
  readonly count: number;
  readonly silhouette: number;
}

export function EmbeddedCard({ embedded, model, settings, onSetting }: Props) {
  const { ids, dim, values, lengths, columns } = embedded;
  const vectors = { ids, dim, values };
  const method: Projection = settings['layout'] === 'tsne' ? 'tsne' : 'umap';
  const [places, setPlaces] = useState<Partial<Record<Projection, Places>>>({});
  const [clusters, setClusters] = useState<Clusters>();
  const [failure, setFailure] = useState('');
  const isMapped = ids.length >= LEAST && ids.length <= MOST;

  useEffect(() => {
    let isWanted = true;
    setPlaces({});
    setClusters(undefined);
    setFailure('');
    if (isMapped)
      maps.call('clusters', vectors).then(
        (found) => {
          if (isWanted) setClusters(found);
        },
        // The map is there without clusters.
        () => undefined,
      );
    return () => {
      isWanted = false;
    };
  }, [embedded]);
  useEffect(() => {
    let isWanted = true;
    if (isMapped && places[method] === undefined)
      maps.call('layout', { ...vectors, method }).then(
        (laidOut) => {
          if (isWanted) setPlaces((now) => ({ ...now, [method]: laidOut }));
        },
        (error: unknown) => {
          if (isWanted) setFailure(problemIn(error).message);
        },
      );
    return () => {
      isWanted = false;
    };
  }, [embedded, method]);

  const colourings = colouringsOf(columns, clusters?.of);
  const colour = colourings.some(({ key }) => key === settings['colour'])
    ? settings['colour']!
    : (colourings[0]?.key ?? 'length');
  const labels = labelsOf(colour, { columns, clusters: clusters?.of, lengths });
  const at = places[method];
  const save = async (format: (typeof VECTOR_FORMATS)[number]): Promise<void> => {
    saveFile(await maps.call('file', { ...vectors, format, model, pool: settings['pool'] as Pool }));
  };
  const saveMap = async (): Promise<void> => {
    if (at === undefined) return;
    saveFile(await maps.call('drawing', { title: `Embeddings by ${model}`, ids, labels, places: at, method }));
  };
  return (
    <section class="card" aria-label="Embeddings">
      <h2>
        {ids.length} {ids.length === 1 ? 'RNA' : 'RNAs'}, vectors of {dim}
      </h2>
      {isMapped ? (
        <>
          <div class="toolbar">
            <div class="tabs" role="group" aria-label="Layout">
              {(Object.keys(PROJECTIONS) as Projection[]).map((each) => (
                <button
                  key={each}
                  type="button"
                  aria-pressed={each === method}
                  onClick={() => {
                    onSetting('layout', each);
                  }}
                >
                  {PROJECTIONS[each]}
                </button>
              ))}
            </div>
            <Choice
              id="colour"
              label="Colour"
              isInline
              values={Object.fromEntries(colourings.map(({ key, title }) => [key, title]))}
              value={colour}
              onValue={(wanted) => {
                onSetting('colour', wanted);
              }}
            />
          </div>
          {at === undefined ? (
            failure === '' ? (
              <p class="quiet" role="status">
                laying out by {PROJECTIONS[method]} …
              </p>
            ) : (
              <p class="complaint">The map cannot be laid out: {failure}</p>
            )
          ) : (
            <LinkedMap ids={ids} lengths={lengths} labels={labels} places={at} name={PROJECTIONS[method]} />
          )}
          {clusters !== undefined && (
            <p class="hint">
              {clusters.count} clusters by k-means in the space of the vectors; mean silhouette{' '}
              {clusters.silhouette.toFixed(2)} (1: well apart, 0: not). Neighbours are alike; the axes have no unit.
            </p>
          )}
        </>
      ) : (
        <p class="quiet">
          {ids.length < LEAST
            ? `A map takes ${LEAST} RNAs at least. The vectors are there.`
            : `A map takes ${MOST} RNAs at most. The vectors are there.`}
        </p>
      )}
      <div class="row files" role="group" aria-label="Download">
        <span class="label">Download</span>
        {VECTOR_FORMATS.map((format) => (
          <button key={format} type="button" class="chip" onClick={() => void save(format)}>
            {FORMAT_NAMES[format]}
          </button>
        ))}
        {at !== undefined && (
          <button type="button" class="chip" onClick={() => void saveMap()}>
            Map (SVG)
          </button>
        )}
      </div>
    </section>
  );
}
