/**
 * Waiting for Dawn. While one of its promises is pending, Dawn polls on the main
 * thread without pause and takes a core, which a software driver needs.
 */
const POLLS_BEFORE_SLEEP = 8;
const NAP_MS = 0.25;

/** Awaits a promise of Dawn, sleeping between its polls after the first few. */
export async function sleepingWait<T>(promise: Promise<T>): Promise<T> {
  let pending = true;
  const settled = promise.finally(() => {
    pending = false;
  });
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let polls = 0;
  const nap = (): void => {
    if (!pending) return;
    if (polls++ >= POLLS_BEFORE_SLEEP) Atomics.wait(cell, 0, 0, NAP_MS);
    setImmediate(nap);
  };
  nap();
  return settled;
}
