/**
 * A kernel in which every access to a buffer is looked at: the index goes
 * through a function that notes it when it is not below the buffer's length.
 * This finds what a guard cannot see, a read beyond the end whose value is
 * thrown away, and an index that wrapped below zero. It rewrites the kernel's
 * text, so it says nothing about results.
 */
import { bindingNames, elementTypes, type AnyKernel, type Kernel, type UniformTypes, type Variant } from '@rna/kernels';
import type { Call, KernelCheck } from '@rna/kernels/checks';
import { runCall, uploadCall } from '../src/checks.ts';
import type { Device } from '../src/index.ts';

/**
 * Text in which `name[index]` is `name[inBounds_name(u32(index))]` for each of the names. Throws when a bracket is not
 * closed.
 */
function rewritten(text: string, names: readonly string[]): string {
  const access = new RegExp(`(?<![\\w.])(${names.join('|')})\\[`);
  const found = access.exec(text);
  if (found === null) return text;
  const [whole, name = ''] = found;
  const start = found.index + whole.length;
  let end = start;
  for (let depth = 1; depth > 0; end++) {
    if (end === text.length) throw new SyntaxError(`'${text.slice(found.index, found.index + 40)}' is not closed`);
    if (text[end] === '[') depth++;
    if (text[end] === ']') depth--;
  }
  const index = rewritten(text.slice(start, end - 1), names);
  return `${text.slice(0, start)}inBounds_${name}(u32(${index}))]${rewritten(text.slice(end), names)}`;
}

/** The kernel with an update `beyond`, [names]: an index that was too large for each of the buffers, or 0. */
function boundsChecked(kernel: AnyKernel, names: readonly string[]): Kernel {
  const k = kernel as Kernel;
  const bounds: UniformTypes = Object.fromEntries(names.map((name) => [`length_${name}`, 'u32']));
  // Noted in registers and stored at the end: a store at every access would compile for minutes.
  const checks = names
    .map(
      (name) => /* wgsl */ `
var<private> beyond_${name} = 0u;
fn inBounds_${name}(i: u32) -> u32 {
  beyond_${name} = max(beyond_${name}, select(0u, i, i >= u.length_${name}));
  return i;
}`,
    )
    .join('');
  const store = /* wgsl */ `
fn storeBeyond() {
  ${names.map((name, i) => `if (beyond_${name} != 0u) { beyond[${i}u] = beyond_${name}; }`).join('\n  ')}
}`;
  return {
    ...k,
    name: `${k.name}BoundsChecked`,
    updates: { ...k.updates, beyond: 'u32' },
    uniforms: { ...k.uniforms, ...bounds },
    declarations: (variant) => `${checks}${store}\n${rewritten(k.declarations?.(variant) ?? '', names)}`,
    body: (variant) =>
      `${rewritten(k.body(variant), names).replaceAll('return;', 'storeBeyond(); return;')}\n  storeBeyond();`,
  };
}

/** Runs a call and returns a sentence for each buffer that it accesses beyond its end. */
export async function accessesBeyond(
  device: Device,
  check: KernelCheck,
  call: Call,
  tuning: Variant = {},
): Promise<string[]> {
  // The checked kernel has a name of its own, so what the device chooses for the kernel is pinned here.
  const chosen = device.variant(check.kernel, { ...tuning, ...call.variant }, call.uniforms);
  const names = bindingNames(check.kernel, chosen);
  const types = elementTypes(check.kernel, chosen);
  // The device's buffers end with a whole vector.
  const elements = (name: string): number =>
    Math.ceil((call.inputs[name]?.length ?? call.outputs[name]!) / (types[name]!.startsWith('vec4') ? 4 : 1));
  const checked: Call = {
    ...call,
    inputs: { ...call.inputs, beyond: new Uint32Array(names.length) },
    uniforms: { ...call.uniforms, ...Object.fromEntries(names.map((name) => [`length_${name}`, elements(name)])) },
    variant: chosen,
  };
  const buffers = uploadCall(device, checked);
  const results = runCall(device, { ...check, kernel: boundsChecked(check.kernel, names) }, checked, buffers);
  const beyond = await device.read(buffers['beyond']!);
  for (const tensor of new Set([...Object.values(buffers), ...Object.values(results)])) tensor.dispose();
  return names.flatMap((name, i) =>
    beyond[i] === 0
      ? []
      : [
          `${check.kernel.name} ${JSON.stringify(chosen)} at ${JSON.stringify(call.uniforms)}: ${name}[${beyond[i]!}] is accessed, and there are ${elements(name)} elements`,
        ],
  );
}
