/** A text that is served beside the page, such as an example. */
export async function fetchText(address: URL): Promise<string> {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.pathname}: the server answered ${answer.status} ${answer.statusText}`);
  return answer.text();
}
