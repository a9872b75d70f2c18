/** The folder of `rna evaluate --report`: the page, and each figure as a file of its own. */
import { basename, dirname, join, resolve } from 'node:path';
import type { Encoder, OpenedModel } from '@rna/model';
import { writeAtomically, makeFolder } from '../../files/files.ts';
import { readRun } from '../../training/readRun.ts';
import { figureFile } from '@rna/figures';
import type { ConfigGroup } from '../../report/data.ts';
import { renderEvaluation, type EvaluationReport } from '../../report/evaluationPage.ts';
import type { ReportedRun } from '../../report/runPage.ts';
import { note } from '../../commandLine/terminal.ts';
import { calledAs } from '../../commandLine/calledAs.ts';
import { packageVersion } from '../../commandLine/version.ts';
import type { EvaluateOptions } from './evaluateOptions.ts';

type Page = Omit<EvaluationReport, 'model' | 'run' | 'command' | 'facts'> & { readonly facts: readonly ConfigGroup[] };

/** Writes the report into a folder, which is made if it is not there; figures before the page that shows them. */
export async function writeReport(
  folder: string,
  options: EvaluateOptions,
  model: OpenedModel,
  encoder: Encoder,
  page: Page,
): Promise<void> {
  const write = (name: string, text: string): Promise<void> =>
    writeAtomically(join(folder, name), (sink) => sink.write(new TextEncoder().encode(text)));
  await makeFolder(folder);
  for (const figure of page.figures) await write(`${figure.name}.svg`, figureFile(figure));
  const run = await runOf(options.model);
  const {
    traits,
    adapter: { info },
  } = encoder.device;
  await write(
    'report.html',
    renderEvaluation({
      ...page,
      model: options.model,
      ...(run && { run }),
      command: calledAs(),
      facts: [
        ...page.facts,
        {
          title: 'Model and machine',
          entries: [
            {
              label: 'architecture',
              value: `${model.config.model}, ${model.config.layers} blocks of width ${model.config.dim}`,
            },
            { label: 'adapter', value: `${info.description || info.device || info.vendor} (${traits.class})` },
            { label: 'rna', value: packageVersion() },
          ],
        },
      ],
    }),
  );
  note(`${join(folder, 'report.html')} is written, with ${page.figures.length} figures`);
}

/** The run that a model folder is the result of; its log lies beside it. */
async function runOf(model: string): Promise<ReportedRun | undefined> {
  const folder = dirname(resolve(model));
  return basename(resolve(model)) === 'model' ? readRun(folder, basename(folder)).catch(() => undefined) : undefined;
}
