import { it } from 'vitest';
import { backward, conv2d, instanceNorm, pairSum, record, reshape, linear, columnSum, type Tensor } from '../src/index.ts';
import { openDevice } from '../src/node/index.ts';
it('t', async () => {
  const device = await openDevice();
  const L = 128, C = 64;
  const rnd = (...shape: number[]) => device.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => Math.random() - 0.5), shape).keep();
  const x = rnd(L, L, C), w3 = rnd(C, C, 3, 3), w1 = rnd(C, C, 1, 1), wo = rnd(1, C, 3, 3), w2 = rnd(C, C);
  const total = (t: Tensor) => columnSum(t, t.size, 1);
  const cpu = async (name: string, f: () => unknown) => {
    device.scope(() => { f(); }); await device.idle();
    const c = process.cpuUsage(), t = performance.now();
    for (let i = 0; i < 3; i++) { device.scope(() => { f(); }); await device.idle(); }
    const d = process.cpuUsage(c);
    console.log(name.padEnd(20), ((d.user + d.system) / 3000).toFixed(1), 'ms cpu', ((performance.now() - t) / 3).toFixed(1), 'ms wall');
  };
  const loss = (y: Tensor) => record(total(y), [y], (dy) => [device.full(y.shape, 1)]);
  for (const [n, w] of [['3x3', w3], ['1x1', w1], ['out', wo]] as const) {
    await cpu(`${n} fwd`, () => conv2d(x, w));
    x.train(false); w.train();
    await cpu(`${n} fwd+dw`, () => { backward(device, () => loss(conv2d(x, w))); w.gradient!.dispose(); w.gradient = undefined; });
    w.train(false); x.train();
    await cpu(`${n} fwd+dx`, () => { backward(device, () => loss(conv2d(x, w))); x.gradient!.dispose(); x.gradient = undefined; });
    x.train(false);
  }
  await cpu('norm fwd', () => instanceNorm(x, { relu: true }));
  x.train();
  await cpu('norm fwd+dx', () => { backward(device, () => loss(instanceNorm(x, { relu: true }))); x.gradient!.dispose(); x.gradient = undefined; });
}, 600000);
