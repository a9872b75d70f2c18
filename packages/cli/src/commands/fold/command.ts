/** `rna fold`: what it is told. The work is in fold.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import type { FoldOptions } from './fold.ts';
import {
  activationsOption,
  examples,
  listOf,
  positive,
  probability,
  strideOption,
  weightsOption,
  windowOption,
} from '../../commandLine/options.ts';
import { shardOption } from '../../shards/shard.ts';
import { withModelArgument } from '../../commandLine/modelArgument.ts';

const FORMATS = ['dbn', 'ct', 'bpseq', 'svg', 'r2dt'] as const;

export function registerFold(program: Command): void {
  const command = program
    .command('fold')
    .summary('predict secondary structures')
    .description(
      [
        'Predicts base pairs with the built-in model, or one that was fine-tuned for secondary structure, and decodes them',
        'greedily: the most probable pair first, each nucleotide at most once, down to the threshold. Pairs may cross:',
        'pseudoknots are written with [], {}, <> and letters, and --nested forbids them. --engine folds by CONTRAfold or',
        'EternaFold instead, on all cores and without a GPU; no model is named then. Sequences are read and written in',
        'upper case with U for T; letters other than A, C, G and U stay unpaired. With --out, each record gets the files',
        'OUT/ID.FORMAT, where characters of the id that do not suit a file name become _; without it, dot-bracket goes to',
        'stdout. Titles carry accuracy: the share of nucleotides that the structure is expected to have right.',
      ].join(' '),
    )
    .addOption(
      new Option(
        '--engine <name>',
        'what folds: the model, or contrafold or eternafold, whose structures are nested and of maximum expected accuracy',
      )
        .choices(['model', 'contrafold', 'eternafold'])
        .default('model'),
    )
    .option(
      '-o, --out <folder>',
      'the folder to write to; it is made if it is not there. With --shard it is the file that all shards together will be',
    )
    .option(
      '--format <list>',
      'dbn, ct, bpseq, svg (a drawing, coloured by the probability of each pair) and r2dt (ID.r2dt.json, the drawing as RNA 2D JSON, which RNAcanvas and R2DT read), separated by commas',
      listOf(FORMATS),
      ['dbn'],
    )
    .option(
      '--threshold <t>',
      'take pairs above this probability (default: the one tuned with the model, else 0.5)',
      probability,
    )
    .option(
      '--nested',
      'no pseudoknots: the nested structure of maximum expected accuracy over the pair probabilities, as the engines decode theirs',
    )
    .option(
      '--gamma <g>',
      'with --nested or an engine, the weight of pairs against unpaired nucleotides: greater finds more pairs, smaller surer ones; a pair without rivals is taken above a probability of 1 / (1 + g) (default: what so follows from the threshold, engines 6)',
      positive,
    )
    .option('--allow-nc-pairs', 'allow pairs other than AU, GC and GU')
    .option('--allow-sharp-loops', 'allow fewer than three nucleotides between partners')
    .option(
      '--probs',
      'also OUT/ID.probs.tsv: a line "i j p" for each pair i < j, counted from 1, with p of at least 0.0001; with --json in each record too',
    )
    .option(
      '--json',
      'a line of JSON a record on stdout: id, length, sequence, structure, accuracy (the expected share of nucleotides that the structure has right), the model or engine with its threshold or gamma, pairs',
    )
    .option('--skip-bad', 'leave out records that cannot be read or run, and list them; by default nothing is begun')
    .addOption(windowOption('their pair probabilities'))
    .addOption(strideOption())
    .addOption(shardOption())
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .action(async () => {
      const { fold } = await import('./fold.ts');
      const options = command.opts<Omit<FoldOptions, 'model' | 'inputs'>>();
      // An engine needs no model: all that is named are inputs.
      if (options.engine !== 'model') return fold({ ...options, inputs: command.args });
      const { model, rest } = await given();
      return fold({ ...options, model, inputs: rest });
    });
  const given = withModelArgument(command, {
    model: 'it must have a head that predicts base pairs',
    behind: [{ name: 'input', help: 'FASTA files or lines of sequences, gzipped or not, or - for stdin' }],
    many: true,
  });
  examples(command, [
    'rna fold rnas.fasta',
    'rna fold rnas.fasta.gz more.fasta --skip-bad > rnas.dbn',
    'rna fold ./fine-tuned rnas.fasta --out structures --format dbn,ct,bpseq --probs',
    'rna fold rnas.fasta --out structures --format dbn,svg,r2dt',
    'rna fold ./fine-tuned rnas.fasta --nested --json | jq -r .structure',
    'rna fold rnas.fasta --out rnas.dbn --shard 3/8',
    'rna fold --engine eternafold rnas.fasta more.fasta > rnas.dbn',
    'rna fold rinalmo_micro_ss.pt rnas.fasta --threshold 0.3 --allow-sharp-loops > rnas.dbn',
  ]);
}
