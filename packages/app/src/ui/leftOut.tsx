/** The RNAs that were left out of a result, and why. */
export function LeftOut({ reasons }: { readonly reasons: readonly string[] }) {
  if (reasons.length === 0) return null;
  return (
    <details class="complaint">
      <summary>{reasons.length === 1 ? 'One RNA was' : `${reasons.length} RNAs were`} left out</summary>
      <ul>
        {reasons.map((reason) => (
          <li key={reason}>{reason}</li>
        ))}
      </ul>
    </details>
  );
}
