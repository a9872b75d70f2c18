/** From an opened file to the device: a model's parameters, uploaded chunk by chunk. */
import type { Device } from '@rna/tensor';
import { parameter, type ParameterMap } from '../parameters.ts';
import { storeParameter, type WeightType } from '../precision.ts';
import type { OpenedModel } from './load.ts';

/**
 * Uploads an opened model's parameters chunk by chunk, so that host memory holds one chunk at a time, and stores
 * each as `weights` says before the next is begun. Throws a DeviceError for f16 where the adapter has none.
 */
export async function loadParameters(
  device: Device,
  model: Pick<OpenedModel, 'shapes' | 'parameters'>,
  weights: WeightType = 'f32',
): Promise<ParameterMap> {
  const parameters: ParameterMap = new Map();
  let last: string | undefined;
  const store = async (): Promise<void> => {
    if (last !== undefined) parameters.set(last, await storeParameter(last, parameter(parameters, last), weights));
  };
  try {
    for await (const { name, shape, offset, data } of model.parameters()) {
      if (name !== last) {
        await store();
        parameters.set(name, device.empty(shape, 'f32', name).keep());
        last = name;
      }
      device.write(parameter(parameters, name), data, offset);
    }
    await store();
  } catch (error) {
    parameters.forEach((tensor) => {
      tensor.dispose();
    });
    throw error;
  }
  if (weights !== 'f32') device.memory.trim(); // of the f32 originals
  return parameters;
}
