/** How far a call is, in words and as a bar. */
import type { CallState } from './useCall.ts';

interface Props {
  readonly state: CallState<unknown>;
  /** What is counted, such as `RNAs`. */
  readonly unit: string;
}

export function CallProgress({ state: { phase, progress }, unit }: Props) {
  if (phase === 'idle' || phase === 'failed' || phase === 'done') return null;
  if (phase === 'cancelled')
    return (
      <div class="progress">
        <p role="status">Cancelled.</p>
      </div>
    );
  const isCounted = progress !== undefined && 'done' in progress;
  const text = isCounted
    ? `${Math.floor(progress.done)} of ${progress.total} ${unit} …`
    : (progress?.note ?? 'reading …');
  return (
    <div class="progress">
      <p role="status">{text}</p>
      <progress aria-label={unit} {...(isCounted ? { value: progress.done, max: progress.total } : {})} />
    </div>
  );
}
