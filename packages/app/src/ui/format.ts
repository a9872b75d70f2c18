/** Numbers as the page writes them. */

/** Bytes for people, in powers of 1000 as browsers and hubs have them. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toPrecision(2)} ${units[power]!}`;
}

/** A count of parameters. */
export function parametersText(count: number): string {
  if (count < 1e6) return `${Math.round(count / 1e3)} thousand parameters`;
  return `${(count / 1e6).toPrecision(count < 1e7 ? 2 : 3)} million parameters`;
}
