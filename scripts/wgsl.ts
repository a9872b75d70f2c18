/**
 * Prints a kernel's finished WGSL: `npm run wgsl -- attention '{"headDim":48}'`.
 * The second argument is a variant as JSON, laid over the kernel's default.
 * With `--list` or an unknown name it lists the kernels and the fields of their
 * variants. No adapter is needed.
 */
import { kernelWgsl, type Kernel, type Variant } from '../packages/kernels/src/index.ts';
import { checks } from '../packages/kernels/src/checks.ts';

const kernels = new Map(checks.map(({ kernel }) => [kernel.name, kernel as Kernel]));
const HELP = `npm run wgsl -- KERNEL [VARIANT]

Prints the WGSL of a kernel in a variant: JSON of fields that differ from the default,
  npm run wgsl -- attention '{"headDim":48}'
  npm run wgsl -- matmul '{"algorithm":"subgroup","f16":"a,b"}'      (f16: buffers that are stored in halves)

Kernels, with the fields of their variants and the defaults:
${[...kernels.values()].map(({ name, variant }) => `  ${name} ${JSON.stringify(variant)}`).join('\n')}
`;

/** The variant that a text gives. Throws an Error that names the field which is none, or of another type. */
function variantOf(kernel: Kernel, text: string): Variant {
  let given: unknown;
  try {
    given = JSON.parse(text);
  } catch (error) {
    throw new Error(`${text} is no JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new Error(`${text} is no JSON object of a variant's fields`);
  for (const [field, value] of Object.entries(given)) {
    const expected = field === 'f16' && kernel.halves !== undefined ? 'string' : typeof kernel.variant[field];
    if (expected === 'undefined')
      throw new Error(`${kernel.name} has no field '${field}'; it has ${JSON.stringify(kernel.variant)}`);
    if (typeof value !== expected)
      throw new Error(`${kernel.name}: '${field}' must be a ${expected}, got ${JSON.stringify(value)}`);
  }
  return { ...kernel.variant, ...(given as Variant) };
}

const [name, text = '{}'] = process.argv.slice(2);
const kernel = kernels.get(name ?? '');
if (name === undefined || name === '--help' || name === '--list') {
  process.stdout.write(HELP);
} else if (kernel === undefined) {
  process.stderr.write(`no kernel is named '${name}'; there are ${[...kernels.keys()].sort().join(', ')}\n`);
  process.exitCode = 2;
} else {
  try {
    process.stdout.write(kernelWgsl(kernel, variantOf(kernel, text)));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 2;
  }
}
