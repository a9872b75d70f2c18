/** Lines around what the driver prints for a case: the process that compiles writes them, and the one that reads cuts there. */
export const BEGIN = '=== case ';
export const END = '=== end';
