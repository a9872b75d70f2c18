/** A page that folds, in twenty lines with its worker. `?model=NAME` names another model, such as one of the hub. */
import type { Answer, Question } from './worker.ts';

const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
const status = document.querySelector('pre')!;
const form = document.querySelector('form')!;
const asked = new URLSearchParams(location.search);
form.onsubmit = (event) => {
  event.preventDefault();
  const sequence = new FormData(form).get('sequence') as string;
  worker.postMessage({ sequence, model: asked.get('model'), hub: asked.get('hub') } satisfies Question);
};
worker.onmessage = ({ data }: MessageEvent<Answer>) => {
  status.textContent = 'dotBracket' in data ? `${data.sequence}\n${data.dotBracket}` : data.note;
};
