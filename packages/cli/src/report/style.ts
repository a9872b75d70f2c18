/**
 * The page's style sheet: system fonts, light and dark by the reader's setting, one column on a
 * phone, black on white in print. The figures' colours are the custom properties `--rna-…`.
 */

export const style = `
:root {
  color-scheme: light dark;
  --rna-good: #0072b2; --rna-wrong: #d55e00; --rna-absent: #737b87; --rna-paper: #ffffff;
  --ink: #1b1f24; --quiet: #5c6570; --line: #d9dde2; --panel: #f5f6f8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --rna-good: #56b4e9; --rna-wrong: #f0883e; --rna-absent: #9099a5; --rna-paper: #14171b;
    --ink: #e4e7eb; --quiet: #9aa3ae; --line: #343a42; --panel: #1c2026;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; max-width: 70rem; padding: 2.5rem 1.25rem 4rem;
  font: 1rem/1.55 system-ui, sans-serif; color: var(--ink); background: var(--rna-paper);
}
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .6rem; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 3.2rem 0 1rem; padding-top: 1rem; border-top: 1px solid var(--line); }
h4 { font-size: .95rem; margin: 0 0 .2rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 0 0 .4rem; overflow-wrap: anywhere; }
p { max-width: 44rem; margin: 0 0 .8rem; }
.quiet { color: var(--quiet); font-size: .9rem; }
.figures {
  display: grid; gap: 2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  align-items: start;
}
.figures + .scroll { margin-top: 1.6rem; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: .85rem; color: var(--quiet); margin-top: .3rem; }
.figure { display: block; max-width: 100%; height: auto; }
.scroll { overflow-x: auto; }
.wide .figure { max-width: none; }
.keys {
  display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(12rem, 1fr)); margin: 1.6rem 0 2rem;
  padding: 0;
}
.keys div {
  display: flex; flex-direction: column; justify-content: space-between; background: var(--panel);
  border-radius: .5rem; padding: .8rem 1rem;
}
.keys dt { font-size: .85rem; color: var(--quiet); line-height: 1.35; }
.keys dd { margin: .15rem 0 0; font-size: 1.7rem; font-weight: 600; line-height: 1.25; font-variant-numeric: tabular-nums; }
.keys .from { font-weight: 400; font-size: 1.1rem; color: var(--quiet); }
table { border-collapse: collapse; font-size: .92rem; font-variant-numeric: tabular-nums; margin: 0 0 1.6rem; }
caption { text-align: left; font-weight: 600; padding-bottom: .4rem; }
th, td { padding: .28rem 1.1rem .28rem 0; text-align: left; vertical-align: baseline; }
th:last-child, td:last-child { padding-right: 0; }
thead th { font-weight: 500; color: var(--quiet); border-bottom: 1px solid var(--line); white-space: nowrap; }
thead th.group { text-align: right; border-bottom: 0; padding-bottom: 0; }
tbody th { font-weight: 400; }
th.right, td.right { text-align: right; white-space: nowrap; }
tr.break > * { border-top: 1px solid var(--line); }
article { break-inside: avoid; margin: 0 0 3rem; }
article .id { font-family: ui-monospace, monospace; font-weight: 600; }
pre {
  font: .8rem/1.45 ui-monospace, monospace; margin: 1rem 0 0; padding: .8rem 1rem; background: var(--panel);
  border-radius: .5rem; overflow-x: auto;
}
pre .label { color: var(--quiet); }
.facts {
  display: grid; align-items: start; margin-top: 1.6rem; gap: 2rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr));
}
.facts table { width: 100%; }
.facts td { overflow-wrap: anywhere; }
.facts th { color: var(--quiet); width: 40%; }
@media print {
  :root {
    --rna-good: #0072b2; --rna-wrong: #d55e00; --rna-absent: #737b87; --rna-paper: #ffffff; --ink: #000000;
    --quiet: #444444; --line: #bbbbbb; --panel: #ffffff;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  h2, h3 { break-after: avoid; }
  figure, table { break-inside: avoid; }
  .figures, .facts { grid-template-columns: 1fr 1fr; }
  .scroll { overflow: visible; }
  .wide .figure { max-width: 100%; }
  pre { font-size: 6.5pt; white-space: pre-wrap; overflow-wrap: anywhere; border: 1px solid var(--line); }
}
`;
