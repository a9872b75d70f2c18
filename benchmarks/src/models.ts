/**
 * The suites `step` and `inference`: one optimiser step of pre-training, and one
 * pass to the logits with weights in 32, 8 and 4 bits, of every preset that the
 * machine can hold and do in time. Each case has a process of its own
 * (models.child.ts).
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PRESETS, type PresetName, type WeightType } from '@rna/model';
import { megabytes } from '@rna/tensor';
import type { Ceilings } from './ceilings.ts';
import type { ModelReply, ModelRequest } from './models.child.ts';
import { batchSize, modelBytes, modelFlops, type ModelSuite } from './modelWork.ts';
import type { Report } from './report.ts';
import { makeRow } from './rows.ts';

export interface ModelOptions {
  readonly filter: RegExp;
  readonly adapterClass: 'cpu' | 'gpu';
  /** Bytes that the adapter may use; Infinity where only its driver knows. */
  readonly memoryBudget: number;
  /** Longest run that is timed, in milliseconds at the ceilings. */
  readonly limitMs: number;
  readonly ceilings: Ceilings;
  /** Whether the driver's shader cache is to be empty. */
  readonly cold: boolean;
  readonly report: Report;
}

/** How weights are stored: they are trained in f32 alone. */
const WEIGHTS: Readonly<Record<ModelSuite, readonly WeightType[]>> = {
  step: ['f32'],
  inference: ['f32', 'int8', 'int4'],
};

export async function benchmarkModels(
  suite: ModelSuite,
  { filter, adapterClass, memoryBudget, limitMs, ceilings, cold, report }: ModelOptions,
): Promise<void> {
  const batch = batchSize(adapterClass);
  const tokens = batch.rows * batch.rowTokens;
  const cases = (Object.keys(PRESETS) as PresetName[]).flatMap((preset) =>
    WEIGHTS[suite].map((weights) => ({ preset, weights })),
  );
  for (const { preset, weights } of cases) {
    const name = `${suite} ${preset} ${batch.rows}x${batch.rowTokens}${weights === 'f32' ? '' : ` ${weights}`}`;
    if (!filter.test(name)) continue;
    const flops = modelFlops(suite, PRESETS[preset], tokens, batch.length);
    const bytes = modelBytes(suite, PRESETS[preset], tokens, weights);
    const leastMs = flops / ceilings.gflops / 1e6;
    if (bytes > memoryBudget) {
      report.skip(name, 'rna', `needs about ${megabytes(bytes)}, and the budget is ${megabytes(memoryBudget)}`);
      continue;
    }
    if (leastMs > limitMs) {
      report.skip(
        name,
        'rna',
        `takes at least ${(leastMs / 1000).toFixed(1)} s at the adapter's ceilings, more than the limit of ${limitMs / 1000} s a run (--limit)`,
      );
      continue;
    }
    report.progress(name);
    const reply = await runModel({ suite, preset, batch, weights }, cold);
    if (reply.is === 'failed') {
      report.skip(name, 'rna', reply.reason);
      continue;
    }
    const { statistics, tokens: timed, ...figures } = reply.figures;
    const seconds = statistics.medianMs / 1000;
    report.row(
      makeRow(
        suite,
        name,
        'rna',
        statistics,
        { flops },
        {
          ...figures,
          tokensPerSecond: timed / seconds,
          utilisation: flops / seconds / (ceilings.gflops * 1e9),
          driverCache: cold ? 'empty' : 'as found',
        },
      ),
    );
  }
}

async function runModel(request: ModelRequest, cold: boolean): Promise<ModelReply> {
  const cache = cold ? await mkdtemp(join(tmpdir(), 'rna-bench-')) : undefined;
  try {
    return await new Promise<ModelReply>((resolve, reject) => {
      const child = fork(fileURLToPath(new URL('./models.child.ts', import.meta.url)), [JSON.stringify(request)], {
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
        // Mesa's and NVIDIA's names for the folder of compiled shaders.
        env: {
          ...process.env,
          ...(cache !== undefined && { MESA_SHADER_CACHE_DIR: cache, __GL_SHADER_DISK_CACHE_PATH: cache }),
        },
      });
      child.once('message', (reply: ModelReply) => {
        resolve(reply);
      });
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        resolve({ is: 'failed', reason: `its process ended by ${signal ?? `exit code ${code ?? '?'}`}` });
      });
    });
  } finally {
    if (cache !== undefined) await rm(cache, { recursive: true, force: true });
  }
}
