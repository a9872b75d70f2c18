/**
 * The viewer of structures in space that a page carries inside: 3Dmol.js (Rego
 * and Koes, Bioinformatics 31, 1322, 2015; BSD-3-Clause) as its package has it,
 * and the few lines that show one structure after the other with it. A browser
 * has few contexts of WebGL, so one viewer goes from card to card.
 */

import { readFile, realpath } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { CONFIDENCE_CLASSES, distanceShade, markup, trusted, type Markup } from '@rna/figures';

export interface Viewer {
  /** The library's text. */
  readonly script: string;
  /** Its licence and that of pako, which is inside it; they go with it. */
  readonly licence: string;
}

/** The viewer as the installed package has it. */
export async function loadViewer(): Promise<Viewer> {
  // The real path: what a package depends on lies beside the package, not beside the link to it.
  const library = await realpath(fileURLToPath(import.meta.resolve('3dmol/build/3Dmol-min.js')));
  const pako = createRequire(library).resolve('pako/package.json');
  const [script, ...licences] = await Promise.all(
    [library, fileURLToPath(import.meta.resolve('3dmol/LICENSE')), join(dirname(pako), 'LICENSE')].map((path) =>
      readFile(path, 'utf8'),
    ),
  );
  return { script: script!, licence: licences.join('\n') };
}

/** A text as the content of a script element, which nothing in it may end. */
const inScript = (text: string): Markup => trusted(text.replaceAll(/<(?=\/script|!--)/gi, '\\x3c'));

/** Where the viewer is put for one structure. `pdb` is the text of its file. */
export function viewerSlot(name: string, pdb: string): Markup {
  return markup`<div class="viewer" data-structure="${name}"><button type="button">Show in 3D</button></div>
<script type="text/plain" id="${name}">${inScript(pdb)}</script>`;
}

/** A matrix of bytes 0 to 255, L rows of L, which the page's script paints: light is near. */
export function matrixSlot(name: string, values: Uint8ClampedArray<ArrayBuffer>, size: number): Markup {
  return markup`<canvas class="matrix" width="${size}" height="${size}" role="img" aria-label="${name}"
 data-bytes="${Buffer.from(values).toString('base64')}"></canvas>`;
}

export const viewerStyle = `
.viewer { position: relative; height: 26rem; background: #ffffff; border: 1px solid var(--line); border-radius: .5rem; }
.viewer button { position: absolute; inset: 0; margin: auto; width: 10rem; height: 2.5rem; font: inherit; }
.matrix { width: 100%; max-width: 26rem; height: auto; image-rendering: pixelated; border: 1px solid var(--line); }
`;

/** The library, and what shows structures and paints matrices with it. */
export function viewerScripts({ script, licence }: Viewer): Markup {
  const shades = Array.from({ length: 256 }, (_, byte) => distanceShade(byte).map(Math.round));
  const classes = CONFIDENCE_CLASSES.map(({ from, colour }) => [100 * Math.max(0, from), colour]);
  return markup`<script>/*
${inScript(licence.replaceAll('*/', '* /'))}
*/
${inScript(script)}</script>
<script>${trusted(`
const classes = ${JSON.stringify(classes)};
const shades = ${JSON.stringify(shades)};
const colour = ({ b }) => classes.find(([from]) => b >= from)[1];
let viewer, box;
function show(slot) {
  if (viewer === undefined) {
    box = document.createElement('div');
    box.style.cssText = 'position:absolute;inset:0';
    slot.append(box);
    viewer = $3Dmol.createViewer(box, { backgroundColor: 'white' });
  } else slot.append(box);
  for (const button of document.querySelectorAll('.viewer button')) button.hidden = button.parentNode === slot;
  viewer.clear();
  viewer.addModel(document.getElementById(slot.dataset.structure).textContent, 'pdb');
  viewer.setStyle({}, { cartoon: { colorfunc: colour }, stick: { radius: 0.12, colorfunc: colour } });
  viewer.resize();
  viewer.zoomTo();
  viewer.render();
}
const slots = [...document.querySelectorAll('.viewer')];
for (const slot of slots) slot.firstElementChild.addEventListener('click', () => show(slot));
if (slots.length > 0) show(slots[0]);
for (const canvas of document.querySelectorAll('.matrix')) {
  const bytes = Uint8Array.from(atob(canvas.dataset.bytes), (letter) => letter.charCodeAt(0));
  const context = canvas.getContext('2d');
  const image = context.createImageData(canvas.width, canvas.height);
  bytes.forEach((value, at) => image.data.set([...shades[value], 255], 4 * at));
  context.putImageData(image, 0, 0);
}
`)}</script>`;
}
