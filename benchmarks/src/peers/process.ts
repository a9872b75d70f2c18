/**
 * A library's process, seen from the suite: one request at a time, each with its reply or a failure that says what
 * became of the process.
 */
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ImplementationName, Reply, Request } from './protocol.ts';

// Long enough for a driver that compiles for a minute, short enough that a library that hangs does not stop the suite.
const PATIENCE_MS = 300_000;
const STDERR_KEPT = 2000;

/** A request that had no reply, or one that says why it failed. `gone`: the process has ended. */
export class PeerFailure extends Error {
  override readonly name = 'PeerFailure';
  readonly gone: boolean;

  constructor(message: string, gone: boolean) {
    super(message);
    this.gone = gone;
  }
}

export class PeerProcess {
  readonly implementation: ImplementationName;
  readonly #child: ChildProcess;
  #stderr = '';

  constructor(implementation: ImplementationName) {
    this.implementation = implementation;
    this.#child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), [], {
      // Results travel as typed arrays.
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = `${this.#stderr}${text}`.slice(-STDERR_KEPT);
    });
  }

  /** Sends a request. Rejects with a PeerFailure when it fails, is too much for the library, or the process ends. */
  async ask<K extends Reply['is']>(request: Request, expected: K): Promise<Extract<Reply, { is: K }>> {
    const reply = await this.#exchange(request);
    if (reply.is === 'failed' || reply.is === 'unsupported') throw new PeerFailure(reply.reason, false);
    if (reply.is !== expected) throw new Error(`${this.implementation} answered '${request.do}' with '${reply.is}'`);
    return reply as Extract<Reply, { is: K }>;
  }

  #exchange(request: Request): Promise<Reply> {
    const child = this.#child;
    return new Promise<Reply>((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        child.off('message', onMessage);
        child.off('exit', onExit);
        act();
      };
      const onMessage = (reply: Reply): void => {
        settle(() => {
          resolve(reply);
        });
      };
      const onExit = (code: number | null, signal: string | null): void => {
        const words = this.#stderr.trim().split('\n').at(-1) ?? '';
        settle(() => {
          reject(
            new PeerFailure(
              `its process ended by ${signal ?? `exit code ${code ?? '?'}`} at '${request.do}'${words === '' ? '' : `: ${words}`}`,
              true,
            ),
          );
        });
      };
      const timer = setTimeout(() => {
        settle(() => {
          reject(new PeerFailure(`gave no answer to '${request.do}' in ${PATIENCE_MS / 1000} s and was ended`, true));
        });
        child.kill('SIGKILL');
      }, PATIENCE_MS);
      child.on('message', onMessage);
      child.on('exit', onExit);
      if (child.exitCode !== null || child.signalCode !== null) onExit(child.exitCode, child.signalCode);
      else
        child.send(request, (error) => {
          if (error !== null)
            settle(() => {
              reject(new PeerFailure(`cannot be reached: ${error.message}`, true));
            });
        });
    });
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
    this.#child.kill('SIGKILL');
  }
}
