/** The command that was called, as a shell takes it, for pages that say how to repeat them. */
export const calledAs = (): string =>
  ['rna', ...process.argv.slice(2)]
    .map((word) => (/^[\w./:=@,+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ');
