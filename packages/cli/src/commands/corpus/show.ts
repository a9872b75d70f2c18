/** The work of `rna corpus info`, `verify` and `export`: corpus files that are there. */
import { BRACKET_KINDS, pairsLeftOut, writeDotBracket } from '@rna/structure';
import { corpusRecords, openCorpus, RECORD_KINDS, verifyCorpus, type OpenedCorpus, type RecordKind } from '@rna/train';
import { openFileSource, writeAtomically, type FileSource } from '../../files/files.ts';
import { checkOutputFile } from '../../files/outputPaths.ts';
import { formatCount, counted } from '@rna/figures';
import { interruptible, progressBar, writeResult, note } from '../../commandLine/terminal.ts';
import { corpusJson, corpusText } from './describe.ts';

export interface InfoOptions {
  readonly file: string;
  readonly report?: string;
  readonly json?: boolean;
}

/** Reads the table alone. @throws CorpusError for what is no corpus or damaged. */
export async function corpusInfo({ file, report, json }: InfoOptions): Promise<void> {
  await withCorpus(file, async ({ table, digest }, { size }) => {
    const described = { file, bytes: size, digest, table };
    if (report !== undefined) {
      const { checkReportFile, writeCorpusReport } = await import('./report.ts');
      await checkReportFile(report);
      await writeCorpusReport(report, described);
    }
    await writeResult(json ? corpusJson(described) : corpusText(described));
  });
}

/** Reads all. @throws CorpusError for the first damage. */
export async function corpusVerify({ file }: { readonly file: string }): Promise<void> {
  await withCorpus(file, async ({ digest }, source) => {
    const bar = progressBar('checking', source.size, 'bytes');
    const { records } = await interruptible((signal) =>
      verifyCorpus(source, (bytes) => {
        signal.throwIfAborted();
        bar.update(bytes);
      }),
    ).finally(() => {
      bar.stop();
    });
    await writeResult(
      `${file}: whole; ${formatCount(records)} records, ${formatCount(source.size)} bytes, digest ${digest}\n`,
    );
  });
}

export interface ExportOptions {
  readonly file: string;
  readonly out: string;
  readonly kind?: RecordKind;
}

/** Writes records as FASTA, those with structures as dot-bracket; by number, since names are not kept. */
export async function corpusExport({ file, out, kind }: ExportOptions): Promise<void> {
  await checkOutputFile(out);
  let tangled = 0;
  await withCorpus(file, (corpus) =>
    interruptible((signal) =>
      writeAtomically(out, async (sink) => {
        for (const section of kind === undefined ? RECORD_KINDS : [kind]) {
          let number = 0;
          for await (const records of corpusRecords(corpus, section)) {
            signal.throwIfAborted();
            const texts = records.map(({ sequence, partners }) => {
              const id = `${section}/${number++}`;
              if (partners !== undefined && pairsLeftOut(partners).length > 0) tangled++;
              return partners === undefined ? `>${id}\n${sequence}\n` : writeDotBracket({ id, sequence, partners });
            });
            await sink.write(new TextEncoder().encode(texts.join('')));
          }
        }
      }),
    ),
  );
  if (tangled > 0)
    note(
      `the pairs of ${counted(tangled, 'record')} cross more often than the ${BRACKET_KINDS} kinds of brackets can show, and are written in part`,
    );
}

async function withCorpus(
  file: string,
  task: (corpus: OpenedCorpus, source: FileSource) => Promise<void>,
): Promise<void> {
  const source = await openFileSource(file);
  try {
    await task(await openCorpus(source), source);
  } finally {
    await source.close();
  }
}
