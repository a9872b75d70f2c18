/**
 * The pair probabilities as a matrix on a canvas: those of the first method above the diagonal, below it those of the
 * second, or the structure where there is no second. What is under the pointer, or the place that arrow keys moved to,
 * is read out.
 */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Compared, Folded } from './protocol.ts';

/** Most cells a side; longer RNAs are drawn in bins, each with its greatest probability. */
const MOST_CELLS = 1024;
/** CSS pixels for the numbers, left and above. */
const MARGIN = 34;

interface Place {
  readonly i: number;
  readonly j: number;
}

const known = ({ pairs, sequence }: Folded): ReadonlyMap<number, number> => {
  const map = new Map<number, number>();
  pairs.probability.forEach((p, at) => map.set(pairs.i[at]! * sequence.length + pairs.j[at]!, p));
  return map;
};

export function Matrix({ compared }: { readonly compared: Compared }) {
  const { folded, name, against } = compared;
  const { length } = folded.sequence;
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const side = useSide(frame);
  const isDark = useDark();
  const [place, setPlace] = useState<Place>();
  const cells = useMemo(() => cellImage(compared), [compared]);
  const first = useMemo(() => known(folded), [folded]);
  const second = useMemo(() => (against === undefined ? undefined : known(against.folded)), [against]);

  useLayoutEffect(() => {
    if (canvas.current !== null && side > 0) paint(canvas.current, side, cells, length);
  }, [side, isDark, cells, length]);
  useEffect(() => {
    setPlace(undefined);
  }, [folded.id, length]);

  const onPointer = ({ offsetX, offsetY }: PointerEvent): void => {
    const at = (offset: number): number => Math.floor(((offset - MARGIN) / (side - MARGIN)) * length);
    const [i, j] = [at(offsetY), at(offsetX)];
    setPlace(i >= 0 && j >= 0 && i < length && j < length ? { i, j } : undefined);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const size = event.shiftKey ? 10 : 1;
    const clamp = (value: number): number => Math.min(length - 1, Math.max(0, value));
    setPlace(({ i, j } = { i: 0, j: length - 1 }) => ({
      i: clamp(i + step[0]! * size),
      j: clamp(j + step[1]! * size),
    }));
  };

  const readOut = (): string => {
    if (place === undefined) return 'Point at a pair, or move there with the arrow keys.';
    const [i, j] = place.i <= place.j ? [place.i, place.j] : [place.j, place.i];
    const letter = (k: number): string => `${folded.sequence[k]!}${k + 1}`;
    if (i === j) return `${letter(i)}, on the diagonal`;
    const p = (map: ReadonlyMap<number, number>): string => {
      const value = map.get(i * length + j);
      return value === undefined ? 'p < 0.0001' : `p = ${value.toFixed(value < 0.01 ? 4 : 2)}`;
    };
    const paired = folded.partners[i] === j ? ', in the structure' : '';
    if (second === undefined) return `${letter(i)} – ${letter(j)}: ${p(first)}${paired}`;
    if (against!.isKnown)
      return `${letter(i)} – ${letter(j)}: ${p(first)}, ${second.has(i * length + j) ? '' : 'not '}in ${against!.name}`;
    return `${letter(i)} – ${letter(j)}: ${name} ${p(first)}, ${against!.name} ${p(second)}`;
  };

  const at = (k: number): string => `${MARGIN + ((k + 0.5) / length) * (side - MARGIN)}px`;
  const below =
    against === undefined ? 'the structure' : against.isKnown ? against.name : `probabilities by ${against.name}`;
  return (
    <div class="matrix">
      <output class="readout">{readOut()}</output>
      <div
        ref={frame}
        class="matrix-frame"
        role="application"
        aria-roledescription="matrix"
        aria-label={`Pair probabilities of ${folded.id}: above the diagonal by ${name}, below it ${below}`}
        tabIndex={0}
        onKeyDown={onKeyDown}
        onPointerMove={onPointer}
        onPointerDown={onPointer}
        onPointerLeave={() => {
          setPlace(undefined);
        }}
      >
        <canvas ref={canvas} />
        {place !== undefined && (
          <>
            <span class="hair across" style={{ top: at(place.i) }} />
            <span class="hair down" style={{ left: at(place.j) }} />
          </>
        )}
      </div>
      <p class="hint">
        Above the diagonal: probabilities by {name}. Below it: {below}.
        {length > MOST_CELLS && ` ${length} positions in ${MOST_CELLS} bins, the greatest of each.`}
      </p>
    </div>
  );
}

/** The width of an element, as it changes. */
function useSide(frame: { readonly current: HTMLDivElement | null }): number {
  const [side, setSide] = useState(0);
  useLayoutEffect(() => {
    const here = frame.current;
    if (here === null) return;
    const observer = new ResizeObserver(() => {
      setSide(here.clientWidth);
    });
    observer.observe(here);
    return () => {
      observer.disconnect();
    };
  }, []);
  return side;
}

function useDark(): boolean {
  const query = useMemo(() => matchMedia('(prefers-color-scheme: dark)'), []);
  const [isDark, setDark] = useState(query.matches);
  useEffect(() => {
    const follow = (): void => {
      setDark(query.matches);
    };
    query.addEventListener('change', follow);
    return () => {
      query.removeEventListener('change', follow);
    };
  }, []);
  return isDark;
}

interface Cells {
  readonly size: number;
  /** [size, size], row by row: 0 … 255. */
  readonly level: Uint8Array;
}

function cellImage({ folded, against }: Compared): Cells {
  const { length } = folded.sequence;
  const size = Math.min(length, MOST_CELLS);
  const level = new Uint8Array(size * size);
  const cell = (k: number): number => Math.floor((k * size) / length);
  const put = (row: number, column: number, p: number): void => {
    const index = cell(row) * size + cell(column);
    level[index] = Math.max(level[index]!, Math.round(255 * p));
  };
  const { i, j, probability } = folded.pairs;
  probability.forEach((p, at) => {
    put(i[at]!, j[at]!, p);
  });
  if (against === undefined)
    folded.partners.forEach((partner, k) => {
      if (partner >= 0 && partner < k) put(k, partner, 1);
    });
  else {
    const { pairs } = against.folded;
    pairs.probability.forEach((p, at) => {
      put(pairs.j[at]!, pairs.i[at]!, p);
    });
  }
  return { size, level };
}

/** Draws in the page's colours: cells in that of the canvas, numbers and lines in that of the element around it. */
function paint(canvas: HTMLCanvasElement, side: number, { size, level }: Cells, length: number): void {
  const ratio = devicePixelRatio;
  canvas.width = canvas.height = Math.round(side * ratio);
  const context = canvas.getContext('2d');
  if (context === null) return;
  const [red, green, blue] = rgb(context, getComputedStyle(canvas).color);
  const image = new ImageData(size, size);
  level.forEach((value, k) => {
    image.data.set([red, green, blue, value], 4 * k);
  });
  const small = new OffscreenCanvas(size, size);
  small.getContext('2d')!.putImageData(image, 0, 0);

  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, side, side);
  const inner = side - MARGIN;
  context.imageSmoothingEnabled = inner * ratio < size;
  context.drawImage(small, MARGIN, MARGIN, inner, inner);
  const ink = getComputedStyle(canvas.parentElement!).color;
  context.strokeStyle = context.fillStyle = ink;
  context.globalAlpha = 0.35;
  context.strokeRect(MARGIN + 0.5, MARGIN + 0.5, inner - 1, inner - 1);
  context.beginPath();
  context.moveTo(MARGIN, MARGIN);
  context.lineTo(side, side);
  context.stroke();
  context.globalAlpha = 0.8;
  context.font = '11px system-ui, sans-serif';
  context.textBaseline = 'middle';
  const every = [10, 20, 50, 100, 200, 500, 1000].find((step) => (step / length) * inner >= 30) ?? 2000;
  for (let k = every; k <= length; k += every) {
    const at = MARGIN + ((k - 0.5) / length) * inner;
    context.textAlign = 'right';
    context.fillText(String(k), MARGIN - 6, at);
    context.textAlign = 'center';
    context.fillText(String(k), Math.min(at, side - 10), MARGIN - 10);
  }
}

/** A computed colour may be written in any colour space; a pixel of it is plain. */
function rgb(context: CanvasRenderingContext2D, colour: string): [number, number, number] {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red = 0, green = 0, blue = 0] = context.getImageData(0, 0, 1, 1).data;
  return [red, green, blue];
}
