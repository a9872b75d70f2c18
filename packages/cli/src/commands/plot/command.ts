/** `rna plot`: what it is told. The work is in plot.ts, loaded when it is called. */
import type { Command } from 'commander';
import { examples } from '../../commandLine/options.ts';
import type { PlotOptions } from './plot.ts';

export function registerPlot(program: Command): void {
  const command = program
    .command('plot')
    .summary('draw the curves of training runs over each other')
    .description(
      [
        'Draws loss, gradient norm, learning rate and every held-out score (accuracy by kind of mask, F1, R² and others) of one',
        'or more runs of rna pretrain or rna finetune, by step; runs under way can be drawn too. An SVG, or an HTML page with a',
        'table of where the runs ended and their configs.',
      ].join(' '),
    )
    .argument('<run...>', 'folders of runs')
    .option('-o, --out <file>', 'a file that ends in .svg or .html; without it the SVG goes to stdout')
    .action(async (folders: string[], options: PlotOptions) => {
      const { plot } = await import('./plot.ts');
      await plot(folders, options);
    });
  examples(command, [
    'rna plot runs/first --out first.svg',
    'rna plot runs/mlm runs/sm runs/ssm --out comparison.html',
  ]);
}
