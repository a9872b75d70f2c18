/**
 * The process of one library: loads it, prepares cases and times them as the suite asks (protocol.ts). Idle, it uses no
 * processor.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { inputsOf, PEER_CASES } from './cases.ts';
import { Unsupported, type Implementation, type Workload } from './implementation.ts';
import { loadJax } from './jax.ts';
import { loadOnnxruntime } from './onnxruntime.ts';
import type { ImplementationName, Reply, Request } from './protocol.ts';
import { loadRna } from './rna.ts';
import { loadTfjs } from './tfjs.ts';

const loaders: Record<ImplementationName, () => Promise<Implementation>> = {
  rna: loadRna,
  'tfjs-webgpu': () => loadTfjs('webgpu'),
  'tfjs-wasm': () => loadTfjs('wasm'),
  'jax-js-webgpu': () => loadJax('webgpu'),
  'jax-js-wasm': () => loadJax('wasm'),
  'onnxruntime-webgpu': () => loadOnnxruntime('webgpu'),
  'onnxruntime-cpu': () => loadOnnxruntime('cpu'),
};

// Threads of some libraries spin for a moment after their work; the next one's sample must not suffer for it.
const REST_MS = 10;

let implementation: Implementation | undefined;
let workload: Workload | undefined;

async function answer(request: Request): Promise<Reply> {
  switch (request.do) {
    case 'load':
      implementation = await loaders[request.implementation]();
      return { is: 'versions', versions: implementation.versions };
    case 'prepare': {
      const peerCase = PEER_CASES.find(({ name }) => name === request.name);
      if (implementation === undefined || peerCase === undefined)
        throw new Error(`cannot prepare '${request.name}': no such case, or nothing loaded`);
      workload = await implementation.prepare(peerCase, inputsOf(peerCase));
      return { is: 'results', results: await workload.results() };
    }
    case 'sample': {
      if (workload === undefined) throw new Error('nothing is prepared');
      const begin = performance.now();
      await workload.run(request.runs);
      const ms = (performance.now() - begin) / request.runs;
      await pause(REST_MS);
      return { is: 'time', ms };
    }
    case 'release':
      workload?.dispose();
      workload = undefined;
      return { is: 'done' };
  }
}

process.on('message', (request: Request) => {
  void answer(request)
    .catch((error: unknown): Reply => ({
      is: error instanceof Unsupported ? 'unsupported' : 'failed',
      reason: error instanceof Error ? error.message : String(error),
    }))
    .then((reply) => {
      process.send!(reply);
    });
});
// The suite has gone: what native libraries hold open must not keep this process.
process.on('disconnect', () => {
  process.exit();
});
