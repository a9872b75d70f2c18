/**
 * Pausing. A device waits for its adapter through a function of its owner; with
 * a gate in that function, a closed gate holds a run at its next read, tensors
 * and all, without the trainer knowing.
 */
export interface Gate {
  readonly close: () => void;
  readonly open: () => void;
  /** Awaits a promise and then an open gate: `wait` of a device's options. */
  readonly wait: <T>(promise: Promise<T>) => Promise<T>;
}

export function createGate(): Gate {
  let closed: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  return {
    close() {
      if (closed !== undefined) return;
      let open!: () => void;
      const opened = new Promise<void>((resolve) => {
        open = resolve;
      });
      closed = { opened, open };
    },
    open() {
      closed?.open();
      closed = undefined;
    },
    async wait(promise) {
      const value = await promise;
      while (closed !== undefined) await closed.opened;
      return value;
    },
  };
}
