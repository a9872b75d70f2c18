/** The map of mutations: a cell for each score, the strongest the darkest, and a remark where there is none. */
import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { mutationMap } from '../src/mutationMap.ts';

interface Drawn {
  readonly textContent: string;
  getAttribute(name: string): string | null;
  querySelectorAll(selector: string): Iterable<Drawn>;
}

function cellsOf(wildType: string, scores: Parameters<typeof mutationMap>[2]): Map<string, Drawn> {
  const { document } = parseHTML(mutationMap('Map', wildType, scores).markup) as unknown as { document: Drawn };
  return new Map(
    [...document.querySelectorAll('rect')].flatMap((rect) => {
      const [title] = [...rect.querySelectorAll('title')];
      return title === undefined ? [] : [[title.textContent, rect] as const];
    }),
  );
}

describe('mutationMap', () => {
  it('draws each score once, by sign and size', () => {
    const cells = cellsOf('GA', [
      { position: 0, to: 'C', score: -4 },
      { position: 1, to: 'U', score: 1 },
    ]);
    expect([...cells.keys()].sort()).toEqual(['A2U: 1.00', 'G1C: -4.00']);
    expect(Number(cells.get('G1C: -4.00')!.getAttribute('fill-opacity'))).toBe(1);
    expect(Number(cells.get('A2U: 1.00')!.getAttribute('fill-opacity'))).toBe(0.25);
    expect(cells.get('G1C: -4.00')!.getAttribute('fill')).not.toBe(cells.get('A2U: 1.00')!.getAttribute('fill'));
  });

  it('cuts long sequences into lines and escapes what it is given', () => {
    const { markup } = mutationMap('<b>', 'A'.repeat(130), [{ position: 129, to: 'C', score: -1 }]);
    expect(markup).toContain('A130C: -1.00');
    expect(markup).not.toContain('<b>');
    expect(markup).toContain('>130</text>');
  });

  it('says that there is nothing to draw', () => {
    expect(mutationMap('Map', 'GA', [{ position: 0, to: 'C', score: NaN }]).markup).toContain(
      'no substitution was scored',
    );
  });
});
