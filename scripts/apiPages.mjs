/**
 * A plugin of typedoc, for `npm run docs:api`. A docstring that begins with a shape, `[L, 3]: …`, is a line of text:
 * Markdown would read it as the target of a link, and show nothing. And every public name gets the mark of its
 * package's stability, unless it has one of its own.
 */
import { Converter, Comment, ReflectionKind } from 'typedoc';

/** Packages whose names stay as they are within a major version. */
const STABLE = new Set(['inference', 'builtin']);

/** @param {import('typedoc').Application} app */
export function load(app) {
  app.converter.on(Converter.EVENT_RESOLVE_BEGIN, ({ project }) => {
    for (const { comment } of Object.values(project.reflections)) {
      const parts = [...(comment?.summary ?? []), ...(comment?.blockTags ?? []).flatMap(({ content }) => content)];
      for (const part of parts)
        if (part.kind === 'text') part.text = part.text.replace(/^\[([^\]]*)\]:/gm, '\\[$1\\]:');
    }
    for (const entry of project.children ?? []) {
      if (!entry.kindOf(ReflectionKind.Module)) continue;
      const mark = STABLE.has(entry.name.split('/')[0] ?? '') ? '@public' : '@beta';
      for (const child of entry.children ?? []) {
        const comments = child.signatures?.map((signature) => (signature.comment ??= new Comment())) ?? [
          (child.comment ??= new Comment()),
        ];
        for (const { modifierTags } of comments)
          if (
            !['@public', '@beta', '@alpha', '@experimental'].some((each) =>
              modifierTags.has(/** @type {`@${string}`} */ (each)),
            )
          )
            modifierTags.add(mark);
      }
    }
  });
}
