/**
 * Reverse-mode differentiation. While `backward` runs a function, every op adds
 * a step: its output, its inputs, a rule, and the extras that the rule needs.
 * The tape owns outputs and extras from then on. The walk is the tape
 * backwards; after a step's rule has run, its output, its extras and its
 * incoming gradient are freed there and then.
 */
import { accumulate } from './accumulate.ts';
import type { Device } from './device.ts';
import type { Owner, Tensor } from './tensor.ts';

/** Gradients of a step's inputs, in their order; `undefined` where `needs` says that none is wanted. */
export type Rule = (dy: Tensor, needs: readonly boolean[]) => readonly (Tensor | undefined)[];

interface Step {
  readonly output: Tensor;
  readonly inputs: readonly Tensor[];
  readonly rule: Rule;
  readonly extras: readonly Tensor[];
}

export class Tape implements Owner {
  readonly kind = 'tape';
  readonly #steps: Step[] = [];
  readonly #owned = new Set<Tensor>();

  own(tensor: Tensor): void {
    if (tensor.owner === this) return;
    tensor.owner?.drop(tensor);
    tensor.owner = this;
    this.#owned.add(tensor);
  }

  drop(tensor: Tensor): void {
    this.#owned.delete(tensor);
  }

  add(step: Step): void {
    this.own(step.output);
    step.extras.forEach((extra) => {
      this.own(extra);
    });
    // An input that only a scope holds would be gone before the walk; parameters have no owner and stay.
    step.inputs.forEach((input) => {
      if (input.owner?.kind === 'scope') this.own(input);
    });
    this.#steps.push(step);
  }

  /** Walks back from `loss` with the gradient `seed`. */
  walk(loss: Tensor, seed: Tensor): void {
    const gradients = new Map<Tensor, Tensor>([[loss, seed]]);
    const give = (input: Tensor, gradient: Tensor): void => {
      if (!input.tracked) {
        gradient.dispose();
      } else if (input.owner === this) {
        const sum = gradients.get(input);
        gradients.set(input, sum === undefined ? gradient : accumulate(sum, gradient));
      } else {
        const sum = input.gradient;
        input.gradient = (sum === undefined ? gradient : accumulate(sum, gradient)).keep();
      }
    };
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const { output, inputs, rule, extras } = step;
      const dy = gradients.get(output);
      if (dy !== undefined) {
        gradients.delete(output);
        const needs = inputs.map((input) => input.tracked);
        rule(dy, needs).forEach((gradient, i) => {
          if (gradient !== undefined) give(inputs[i]!, gradient);
        });
        dy.dispose();
      }
      if (output !== loss) output.dispose();
      extras.forEach((extra) => {
        extra.dispose();
      });
    }
  }

  /** Frees all that the tape still owns. */
  dispose(): void {
    for (const tensor of [...this.#owned]) tensor.dispose();
    this.#steps.length = 0;
  }
}

/**
 * Puts an op's output on the open tape, if there is one and a gradient is wanted of any input; otherwise frees
 * the extras, which the op made for its rule alone. Returns the output.
 */
export function record(output: Tensor, inputs: readonly Tensor[], rule: Rule, extras: readonly Tensor[] = []): Tensor {
  const tape = output.device.tape;
  if (tape === undefined || !inputs.some((input) => input.tracked)) {
    extras.forEach((extra) => {
      extra.dispose();
    });
    return output;
  }
  output.tracked = true;
  tape.add({ output, inputs, rule, extras });
  return output;
}

/**
 * body(x) as one step of the open tape: nothing of what it computes on the way is kept, and the walk back runs it
 * again before it differentiates it (Chen et al. 2016). It must give the same values again: dropout by key does. Then
 * the gradients have the same bits as those of `body(x)` recorded op by op. Without an open tape it is body(x).
 *
 * @param reads What else the body reads: its parameters, whose gradients are accumulated where they are, and tables,
 * which the tape keeps for the walk.
 */
export function recompute(x: Tensor, body: (x: Tensor) => Tensor, reads: readonly Tensor[]): Tensor {
  const { device } = x;
  const { tape } = device;
  if (tape === undefined) return body(x);
  let y: Tensor;
  try {
    device.tape = undefined;
    y = device.scope(() => body(x));
  } finally {
    device.tape = tape;
  }
  return record(y, [x, ...reads], (dy, [needsX]) => {
    // A leaf of its own: the walk ends there and leaves the gradient.
    const leaf = x.alias().train(needsX === true);
    try {
      differentiate(
        device,
        () => body(leaf),
        () => dy.alias(),
      ).dispose();
      const dx = leaf.gradient;
      leaf.gradient = undefined;
      return [dx && device.adopt(dx)];
    } finally {
      leaf.dispose();
    }
  });
}

/**
 * Runs `forward`, which returns a loss of one element, and accumulates d(scale · loss)/d(parameter) in the
 * `gradient` of every trainable parameter; `scale` may be a tensor of one element, which is left alone. Returns
 * the loss. The function must be synchronous.
 */
export function backward(device: Device, forward: () => Tensor, scale: number | Tensor = 1): Tensor {
  if (device.tape !== undefined) throw new Error('backward: a tape is open already');
  return differentiate(device, forward, (loss) => {
    if (loss.size !== 1) throw new Error(`backward: the loss must have one element, not ${loss.size}`);
    return typeof scale === 'number' ? device.tensor(new Float32Array([scale]), loss.shape) : scale.alias(loss.shape);
  });
}

/** Runs `forward` with a tape, walks back from its output with the gradient `seed` makes, and returns the output. */
function differentiate(device: Device, forward: () => Tensor, seed: (y: Tensor) => Tensor): Tensor {
  const tape = new Tape();
  return device.scope(() => {
    try {
      device.tape = tape;
      const y = forward();
      device.tape = undefined;
      tape.walk(y, seed(y));
      // The output outlives the tape that owned it.
      return y.owner === tape ? device.adopt(y.keep()) : y;
    } finally {
      device.tape = undefined;
      tape.dispose();
    }
  });
}
