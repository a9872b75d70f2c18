/**
 * A drawing that is zoomed and moved by pointer, wheel, two fingers, keys and buttons. The drawing stays vector
 * graphics: what changes is the part of it that is shown (its `viewBox`).
 */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Props {
  /** Markup of one SVG element, made by `@rna/figures`, which escapes all text. */
  readonly svg: string;
  readonly label: string;
}

/** Around the drawing, in its own units. */
const MARGIN = 8;
const MOST_ZOOM = 40;
const KEY_STEP = 0.1;

const zoomed = (box: Box, whole: Box, factor: number, at: { readonly x: number; readonly y: number }): Box => {
  const width = Math.min(whole.width, Math.max(whole.width / MOST_ZOOM, box.width / factor));
  const scale = width / box.width;
  return { x: at.x - (at.x - box.x) * scale, y: at.y - (at.y - box.y) * scale, width, height: box.height * scale };
};

/** At least the middle of what is shown stays within the drawing. */
function kept(box: Box, whole: Box): Box {
  const clamp = (value: number, least: number, most: number): number => Math.min(most, Math.max(least, value));
  return {
    ...box,
    x: clamp(box.x, whole.x - box.width / 2, whole.x + whole.width - box.width / 2),
    y: clamp(box.y, whole.y - box.height / 2, whole.y + whole.height - box.height / 2),
  };
}

export function Zoomable({ svg, label }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [whole, setWhole] = useState<Box>();
  const [box, setBox] = useState<Box>();
  const element = (): SVGSVGElement | null => frame.current?.querySelector('svg') ?? null;

  useLayoutEffect(() => {
    const view = element()?.viewBox.baseVal;
    if (view === undefined) return;
    const all = {
      x: view.x - MARGIN,
      y: view.y - MARGIN,
      width: view.width + 2 * MARGIN,
      height: view.height + 2 * MARGIN,
    };
    setWhole(all);
    setBox(all);
  }, [svg]);
  useLayoutEffect(() => {
    if (box !== undefined) element()?.setAttribute('viewBox', `${box.x} ${box.y} ${box.width} ${box.height}`);
  }, [box, svg]);

  const change = (next: (box: Box, whole: Box) => Box): void => {
    if (whole !== undefined) setBox((now) => now && kept(next(now, whole), whole));
  };
  const zoomBy = (factor: number): void => {
    change((now, all) => zoomed(now, all, factor, { x: now.x + now.width / 2, y: now.y + now.height / 2 }));
  };
  const moveBy = (right: number, down: number): void => {
    change((now) => ({ ...now, x: now.x + right * now.width, y: now.y + down * now.height }));
  };
  const fit = (): void => {
    setBox(whole);
  };

  const gestures = usePointers(frame, element, change);
  // Preact listens to wheels passively, and a passive listener cannot keep the page from scrolling.
  useEffect(() => {
    const here = frame.current;
    if (here === null) return;
    const onWheel = (event: WheelEvent): void => {
      const isMeant = event.ctrlKey || event.metaKey || here.contains(document.activeElement);
      if (!isMeant) return;
      event.preventDefault();
      const at = pointIn(element(), event);
      if (at !== undefined) change((now, all) => zoomed(now, all, Math.exp(-event.deltaY / 400), at));
    };
    here.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      here.removeEventListener('wheel', onWheel);
    };
  });

  const onKeyDown = (event: KeyboardEvent): void => {
    const action = {
      '+': () => {
        zoomBy(1.25);
      },
      '=': () => {
        zoomBy(1.25);
      },
      '-': () => {
        zoomBy(0.8);
      },
      '0': fit,
      ArrowLeft: () => {
        moveBy(-KEY_STEP, 0);
      },
      ArrowRight: () => {
        moveBy(KEY_STEP, 0);
      },
      ArrowUp: () => {
        moveBy(0, -KEY_STEP);
      },
      ArrowDown: () => {
        moveBy(0, KEY_STEP);
      },
    }[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };

  const isZoomed = box !== undefined && whole !== undefined && box.width < whole.width * 0.999;
  return (
    <div class="zoomable">
      <div
        ref={frame}
        class={isZoomed ? 'drawing zoomed' : 'drawing'}
        role="group"
        aria-label={`${label}. Arrow keys move it, plus and minus zoom, 0 shows all.`}
        tabIndex={0}
        style={whole && { aspectRatio: `${whole.width} / ${whole.height}` }}
        onKeyDown={onKeyDown}
        {...gestures}
        dangerouslySetInnerHTML={{ __html: svg }}
      />
      <div class="row zoom-buttons">
        <p class="hint">Drag to move; pinch, or Ctrl and wheel, to zoom.</p>
        <button
          type="button"
          aria-label="Zoom in"
          title="Zoom in (+)"
          onClick={() => {
            zoomBy(1.5);
          }}
        >
          +
        </button>
        <button
          type="button"
          aria-label="Zoom out"
          title="Zoom out (−)"
          onClick={() => {
            zoomBy(1 / 1.5);
          }}
        >
          −
        </button>
        <button type="button" title="Show all (0)" onClick={fit}>
          Fit
        </button>
      </div>
    </div>
  );
}

/** A place of the screen in the drawing's units. */
function pointIn(
  svg: SVGSVGElement | null,
  { clientX, clientY }: Pick<MouseEvent, 'clientX' | 'clientY'>,
): { readonly x: number; readonly y: number } | undefined {
  const matrix = svg?.getScreenCTM();
  return matrix ? new DOMPoint(clientX, clientY).matrixTransform(matrix.inverse()) : undefined;
}

/** One pointer moves the drawing, two zoom it as well. */
function usePointers(
  frame: { readonly current: HTMLDivElement | null },
  element: () => SVGSVGElement | null,
  change: (next: (box: Box, whole: Box) => Box) => void,
) {
  const pointers = useRef(new Map<number, { readonly x: number; readonly y: number }>());
  const release = (event: PointerEvent): void => {
    pointers.current.delete(event.pointerId);
  };
  return {
    onPointerDown: (event: PointerEvent): void => {
      if (event.button !== 0) return;
      frame.current?.setPointerCapture(event.pointerId);
      pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    },
    onPointerMove: (event: PointerEvent): void => {
      const before = pointers.current.get(event.pointerId);
      const matrix = element()?.getScreenCTM();
      if (before === undefined || !matrix) return;
      const after = { x: event.clientX, y: event.clientY };
      const other = [...pointers.current].find(([id]) => id !== event.pointerId)?.[1];
      pointers.current.set(event.pointerId, after);
      // Pixels of one unit of the drawing.
      const scale = matrix.a;
      const share = other === undefined ? 1 : 0.5;
      const dx = ((after.x - before.x) / scale) * share;
      const dy = ((after.y - before.y) / scale) * share;
      change((now) => ({ ...now, x: now.x - dx, y: now.y - dy }));
      if (other === undefined) return;
      const apart = (point: { readonly x: number; readonly y: number }): number =>
        Math.max(1, Math.hypot(point.x - other.x, point.y - other.y));
      const middle = pointIn(element(), { clientX: (after.x + other.x) / 2, clientY: (after.y + other.y) / 2 });
      const factor = apart(after) / apart(before);
      if (middle !== undefined) change((now, all) => zoomed(now, all, factor, middle));
    },
    onPointerUp: release,
    onPointerCancel: release,
  };
}
