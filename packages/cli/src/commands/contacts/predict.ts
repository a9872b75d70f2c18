/**
 * The work of `rna contacts predict`: for each record a table of pair probabilities and one of its most probable pairs.
 */
import { join } from 'node:path';
import { predictContacts, topContacts, type Precision } from '@rna/model';
import { withFasta } from '../../input/fastaInput.ts';
import { isFiniteArray, overflow } from '../../models/nonFinite.ts';
import { checkLengths } from '../../models/inputLimit.ts';
import { naming, withEncoder, withModel } from '../../models/loadModel.ts';
import { fileNames } from '../../files/outputPaths.ts';
import { pairLines, pairRow, PAIR_HEADER, probablePairs, writeText } from '../../tables/pairTable.ts';
import { interruptible, progressBar } from '../../commandLine/terminal.ts';
import { readContacts, requireDigest, requireSizes, withDigest } from './file.ts';
import { makeFolder } from '../../files/files.ts';

export interface ContactsPredictOptions extends Precision {
  readonly model: string;
  readonly contacts: string;
  readonly input: string;
  readonly out: string;
  readonly config?: string;
}

/** Throws an InputError, CheckpointError or CommandError before any output is begun. */
export async function contactsPredict(options: ContactsPredictOptions): Promise<void> {
  const { contacts, out, model: name } = options;
  const fitted = await readContacts(contacts);
  const { regression, separation } = fitted;
  await interruptible((signal) =>
    withFasta(options.input, { signal }, async (fasta) => {
      const names = fileNames(fasta.plan);
      await withModel(name, options, async (opened) => {
        requireSizes(fitted, contacts, opened, name);
        checkLengths(opened.config, fasta.plan);
        const { model, digest } = withDigest(opened);
        await withEncoder(
          model,
          async (encoder) => {
            requireDigest(fitted, contacts, digest(), name);
            await makeFolder(out);
            const bar = progressBar('contacts', fasta.plan.length, 'records');
            let done = 0;
            try {
              for await (const record of fasta.records()) {
                signal.throwIfAborted();
                const {
                  id,
                  sequence: { length },
                } = record;
                const probabilities = await predictContacts(encoder, record.sequence, regression).catch(
                  (error: unknown) => {
                    throw naming(error, record.file, record);
                  },
                );
                if (!isFiniteArray(probabilities)) throw await overflow(encoder, record.file, record);
                const path = join(out, names.get(id)!);
                await writeText(`${path}.contacts.tsv`, pairLines(probablePairs(probabilities, length, separation)));
                await writeText(`${path}.top.tsv`, [
                  PAIR_HEADER,
                  ...topContacts(probabilities, length, { separation }).map(pairRow),
                ]);
                bar.update(++done);
              }
            } finally {
              bar.stop();
            }
          },
          options,
        );
      });
    }),
  );
}
