/**
 * A plugin of typedoc, for `npm run docs:api`: a docstring that begins with a shape, `[L, 3]: …`, is a line of text.
 * Markdown would read it as the target of a link, and show nothing.
 */
import { Converter } from 'typedoc';

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const { comment } of Object.values(project.reflections)) {
      for (const part of [
        ...(comment?.summary ?? []),
        ...(comment?.blockTags ?? []).flatMap(({ content }) => content),
      ]) {
        if (part.kind === 'text') part.text = part.text.replace(/^\[([^\]]*)\]:/gm, '\\[$1\\]:');
      }
    }
  });
}
