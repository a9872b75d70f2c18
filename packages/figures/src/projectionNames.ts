/** The layouts of embeddings by name, apart from what computes and draws them: a page shows names before it loads that. */

export const PROJECTIONS = { tsne: 't-SNE', umap: 'UMAP' } as const;
export type Projection = keyof typeof PROJECTIONS;
