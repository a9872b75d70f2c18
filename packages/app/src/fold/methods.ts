/** The names that methods have on the page. */
import type { METHODS, Method } from '../address.ts';

type Named = (typeof METHODS)[number];

const METHOD_NAMES: Readonly<Record<Named, string>> = {
  builtin: 'Built-in model',
  contrafold: 'CONTRAfold',
  eternafold: 'EternaFold',
};

export const METHOD_NOTES: Readonly<Record<Named, string>> = {
  builtin: 'corrects both engines; needs WebGPU',
  contrafold: 'a folding engine; runs everywhere',
  eternafold: 'a folding engine with newer parameters',
};

/** The model that a method is; undefined for the others. */
export const modelOf = (method: Method): string | undefined =>
  method.startsWith('model:') ? method.slice('model:'.length) : undefined;

export const methodName = (method: Method): string => modelOf(method) ?? METHOD_NAMES[method as Named];

/** Whether it needs no adapter. */
export const isEngine = (method: Method): boolean => method === 'contrafold' || method === 'eternafold';
