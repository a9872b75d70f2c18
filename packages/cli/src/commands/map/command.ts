/** `rna map`: what it is told. The work is in map.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import { examples, wholeNumber } from '../../commandLine/options.ts';
import type { MapOptions } from './map.ts';

export function registerMap(program: Command): void {
  const command = program
    .command('map')
    .summary('lay RNAs out in the plane by their embeddings, and find clusters')
    .description(
      [
        'Embeds RNAs (mean over the nucleotides) or reads vectors, lays them out in the plane by UMAP and t-SNE, and finds',
        'clusters: k-means in the space of the vectors, as many as the silhouette favours. Neighbours are alike; distances',
        'between clusters say little. Without --out a table of coordinates and clusters goes to stdout.',
      ].join(' '),
    )
    .argument('<input>', 'FASTA, gzipped or not, or - for stdin; or vectors: .npy, .csv, .tsv, .parquet, .safetensors')
    .option('--model <model>', 'the model that embeds (default: the built-in one)')
    .option('-o, --out <list>', 'files that end in .html, .svg or .tsv, separated by commas', (text: string) =>
      text.split(',').filter((name) => name !== ''),
    )
    .addOption(
      new Option('--method <name>', 'the layout of an .svg; a page and a table have both')
        .choices(['umap', 'tsne'])
        .default('umap'),
    )
    .option('--labels <table>', 'a table with a column id, or with a row for each record of an .npy, in its order')
    .option('--column <name>', 'the column of the table that colours the map', 'label')
    .option('--clusters <k>', 'so many clusters (default: the silhouette says how many)', wholeNumber(2))
    .option('--seed <n>', 'of layouts and clusters', wholeNumber(0), 0)
    .action(async (input: string, options: Omit<MapOptions, 'input'>) => {
      const { map } = await import('./map.ts');
      await map({ ...options, input });
    });
  examples(command, [
    'rna map rnas.fasta --out map.html',
    'rna map rnas.fasta --model multimolecule/rinalmo-micro --labels rnas.csv --column family --out map.html,map.tsv',
    'rna map vectors.npy --clusters 8 --method tsne --out map.svg',
  ]);
}
