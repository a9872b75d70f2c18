/** What stopped a job, with a way on: the line that is wrong, another try, or an engine. */
import type { Method } from '../address.ts';
import type { Problem } from '../calls/caller.ts';
import { ProblemNote } from '../ui/problem.tsx';
import { methodName } from './methods.ts';

interface Props {
  readonly problem: Problem;
  readonly onRetry: () => void;
  readonly onMethod: (method: Method) => void;
  readonly onLine: (line: number) => void;
}

export function ProblemCard({ problem, onRetry, onMethod, onLine }: Props) {
  const { kind, message } = problem;
  const line = kind === 'input' ? Number(/:(\d+): /.exec(message)?.[1] ?? NaN) : NaN;
  const hasEngines = kind === 'noWebGpu' || kind === 'deviceLost' || kind === 'memory' || kind === 'tooLong';
  return (
    <ProblemNote problem={problem} onRetry={onRetry} isFold>
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
      {hasEngines && <EngineButtons onMethod={onMethod} />}
    </ProblemNote>
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
          Fold with {methodName(engine)}
        </button>
      ))}
    </>
  );
}
