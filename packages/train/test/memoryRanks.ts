/** Ranks within one process, for the tests: what one sends lies in memory until the other takes it. */
import type { Ranks } from '../src/index.ts';

export function memoryRanks(size: number): Ranks[] {
  const sent = new Map<string, Uint8Array[]>();
  const waiting = new Map<string, ((bytes: Uint8Array) => void)[]>();
  const queue = <T>(queues: Map<string, T[]>, key: string): T[] => {
    const found = queues.get(key) ?? [];
    queues.set(key, found);
    return found;
  };
  const ranks = Array.from({ length: size }, (_, rank) => rank);
  return ranks.map((rank) => ({
    size,
    rank,
    async exchange(channel, outgoing, incoming) {
      for (const [other, bytes] of outgoing.entries()) {
        if (other === rank || bytes.byteLength === 0) continue;
        const key = `${rank} ${other} ${channel}`;
        const taker = queue(waiting, key).shift();
        if (taker === undefined) queue(sent, key).push(bytes.slice());
        else taker(bytes.slice());
      }
      await Promise.all(
        incoming.map(async (bytes, other) => {
          if (other === rank || bytes.byteLength === 0) return;
          const key = `${other} ${rank} ${channel}`;
          const there = queue(sent, key).shift();
          const arrived = there ?? (await new Promise<Uint8Array>((resolve) => void queue(waiting, key).push(resolve)));
          if (arrived.byteLength !== bytes.byteLength)
            throw new Error(`channel ${channel}: ${arrived.byteLength} bytes came for ${bytes.byteLength}`);
          bytes.set(arrived);
        }),
      );
    },
  }));
}
