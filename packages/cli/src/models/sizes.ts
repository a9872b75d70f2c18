/** Sizes of a head as people read them. */

/** Names and values; those of a group have the group's name before a dot, as options of a fine-tuning have them. */
export const sizeEntries = (sizes: object, group = ''): (readonly [string, string])[] =>
  Object.entries(sizes).flatMap(([name, size]: [string, unknown]) =>
    typeof size === 'object' && size !== null && !Array.isArray(size)
      ? sizeEntries(size, `${group}${name}.`)
      : [[`${group}${name}`, String(size)] as const],
  );
