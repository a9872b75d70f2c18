/** Reads drawn figures and pages back: what is in them is counted and compared with what was put in. */
import { parseHTML } from 'linkedom';
import type { Markup } from '../src/markup.ts';

export interface Node {
  readonly textContent: string;
  readonly outerHTML: string;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Node | null;
  querySelectorAll(selector: string): Iterable<Node>;
}

export function parse(text: string): Node {
  const { document } = parseHTML(text) as { document: Node };
  return document;
}

export function parseFigure({ markup }: Markup): Node {
  return parse(`<!doctype html><html><body>${markup}</body></html>`);
}

export function all(node: Node, selector: string): Node[] {
  return [...node.querySelectorAll(selector)];
}
