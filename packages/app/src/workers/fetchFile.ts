/** Files that are served beside the page. */

/** Rejects, naming the file, where it is not there. */
export async function fetchFile(address: URL): Promise<Response> {
  const name = address.pathname.slice(address.pathname.lastIndexOf('/') + 1);
  let answer: Response;
  try {
    answer = await fetch(address);
  } catch (cause) {
    throw new Error(`${name} cannot be loaded: the connection is gone. Load the page again when it is back`, { cause });
  }
  if (!answer.ok)
    throw new Error(
      `${name} cannot be loaded: the server answered ${answer.status} ${answer.statusText}. Load the page again; it may have been replaced by a newer version`,
    );
  return answer;
}
