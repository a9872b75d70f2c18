/** What the process that compiles (gpu.child.ts) tells the one that started it. */
import { z } from 'zod';

/** Lines of its stderr around what the driver prints for a case. */
export const BEGIN = '=== case ';
export const END = '=== end';

/** Lines of its stdout: the driver, and what it knows of each case before it compiles it. */
export const childLineSchema = z.union([
  z.object({ driver: z.string() }),
  z.object({
    case: z.string(),
    threads: z.number(),
    pinned: z.number(),
    pass: z.object({ multiplyAdds: z.number(), turns: z.number().optional() }).optional(),
  }),
]);

export type ChildLine = z.input<typeof childLineSchema>;
