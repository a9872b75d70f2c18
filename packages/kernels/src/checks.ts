/** Every kernel's check, in one list for the tests, the gradient check and the benchmark. */
import type { KernelCheck } from './check.ts';
import * as elementwise from './elementwise.check.ts';
import * as matmul from './matmul.check.ts';
import * as reduction from './reduction.check.ts';

const modules = [elementwise, matmul, reduction];

const isCheck = (value: unknown): value is KernelCheck => typeof value === 'object' && value !== null && 'reference' in value;

export const checks: readonly KernelCheck[] = modules.flatMap((module) => Object.values(module).filter(isCheck));
export type { Call, KernelCheck, Values, Work } from './check.ts';
export { gradientErrors } from './check.ts';
