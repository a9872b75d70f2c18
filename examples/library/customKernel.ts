/**
 * A kernel of one's own, with its gradient: y = x³, called as the package's own
 * ops are. Sizes are uniforms, so that a new length compiles nothing.
 */
import { defineKernel, elementwise, flatIndex } from '@rna/kernels';
import { backward, record, reshape, type Device, type Tensor } from '@rna/tensor';
import { openDevice } from '@rna/tensor/node';

/** y = x³. */
const cube = defineKernel({
  name: 'cube',
  inputs: { x: 'f32' },
  outputs: { y: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  y[i] = x[i] * x[i] * x[i];`,
});

/** dx = 3 x² dy. */
const dCube = defineKernel({
  name: 'dCube',
  inputs: { x: 'f32', dy: 'f32' },
  outputs: { dx: 'f32' },
  uniforms: { count: 'u32' },
  variant: {},
  ...elementwise,
  body: () => /* wgsl */ `${flatIndex}
  dx[i] = 3.0 * x[i] * x[i] * dy[i];`,
});

/** The third power of each element, any shape. */
export function cubed(x: Tensor): Tensor {
  const { device, shape, size: count } = x;
  const { y } = device.run(cube, { x }, { y: shape }, { count });
  return record(y, [x], (dy) => [device.run(dCube, { x, dy }, { dx: shape }, { count }).dx]);
}

/** The cubes of some numbers, and the gradient of the last one's. */
export async function cubesOf(device: Device, values: Float32Array): Promise<[Float32Array, Float32Array]> {
  const x = device.tensor(values).train();
  const y = cubed(x);
  const cubes = await y.read();
  const last = device.tensor(values.slice(-1)).train();
  backward(device, () => reshape(cubed(last), [1])).dispose();
  const gradient = await last.gradient!.read();
  for (const tensor of [x, y, last]) tensor.dispose();
  return [cubes, gradient];
}

const device = await openDevice();
console.log(await cubesOf(device, Float32Array.of(1, 2, 3)));
device.destroy();
