/** The page's side of the worker that draws. */
import type { FigureAnswer, FigureRequest } from './protocol.ts';

let worker: Worker | undefined;
const waiting: ((answer: FigureAnswer) => void)[] = [];

/** Asks for a drawing or a file. A failure is an answer too. */
export function askForFigure(request: FigureRequest): Promise<FigureAnswer> {
  worker ??= start();
  worker.postMessage(request);
  return new Promise((resolve) => waiting.push(resolve));
}

function start(): Worker {
  const started = new Worker(new URL('../workers/figureWorker.ts', import.meta.url), { type: 'module' });
  // Answers come in the order of requests.
  started.addEventListener('message', ({ data }: MessageEvent<FigureAnswer>) => {
    waiting.shift()?.(data);
  });
  started.addEventListener('error', ({ message }) => {
    worker = undefined;
    for (const answer of waiting.splice(0))
      answer({ failure: message || 'a part of this page could not be loaded; load the page again' });
  });
  return started;
}
