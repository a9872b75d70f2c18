/**
 * Prints the adapter that the project's own look-up finds, as one line of JSON:
 * `{"adapter": "llvmpipe …"}`, or null where there is none. Set-up starts it as
 * a process of its own.
 */
import { DeviceError } from '../../packages/tensor/src/errors.ts';
import { requestAdapter } from '../../packages/tensor/src/node/index.ts';

try {
  const { info } = await requestAdapter();
  print([info.description, info.device, info.architecture, info.vendor].find((name) => name !== '') ?? 'unnamed');
} catch (error) {
  if (!(error instanceof DeviceError)) throw error;
  print(null);
}
// Dawn's open handles would keep the process alive.
process.exit();

function print(adapter: string | null): void {
  process.stdout.write(JSON.stringify({ adapter }));
}
