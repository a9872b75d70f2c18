/** A structure in 3D, turned by pointer, fingers, wheel, keys and buttons. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { openViewer, type Scene, type Viewer } from './viewer.ts';

interface Props {
  readonly scene: Scene;
  readonly label: string;
  /** The nucleotide that is marked, from 0. */
  readonly marked: number | undefined;
  readonly onOver: (place: number | undefined) => void;
  readonly onChoose: (place: number) => void;
}

/** Degrees of a key or a button. */
const STEP = 15;
const ZOOM = 1.25;

export function Solid({ scene, label, marked, onOver, onChoose }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const [viewer, setViewer] = useState<Viewer>();
  const [failure, setFailure] = useState('');

  useEffect(() => {
    let isHere = true;
    openViewer().then(
      (opened) => {
        if (!isHere) return;
        frame.current?.append(opened.element);
        setViewer(opened);
      },
      (error: unknown) => {
        if (isHere) setFailure(error instanceof Error ? error.message : String(error));
      },
    );
    return () => {
      isHere = false;
    };
  }, []);
  useEffect(() => {
    viewer?.show(scene, { onOver, onClick: onChoose });
  }, [viewer, scene]);
  useEffect(() => {
    viewer?.mark(marked);
  }, [viewer, scene, marked]);
  // The library listens to the size of the window, and the column may change alone.
  useEffect(() => {
    const here = frame.current;
    if (here === null || viewer === undefined) return;
    const sizes = new ResizeObserver(() => {
      viewer.resize();
    });
    sizes.observe(here);
    return () => {
      sizes.disconnect();
    };
  }, [viewer]);
  // The wheel is the page's until the structure has the focus; the library would take all of it.
  useEffect(() => {
    const here = frame.current;
    if (here === null) return;
    const onWheel = (event: WheelEvent): void => {
      if (!(event.ctrlKey || event.metaKey || here.contains(document.activeElement))) event.stopPropagation();
    };
    here.addEventListener('wheel', onWheel, { capture: true });
    return () => {
      here.removeEventListener('wheel', onWheel, { capture: true });
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent): void => {
    const action = {
      ArrowLeft: () => viewer?.turn(-STEP, 'y'),
      ArrowRight: () => viewer?.turn(STEP, 'y'),
      ArrowUp: () => viewer?.turn(-STEP, 'x'),
      ArrowDown: () => viewer?.turn(STEP, 'x'),
      '+': () => viewer?.zoom(ZOOM),
      '=': () => viewer?.zoom(ZOOM),
      '-': () => viewer?.zoom(1 / ZOOM),
      '0': () => viewer?.fit(),
    }[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  };
  if (failure !== '')
    return (
      <p class="complaint" role="alert">
        The structure cannot be shown in 3D: {failure}. All else of this view works, and its files open in any viewer.
      </p>
    );
  return (
    <div class="zoomable">
      <div
        ref={frame}
        class="solid"
        role="group"
        aria-label={`${label} in 3D. Arrow keys turn it, plus and minus zoom, 0 shows all.`}
        tabIndex={0}
        data-ready={viewer === undefined ? undefined : ''}
        onKeyDown={onKeyDown}
        onPointerLeave={() => {
          onOver(undefined);
        }}
      >
        {viewer === undefined && <p class="quiet">loading the viewer …</p>}
      </div>
      <div class="row zoom-buttons">
        <p class="hint">Drag to turn; pinch, or Ctrl and wheel, to zoom.</p>
        <button type="button" aria-label="Nearer" title="Nearer (+)" onClick={() => viewer?.zoom(1.5)}>
          +
        </button>
        <button type="button" aria-label="Farther" title="Farther (−)" onClick={() => viewer?.zoom(1 / 1.5)}>
          −
        </button>
        <button type="button" title="Show all (0)" onClick={() => viewer?.fit()}>
          Fit
        </button>
      </div>
    </div>
  );
}
