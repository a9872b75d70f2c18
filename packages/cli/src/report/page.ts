/**
 * The frame of every page: one HTML file with its style inside, and its script
 * where it has one, that asks for nothing from elsewhere (no script, no font, no
 * image), so it can be mailed, archived and opened from disk.
 */

import { markup, nothing, trusted, type Markup } from '@rna/figures';
import type { ConfigGroup } from './data.ts';
import { style } from './style.ts';

/** A complete HTML document. `lead` stands under the title. */
export function page(title: string, lead: Markup, sections: readonly Markup[]): string {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${trusted(style)}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${lead}
</header>
<main>
${sections}
</main>
</body>
</html>
`.markup;
}

export function inFigure(content: Markup, caption = ''): Markup {
  const words = caption === '' ? nothing : markup`<figcaption>${caption}</figcaption>`;
  return markup`<figure><div class="scroll">${content}</div>${words}</figure>`;
}

export function sideBySide(figures: readonly Markup[]): Markup {
  return markup`<div class="figures">${figures}</div>`;
}

/** What is needed to do it again. */
export function repetition(command: string, facts: readonly ConfigGroup[]): Markup {
  return markup`<section><h2>How to repeat it</h2>
${command === '' ? nothing : markup`<pre tabindex="0" aria-label="Command">${command}</pre>`}
<div class="facts">${facts.map(factTable)}</div>
</section>`;
}

function factTable({ title, entries }: ConfigGroup): Markup {
  if (entries.length === 0) return nothing;
  const rows = entries.map(({ label, value }) => markup`<tr><th scope="row">${label}</th><td>${value}</td></tr>`);
  return markup`<table><caption>${title}</caption><tbody>${rows}</tbody></table>`;
}
