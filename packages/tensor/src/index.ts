export { adapterTraits, Device, type DeviceOptions } from './device.ts';
export { DeviceError, DeviceLostError, MemoryBudgetError, ShapeError } from './errors.ts';
export { megabytes, type MemoryUse } from './memory.ts';
export { backward, record, type Rule } from './tape.ts';
export { describe, elements, requireShape, Tensor, type DType, type HostArray, type Shape } from './tensor.ts';
export * from './ops/elementwise.ts';
export * from './ops/matmul.ts';
