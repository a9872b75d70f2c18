/** `rna contacts …`: what it is told. The work is in the files beside it, loaded when it is called. */
import { Option, type Command } from 'commander';
import { withModelArgument } from '../../commandLine/modelArgument.ts';
import type { ContactsEvaluateOptions } from './evaluate.ts';
import type { ContactsFitOptions } from './fit.ts';
import type { ContactsPredictOptions } from './predict.ts';
import {
  activationsOption,
  examples,
  INPUT_HELP,
  positive,
  weightsOption,
  wholeNumber,
} from '../../commandLine/options.ts';

const FILES_HELP = 'files or folders of RNAs with structures: dot-bracket, CT, bpseq or ST';
const CONTACTS_HELP = 'what rna contacts fit wrote, for this model';
const CONFIG_HELP = 'config.json to use instead of the one beside the weights';
const MAX_LENGTH_HELP = 'leave out RNAs of more nucleotides';

export function registerContacts(program: Command): void {
  const contacts = program
    .command('contacts')
    .summary('base pairs read off the attention maps of a model that was never told of structures');

  const fit = contacts
    .command('fit')
    .summary('fit the regression from attention maps to base pairs, to a few RNAs')
    .description(
      [
        'A logistic regression with an L1 penalty on the attention maps of all layers and heads, made symmetric and corrected',
        'for what a row and a column share with all others (APC). The encoder is not changed, and any task head is ignored.',
        'The fit ends where its optimality conditions hold to a millionth of the penalty. The file keeps the RNAs, so that',
        'rna contacts evaluate scores others.',
      ].join(' '),
    )
    .requiredOption('-o, --out <file>', 'the JSON file to write')
    .option('--max-rnas <n>', 'draw this many of the RNAs', wholeNumber(1), 20)
    .option('--max-length <n>', MAX_LENGTH_HELP, wholeNumber(1))
    .option('--separation <n>', 'least distance |i − j| of the pairs that are learnt from', wholeNumber(1), 6)
    .addOption(
      new Option(
        '--penalty <p>',
        'weight of the sum of |weights| against the summed log-likelihood: 1 / C of scikit-learn',
      )
        .argParser(positive)
        .default(1 / 0.15, '1 / 0.15, as in the papers'),
    )
    .option('--seed <n>', 'for the draw', wholeNumber(0), 0)
    .option('--memory <MB>', 'memory for the attention maps', wholeNumber(1), 2048)
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', CONFIG_HELP)
    .action(async () => {
      const { model, rest } = await givenToFit();
      const { contactsFit } = await import('./fit.ts');
      await contactsFit({ ...fit.opts<Omit<ContactsFitOptions, 'model' | 'files'>>(), model, files: rest });
    });
  const givenToFit = withModelArgument(fit, {
    behind: [{ name: 'files', help: FILES_HELP }],
    many: true,
    takesFolders: true,
  });
  examples(fit, [
    'rna contacts fit multimolecule/rinalmo-micro archiveII.dbn --out contacts.json',
    'rna contacts fit runs/pretrain/model TR0 --max-rnas 20 --max-length 200 --seed 1 --out contacts.json',
  ]);

  const evaluate = contacts
    .command('evaluate')
    .summary('score the regression: the precision of its most probable pairs')
    .description(
      [
        'Precision of the L, L/2, L/5 most probable pairs of an RNA of L nucleotides, and of as many as it has true ones:',
        'means over RNAs with 95 % bootstrap intervals. Only pairs as far apart as in the fit count. RNAs with a sequence that',
        'was fitted to are left out; near relatives of them are not.',
      ].join(' '),
    )
    .option('--max-length <n>', MAX_LENGTH_HELP, wholeNumber(1))
    .option('--baselines', 'also score the pair probabilities of CONTRAfold and EternaFold')
    .option(
      '--compare-random',
      'also fit and score an encoder of the same sizes with random weights, and the difference RNA by RNA',
    )
    .option('--csv <file>', 'also write the scores of each RNA')
    .option('--json', 'print the result as JSON instead of a table')
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', CONFIG_HELP)
    .action(async () => {
      const {
        model,
        rest: [contactsFile, ...files],
      } = await givenToEvaluate();
      const { contactsEvaluate } = await import('./evaluate.ts');
      const options = evaluate.opts<Omit<ContactsEvaluateOptions, 'model' | 'contacts' | 'files'>>();
      await contactsEvaluate({ ...options, model, contacts: contactsFile, files });
    });
  const givenToEvaluate = withModelArgument(evaluate, {
    behind: [
      { name: 'contacts', help: CONTACTS_HELP },
      { name: 'files', help: FILES_HELP },
    ],
    many: true,
  });
  examples(evaluate, [
    'rna contacts evaluate multimolecule/rinalmo-micro contacts.json archiveII.dbn --compare-random --csv contacts.csv',
  ]);

  const predict = contacts
    .command('predict')
    .summary('predict contacts of sequences')
    .description(
      [
        'Writes two tables of lines "i j p" for each record, counted from 1: OUT/ID.contacts.tsv has each pair i < j with p of',
        'at least 0.0001, OUT/ID.top.tsv the L most probable pairs of L nucleotides, the best first. Only pairs as far apart as',
        'in the fit are written, and a nucleotide may be in several. Characters of an id that do not suit a file name become _.',
      ].join(' '),
    )
    .requiredOption('-o, --out <folder>', 'the folder to write to; it is made if it is not there')
    .addOption(weightsOption())
    .addOption(activationsOption())
    .option('--config <file>', CONFIG_HELP)
    .action(async () => {
      const {
        model,
        rest: [contactsFile, input = ''],
      } = await givenToPredict();
      const { contactsPredict } = await import('./predict.ts');
      const options = predict.opts<Omit<ContactsPredictOptions, 'model' | 'contacts' | 'input'>>();
      await contactsPredict({ ...options, model, contacts: contactsFile, input });
    });
  const givenToPredict = withModelArgument(predict, {
    behind: [
      { name: 'contacts', help: CONTACTS_HELP },
      { name: 'input', help: INPUT_HELP },
    ],
  });
  examples(predict, ['rna contacts predict multimolecule/rinalmo-micro contacts.json rnas.fasta --out contacts']);
}
