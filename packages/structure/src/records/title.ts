/**
 * Names of RNAs in the titles of their files: the first word that is no energy,
 * and what a name may not hold.
 */

/** Programs that write the energy of a structure before its name call it so. */
const ENERGIES = ['energy', 'dg', 'deltag', 'mfe'];

/**
 * The id in a title: its first word behind any energy, as RNAstructure (`ENERGY = -4.8  NAME`), UNAfold and mfold
 * (`dG = -5.7 [initially -5.5] NAME`) write it; '' where none follows.
 */
export function titleId(title: string): string {
  const words = title.split(/\s+/).filter((word) => word !== '');
  let at = 0;
  for (let length = energyLength(words, at); length > 0; length = energyLength(words, at)) at += length;
  return words[at] ?? '';
}

/** Whether a title begins with an energy. */
export const hasEnergy = (title: string): boolean =>
  energyLength(
    title.split(/\s+/).filter((word) => word !== ''),
    0,
  ) > 0;

/** How many words from `at` on are an energy; 0 where none is. */
function energyLength(words: readonly string[], at: number): number {
  const first = (words[at] ?? '').toLowerCase();
  const bracketed = first === '[initially';
  const name = ENERGIES.find((each) => first === each || first.startsWith(`${each}=`) || first.startsWith(`${each}:`));
  if (bracketed) return isNumber((words[at + 1] ?? '').replace(']', '')) ? 2 : 0;
  if (name === undefined) return 0;
  let end = at + 1;
  let value = first.slice(name.length);
  // "ENERGY = x", "ENERGY =x", "ENERGY= x" and "ENERGY=x".
  if (value === '') value = words[end++] ?? '';
  if (!value.startsWith('=') && !value.startsWith(':')) return 0;
  if (value.length === 1 && isNumber(words[end] ?? '')) end++;
  if ((words[end] ?? '').toLowerCase() === 'kcal/mol') end++;
  return end - at;
}

const isNumber = (word: string): boolean => word !== '' && Number.isFinite(Number(word));

/** Index of the first character of an id that cannot be seen, or turns the direction of text, or -1. */
export const findInvisible = (id: string): number => id.search(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);

/** What is wrong with an id and what to do, as an InputError takes it; undefined for a good one. */
export function idProblem(id: string): { readonly problem: string; readonly remedy: string } | undefined {
  if (id === '') return { problem: 'a header without an id', remedy: 'write the id after ">"' };
  const invisible = findInvisible(id);
  return invisible < 0
    ? undefined
    : {
        problem: `the id holds the character U+${id.codePointAt(invisible)!.toString(16).toUpperCase().padStart(4, '0')}, which cannot be seen`,
        remedy: 'remove it',
      };
}

/** The first word of a title; '' for a blank one. */
export const firstWord = (text: string): string => text.trim().split(/\s/, 1)[0]!;

/** What stands behind `Name:` in a comment `# Name: …`, in any case; undefined in another line. */
export function commentedName(line: string): string | undefined {
  if (!line.startsWith('#')) return undefined;
  const text = line.slice(1).trimStart();
  return text.slice(0, 5).toLowerCase() === 'name:' ? text.slice(5).trim() : undefined;
}
