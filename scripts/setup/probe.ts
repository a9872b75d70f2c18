/**
 * Prints the adapter that the project's own look-up finds, as one line of JSON:
 * `{"adapter": {"name": "llvmpipe …", "slow": false}}`, or null where there is
 * none. Set-up starts it as a process of its own.
 */
import { adapterTraits } from '../../packages/tensor/src/adapter.ts';
import { DeviceError } from '../../packages/tensor/src/errors.ts';
import { isFastMesa } from '../../packages/tensor/src/node/driverAge.ts';
import { requestAdapter } from '../../packages/tensor/src/node/index.ts';
import type { FoundAdapter } from './driverPlan.ts';

try {
  const adapter = await requestAdapter();
  const { info } = adapter;
  print({
    name: [info.description, info.device, info.architecture, info.vendor].find((name) => name !== '') ?? 'unnamed',
    slow: adapterTraits(adapter).class === 'cpu' && !isFastMesa(info.description),
  });
} catch (error) {
  if (!(error instanceof DeviceError)) throw error;
  print(null);
}
// Dawn's open handles would keep the process alive.
process.exit();

function print(adapter: FoundAdapter | null): void {
  process.stdout.write(JSON.stringify({ adapter }));
}
