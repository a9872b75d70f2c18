/** The live plots of a run: its curves, drawn from the log's entries by `@rna/figures` as a report draws them. */
import { runCurves, runPanels } from '@rna/figures';
import type { LogEntry } from '@rna/train';

/** Draws all plots of a log into `container`, in place of what was there. `steps` is the width of the axis. */
export function drawPlots(container: HTMLElement, name: string, entries: readonly LogEntry[], steps: number): void {
  container.replaceChildren(
    ...runPanels([runCurves(name, entries)], steps).map(({ svg }) => {
      const element = document.createElement('figure');
      // Texts in it are escaped.
      element.innerHTML = svg.markup;
      return element;
    }),
  );
}
