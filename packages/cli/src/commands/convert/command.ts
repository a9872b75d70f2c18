/** `rna convert`: what it is told. The work is in convert.ts, loaded when it is called. */
import { Option, type Command } from 'commander';
import type { ConvertOptions } from './convert.ts';
import { examples, MODEL_HELP } from '../../commandLine/options.ts';

export function registerConvert(program: Command): void {
  const command = program
    .command('convert')
    .summary('convert a model between file formats and naming schemes')
    .description(
      [
        'Writes a model to OUT: name.pt (PyTorch), name.safetensors, or a folder with config.json and model.safetensors.',
        'Heads and tuned thresholds go along; values are float32 and unchanged.',
      ].join(' '),
    )
    .argument('<in>', MODEL_HELP)
    .argument('<out>', 'the file or folder to write')
    .addOption(
      new Option(
        '--to <names>',
        "names of the tensors: RiNALMo's or RNA-FM's official ones, those of their Hugging Face ports, or LLaMA's for SSR-LM (default: llama for SSR-LM; for the others official in a .pt, else port)",
      ).choices(['official', 'port', 'llama']),
    )
    .option('--config <file>', 'config.json to use instead of the one beside the weights')
    .option('--force', 'replace what is there')
    .action(async (source: string, out: string, options: Omit<ConvertOptions, 'source' | 'out'>) => {
      const { convert } = await import('./convert.ts');
      await convert({ ...options, source, out });
    });
  examples(command, [
    'rna convert rinalmo_micro_pretrained.pt rinalmo-micro',
    'rna convert multimolecule/rinalmo-micro rinalmo_micro.pt --to official',
    'rna convert runs/mine/checkpoints/best mine.safetensors',
  ]);
}
