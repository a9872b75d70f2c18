/** One RNA: its pictures, its dot-bracket, and its files. */
import { useEffect, useState } from 'preact/hooks';
import { COLOURS, PICTURES, type Colour, type Picture } from '../address.ts';
import { askForFigure } from './figureClient.ts';
import { Matrix } from './matrix.tsx';
import { FILE_FORMATS, type Compared, type FileFormat } from './protocol.ts';
import type { Shown } from './results.tsx';
import { pngOf } from '../ui/png.ts';
import { copyText, saveBlob, saveFile } from '../ui/save.ts';
import { Zoomable } from './zoomable.tsx';

const PICTURE_NAMES: Readonly<Record<Picture, string>> = {
  structure: 'Structure',
  arcs: 'Arcs',
  circle: 'Circle',
  matrix: 'Matrix',
};
const COLOUR_NAMES: Readonly<Record<Colour, string>> = {
  probability: 'pair probability',
  loop: 'kind of loop',
  none: 'none',
};
const FORMAT_NAMES: Readonly<Record<FileFormat, string>> = {
  svg: 'SVG',
  dbn: 'Dot-bracket',
  ct: 'CT',
  bpseq: 'bpseq',
  'r2dt.json': 'R2DT JSON',
  'pairs.tsv': 'Probabilities',
};

interface Props {
  readonly compared: Compared;
  /** Why there is nothing to compare with. */
  readonly problem: string | undefined;
  readonly all: () => readonly Compared[];
  readonly shown: Shown;
  readonly isLinkWhole: boolean;
  readonly onShown: (shown: Shown) => void;
}

export function RnaCard({ compared, problem, all, shown, isLinkWhole, onShown }: Props) {
  const { folded, against } = compared;
  const { picture, colour } = shown;
  const pairs = folded.partners.reduce((sum, j, i) => (j > i ? sum + 1 : sum), 0);
  return (
    <section class="card rna" aria-label={folded.id}>
      <h2 class="id">{folded.id}</h2>
      <p class="quiet facts">
        {folded.sequence.length} nucleotides, {pairs} pairs, {Math.round(100 * folded.accuracy)} % of nucleotides
        expected right
      </p>
      {problem !== undefined && <p class="complaint">{problem}</p>}
      <div class="toolbar">
        <div class="tabs" role="group" aria-label="Picture">
          {PICTURES.map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={each === picture}
              onClick={() => {
                onShown({ ...shown, picture: each });
              }}
            >
              {PICTURE_NAMES[each]}
            </button>
          ))}
        </div>
        {picture !== 'matrix' && against === undefined && (
          <label class="inline">
            Colour
            <select
              value={colour}
              onChange={({ currentTarget }) => {
                onShown({ ...shown, colour: COLOURS.find((each) => each === currentTarget.value) ?? colour });
              }}
            >
              {COLOURS.map((each) => (
                <option key={each} value={each}>
                  {COLOUR_NAMES[each]}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
      {picture === 'matrix' ? (
        <Matrix compared={compared} />
      ) : (
        <Drawing compared={compared} picture={picture} colour={colour} />
      )}
      <Texts compared={compared} />
      <Files compared={compared} all={all} shown={shown} isLinkWhole={isLinkWhole} />
    </section>
  );
}

interface DrawingProps {
  readonly compared: Compared;
  readonly picture: Exclude<Picture, 'matrix'>;
  readonly colour: Colour;
}

function Drawing({ compared, picture, colour }: DrawingProps) {
  const [drawn, setDrawn] = useState<{ readonly svg: string } | { readonly failure: string }>();
  useEffect(() => {
    let isWanted = true;
    void askForFigure({ type: 'drawing', picture, colour, compared }).then((answer) => {
      if (isWanted && !('file' in answer)) setDrawn(answer);
    });
    return () => {
      isWanted = false;
    };
  }, [compared, picture, colour]);
  if (drawn === undefined) return <div class="drawing waiting">drawing …</div>;
  if ('failure' in drawn) return <p class="complaint">It cannot be drawn: {drawn.failure}</p>;
  return <Zoomable svg={drawn.svg} label={`${PICTURE_NAMES[picture]} of ${compared.folded.id}`} />;
}

function Texts({ compared: { folded, name, against } }: { readonly compared: Compared }) {
  const lines = [folded, ...(against === undefined ? [] : [against.folded])].map((each) => each.dotBracket);
  return (
    <>
      <pre class="letters" tabIndex={0} role="region" aria-label="Sequence and dot-bracket">
        {[folded.sequence, ...lines].join('\n')}
      </pre>
      {against !== undefined && (
        <p class="hint">
          First line of brackets: {name}. Second: {against.name}.
        </p>
      )}
    </>
  );
}

type FilesProps = Pick<Props, 'compared' | 'all' | 'shown' | 'isLinkWhole'>;

function Files({ compared, all, shown: { picture, colour }, isLinkWhole }: FilesProps) {
  const [said, setSaid] = useState('');
  const say = (text: string): void => {
    setSaid(text);
    setTimeout(() => {
      setSaid((now) => (now === text ? '' : now));
    }, 4000);
  };
  const save = async (request: Parameters<typeof askForFigure>[0]): Promise<void> => {
    const answer = await askForFigure(request);
    if ('file' in answer) saveFile(answer.file);
    else if ('failure' in answer) say(`The file could not be made: ${answer.failure}`);
  };
  const savePng = async (): Promise<void> => {
    const answer = await askForFigure({ type: 'file', format: 'svg', picture, colour, compared });
    if ('failure' in answer) say(`The file could not be made: ${answer.failure}`);
    if (!('file' in answer)) return;
    try {
      const { name, bytes } = answer.file;
      saveBlob(name.replace(/svg$/, 'png'), await pngOf(bytes));
    } catch (error) {
      say(error instanceof Error ? error.message : String(error));
    }
  };
  const copy = async (what: string, text: string): Promise<void> => {
    say((await copyText(text)) ? `${what} copied` : `This browser does not let the page copy; select the text instead`);
  };
  return (
    <>
      <div class="row">
        <button type="button" onClick={() => void copy('Dot-bracket', compared.folded.dotBracket)}>
          Copy dot-bracket
        </button>
        <button
          type="button"
          disabled={!isLinkWhole}
          title={isLinkWhole ? undefined : 'The sequences are too long for a link'}
          onClick={() => void copy('Link', location.href)}
        >
          Copy link to this view
        </button>
        <span class="said" role="status">
          {said}
        </span>
      </div>
      <div class="row files" role="group" aria-label="Download">
        <span class="label">Download</span>
        {FILE_FORMATS.map((format) => (
          <button
            key={format}
            type="button"
            class="chip"
            onClick={() => void save({ type: 'file', format, picture, colour, compared })}
          >
            {FORMAT_NAMES[format]}
          </button>
        ))}
        <button type="button" class="chip" onClick={() => void savePng()}>
          PNG
        </button>
        <button type="button" class="chip" onClick={() => void save({ type: 'archive', colour, all: all() })}>
          Everything (ZIP)
        </button>
      </div>
    </>
  );
}
