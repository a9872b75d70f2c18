/** Reads pages back: what is in them is counted and compared with what was put in. */
import { parseHTML } from 'linkedom';

export interface Node {
  readonly textContent: string;
  getAttribute(name: string): string | null;
  querySelector(selector: string): Node | null;
  querySelectorAll(selector: string): Iterable<Node>;
}

export const parse = (text: string): Node => (parseHTML(text) as { document: Node }).document;

export const all = (node: Node, selector: string): Node[] => [...node.querySelectorAll(selector)];
