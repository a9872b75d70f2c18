/** `rna draw`: what it is told. The work is in draw.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import { examples, listOf } from '../../commandLine/options.ts';
import type { DrawOptions } from './draw.ts';

export function registerDraw(program: Command): void {
  const command = program
    .command('draw')
    .summary('draw secondary structures')
    .description(
      [
        'Draws secondary structures as SVG: in the plane, where nothing crosses but pseudoknots, which are curves; as arcs over',
        'the sequence; or on a circle. Structures come from the input, or from a folding engine or a model. A line is a',
        'Watson-Crick pair, a dot a GU pair, an open circle another. One record goes to stdout, several into the folder --out',
        'as ID.svg, or onto one page that ends in .html.',
      ].join(' '),
    )
    .argument(
      '<input...>',
      'dot-bracket, CT, bpseq, ST, Stockholm, PDB, mmCIF or FASTA files, gzipped or not, or - for stdin',
    )
    .option('-o, --out <path>', 'a folder, or a file that ends in .html (all records), .svg or .json (one record)')
    .addOption(
      new Option('--format <list>', 'svg, and r2dt for the JSON that R2DT writes and RNAcanvas opens').argParser(
        listOf(['svg', 'r2dt']),
      ),
    )
    .addOption(
      new Option(
        '--layout <name>',
        'where nucleotides stand: in the plane, on a line with arcs, or on a circle',
      ).choices(['radial', 'arcs', 'circle']),
    )
    .addOption(
      new Option(
        '--colour <what>',
        'by the probability of the pair (or of no pair), the kind of loop, or not at all (default: probability where something folds, else loop)',
      ).choices(['probability', 'loop', 'none']),
    )
    .addOption(new Option('--engine <name>', 'fold the sequences by this engine').choices(['contrafold', 'eternafold']))
    .option(
      '--model <model>',
      'fold the sequences by this model (default for sequences without a structure: the built-in one)',
    )
    .option('--against <file>', 'structures of the same RNAs, drawn over these with the differences marked')
    .action(async (inputs: string[], options: Omit<DrawOptions, 'inputs'>) => {
      const { draw } = await import('./draw.ts');
      await draw({ ...options, inputs });
    });
  examples(command, [
    'rna draw trna.dbn > trna.svg',
    'rna draw rnas.fasta --engine eternafold --out drawings.html',
    'rna draw rnas.fasta --model ./fine-tuned --against known.ct --out drawings',
    'rna fold rnas.fasta | rna draw - --layout arcs --colour none --out drawings --format svg,r2dt',
  ]);
}
