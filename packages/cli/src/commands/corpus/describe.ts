/** What a corpus file says of itself, as tables for the terminal and the page, and as JSON. */
import { KIND_NAMES, RECORD_KINDS, type CorpusTable, type RecordKind, type SectionTable } from '@rna/train';
import { formatCount } from '@rna/figures';
import { textTable, type Column, type Table } from '../../report/table.ts';

export interface DescribedCorpus {
  readonly file: string;
  /** The size of the file. */
  readonly bytes: number;
  readonly digest: string;
  readonly table: CorpusTable;
}

const column = (header: string, align: Column['align'] = 'right'): Column => ({ header, group: '', align });

/** Sections that have records. */
export const filledSections = ({ sections }: CorpusTable): (readonly [RecordKind, SectionTable])[] =>
  RECORD_KINDS.filter((kind) => sections[kind].records > 0).map((kind) => [kind, sections[kind]] as const);

/** The four letters and all others, as shares of a section's nucleotides. */
export function letterShares({
  statistics: { letters, nucleotides },
}: SectionTable): { readonly letter: string; readonly share: number }[] {
  const plain = [...'ACGU'].map((letter) => ({ letter, share: (letters[letter] ?? 0) / nucleotides }));
  return [...plain, { letter: 'other', share: 1 - plain.reduce((sum, { share }) => sum + share, 0) }];
}

const megabytes = (bytes: number): string =>
  bytes < 1e5 ? `${formatCount(bytes)} bytes` : `${(bytes / 1e6).toFixed(1)} MB`;
// What is there but rounds to nothing is not called nothing.
const percent = (share: number): string =>
  share > 1e-12 && share < 0.00005 ? '< 0.01 %' : `${Math.max(0, 100 * share).toFixed(2)} %`;

/** The tables: sections, letters, inputs, what was left out. */
export function corpusTables({ file, bytes, digest, table }: DescribedCorpus): Table[] {
  const sections = filledSections(table);
  const { inputs = [], notes = {} } = table.build ?? {};
  return [
    {
      caption: `${file}: ${megabytes(bytes)}, digest ${digest}`,
      columns: [
        column('kind', 'left'),
        ...[
          'records',
          'clusters',
          'largest cluster',
          'nucleotides',
          'shortest',
          'mean',
          'longest',
          'pairs',
          'pseudoknotted records',
        ].map((header) => column(header)),
      ],
      rowHeaders: 1,
      rows: sections.map(([kind, { records, clusters, statistics: s }]) => [
        KIND_NAMES[kind],
        ...[records, clusters, s.largestCluster, s.nucleotides, s.shortest, s.nucleotides / records, s.longest].map(
          formatCount,
        ),
        ...(kind === 'structured' ? [formatCount(s.pairs), formatCount(s.recordsWithPseudoknots)] : ['–', '–']),
      ]),
    },
    {
      caption: 'Letters (T is U; other: ambiguity codes and inosine)',
      columns: [column('kind', 'left'), ...['A', 'C', 'G', 'U', 'other'].map((header) => column(header))],
      rowHeaders: 1,
      rows: sections.map(([kind, section]) => [
        KIND_NAMES[kind],
        ...letterShares(section).map(({ share }) => percent(share)),
      ]),
    },
    ...(inputs.length === 0
      ? []
      : [
          {
            caption: 'Inputs',
            columns: [
              column('folder', 'left'),
              column('read as', 'left'),
              column('format', 'left'),
              column('files'),
              column('records'),
            ],
            rowHeaders: 1,
            rows: inputs.map(({ folder, as, format, files, records }) => [
              folder,
              as,
              format,
              formatCount(files),
              formatCount(records),
            ]),
          } satisfies Table,
        ]),
    ...(Object.keys(notes).length === 0
      ? []
      : [
          {
            caption: 'What was done to them',
            columns: [column('what', 'left'), column('count')],
            rowHeaders: 1,
            rows: Object.entries(notes).map(([what, count]) => [what, formatCount(count)]),
          } satisfies Table,
        ]),
  ];
}

export const corpusText = (corpus: DescribedCorpus): string => corpusTables(corpus).map(textTable).join('\n');

export const corpusJson = ({ table, ...rest }: DescribedCorpus): string =>
  `${JSON.stringify(
    {
      ...rest,
      sections: Object.fromEntries(
        RECORD_KINDS.map((kind) => {
          const { records, clusters, statistics } = table.sections[kind];
          return [kind, { records, clusters, ...statistics }];
        }),
      ),
      ...(table.build ?? {}),
    },
    null,
    2,
  )}\n`;
