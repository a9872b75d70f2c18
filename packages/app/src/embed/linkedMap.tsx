/** A map of RNAs and their list, each of which shows what is chosen in the other. */
import { look, markers } from '@rna/figures';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Places } from '../calls/modelCalls.ts';

interface Props {
  readonly ids: readonly string[];
  readonly lengths: readonly number[];
  readonly labels: readonly (string | number)[];
  readonly places: Places;
  /** The layout's. */
  readonly name: string;
}

const [WIDTH, HEIGHT, MARGIN] = [640, 460, 16];
/** Classes with a look of their own; the others are grey. */
const CLASSES = 16;

interface Dot {
  readonly x: number;
  readonly y: number;
  readonly path: string;
  readonly colour: string;
  readonly opacity: number;
}

export function LinkedMap({ ids, lengths, labels, places, name }: Props) {
  const [chosen, setChosen] = useState<number>();
  const [wanted, setWanted] = useState('');
  const list = useRef<HTMLOListElement>(null);
  const { dots, legend } = drawn(labels, places);
  useEffect(() => {
    setChosen(undefined);
  }, [ids]);
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [chosen]);
  const choose = (at: number): void => {
    setChosen((now) => (now === at ? undefined : at));
  };
  const search = wanted.trim().toLowerCase();
  const shown = [...ids.keys()].filter(
    (at) =>
      search === '' || ids[at]!.toLowerCase().includes(search) || String(labels[at]).toLowerCase().includes(search),
  );
  const isShown = new Set(shown);
  const one = chosen === undefined ? undefined : dots[chosen];
  return (
    <div class="linked">
      <div>
        <svg
          class="map"
          viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
          role="img"
          aria-label={`${name} of ${ids.length} RNAs. The list beside it has the same RNAs.`}
          onClick={({ currentTarget, clientX, clientY }) => {
            const matrix = currentTarget.getScreenCTM();
            if (matrix === null) return;
            const { x, y } = new DOMPoint(clientX, clientY).matrixTransform(matrix.inverse());
            const nearest = shown.reduce<number | undefined>(
              (best, at) => (best === undefined || distance(dots[at]!, x, y) < distance(dots[best]!, x, y) ? at : best),
              undefined,
            );
            if (nearest !== undefined && distance(dots[nearest]!, x, y) < 14) choose(nearest);
          }}
        >
          {dots.map(({ x, y, path, colour, opacity }, at) => (
            <path
              key={at}
              d={path}
              transform={`translate(${x} ${y}) scale(0.85)`}
              style={{ fill: colour }}
              fill-opacity={isShown.has(at) ? opacity : 0.08}
            >
              <title>{`${ids[at]!}: ${String(labels[at])}`}</title>
            </path>
          ))}
          {one !== undefined && <circle class="chosen" cx={one.x} cy={one.y} r={9} />}
        </svg>
        <ul class="legend">
          {legend.map(({ label, colour, path, opacity }) => (
            <li key={label}>
              <svg viewBox="-6 -6 12 12" aria-hidden="true">
                <path d={path} style={{ fill: colour }} fill-opacity={opacity} />
              </svg>
              {label}
            </li>
          ))}
        </ul>
      </div>
      <div class="side">
        <input
          class="text"
          type="search"
          aria-label="Search the RNAs"
          placeholder="search"
          value={wanted}
          onInput={({ currentTarget }) => {
            setWanted(currentTarget.value);
          }}
        />
        <ol ref={list} aria-label="RNAs">
          {shown.map((at) => (
            <li key={at}>
              <button
                type="button"
                aria-current={at === chosen ? 'true' : undefined}
                onClick={() => {
                  choose(at);
                }}
              >
                <span class="name">{ids[at]}</span>
                <small class="name">
                  {lengths[at]} nt{typeof labels[at] === 'string' ? ` · ${labels[at]}` : ''}
                </small>
              </button>
            </li>
          ))}
        </ol>
        {shown.length === 0 && <p class="hint">No RNA is called so.</p>}
      </div>
    </div>
  );
}

const distance = (dot: Dot, x: number, y: number): number => Math.hypot(dot.x - x, dot.y - y);

function drawn(labels: readonly (string | number)[], { x, y }: Places) {
  const scaleOf = (values: Float32Array, room: number): ((value: number) => number) => {
    const [low, high] = [Math.min(...values), Math.max(...values)];
    return (value) => MARGIN + ((value - low) / (high - low || 1)) * (room - 2 * MARGIN);
  };
  const [across, down] = [scaleOf(x, WIDTH), scaleOf(y, HEIGHT)];
  const place = (at: number) => ({ x: across(x[at]!), y: HEIGHT - down(y[at]!) });
  if (typeof labels[0] === 'number') {
    const values = labels as readonly number[];
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const { colour, marker } = look(0);
    const path = markers[marker];
    const opacity = (value: number): number => 0.12 + (0.88 * (value - low)) / (high - low || 1);
    return {
      dots: values.map((value, at): Dot => ({ ...place(at), path, colour, opacity: opacity(value) })),
      legend: [low, high].map((value) => ({ label: String(value), path, colour, opacity: opacity(value) })),
    };
  }
  const counts = new Map<string, number>();
  for (const label of labels) counts.set(String(label), (counts.get(String(label)) ?? 0) + 1);
  const classes = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1)).map(([label]) => label);
  const lookOf = (label: string) => {
    const at = classes.indexOf(label);
    const { colour, marker } = look(at);
    return at < CLASSES
      ? { colour, path: markers[marker], opacity: 0.85 }
      : { colour: 'var(--rna-absent)', path: markers.circle, opacity: 0.4 };
  };
  const others = classes.slice(CLASSES);
  return {
    dots: labels.map((label, at): Dot => ({ ...place(at), ...lookOf(String(label)) })),
    legend: [
      ...classes.slice(0, CLASSES).map((label) => ({ label: `${label} (${counts.get(label)!})`, ...lookOf(label) })),
      ...(others.length === 0 ? [] : [{ label: `${others.length} smaller classes`, ...lookOf(others[0]!) }]),
    ],
  };
}
