/** Registers the worker that keeps the page for visits without a network. */

export function keepForOffline(): void {
  // The development server's files change under it.
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  addEventListener('load', () => {
    // Where it is not allowed, as in private windows, the page works as before, with its server.
    navigator.serviceWorker.register('./serviceWorker.js').catch(() => undefined);
  });
}
