/**
 * The work of `rna convert`: a model read under whatever names it has, written
 * one parameter at a time under others.
 */
import { existsSync } from 'node:fs';
import { extname, join } from 'node:path';
import {
  CONFIG_FILE,
  configJson,
  headConfig,
  parameterCount,
  schemesOf,
  writeModel,
  writtenLayout,
  type OpenedModel,
  type Scheme,
  WEIGHTS_FILE,
} from '@rna/model';
import { CommandError, UsageError } from '../../commandLine/errors.ts';
import { writeAtomically, makeFolder } from '../../files/files.ts';
import { withModel } from '../../models/loadModel.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { interruptible, writeResult } from '../../commandLine/terminal.ts';

export interface ConvertOptions {
  readonly source: string;
  readonly out: string;
  readonly to?: Scheme;
  readonly config?: string;
  readonly force?: boolean;
}

/** Throws a CheckpointError, UsageError or CommandError; what stood at the output then stands there still. */
export async function convert(options: ConvertOptions): Promise<void> {
  const { source, out, force } = options;
  const extension = extname(out);
  if (!['', '.pt', '.safetensors'].includes(extension)) {
    throw new UsageError(
      `${out}: the extension says the format; give name.pt, name.safetensors, or a folder's name without a dot`,
    );
  }
  const isFolder = extension === '';
  const weights = isFolder ? join(out, WEIGHTS_FILE) : out;
  const config = isFolder ? join(out, CONFIG_FILE) : undefined;
  if (!isFolder) await checkOutputFile(out);
  const existing = [weights, config].find((path) => path !== undefined && existsSync(path));
  if (existing !== undefined && !force)
    throw new CommandError(`${existing} is there already; give another name, or --force to replace it`);

  await interruptible((signal) =>
    withModel(source, options, async (model) => {
      const kind = model.config.model;
      const schemes = schemesOf(kind);
      const usual = extension === '.pt' ? 'official' : 'port';
      const scheme = options.to ?? schemes.find((each) => each === usual) ?? schemes[0]!;
      const layout = writtenLayout(kind, scheme);
      if (layout === undefined) {
        throw new UsageError(
          `--to ${scheme}: ${source} is a ${kind} model; ${schemes.length === 1 ? `it has the ${schemes[0]!} names alone` : `give ${schemes.sort().join(' or ')}`}`,
        );
      }
      if (isFolder) await makeFolder(out);
      await writeAtomically(weights, (sink) =>
        writeModel(
          sink,
          {
            config: model.config,
            scheme,
            lmHead: model.lmHead,
            task: model.task,
            scalars: model.scalars,
            read: (name) => {
              signal.throwIfAborted();
              return model.read(name);
            },
          },
          extension === '.pt' ? 'pt' : 'safetensors',
        ),
      );
      if (config !== undefined) {
        await writeAtomically(config, (sink) =>
          sink.write(
            new TextEncoder().encode(
              configJson(model.config, layout.vocabularySize, model.task && headConfig(model.task)),
            ),
          ),
        );
      }
      await writeResult(report(options, model, scheme));
    }),
  );
}

function report(
  { source, out }: ConvertOptions,
  { config, layout, lmHead, task, shapes, scalars }: OpenedModel,
  scheme: Scheme,
): string {
  const parts = [
    'encoder',
    ...(lmHead ? ['language-model head'] : []),
    ...(task ? [`${task.head.name} head`] : []),
    ...scalars.keys(),
  ];
  return [
    `${source} (${config.model}, ${layout.scheme} names) -> ${out} (${scheme} names)`,
    `${parts.join(', ')}: ${parameterCount(shapes).toLocaleString('en')} parameters`,
    `dim ${config.dim}, ${config.layers} blocks, ${config.heads} heads, feed-forward ${config.ffnDim}`,
    '',
  ].join('\n');
}
