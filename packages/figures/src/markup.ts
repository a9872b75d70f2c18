/**
 * HTML and SVG as tagged templates that escape: whatever is interpolated is text unless it is
 * markup itself, so an id such as `<script>` in a FASTA header cannot become an element. It knows
 * nothing of well-formedness; the tests parse what comes out.
 */

/** Text that is already markup. */
export interface Markup {
  readonly markup: string;
}

type Interpolated = string | number | Markup | readonly Markup[];

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes for element text and quoted attributes; control characters, which XML forbids, become U+FFFD. */
export function escapeMarkup(text: string): string {
  return text
    .replace(/[&<>"']/g, (character) => entities[character] ?? character)
    .replace(/[^\P{Cc}\t\n\r]|[\ufffe\uffff]/gu, '\ufffd');
}

/** Drawing is accurate to a hundredth of a pixel; more digits only make the page heavier. */
function rounded(value: number): string {
  return String(Math.round(value * 100) / 100);
}

function interpolate(value: Interpolated): string {
  if (typeof value === 'string') return escapeMarkup(value);
  if (typeof value === 'number') return rounded(value);
  if ('markup' in value) return value.markup;
  return value.map((item) => item.markup).join('');
}

/** Markup from a template: strings are escaped, numbers are rounded coordinates, markup is kept. */
export function markup(literals: TemplateStringsArray, ...values: Interpolated[]): Markup {
  const text = literals.map((literal, k) => {
    const value = values[k];
    return value === undefined ? literal : literal + interpolate(value);
  });
  return { markup: text.join('') };
}

/** Markup made elsewhere, taken as it is. */
export function trusted(text: string): Markup {
  return { markup: text };
}

export const nothing: Markup = { markup: '' };

/** SVG path data from literals and rounded coordinates. */
export function pathData(literals: TemplateStringsArray, ...coordinates: number[]): string {
  return literals.map((literal, k) => literal + (k < coordinates.length ? rounded(coordinates[k] ?? 0) : '')).join('');
}
