/**
 * Where a run's batches come from, and how they come from elsewhere: a
 * `BatchSource` makes the batches of a step, `serveBatches` runs one in a
 * worker, and `remoteBatches` is the same source on the training side, which
 * has the worker go on to the next steps while the adapter is at this one.
 * Batches are plain arrays, moved and not copied. A port is one end of a
 * MessageChannel, in Node and in a browser alike; starting workers and what
 * they open is their caller's.
 */
import type { Cursor } from './batching.ts';

/** A packed, corrupted batch (`PackedTokens`) and what is to be predicted of it. */
export interface MaskedBatch {
  /** [tokens] ids after corruption. */
  readonly tokens: Uint32Array;
  /** [sequences + 1] cumulative lengths. */
  readonly cuSeqlens: Uint32Array;
  /** [tokens] the original id, `IGNORED` where nothing is predicted. */
  readonly labels: Int32Array;
  /** [tokens] of `MASK_KIND`. */
  readonly maskKinds: Uint8Array;
  /** Positions that are predicted. */
  readonly targets: number;
}

/** One step's batches. */
export interface StepData {
  readonly epoch: number;
  /** The micro-batches, one or more. */
  readonly batches: readonly MaskedBatch[];
  /** Rows of `maxTokens` tokens that the sequences were packed into. */
  readonly rows: number;
  /** The cursor of the step after this one; of the next epoch where this step is its epoch's last. */
  readonly next: Cursor;
}

export interface BatchSource {
  /** The batches of the step at a cursor: a function of the cursor alone. */
  at(cursor: Cursor): Promise<StepData>;
  /** Ends what the source holds; steps still awaited are rejected. */
  close(): void;
}

/** What is used of a MessagePort. */
export interface BatchPort {
  postMessage(message: unknown, transfer: ArrayBuffer[]): void;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  close(): void;
}

/**
 * From the training side: make steps from a cursor on, `credit` of them; or `credit` more. A new `order` ends the one
 * before.
 */
type Request = { readonly order: number; readonly from?: Cursor; readonly credit: number };

type Reply =
  | { readonly order: number; readonly step: StepData }
  | { readonly order: number; readonly error: { readonly name: string; readonly message: string } };

/** Answers the other end of the port from a source, step after step, as far ahead as it is told. Returns at once. */
export function serveBatches(port: BatchPort, source: BatchSource): void {
  let current = -1;
  let credit = 0;
  let wake = (): void => undefined;
  const post = (reply: Reply, transfer: ArrayBuffer[] = []): void => {
    port.postMessage(reply, transfer);
  };
  const serve = async (order: number, from: Cursor): Promise<void> => {
    let cursor = from;
    while (order === current) {
      if (credit === 0) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      credit--;
      const step = await source.at(cursor);
      if (order === current) post({ order, step }, buffersOf(step));
      cursor = step.next;
    }
  };
  port.onmessage = ({ data }) => {
    const request = data as Request;
    if (request.from === undefined) {
      if (request.order === current) credit += request.credit;
    } else {
      current = request.order;
      credit = request.credit;
      serve(request.order, request.from).catch((error: unknown) => {
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        post({ order: request.order, error: { name, message } });
      });
    }
    wake();
  };
}

export interface RemoteBatches extends BatchSource {
  /** Says that the other end is no more: what is awaited, and all that is asked for later, is rejected with this. */
  fail(error: Error): void;
}

/**
 * The source that is served at the other end of the port: the same steps, `ahead` of them (default 3) asked for at
 * once. Errors keep name and message.
 */
export function remoteBatches(port: BatchPort, ahead = 3): RemoteBatches {
  let order = -1;
  let upcoming: Cursor | undefined;
  let failure: Error | undefined;
  let waiting: ((reply: Reply | undefined) => void) | undefined;
  const arrived: Reply[] = [];
  const send = (request: Request): void => {
    port.postMessage(request, []);
  };
  const wake = (): void => {
    if (waiting === undefined) return;
    const reply = failure === undefined ? arrived.shift() : undefined;
    if (failure === undefined && reply === undefined) return;
    const resolve = waiting;
    waiting = undefined;
    resolve(reply);
  };
  port.onmessage = ({ data }) => {
    const reply = data as Reply;
    if (reply.order !== order) return;
    arrived.push(reply);
    wake();
  };
  const fail = (error: Error): void => {
    failure ??= error;
    arrived.length = 0;
    wake();
  };
  const take = async (cursor: Cursor): Promise<StepData> => {
    if (upcoming === undefined || !sameCursor(cursor, upcoming)) {
      order++;
      arrived.length = 0;
      send({ order, from: cursor, credit: ahead });
    }
    upcoming = undefined;
    const reply = await new Promise<Reply | undefined>((resolve) => {
      waiting = resolve;
      wake();
    });
    if (reply === undefined) throw failure!;
    if ('error' in reply) throw Object.assign(new Error(reply.error.message), { name: reply.error.name });
    send({ order, credit: 1 });
    upcoming = reply.step.next;
    return reply.step;
  };
  // One after the other: only the step before says whether a cursor is the one that the worker is at.
  let last: Promise<unknown> = Promise.resolve();
  return {
    at(cursor) {
      const step = last.then(() => {
        if (failure !== undefined) throw failure;
        return take(cursor);
      });
      last = step.catch(() => undefined);
      return step;
    },
    fail,
    close() {
      fail(new Error('the source of batches is closed'));
      port.close();
    },
  };
}

const buffersOf = ({ batches }: StepData): ArrayBuffer[] =>
  batches.flatMap(({ tokens, cuSeqlens, labels, maskKinds }) =>
    [tokens, cuSeqlens, labels, maskKinds].map(({ buffer }) => buffer as ArrayBuffer),
  );

const sameCursor = (a: Cursor, b: Cursor): boolean => a.epoch === b.epoch && a.window === b.window && a.row === b.row;
