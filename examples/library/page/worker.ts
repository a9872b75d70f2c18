/** Folds, so that the page does not stand still: a model is opened once, and asked for each sequence. */
import { openModel, type FoldedRna, type RnaModel } from '@rna/inference';

export type Question = { readonly sequence: string; readonly model: string | null; readonly hub: string | null };
export type Answer = { readonly note: string } | Pick<FoldedRna, 'sequence' | 'dotBracket'>;
const answer = (data: Answer): void => {
  postMessage(data);
};
let opened: Promise<RnaModel> | undefined;
addEventListener('message', ({ data }: MessageEvent<Question>) => {
  opened ??= openModel(data.model ?? 'builtin', {
    ...(data.hub !== null && { hub: data.hub }),
    onProgress: ({ file, received }) => {
      answer({ note: `${file}: ${String(received)} bytes` });
    },
  });
  opened
    .then((model) => model.fold(data.sequence))
    .then(answer, (error: unknown) => {
      answer({ note: String(error) });
    });
});
