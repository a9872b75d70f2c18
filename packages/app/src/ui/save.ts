/** Gives a file to the person, and text to the clipboard. */
import type { NamedFile } from '../fold/protocol.ts';

export function saveFile({ name, bytes }: NamedFile): void {
  saveBlob(name, new Blob([bytes]));
}

export function saveBlob(name: string, blob: Blob): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads the file while it saves it.
  setTimeout(() => {
    URL.revokeObjectURL(link.href);
  }, 60_000);
}

/** Whether it worked: a page that is not secure, or was not allowed to, has no clipboard. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}
