/** A drawing whose parts are nucleotides: the pointer's is told of, and the marked one stands out. */
import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';

interface Props {
  /** Selects the element of each nucleotide, in their order. */
  readonly parts: string;
  /** The nucleotides that are marked, from 0. */
  readonly marked: readonly number[];
  /** Changes with the drawing. */
  readonly drawing: string;
  readonly onOver: (place: number | undefined) => void;
  readonly onChoose: (place: number) => void;
  readonly children: ComponentChildren;
}

export function LinkedFigure({ parts, marked, drawing, onOver, onChoose, children }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const elements = (): Element[] => [...(frame.current?.querySelectorAll(parts) ?? [])];
  useLayoutEffect(() => {
    const all = elements();
    for (const place of marked) all[place]?.classList.add('marked');
    return () => {
      for (const place of marked) all[place]?.classList.remove('marked');
    };
  }, [drawing, marked.join()]);
  const placeOf = ({ target }: Event): number | undefined => {
    const part = target instanceof Element ? target.closest(parts) : null;
    const place = part === null ? -1 : elements().indexOf(part);
    return place < 0 ? undefined : place;
  };
  return (
    <div
      ref={frame}
      class="linked-figure"
      onPointerOver={(event) => {
        onOver(placeOf(event));
      }}
      onPointerLeave={() => {
        onOver(undefined);
      }}
      onClick={(event) => {
        const place = placeOf(event);
        if (place !== undefined) onChoose(place);
      }}
    >
      {children}
    </div>
  );
}
