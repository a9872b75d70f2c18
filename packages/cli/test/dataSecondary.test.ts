import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { writeCt, writeDotBracket } from '@rna/structure';
import { packTar } from 'modern-tar';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from './harness.ts';
import { prepare, refused, write, structures } from './dataHarness.ts';

const samples = fileURLToPath(new URL('../data', import.meta.url));

describe('rna data secondary', () => {
  const archive = structures(samples, 'archiveII_150.dbn');

  test('holds out each family of the archive of CT files, and validates with others', async () => {
    const entries = [
      ...archive,
      { ...archive[0]!, id: 'grp2_one' },
      { ...archive[0]!, id: '5s_long', sequence: 'A'.repeat(513), partners: new Int32Array(513).fill(-1) },
    ].map((structure) => ({
      header: { name: `ct/${structure.id}.ct`, size: 0, type: 'file' as const },
      body: writeCt({ ...structure, id: 'title' }),
    }));
    for (const entry of entries) entry.header.size = entry.body.length;
    const tar = await packTar([{ header: { name: 'ct/', size: 0, type: 'directory' } }, ...entries]);
    const folder = write(temporaryFolder(), { 'ct.tar.gz': gzipSync(tar) });
    const { out, counts, notes } = await prepare('secondary', join(folder, 'ct.tar.gz'));
    const families = { '5s': 40, srp: 30, tRNA: 40, tmRNA: 10, RNaseP: 10, grp1: 6, '16s': 6, telomerase: 4, '23s': 4 };
    expect(Object.fromEntries(Object.keys(families).map((family) => [family, counts[`${family}/test.dbn`]]))).toEqual(
      families,
    );
    for (const family of Object.keys(families)) {
      const [train, validation, tested] = ['train', 'validation', 'test'].map((set) =>
        structures(out, family, `${set}.dbn`),
      );
      expect(tested!.every(({ id }) => id.startsWith(`${family}_`))).toBe(true);
      expect([...train!, ...validation!].some(({ id }) => id.startsWith(`${family}_`))).toBe(false);
      expect(new Set([...train!, ...validation!, ...tested!].map(({ id }) => id)).size).toBe(150);
      for (const other of Object.keys(families))
        if (other !== family)
          expect(validation!.filter(({ id }) => id.startsWith(`${other}_`)).length).toBe(
            Math.max(1, Math.round(families[other as keyof typeof families] / 10)),
          );
    }
    const trna = structures(out, 'tRNA', 'test.dbn');
    expect(trna.find(({ id }) => id === archive.find((each) => each.id.startsWith('tRNA_'))!.id)).toEqual(
      archive.find(({ id }) => id.startsWith('tRNA_')),
    );
    expect(notes.slice(0, 2)).toEqual([
      'left out 1 RNA longer than 512',
      expect.stringContaining('left out 1 RNA of other families'),
    ]);
    // A file cut off is said to be so.
    writeFileSync(join(folder, 'ct.tar.gz'), gzipSync(tar).subarray(0, 2000));
    expect(await refused('secondary', join(folder, 'ct.tar.gz'))).toContain('not a whole archive');
  });

  test('takes the folds of Szikszai et al. as they are drawn', async () => {
    const body = (id: string): string => writeCt(archive.find((each) => each.id.startsWith(id))!);
    const entry = (name: string, text: string) => ({
      header: { name, size: text.length, type: 'file' as const },
      body: text,
    });
    const tar = await packTar([
      entry('ct/fam-fold/tRNA/train/5s_a.ct', body('5s')),
      entry('ct/fam-fold/tRNA/train/16s_long.ct', body('16s')),
      entry('ct/fam-fold/tRNA/valid/srp_b.ct', body('srp')),
      entry('ct/fam-fold/tRNA/test/tRNA_c.ct', body('tRNA')),
      entry('ct/other-fold/0/test/tRNA_c.ct', body('tRNA')),
      entry('ct/fam-fold/tRNA/test/._tRNA_c.ct', 'not a structure'),
    ]);
    const folder = write(temporaryFolder(), { 'ct-splits.tar': tar });
    const { out, counts, notes } = await prepare('secondary', join(folder, 'ct-splits.tar'), '--max-length', '150');
    expect(counts).toEqual({ 'tRNA/train.dbn': 1, 'tRNA/validation.dbn': 1, 'tRNA/test.dbn': 1 });
    expect(
      ['train', 'validation', 'test'].flatMap((set) => structures(out, 'tRNA', `${set}.dbn`).map(({ id }) => id)),
    ).toEqual(['5s_a', 'srp_b', 'tRNA_c']);
    expect(notes).toEqual([
      'left out of training and validation 1 RNA longer than 150',
      'not taken: 1 other file of structures (ct/other-fold/0/test/tRNA_c.ct)',
    ]);
    expect(await refused('secondary', join(folder, 'ct-splits.tar'), '--folds', '3')).toContain('drawn already');
  });

  test("takes folders of sets as they are drawn: RiNALMo's, fam-fold, and the folder of one fold", async () => {
    const body = (id: string): string => writeCt({ ...archive.find((each) => each.id.startsWith(id))!, id: 'title' });
    const fold = (name: string, ...[train, valid, tested]: readonly [string, string, string]) => ({
      [`${name}/train/${train}_a.ct`]: body(train),
      [`${name}/valid/${valid}_b.ct`]: body(valid),
      [`${name}/test/${tested}_c.ct`]: body(tested),
    });
    const folder = write(temporaryFolder(), {
      ...fold('data/archiveII/5s', 'tRNA', 'srp', '5s'),
      ...fold('data/archiveII/tRNA', '5s', 'srp', 'tRNA'),
      'data/bpRNA/test/x.ct': body('5s'),
      ...fold('fam-fold/5s', 'tRNA', 'srp', '5s'),
      ...fold('fam-fold/rest', '5s', 'srp', 'tRNA'),
      ...fold('broken/5s', 'tRNA', 'srp', '5s'),
    });
    const ids = ({ out }: { out: string }, name: string): string[] =>
      ['train', 'validation', 'test'].flatMap((set) => structures(out, name, `${set}.dbn`).map(({ id }) => id));
    const inner = await prepare('secondary', join(folder, 'data'));
    expect(Object.keys(inner.counts).map((name) => name.split('/')[0])).toEqual([
      ...new Array<string>(3).fill('5s'),
      ...new Array<string>(3).fill('tRNA'),
    ]);
    expect([ids(inner, '5s'), ids(inner, 'tRNA')]).toEqual([
      ['tRNA_a', 'srp_b', '5s_c'],
      ['5s_a', 'srp_b', 'tRNA_c'],
    ]);
    expect(inner.notes).toEqual([`not taken: 1 other file of structures (${join(folder, 'data/bpRNA/test/x.ct')})`]);
    expect(ids(await prepare('secondary', join(folder, 'fam-fold')), 'rest')).toEqual(['5s_a', 'srp_b', 'tRNA_c']);
    for (const one of ['data/archiveII/5s', 'data/archiveII/5s/.', 'fam-fold/rest'])
      expect(Object.keys((await prepare('secondary', join(folder, one))).counts).length).toBe(3);
    write(folder, { 'broken/5s/test/tRNA_a.ct': body('tRNA') });
    expect(await refused('secondary', join(folder, 'broken'))).toMatch(
      /5s.train.tRNA_a\.ct:1: the RNA "tRNA_a" is in .*5s.test.tRNA_a\.ct:1 too; remove one of them/,
    );
    for (const gone of ['test/tRNA_a.ct', 'valid/srp_b.ct']) rmSync(join(folder, 'broken/5s', gone));
    expect(await refused('secondary', join(folder, 'broken'))).toContain(
      'the fold 5s has no structure in a folder valid',
    );
  });

  test('refuses an RNA that comes twice, naming both files', async () => {
    const [a, b] = archive;
    const folder = write(temporaryFolder(), {
      'one/5s_a.ct': writeCt(a!),
      'two/5s_a.ct': writeCt(b!),
      'TR0.dbn': writeDotBracket(a!),
      'VL0.dbn': writeDotBracket(b!),
      'TS0.dbn': writeDotBracket({ ...b!, id: 'other' }) + writeDotBracket(a!),
    });
    expect(await refused('secondary', join(folder, '.'))).toContain(
      `TS0.dbn:4: the RNA "${a!.id}" is in ${join(folder, 'TR0.dbn')}:1 too`,
    );
    rmSync(join(folder, 'TR0.dbn'));
    expect(await refused('secondary', folder)).toContain(
      `${join(folder, 'two/5s_a.ct')}:1: the RNA "5s_a" is in ${join(folder, 'one/5s_a.ct')}:1 too`,
    );
  });

  test('names the RNAs of a file with several by their own ids, of its family', async () => {
    const of = (family: string): typeof archive => archive.filter(({ id }) => id.startsWith(`${family}_`)).slice(0, 4);
    const text = [...of('tRNA').slice(1), { ...of('tRNA')[0]!, id: 'unnamed' }].map(writeDotBracket).join('');
    const folder = write(temporaryFolder(), {
      'tRNA_all.dbn': text,
      '5s_one.ct': writeCt({ ...of('5s')[0]!, id: 'title' }),
      '5s_two.ct': writeCt({ ...of('5s')[1]!, id: 'title' }),
      'notes.dbn': text,
    });
    const { out, notes } = await prepare('secondary', folder);
    expect(structures(out, 'tRNA', 'test.dbn').map(({ id }) => id)).toEqual([
      ...of('tRNA')
        .slice(1)
        .map(({ id }) => id),
      'unnamed',
    ]);
    expect(structures(out, '5s', 'test.dbn').map(({ id }) => id)).toEqual(['5s_one', '5s_two']);
    expect(notes.at(-1)).toBe(`not taken: 1 other file of structures (${join(folder, 'notes.dbn')})`);
  });

  test('says what a missing archive is, and that one family is too few', async () => {
    const folder = write(temporaryFolder(), {
      'x.tar.gz/5s_one.ct': writeCt(archive.find(({ id }) => id.startsWith('5s_'))!),
    });
    expect(await refused('secondary', join(folder, 'nowhere.tar.gz'))).toContain(
      'nowhere.tar.gz: no such file or folder (paths are relative to',
    );
    // A folder is one by what it is, not by its name.
    expect(await refused('secondary', join(folder, 'x.tar.gz'))).toContain(
      'x.tar.gz: RNAs of one family (5s) are left; at least two families are needed',
    );
  });

  test('deals families to fewer folds, from one file too', async () => {
    const { counts } = await prepare('secondary', join(samples, 'archiveII_150.dbn'), '--folds', '3');
    const tests = Object.entries(counts).filter(([name]) => name.endsWith('/test.dbn'));
    expect(tests.map(([, rnas]) => rnas).sort()).toEqual([50, 50, 50]);
    expect(tests.flatMap(([name]) => name.split('/')[0]!.split('+')).sort()).toEqual([
      '16s',
      '23s',
      '5s',
      'RNaseP',
      'grp1',
      'srp',
      'tRNA',
      'telomerase',
      'tmRNA',
    ]);
    expect(await refused('secondary', join(samples, 'archiveII_150.dbn'), '--folds', '10')).toContain(
      'there are 9 families, so 2 to 9',
    );
  });

  test('takes TR0, VL0 and TS0 as they are, the test whole', async () => {
    const { out, counts, sets, notes } = await prepare('secondary', samples, '--max-length', '100');
    expect(counts['test.dbn']).toBe(60);
    expect(counts['train.dbn']).toBe(
      structures(samples, 'bprna_TR0_200.dbn').filter(({ sequence }) => sequence.length <= 100).length,
    );
    expect(structures(out, 'test.dbn')).toEqual(structures(samples, 'bprna_TS0_60.dbn'));
    expect(notes[0]).toMatch(/^train: left out \d+ RNAs longer than 100$/);
    expect(notes.at(-1)).toMatch(/^not taken: \d+ other files of structures \(.*archiveII_150\.dbn, …\)$/);
    // Counted by another program.
    expect(sets[2]!.labels).toEqual({ pairs: 1493, 'non-canonical': 218, pseudoknotted: 1 });
    expect(await refused('secondary', samples, '--folds', '3')).toContain('--folds is for families of ArchiveII');
    expect(await refused('secondary', join(samples, 'splice'))).toContain('neither TR0, VL0 and TS0');
  });
});
