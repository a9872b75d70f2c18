/** Names of files from ids, which may hold anything: markup, folders, what some system keeps for itself. */

const LONGEST = 100;

/**
 * A name without extension for each id, different from all others also where upper and lower case are one. Everything
 * but letters, digits and `. _ + = @ -` becomes `_`.
 */
export function fileNames(ids: readonly string[]): string[] {
  const taken = new Set<string>();
  return ids.map((id) => {
    const plain = id
      .replace(/[^\w.+=@-]/g, '_')
      .replace(/^[.-]/, '_')
      .slice(0, LONGEST);
    const stem = plain === '' ? 'RNA' : plain;
    let name = stem;
    for (let copy = 2; taken.has(name.toLowerCase()); copy++) name = `${stem}-${copy}`;
    taken.add(name.toLowerCase());
    return name;
  });
}
