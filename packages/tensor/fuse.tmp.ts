import { openDevice } from '/work/main/packages/tensor/src/node/index.ts';
import { flatZeros, flatten } from '/work/main/packages/tensor/src/flat.ts';
import { adamW } from '/work/main/packages/kernels/src/index.ts';
const device = await openDevice({ tuning: false });
const settings = { keep: 1, beta1: .9, oneMinusBeta1: .1, beta2: .999, oneMinusBeta2: .001, stepSize: 1e-3, rootCorrection2: 1, eps: 1e-8 };
const report = device.tensor(Float32Array.from([1, 1, 1, 1, 0,0,0,0])).keep();
for (const [count, size] of [[27, 64], [27, 640], [27, 4096], [27, 16384], [27, 65536], [264, 1280]] as const) {
  const sizes = Array(count).fill(size) as number[];
  const shapes = sizes.map((n) => [n]);
  const gradients = sizes.map((n) => device.full([n], 0.1).keep());
  const single = sizes.map((n) => ({ parameter: device.full([n], 1).keep(), m: device.zeros([n]).keep(), v: device.zeros([n]).keep() }));
  const parameter = flatten(sizes.map((n) => device.full([n], 1).keep()));
  const [m, v, g] = [flatZeros(device, shapes), flatZeros(device, shapes), flatZeros(device, shapes)];
  const A = () => single.forEach((s, t) => device.run(adamW, { gradient: gradients[t]!, report, ...s }, {}, { count: s.parameter.size, ...settings }));
  const B = () => { g.parts.forEach((p, t) => device.copy(gradients[t]!, p)); device.run(adamW, { gradient: g.whole, report, parameter, m: m.whole, v: v.whole }, {}, { count: parameter.size, ...settings }); };
  const time = async (f: () => void, k: number) => { const b = performance.now(); for (let i = 0; i < k; i++) f(); const rec = performance.now() - b; await device.idle(); return [(performance.now() - b) / k, rec / k]; };
  await time(A, 1), await time(B, 1);
  const k = size > 5000 ? 2 : 10;
  const a: number[][] = [], b: number[][] = [];
  for (let r = 0; r < 25; r++) { a.push(await time(A, k)); b.push(await time(B, k)); }
  const med = (x: number[]) => x.sort((p, q) => p - q)[x.length >> 1]!;
  const same = await (async () => { A(); B(); const x = await single[3]!.parameter.read(); const y = await parameter.part(3 * 64 * Math.ceil(size / 64), [size]).read(); return x.every((val, i) => Object.is(val, y[i])); })();
  console.log(`${count} of ${size}: single ${med(a.map((x) => x[0]!)).toFixed(3)} (record ${med(a.map((x) => x[1]!)).toFixed(3)}) flat ${med(b.map((x) => x[0]!)).toFixed(3)} (record ${med(b.map((x) => x[1]!)).toFixed(3)}) same bits ${same}`);
}
process.exit(0);
