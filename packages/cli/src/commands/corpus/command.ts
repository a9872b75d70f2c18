/** `rna corpus …`: what it is told. The work is in the files beside it, loaded when it is called. */
import { Option, type Command } from 'commander';
import type { BuildOptions } from './build.ts';
import type { EpochOptions } from './epoch.ts';
import type { ExportOptions, InfoOptions } from './show.ts';
import { examples, probability, wholeNumber } from '../../commandLine/options.ts';

const reportOption = (): Option =>
  new Option('--report <file>', 'also draw lengths, letters and clusters, to an .html page or an .svg');
const JSON_HELP = 'as JSON, for scripts';

export function registerCorpus(program: Command): void {
  const corpus = program.command('corpus').summary('build, show and check the binary corpora that rna pretrain reads');

  const build = corpus
    .command('build')
    .summary('make a corpus of files of sequences and structures')
    .description(
      [
        'Reads FASTA, dot-bracket, CT, bpseq, ST, Stockholm, PDB and mmCIF files, also gzipped, and folders of them, and writes one',
        'binary corpus that Node reads from disk and a browser over HTTP, by range. T is read as U, gaps are taken out,',
        "ambiguity codes are kept; of equal sequences one is kept, one with a structure first. An alignment's consensus",
        'structure is mapped on each of its sequences. What was left out is counted. The order is shuffled by cluster,',
        "independently of the order of files. Names of records are not kept. Needs free disk of about the input's size.",
      ].join(' '),
    )
    .argument('<out>', 'the corpus to write, FILE.corpus')
    .option('--ncrna <paths...>', 'non-coding RNAs; those with a structure are masked by it', collect, [])
    .option('--other <paths...>', 'other RNAs, such as mRNAs; their structures are not kept', collect, [])
    .option('--clusters <file>', 'lines "representative<TAB>member" of record ids, as MMseqs2 writes them')
    .option('--max-length <n>', 'count the records that are longer; they are kept', wholeNumber(1))
    .addOption(reportOption())
    .option('--json', JSON_HELP)
    .action(async (out: string, options: Omit<BuildOptions, 'out'>) => {
      const { buildCorpus } = await import('./build.ts');
      await buildCorpus({ ...options, out });
    });
  examples(build, [
    'rna corpus build train.corpus --ncrna rnacentral.fasta.gz structures.dbn Rfam.seed.gz --other mrna.fasta.gz',
    'rna corpus build train.corpus --ncrna rnas/ --clusters rnas_cluster.tsv --max-length 1022 --report corpus.html',
  ]);

  const info = corpus
    .command('info')
    .summary('show what is in a corpus; reads its table alone')
    .argument('<file>', 'a corpus')
    .addOption(reportOption())
    .option('--json', JSON_HELP)
    .action(async (file: string, options: Omit<InfoOptions, 'file'>) => {
      const { corpusInfo } = await import('./show.ts');
      await corpusInfo({ ...options, file });
    });
  examples(info, [
    'rna corpus info train.corpus',
    'rna corpus info train.corpus --json | jq .sections.structured.records',
  ]);

  corpus
    .command('verify')
    .summary('read a corpus through and check every block and record')
    .argument('<file>', 'a corpus')
    .action(async (file: string) => {
      const { corpusVerify } = await import('./show.ts');
      await corpusVerify({ file });
    });

  const epoch = corpus
    .command('epoch')
    .summary('make an epoch of batches as rna pretrain would, and say what is in them')
    .description(
      'Draws, packs and corrupts one epoch: rows and how full they are, sequences, what is to be predicted by kind of mask, and how long it takes on one core.',
    )
    .argument('<file>', 'a corpus')
    .addOption(new Option('--masking <scheme>', 'as masking.scheme').choices(['ssm', 'sm', 'mlm']).default('ssm'))
    .option('--max-tokens <n>', 'as batch.maxTokens: tokens of a row', wholeNumber(3), 1024)
    .option('--window <n>', 'as data.window: sequences that are packed together', wholeNumber(1), 2048)
    .option('--other-share <p>', 'as data.otherShare: part of the sequences that is other RNA', probability, 0.5)
    .option('--seed <n>', 'as seed', wholeNumber(0), 0)
    .option('--json', JSON_HELP)
    .action(async (file: string, options: Omit<EpochOptions, 'file'>) => {
      const { corpusEpoch } = await import('./epoch.ts');
      await corpusEpoch({ ...options, file });
    });
  examples(epoch, ['rna corpus epoch train.corpus --window 8192', 'rna corpus epoch train.corpus --json | jq .filled']);

  const exporting = corpus
    .command('export')
    .summary('write the records of a corpus as FASTA, those with structures as dot-bracket')
    .argument('<file>', 'a corpus')
    .requiredOption('-o, --out <file>', 'the file to write')
    .addOption(new Option('--kind <kind>', 'only these').choices(['structured', 'ncrna', 'other']))
    .action(async (file: string, options: Omit<ExportOptions, 'file'>) => {
      const { corpusExport } = await import('./show.ts');
      await corpusExport({ ...options, file });
    });
  examples(exporting, ['rna corpus export train.corpus --kind structured --out structured.dbn']);
}

/** An option's values, also where it is given several times. */
const collect = (path: string, paths: readonly string[]): string[] => [...paths, path];
