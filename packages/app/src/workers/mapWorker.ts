/** The worker that lays vectors out in the plane, finds clusters, draws curves, and writes vectors and maps as files. */
import {
  clusters,
  confidenceFigure,
  embeddingMap,
  figureFile,
  project,
  PROJECTIONS,
  runCurves,
  runPanels,
  structureDrawing,
} from '@rna/figures';
import { memorySink, writeCsv, writeNpy, writeSafetensors } from '@rna/model';
import { basePairs } from '@rna/structure';
import type { MapCalls, Vectors } from '../calls/modelCalls.ts';
import { answerCalls, handingOver } from './answer.ts';
import { readChains } from './chains.ts';
import { columnsOf } from './labelledTable.ts';

answerCalls<MapCalls>({
  async layout({ method, ...vectors }) {
    const places = await project(rowsOf(vectors), method);
    const [x, y] = [Float32Array.from(places, (place) => place.x), Float32Array.from(places, (place) => place.y)];
    return handingOver({ x, y }, [x.buffer, y.buffer]);
  },
  clusters: (vectors) => Promise.resolve(clusters(rowsOf(vectors))),
  drawing({ title, ids, labels, places, method }) {
    const rnas = ids.map((id, at) => ({ id, label: labels[at]!, x: places.x[at]!, y: places.y[at]! }));
    const svg = embeddingMap(`${title}, ${PROJECTIONS[method]}`, rnas, method);
    const text = figureFile({ name: 'map', caption: '', svg });
    return Promise.resolve({ name: 'map.svg', bytes: new TextEncoder().encode(text) });
  },
  curves: ({ name, entries, steps }) =>
    Promise.resolve(runPanels([runCurves(name, entries)], steps).map(({ svg }) => svg.markup)),
  columns: ({ text, file }) => Promise.resolve().then(() => columnsOf(text, file)),
  chains: ({ text, file }) =>
    Promise.resolve().then(() => {
      const chains = readChains(text, file);
      const buffers = chains.flatMap(({ coordinates, mask, partners, distances }) =>
        [coordinates, mask, partners, distances].map(({ buffer }) => buffer),
      );
      return handingOver(chains, buffers);
    }),
  chainFigures({ id, sequence, partners, plddt }) {
    const pairs = basePairs(partners);
    const structure = structureDrawing({ id, sequence, pairs }, { colour: 'loop' });
    const confidence = plddt && confidenceFigure({ id, sequence, plddt, pairs });
    return Promise.resolve({ structure: structure.markup, ...(confidence && { confidence: confidence.markup }) });
  },
  async file({ format, model, pool, ...vectors }) {
    const { ids, dim } = vectors;
    const sink = memorySink();
    const rows = rowsOf(vectors);
    if (format === 'safetensors') {
      const seen = new Set<string>();
      const entries = rows.map((row, at) => {
        const name = uniqueName(ids[at]!, seen);
        return { name, dtype: 'F32' as const, shape: [dim], data: () => Promise.resolve(row) };
      });
      await writeSafetensors(sink, entries, new Map(Object.entries({ model, pool })));
    } else {
      const write = format === 'npy' ? writeNpy : writeCsv;
      await write(sink, { ids, shape: [dim], rows: eachOf(rows) });
    }
    return { name: `embeddings.${format}`, bytes: new Uint8Array(sink.bytes()) };
  },
});

const rowsOf = ({ ids, dim, values }: Vectors): Float32Array[] =>
  ids.map((_, at) => values.subarray(at * dim, (at + 1) * dim));

async function* eachOf(rows: readonly Float32Array[]): AsyncGenerator<Float32Array, void, undefined> {
  for (const row of rows) yield await Promise.resolve(row);
}

/** Names of tensors differ, and one is the format's own. */
function uniqueName(id: string, seen: Set<string>): string {
  const base = id === '__metadata__' ? `_${id}` : id;
  let name = base;
  for (let copy = 2; seen.has(name); copy++) name = `${base}-${copy}`;
  seen.add(name);
  return name;
}
