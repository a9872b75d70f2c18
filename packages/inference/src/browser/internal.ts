/** What the application takes from this package: no part of the API, and it changes without notice. */
export { defaultTokenBudget } from '../embedding.ts';
export { modelOpener } from '../opening.ts';
export { RnaModel } from '../rnaModel.ts';
export { openBuiltin } from './files.ts';
