/** Distances between all nucleotides of a structure, painted; the pair under the pointer is told of. */
import { distanceBytes, distanceShade } from '@rna/figures';
import { useEffect, useRef } from 'preact/hooks';
import type { SpatialChain } from '../calls/modelCalls.ts';

interface Props {
  readonly chain: SpatialChain;
  readonly label: string;
  /** The row and the column that are marked. */
  readonly marked: readonly number[];
  readonly onOver: (pair: readonly [number, number] | undefined) => void;
  readonly onChoose: (place: number) => void;
}

export function DistanceMap({ chain: { sequence, distances }, label, marked, onOver, onChoose }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = sequence.length;
  useEffect(() => {
    const context = canvas.current?.getContext('2d');
    if (!context) return;
    const image = context.createImageData(size, size);
    const shades = Array.from({ length: 256 }, (_, byte) => Uint8ClampedArray.of(...distanceShade(byte), 255));
    const bytes = distanceBytes(distances);
    // What is not resolved stays empty.
    for (let at = 0; at < bytes.length; at++)
      if (!Number.isNaN(distances[at]!)) image.data.set(shades[bytes[at]!]!, 4 * at);
    context.putImageData(image, 0, 0);
  }, [distances, size]);
  const pairAt = ({ clientX, clientY }: MouseEvent): readonly [number, number] | undefined => {
    const box = canvas.current?.getBoundingClientRect();
    if (box === undefined) return undefined;
    const at = (offset: number, whole: number): number => Math.floor((size * offset) / whole);
    const [i, j] = [at(clientY - box.top, box.height), at(clientX - box.left, box.width)];
    return i >= 0 && j >= 0 && i < size && j < size ? [i, j] : undefined;
  };
  const percent = (place: number): string => `${(100 * (place + 0.5)) / size}%`;
  return (
    <div
      class="distances"
      role="img"
      aria-label={label}
      onPointerMove={(event) => {
        onOver(pairAt(event));
      }}
      onPointerLeave={() => {
        onOver(undefined);
      }}
      onClick={(event) => {
        const pair = pairAt(event);
        if (pair !== undefined) onChoose(pair[0]);
      }}
    >
      <canvas ref={canvas} width={size} height={size} />
      {marked.map((place, at) => (
        <div
          key={at}
          class={`hair ${at === 0 ? 'row-hair' : 'column-hair'}`}
          style={at === 0 ? { top: percent(place) } : { left: percent(place) }}
        />
      ))}
    </div>
  );
}
