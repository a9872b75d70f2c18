/** How much of a file has arrived; `total` is undefined where the server does not say. Bytes. */
export interface Progress {
  readonly file: string;
  readonly received: number;
  readonly total: number | undefined;
}
