/** The names that methods have on the page. */
import type { Method } from '../address.ts';

export const METHOD_NAMES: Readonly<Record<Method, string>> = {
  builtin: 'Built-in model',
  contrafold: 'CONTRAfold',
  eternafold: 'EternaFold',
};

export const METHOD_NOTES: Readonly<Record<Method, string>> = {
  builtin: 'corrects both engines; needs WebGPU',
  contrafold: 'a folding engine; runs everywhere',
  eternafold: 'a folding engine with newer parameters',
};
