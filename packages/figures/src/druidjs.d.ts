/** The part of DruidJS 0.7.3 that is used; the package comes without types. A seed of 0 would be the time of day. */
declare module '@saehrimnir/druidjs' {
  interface Layout {
    /** Runs so many iterations and gives a row [x, y] for each row of the input. */
    transform(iterations: number): readonly ArrayLike<number>[];
  }
  type Rows = readonly Float64Array[];
  export const TSNE: new (rows: Rows, options: { d: number; seed: number; perplexity: number }) => Layout;
  export const UMAP: new (rows: Rows, options: { d: number; seed: number; n_neighbors: number }) => Layout;
}
