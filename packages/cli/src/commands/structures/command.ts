/** `rna structures`: what it is told. The work is in structures.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import type { StructuresOptions } from './structures.ts';
import { examples, INPUT_HELP, listOf, wholeNumber, positive } from '../../commandLine/options.ts';
import { shardOption } from '../../shards/shard.ts';

export function registerStructures(program: Command): void {
  const command = program
    .command('structures')
    .summary('fold sequences by the CONTRAfold model, without a language model')
    .description(
      [
        'Folds sequences by the CONTRAfold model: partition function, pair probabilities, and the nested structure of maximum',
        'expected accuracy. Runs on all cores, needs no GPU. The output has three lines a record: ">id", the sequence in upper',
        'case with U for T, and dot-bracket; or CT or bpseq. Letters other than A, C, G and U stay unpaired. Time grows with the',
        'cube of the length: half a second for 1,000 nucleotides, four seconds for 2,000 on one core; memory with its square: 2 GB',
        'for 10,000. An interrupted run is continued by the same command: what was folded is kept in a hidden file beside FILE',
        'until that is complete.',
      ].join(' '),
    )
    .argument('<input>', INPUT_HELP)
    .option(
      '-o, --out <file>',
      'the file to write, whole or not at all; without it, records go to stdout as they are done',
    )
    .option('--params <set>', 'contrafold, eternafold, or a parameter file of these programs', 'contrafold')
    .option(
      '--gamma <g>',
      'weight of pairs against unpaired nucleotides: greater finds more pairs, smaller surer ones',
      positive,
      6,
    )
    .addOption(
      new Option(
        '--rules <program>',
        "whose structures are counted, where the two programs differ: eternafold's hairpins have at least three nucleotides, contrafold counts some loops more than once (default: the set's own; contrafold for a file)",
      ).choices(['contrafold', 'eternafold']),
    )
    .addOption(
      new Option(
        '--arithmetic <kind>',
        'exact is the true sum; program adds as CONTRAfold and EternaFold do, and gives their numbers to the digits that they print, up to 0.0025 of a probability from the sum; it takes five times as long for 50 nucleotides, 23 times for 500',
      )
        .choices(['exact', 'program'])
        .default('exact'),
    )
    .option(
      '--format <list>',
      'dbn, ct and bpseq, separated by commas: one is what FILE holds; of several each is written to FILE.dbn, FILE.ct, FILE.bpseq',
      listOf(['dbn', 'ct', 'bpseq']),
      ['dbn'],
    )
    .option(
      '--probs',
      'also pair probabilities of at least 0.0001: with --json in each record, else a table "id i j p" in FILE.probs.tsv',
    )
    .option(
      '--scores',
      'also a table "id length logZ accuracy" in FILE.scores.tsv: the log partition function, and the expected share of nucleotides that the structure has right',
    )
    .option(
      '--constraints <file>',
      'what is known beforehand: a line ">id" and a line of . (anything) x (unpaired) | (paired) < > (paired to the right, left) and ( ) (with each other)',
    )
    .option(
      '--json',
      'a line of JSON a record instead: id, sequence, structure, logZ (the log partition function), accuracy (the expected share of nucleotides that the structure has right), pairs',
    )
    .addOption(shardOption())
    .option('--jobs <n>', 'threads (default: one a core)', wholeNumber(1))
    .action(async (input: string, options: Omit<StructuresOptions, 'input'>) => {
      const { structures } = await import('./structures.ts');
      await structures({ ...options, input });
    });
  examples(command, [
    'rna structures rnas.fasta --out rnas.dbn',
    'rna structures rnas.fasta --params eternafold --gamma 2 > rnas.dbn',
    'rna structures rnas.fasta --out rnas.jsonl --json --probs',
    'rna structures rnas.fasta --out rnas.dbn --scores --shard 3/8',
    'rna structures rnas.fasta --out rnas.ct --format ct --scores',
  ]);
}
