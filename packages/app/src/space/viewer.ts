/**
 * The one viewer of structures of the page: 3Dmol.js (Rego and Koes, Bioinformatics 31, 1322, 2015), loaded when it is
 * first asked for. A browser has few contexts of WebGL, and the library never lets go of what it listens to, so one
 * viewer goes from card to card.
 */
import { confidenceColour } from '@rna/figures';
import { ATOM_SLOTS } from '@rna/structure';
import type { GLViewer } from '3dmol/build/3Dmol-min.js';
import type { SpatialChain } from '../calls/modelCalls.ts';

/** A text of a structure, and the chain of it that is linked with the figures beside. */
export interface Scene {
  readonly text: string;
  readonly format: 'pdb' | 'cif';
  readonly chain: SpatialChain;
}

export interface Viewer {
  readonly element: HTMLElement;
  readonly show: (scene: Scene, listen: Listeners) => void;
  /** Marks a nucleotide of the chain by its place from 0, or none. */
  readonly mark: (place: number | undefined) => void;
  readonly turn: (degrees: number, axis: 'x' | 'y') => void;
  readonly zoom: (factor: number) => void;
  readonly fit: () => void;
  readonly resize: () => void;
}

interface Listeners {
  /** The nucleotide under the pointer; undefined where there is none. */
  readonly onOver: (place: number | undefined) => void;
  readonly onClick: (place: number) => void;
}

/** What is not of the linked chain. */
const QUIET = '#9aa5aa';
/** Red, green and blue of the ends of a chain without plDDT, between which colours run along it. */
const ENDS = { first: [30, 100, 200], last: [215, 60, 60] } as const;
const MARK = '#d6007f';
const MARK_RADIUS = 1.7;
/** Å between an atom of the viewer and the chain's own: files have three decimals. */
const SAME_ATOM = 0.01;

let viewer: Promise<Viewer> | undefined;

/** Rejects where the library cannot be loaded, and where the browser has no WebGL. */
export function openViewer(): Promise<Viewer> {
  viewer ??= create();
  // The next structure tries again.
  viewer.catch(() => {
    viewer = undefined;
  });
  return viewer;
}

async function create(): Promise<Viewer> {
  // The library says nothing where there is none, and draws nothing.
  const canvas = document.createElement('canvas');
  if ((canvas.getContext('webgl2') ?? canvas.getContext('webgl')) === null)
    throw new Error('this browser has no WebGL, or it is switched off');
  const { default: library } = await import('3dmol/build/3Dmol-min.js');
  const element = document.createElement('div');
  element.className = 'viewer-canvas';
  // The library draws with the size that its element has.
  element.style.width = '300px';
  element.style.height = '300px';
  document.body.append(element);
  const inside = library.createViewer(element, { backgroundAlpha: 0, hoverDuration: 40, disableFog: true });
  element.remove();
  element.style.width = '';
  element.style.height = '';
  return viewerOf(inside, element);
}

function viewerOf(inside: GLViewer, element: HTMLElement): Viewer {
  let chain: SpatialChain | undefined;
  return {
    element,
    show(scene, { onOver, onClick }) {
      ({ chain } = scene);
      const placeAt = placesOf(chain);
      const colorfunc = ({ x, y, z }: { readonly x: number; readonly y: number; readonly z: number }): string => {
        const place = placeAt(x, y, z);
        if (place === undefined) return QUIET;
        const value = scene.chain.plddt?.[place];
        return value === undefined ? colourAlong(place, scene.chain.sequence.length) : confidenceColour(value);
      };
      inside.removeAllShapes();
      inside.removeAllModels();
      inside.addModel(scene.text, scene.format);
      inside.setStyle({}, { cartoon: { colorfunc }, stick: { radius: 0.12, colorfunc } });
      inside.setHoverable(
        {},
        true,
        ({ x, y, z }) => {
          onOver(placeAt(x, y, z));
        },
        () => {
          onOver(undefined);
        },
      );
      inside.setClickable({}, true, ({ x, y, z }) => {
        const place = placeAt(x, y, z);
        if (place !== undefined) onClick(place);
      });
      inside.resize();
      inside.zoomTo();
      inside.render();
    },
    mark(place) {
      inside.removeAllShapes();
      const center = chain === undefined || place === undefined ? undefined : middleOf(chain, place);
      if (center !== undefined) inside.addSphere({ center, radius: MARK_RADIUS, color: MARK });
      inside.render();
    },
    turn(degrees, axis) {
      inside.rotate(degrees, axis);
    },
    zoom(factor) {
      inside.zoom(factor);
    },
    fit() {
      inside.zoomTo();
      inside.render();
    },
    resize() {
      inside.resize();
    },
  };
}

/**
 * Which nucleotide of the chain the atom at a place in space is: the library knows residues by their numbers, which a
 * file may have twice.
 */
function placesOf({ coordinates, mask }: SpatialChain): (x: number, y: number, z: number) => number | undefined {
  const box = (value: number): number => Math.round(value);
  const boxes = new Map<string, number[]>();
  for (let at = 0; at < mask.length; at++) {
    if (mask[at] === 0) continue;
    const key = [0, 1, 2].map((axis) => box(coordinates[3 * at + axis]!)).join(' ');
    const atoms = boxes.get(key);
    if (atoms === undefined) boxes.set(key, [at]);
    else atoms.push(at);
  }
  /** The box of a coordinate, and the one beside where it is near the edge. */
  const around = (value: number): Iterable<number> =>
    new Set([box(value), box(value - SAME_ATOM), box(value + SAME_ATOM)]);
  return (x, y, z) => {
    for (const i of around(x))
      for (const j of around(y))
        for (const k of around(z)) {
          const at = boxes
            .get([i, j, k].join(' '))
            ?.find((atom) =>
              [x, y, z].every((value, axis) => Math.abs(coordinates[3 * atom + axis]! - value) < SAME_ATOM),
            );
          if (at !== undefined) return Math.floor(at / ATOM_SLOTS);
        }
    return undefined;
  };
}

/** The colour of a nucleotide by its place in the chain. */
function colourAlong(place: number, length: number): string {
  const share = place / Math.max(1, length - 1);
  const hex = ENDS.first.map((value, at) => Math.round(value + share * (ENDS.last[at]! - value)).toString(16));
  return `#${hex.map((digits) => digits.padStart(2, '0')).join('')}`;
}

/** The middle of a nucleotide's atoms; undefined where it has none. */
function middleOf(
  { coordinates, mask }: SpatialChain,
  place: number,
): { readonly x: number; readonly y: number; readonly z: number } | undefined {
  const atoms = Array.from({ length: ATOM_SLOTS }, (_, slot) => place * ATOM_SLOTS + slot).filter(
    (at) => mask[at] === 1,
  );
  if (atoms.length === 0) return undefined;
  const mean = (axis: number): number => atoms.reduce((sum, at) => sum + coordinates[3 * at + axis]!, 0) / atoms.length;
  return { x: mean(0), y: mean(1), z: mean(2) };
}
