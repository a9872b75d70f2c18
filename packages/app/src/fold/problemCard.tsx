/** What stopped a job, in plain words, with a way on. */
import { METHOD_NAMES } from './methods.ts';
import type { Method } from '../address.ts';
import type { Problem, ProblemKind } from './protocol.ts';

const HEADINGS: Readonly<Record<ProblemKind, string>> = {
  input: 'The sequences cannot be read',
  noWebGpu: 'The built-in model cannot run in this browser',
  deviceLost: 'The graphics adapter was lost',
  other: 'The RNAs could not be folded',
};

interface Props {
  readonly problem: Problem;
  readonly onRetry: () => void;
  readonly onMethod: (method: Method) => void;
  readonly onLine: (line: number) => void;
}

export function ProblemCard({ problem: { kind, message }, onRetry, onMethod, onLine }: Props) {
  const line = kind === 'input' ? Number(/:(\d+): /.exec(message)?.[1] ?? NaN) : NaN;
  return (
    <section class="card problem" role="alert">
      <h2>{HEADINGS[kind]}</h2>
      <p>{message}</p>
      {(kind === 'noWebGpu' || kind === 'deviceLost') && <p>The engines need no graphics adapter.</p>}
      <div class="row">
        {Number.isFinite(line) && (
          <button
            type="button"
            onClick={() => {
              onLine(line);
            }}
          >
            Go to line {line}
          </button>
        )}
        {kind !== 'input' && kind !== 'noWebGpu' && (
          <button type="button" onClick={onRetry}>
            Try again
          </button>
        )}
        {(kind === 'noWebGpu' || kind === 'deviceLost') && <EngineButtons onMethod={onMethod} />}
      </div>
    </section>
  );
}

export function EngineButtons({ onMethod }: Pick<Props, 'onMethod'>) {
  return (
    <>
      {(['contrafold', 'eternafold'] as const).map((engine) => (
        <button
          key={engine}
          type="button"
          onClick={() => {
            onMethod(engine);
          }}
        >
          Fold with {METHOD_NAMES[engine]}
        </button>
      ))}
    </>
  );
}
