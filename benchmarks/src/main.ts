/**
 * `npm run bench [-- kernels] [--filter REGEX] [--json FILE]`: times the
 * kernels on this machine's adapter. Rows go to stdout as they are done.
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { openDevice } from '@rna/tensor/node';
import { benchmarkKernels } from './kernels.ts';
import { formatRow } from './rows.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { filter: { type: 'string', default: '.' }, json: { type: 'string' } },
});
const suite = positionals[0] ?? 'kernels';
if (suite !== 'kernels') throw new Error(`unknown suite '${suite}'; there is: kernels`);

const device = await openDevice();
const print = (line: string): void => { process.stdout.write(`${line}\n`); };
print(`adapter: ${device.traits.description}`);
const rows = await benchmarkKernels(device, new RegExp(values.filter), (row) => { print(formatRow(row)); });
if (values.json !== undefined) {
  await writeFile(values.json, `${JSON.stringify({ adapter: device.traits.description, date: new Date().toISOString(), rows }, null, 2)}\n`);
}
device.destroy();
