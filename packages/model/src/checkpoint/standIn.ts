/** What often lies where a file should, and what to do about it. */

/** So many of a file's first bytes tell. */
export const PROBE_BYTES = 512;

/**
 * What a text is that often lies where a file of weights or a config should: a pointer of Git LFS, a web page, a
 * hub's refusal. Undefined for anything else. The sentence says what to do.
 */
export function standIn(first: Uint8Array | string): string | undefined {
  const text = (typeof first === 'string' ? first : new TextDecoder().decode(first)).slice(0, PROBE_BYTES).trimStart();
  if (text.startsWith('version https://git-lfs')) {
    return (
      'a Git LFS pointer and not the file itself: run git lfs install and git lfs pull in the checkout, ' +
      "or download the file from the model's page"
    );
  }
  if (/^<(?:!doctype|!--|html|head|\?xml|body)/i.test(text)) {
    return 'a web page and not the file itself: the link led to a page about it (or to a login); use its download link';
  }
  if (/^(?:Invalid username or password|Entry not found|Access to model|Repository not found)/i.test(text)) {
    return `the answer of a server and not the file itself ("${text.slice(0, 60).trim()}"): download it again`;
  }
  if (/^\{\s*"/.test(text) && typeof first !== 'string') {
    return 'JSON text; expected .safetensors, or a .pt saved by PyTorch 1.6 or later';
  }
  return undefined;
}
