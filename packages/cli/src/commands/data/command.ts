/** `rna data …`: what it is told. The work is in the files beside it, loaded when it is called. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { NcrnaFamilyOptions } from './ncrnaFamily.ts';
import type { RibosomeLoadOptions } from './ribosomeLoad.ts';
import type { SecondaryOptions } from './secondary.ts';
import type { SpliceOptions, SpliceSite } from './splice.ts';
import type { TranslationOptions } from './translation.ts';
import { examples, wholeNumber } from '../../commandLine/options.ts';

export function registerData(program: Command): void {
  const data = program
    .command('data')
    .summary('make training, validation and test sets of the published downloads of each task')
    .description(
      [
        'Each sub-command takes a download as it is unpacked, by the names of its files, applies the filters and the split of',
        'the papers, and writes the sets that rna finetune and rna evaluate read. A table says what is in each; what was left',
        'out is said on stderr. The same input and seed give the same files, and all of them are written or none.',
      ].join(' '),
    );
  registerSecondary(data);
  registerSplice(data);
  registerRibosomeLoad(data);
  registerTranslation(data);
  registerNcrnaFamily(data);
}

function registerSecondary(data: Command): void {
  const command = withOutput(data.command('secondary'))
    .summary("base pairs: ArchiveII by family, or bpRNA's TR0, VL0 and TS0")
    .description(
      [
        'ArchiveII (the archive of CT files or a folder of them): the nine families of the papers, at most 512 nucleotides, 3,865',
        'RNAs; OUT/FAMILY/{train,validation,test}.dbn hold one family out each. With --folds, whole families are dealt to that',
        'many tests. Validation is a tenth of each family that is trained on. ct-splits.tar.gz of Szikszai et al.: the folds of its',
        "folder fam-fold, which the papers used, with the validation that its authors drew; so too that folder and RiNALMo's",
        'archiveII/FAMILY/{train,valid,test}. bpRNA (folders or files TR0, VL0, TS0): OUT/{train,validation,test}.dbn. An RNA that',
        'comes twice is refused. Pseudoknots and non-canonical pairs are kept, and counted in the table.',
      ].join(' '),
    )
    .argument('<input>', "ct.tar.gz, ct-splits.tar.gz, one file with RNAs of ArchiveII's families, or a folder")
    .option('--folds <k>', 'tests of ArchiveII (default: one for each family)', wholeNumber(2))
    .option(
      '--max-length <n>',
      'leave out longer RNAs, where the test is drawn already only of training and validation (default: 512 for RNAs of ArchiveII that are split here, else none)',
      wholeNumber(1),
    )
    .action(async (input: string, options: Omit<SecondaryOptions, 'input'>) => {
      const { prepareSecondary } = await import('./secondary.ts');
      await prepareSecondary({ ...options, input });
    });
  withSeed(command);
  examples(command, [
    'rna data secondary ct.tar.gz --out archiveII',
    'rna data secondary ct-splits.tar.gz --out archiveII',
    'rna data secondary bpRNA_dataset --out bprna --max-length 500',
  ]);
}

function registerSplice(data: Command): void {
  const command = withOutput(data.command('splice'))
    .summary("splice sites: Spliceator's gold standard, or windows of several species")
    .description(
      [
        "Spliceator (the folder of SpliceBERT's data.tar.gz, with Training_data and Benchmarks): 600 nucleotides cut to the",
        "middle 400, ten stratified folds of scikit-learn with seed 2020, --fold N is RiNALMo's db_N; tests are zebrafish, fly,",
        'thale cress and worm. Or tables NAME_SPECIES_SITE_N.csv (id;sequence;label): one species is split in training,',
        'validation and test, windows that overlap on the chromosome together; every other species is a test. Written are',
        'OUT/SITE/train.csv, validation.csv and test_SPECIES.csv.',
      ].join(' '),
    )
    .argument('<input>', 'the folder of the files')
    .addOption(
      new Option('--site <site>', 'only this site (default: both, of species those that have tables)').choices([
        'donor',
        'acceptor',
      ]),
    )
    .option('--fold <n>', 'which of the ten folds is held out, from 1', wholeNumberTo(1, 10), 1)
    .option('--species <name>', 'the species to train on (default: that with the most windows)')
    .action(
      async (input: string, { site, ...options }: Omit<SpliceOptions, 'input' | 'sites'> & { site?: SpliceSite }) => {
        const { prepareSplice, SPLICE_SITES } = await import('./splice.ts');
        await prepareSplice({ ...options, input, sites: site === undefined ? SPLICE_SITES : [site] });
      },
    );
  withSeed(command, "of the folds of species; those of Spliceator are the reference's");
  examples(command, [
    'rna data splice spliceator --out splice',
    'rna data splice windows --out splice --site donor --species arabidopsis',
  ]);
}

function registerRibosomeLoad(data: Command): void {
  const command = withOutput(data.command('ribosome-load'))
    .alias('mrl')
    .summary("mean ribosome load of 5' UTRs")
    .description(
      [
        'GSM4084997_varying_length_25to100.csv.gz of GEO series GSE114002: UTRs without a load, with fewer than 10 reads, or that',
        'come more than once (all copies) are left out; for each length from 25 to 100 the 100 most read of the random UTRs are',
        'validation (Random7600) and of the human ones the test (Human7600); all other random UTRs are trained on. A table with',
        'only utr and rl (and no total_reads and set) is split at random by --seed: a tenth validation, a tenth test.',
      ].join(' '),
    )
    .argument('<input>', 'the table, gzipped or not, or its folder')
    .action(async (input: string, options: Omit<RibosomeLoadOptions, 'input'>) => {
      const { prepareRibosomeLoad } = await import('./ribosomeLoad.ts');
      await prepareRibosomeLoad({ ...options, input });
    });
  withSeed(command, 'of a table without counts');
  examples(command, [
    'rna data ribosome-load GSM4084997_varying_length_25to100.csv.gz --out mrl',
    'rna data mrl utrs.csv --out mrl --seed 1',
  ]);
}

function registerTranslation(data: Command): void {
  const command = withOutput(data.command('translation'))
    .summary("translation efficiency and expression level of 5' UTRs")
    .description(
      [
        'Muscle_sequence.csv, pc3_sequence.csv and HEK_sequence.csv with the columns utr, te_log and rnaseq_log: ten folds of',
        "scikit-learn's KFold, shuffled with seed 42. --fold I is the test, the one before it validation (before 0 comes 9), as in",
        'RiNALMo. Written are OUT/CELLS/{train,validation,test}.csv, for both tasks.',
      ].join(' '),
    )
    .argument('<input>', 'one of the tables, or their folder')
    .option('--fold <i>', 'the test, from 0', wholeNumberTo(0, 9), 0)
    .action(async (input: string, options: Omit<TranslationOptions, 'input'>) => {
      const { prepareTranslation } = await import('./translation.ts');
      await prepareTranslation({ ...options, input });
    });
  examples(command, [
    'rna data translation utrs --out translation',
    'rna data translation HEK_sequence.csv --out translation --fold 3',
  ]);
}

function registerNcrnaFamily(data: Command): void {
  const command = withOutput(data.command('ncrna-family'))
    .summary('classes of non-coding RNA')
    .description(
      [
        "nRC's dataset_Rfam_6320_13classes.fasta and dataset_Rfam_validated_2600_13classes.fasta, the class behind the id: the",
        "second is the test; of the first, what is not also in the test, a tenth of each class is validation. ncrna-deep's",
        "x_train.fasta, x_val.fasta and x_test.fasta (of its RDa file, written by R): RiNALMo's 88 families, filtered and balanced",
        'as there. Any other FASTA file with the class behind the id: a tenth of each class is validation, another the test; of',
        'equal sequences one is taken.',
        'class_id and name are both in the tables. Tables that RiNALMo prepared (name, width, sequence, class_id) can be given',
        'to rna finetune as they are.',
      ].join(' '),
    )
    .argument('<input>', 'the folder of the files, or one FASTA file')
    .option(
      '--boundary-noise <percent>',
      "add dinucleotides drawn from a sequence to its ends, of its length; 200 in RiNALMo's noisy sets",
      wholeNumber(0),
    )
    .action(async (input: string, options: Omit<NcrnaFamilyOptions, 'input'>) => {
      const { prepareNcrnaFamily } = await import('./ncrnaFamily.ts');
      await prepareNcrnaFamily({ ...options, input });
    });
  withSeed(command);
  examples(command, [
    'rna data ncrna-family nrc --out ncrna',
    'rna data ncrna-family rfam --out ncrna --boundary-noise 200',
  ]);
}

const withOutput = (command: Command): Command =>
  command
    .requiredOption('-o, --out <folder>', 'the folder to write to; it is made if it is not there')
    .option('--json', 'as JSON, for scripts');

const withSeed = (command: Command, what = 'of the split'): Command =>
  command.option('--seed <n>', `the seed ${what}`, wholeNumber(0), 0);

function wholeNumberTo(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = wholeNumber(least)(text);
    if (value > most) throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
    return value;
  };
}
