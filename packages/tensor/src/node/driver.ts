export function usePrivateDriver(): string | undefined { return undefined; }
