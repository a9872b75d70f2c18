/**
 * One structure in space: in 3D, plDDT along the sequence, the secondary structure, and distances. The nucleotide under
 * the pointer in one of them, or that the slider chose, is marked in all.
 */
import { CONFIDENCE_CAPTION, counted, DISTANCES_CAPTION, STRUCTURE_CAPTION } from '@rna/figures';
import { dotBracket } from '@rna/structure';
import { useEffect, useState } from 'preact/hooks';
import type { SpatialChain } from '../calls/modelCalls.ts';
import { problemIn } from '../calls/caller.ts';
import { maps } from '../calls/workers.ts';
import { Zoomable } from '../fold/zoomable.tsx';
import { saveFile } from '../ui/save.ts';
import { DistanceMap } from './distanceMap.tsx';
import { LinkedFigure } from './linkedFigure.tsx';
import { Solid } from './solid.tsx';
import type { Scene } from './viewer.ts';

interface Props {
  readonly scene: Scene;
  /** What is to be said in a line beside lengths and scores. */
  readonly facts: readonly string[];
  /** Files of it; none of a file that was opened. */
  readonly files: readonly { readonly title: string; readonly name: string; readonly text: () => string }[];
}

interface Figures {
  readonly structure: string;
  readonly confidence?: string;
}

export function StructureCard({ scene, facts, files }: Props) {
  const { chain } = scene;
  const { id, sequence, partners, plddt, distances } = chain;
  const [chosen, setChosen] = useState(0);
  const [over, setOver] = useState<readonly number[]>();
  const [figures, setFigures] = useState<Figures>();
  const [complaint, setComplaint] = useState('');
  useEffect(() => {
    let isWanted = true;
    setChosen(0);
    setOver(undefined);
    setFigures(undefined);
    setComplaint('');
    maps.call('chainFigures', { id, sequence, partners, ...(plddt && { plddt }) }).then(
      (drawn) => {
        if (isWanted) setFigures(drawn);
      },
      (error: unknown) => {
        if (isWanted) setComplaint(problemIn(error).message);
      },
    );
    return () => {
      isWanted = false;
    };
  }, [chain]);

  const place = over?.[0] ?? Math.min(chosen, sequence.length - 1);
  const partner = partners[place]!;
  const marked = partner >= 0 ? [place, partner] : [place];
  const overOne = (at: number | undefined): void => {
    setOver(at === undefined ? undefined : [at]);
  };
  const linked = { marked, onOver: overOne, onChoose: setChosen };
  const pairs = partners.reduce((sum, j, i) => (j > i ? sum + 1 : sum), 0);
  const line = [
    counted(sequence.length, 'nucleotide'),
    ...(plddt === undefined ? [] : [`mean plDDT ${meanOf(plddt).toFixed(2)}`]),
    counted(pairs, 'base pair'),
    ...facts,
  ];
  return (
    <section class="card" aria-label={id}>
      <h2 class="id">{id}</h2>
      <p class="quiet facts">{line.join(' · ')}</p>
      <div class="nucleotide">
        <label for="nucleotide">Nucleotide</label>
        <input
          id="nucleotide"
          type="range"
          min={1}
          max={sequence.length}
          value={place + 1}
          aria-valuetext={aboutNucleotide(chain, place)}
          onInput={({ currentTarget }) => {
            setOver(undefined);
            setChosen(currentTarget.valueAsNumber - 1);
          }}
        />
        <p class="readout" role="status">
          {aboutNucleotide(chain, place)}
          {over?.[1] !== undefined && over[1] !== place && `; ${aboutDistance(chain, place, over[1])}`}
        </p>
      </div>
      <div class="spatial">
        <figure>
          <Solid scene={scene} label={`Structure of ${id}`} marked={place} onOver={overOne} onChoose={setChosen} />
          <figcaption class="hint">
            {plddt === undefined
              ? 'The structure. The linked chain runs from blue (5′) to red (3′), all else is grey.'
              : STRUCTURE_CAPTION}
          </figcaption>
        </figure>
        {distances.length > 0 && (
          <figure>
            <DistanceMap
              chain={chain}
              label={`Distances within ${id}`}
              marked={[place, over?.[1] ?? (partner >= 0 ? partner : place)]}
              onOver={setOver}
              onChoose={setChosen}
            />
            <figcaption class="hint">
              {files.length > 0
                ? DISTANCES_CAPTION
                : 'Distances between nucleotides: light is near, dark is 39 Å and more.'}
            </figcaption>
          </figure>
        )}
      </div>
      {complaint !== '' && <p class="complaint">It cannot be drawn: {complaint}</p>}
      {figures === undefined && complaint === '' && <div class="drawing waiting">drawing …</div>}
      {figures?.confidence !== undefined && (
        <figure>
          <div class="scrolled" role="region" aria-label="plDDT along the sequence" tabIndex={0}>
            <LinkedFigure parts=".bars > path" drawing={figures.confidence} {...linked}>
              {/* Texts in it are escaped. */}
              <div dangerouslySetInnerHTML={{ __html: figures.confidence }} />
            </LinkedFigure>
          </div>
          <figcaption class="hint">{CONFIDENCE_CAPTION}</figcaption>
        </figure>
      )}
      {figures !== undefined && (
        <figure>
          <LinkedFigure parts=".nucleotides > g" drawing={figures.structure} {...linked}>
            <Zoomable svg={figures.structure} label={`Secondary structure of ${id}`} />
          </LinkedFigure>
        </figure>
      )}
      <pre class="letters" tabIndex={0} role="region" aria-label="Sequence and dot-bracket">
        {`${sequence}\n${dotBracket(partners)}`}
      </pre>
      {files.length > 0 && (
        <div class="row files" role="group" aria-label="Download">
          <span class="label">Download</span>
          {files.map(({ title, name, text }) => (
            <button
              key={title}
              type="button"
              class="chip"
              onClick={() => {
                saveFile({ name, bytes: new TextEncoder().encode(text()) });
              }}
            >
              {title}
            </button>
          ))}
        </div>
      )}
    </section>
  );
}

const meanOf = (values: Float32Array): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function aboutNucleotide({ sequence, partners, plddt }: SpatialChain, place: number): string {
  const partner = partners[place]!;
  return [
    `${sequence[place]!}${place + 1}`,
    ...(plddt === undefined ? [] : [`plDDT ${plddt[place]!.toFixed(2)}`]),
    partner < 0 ? 'unpaired' : `paired with ${sequence[partner]!}${partner + 1}`,
  ].join(', ');
}

function aboutDistance({ sequence, distances }: SpatialChain, i: number, j: number): string {
  const distance = distances[i * sequence.length + j]!;
  const text = Number.isNaN(distance)
    ? 'not known'
    : distance >= 38.9
      ? 'about 39 Å or more'
      : `${distance.toFixed(1)} Å`;
  return `to ${sequence[j]!}${j + 1} ${text}`;
}
