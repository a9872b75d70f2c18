/** Logs as they are read: every kind of line, and the faults of those that are none. */
import { describe, expect, it } from 'vitest';
import { parseLog, type LogEntry } from '../src/index.ts';

const lines = (...entries: unknown[]): string => entries.map((entry) => `${JSON.stringify(entry)}\n`).join('');
const step: LogEntry = { step: 1, epoch: 0, loss: 1.5, learningRate: 0, gradientNorm: 2, tokens: 9 };

describe('parseLog', () => {
  it('reads steps, refused steps, overflows and evaluations, and leaves out a line that was cut off', () => {
    const entries: LogEntry[] = [
      { step: 0, evaluation: { loss: 3 } },
      step,
      { step: 2, epoch: 0, refused: 'spike', values: { loss: null, gradientNorm: 7, usualNorm: 1 } },
      { step: 3, epoch: 1, skippedAtLossScale: 65536 },
    ];
    expect(parseLog(`${lines(...entries)}{"step":4,"ep`, 'log.jsonl')).toEqual(entries);
    expect(parseLog('', 'log.jsonl')).toEqual([]);
  });

  it.each<[string, string]>([
    ['hello', 'not a line of JSON'],
    ['', 'not a line of JSON'],
    ['null', 'neither a step nor an evaluation'],
    ['[1]', 'neither a step nor an evaluation'],
    ['{"step":1}', 'neither a step nor an evaluation'],
    ['{"loss":1}', 'neither a step nor an evaluation'],
    ['{"step":-1,"evaluation":{}}', 'neither a step nor an evaluation'],
    ['{"step":1e300,"evaluation":{}}', 'neither a step nor an evaluation'],
    ['{"step":"1","evaluation":{}}', 'neither a step nor an evaluation'],
  ])('names file and line of %j', (bad, problem) => {
    expect(() => parseLog(`${lines(step)}${bad}\n${lines(step)}`, 'runs/a/log.jsonl')).toThrow(
      expect.objectContaining({
        name: 'InputError',
        message: expect.stringMatching(`^runs/a/log.jsonl:2: ${problem}.*; remove the line`) as string,
      }),
    );
  });
});
