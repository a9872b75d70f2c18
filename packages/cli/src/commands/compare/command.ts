/** `rna compare`: what it is told. The work is in compare.ts, loaded when it is called. */
import type { Command } from 'commander';
import { examples, listOf } from '../../commandLine/options.ts';
import type { CompareOptions } from './compare.ts';

const names = (text: string): string[] => text.split(',').filter((name) => name !== '');

export function registerCompare(program: Command): void {
  const command = program
    .command('compare')
    .summary('fold RNAs by several engines and models and compare the structures')
    .description(
      [
        'Folds the same RNAs by folding engines and models, and says how far their structures agree: the F1 of their pairs,',
        'each with each, exact pairs only, as a mean over RNAs. Where the structures are known (--truth, or the input has',
        'them), precision, recall and F1 of each. A page has every structure drawn, side by side; a table or JSON has the',
        'numbers of each RNA. Without --out, means go to stdout.',
      ].join(' '),
    )
    .argument('<input...>', 'FASTA, dot-bracket, CT or other files of RNAs, gzipped or not, or - for stdin')
    .option('--engines <list>', 'contrafold and eternafold, separated by commas', listOf(['contrafold', 'eternafold']))
    .option(
      '--models <list>',
      'models that predict base pairs, separated by commas; builtin is the built-in one',
      names,
    )
    .option('--truth <file>', 'the known structures of the RNAs')
    .option('-o, --out <list>', 'files that end in .html, .tsv or .json, separated by commas', names)
    .option('--json', 'JSON on stdout, as in a .json file')
    .action(async (inputs: string[], options: Omit<CompareOptions, 'inputs'>) => {
      const { compare } = await import('./compare.ts');
      await compare({ ...options, inputs });
    });
  examples(command, [
    'rna compare rnas.fasta --engines contrafold,eternafold --models builtin --out comparison.html',
    'rna compare rnas.fasta --engines contrafold,eternafold --truth known.dbn --out comparison.html,comparison.tsv',
  ]);
}
