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

/** The same of a step with several outputs; the gradient of one that nothing was computed from is `undefined`. */
type JointRule = (dys: readonly (Tensor | undefined)[], needs: readonly boolean[]) => readonly (Tensor | undefined)[];

interface Step {
  readonly outputs: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  readonly rule: JointRule;
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
    step.outputs.forEach((output) => {
      this.own(output);
    });
    step.extras.forEach((extra) => {
      this.own(extra);
    });
    // An input that only a scope holds would be gone before the walk; parameters have no owner and stay.
    step.inputs.forEach((input) => {
      if (input.owner?.kind === 'scope') this.own(input);
    });
    this.#steps.push(step);
  }

  /** Walks back from `ends` with their gradients `seeds`; an end without one has none of its own. */
  walk(ends: readonly Tensor[], seeds: readonly (Tensor | undefined)[]): void {
    const gradients = new Map<Tensor, Tensor>();
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
    ends.forEach((end, i) => {
      const seed = seeds[i];
      if (seed !== undefined) give(end, seed);
    });
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      const { outputs, inputs, rule, extras } = step;
      const dys = outputs.map((output) => gradients.get(output));
      if (dys.some((dy) => dy !== undefined)) {
        outputs.forEach((output) => gradients.delete(output));
        const needs = inputs.map((input) => input.tracked);
        rule(dys, needs).forEach((gradient, i) => {
          if (gradient !== undefined) give(inputs[i]!, gradient);
        });
        dys.forEach((dy) => dy?.dispose());
      }
      outputs.forEach((output) => {
        if (!ends.includes(output)) output.dispose();
      });
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
  tape.add({ outputs: [output], inputs, rule: ([dy], needs) => rule(dy!, needs), extras });
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
  return recomputeAll([x], ([leaf]) => [body(leaf!)], reads)[0]!;
}

/** `recompute` of a body with several inputs and several outputs, all of them made in it. */
export function recomputeAll(
  xs: readonly Tensor[],
  body: (xs: readonly Tensor[]) => readonly Tensor[],
  reads: readonly Tensor[],
): readonly Tensor[] {
  const { device } = xs[0]!;
  const { tape } = device;
  if (tape === undefined || ![...xs, ...reads].some(({ tracked }) => tracked)) return body(xs);
  let outputs: readonly Tensor[];
  try {
    device.tape = undefined;
    outputs = device.scope(() => [...body(xs)]);
  } finally {
    device.tape = tape;
  }
  outputs.forEach((output) => {
    output.tracked = true;
  });
  const rule: JointRule = (dys, needs) => {
    // Leaves of their own: the walk ends there and leaves the gradients.
    const leaves = xs.map((x, i) => x.alias().train(needs[i] === true));
    try {
      differentiate(
        device,
        () => body(leaves),
        () => dys.map((dy) => dy?.alias()),
      ).forEach((output) => {
        output.dispose();
      });
      return leaves.map((leaf) => {
        const dx = leaf.gradient;
        leaf.gradient = undefined;
        return dx && device.adopt(dx);
      });
    } finally {
      leaves.forEach((leaf) => {
        leaf.dispose();
      });
    }
  };
  tape.add({ outputs, inputs: [...xs, ...reads], rule, extras: [] });
  return outputs;
}

/**
 * Runs `forward`, which returns a loss of one element, and accumulates d(scale · loss)/d(parameter) in the
 * `gradient` of every trainable parameter; `scale` may be a tensor of one element, which is left alone. Returns
 * the loss. The function must be synchronous.
 */
export function backward(device: Device, forward: () => Tensor, scale: number | Tensor = 1): Tensor {
  if (device.tape !== undefined) throw new Error('backward: a tape is open already');
  const [loss] = differentiate(
    device,
    () => [forward()],
    ([y]) => {
      if (y!.size !== 1) throw new Error(`backward: the loss must have one element, not ${y!.size}`);
      return [typeof scale === 'number' ? device.tensor(new Float32Array([scale]), y!.shape) : scale.alias(y!.shape)];
    },
  );
  return loss!;
}

/** Runs `forward` with a tape, walks back from its outputs with the gradients `seeds` makes, and returns the outputs. */
function differentiate(
  device: Device,
  forward: () => readonly Tensor[],
  seeds: (ys: readonly Tensor[]) => readonly (Tensor | undefined)[],
): readonly Tensor[] {
  const tape = new Tape();
  return device.scope(() => {
    try {
      device.tape = tape;
      const ys = forward();
      device.tape = undefined;
      tape.walk(ys, seeds(ys));
      // The outputs outlive the tape that owned them.
      return ys.map((y) => (y.owner === tape ? device.adopt(y.keep()) : y));
    } finally {
      device.tape = undefined;
      tape.dispose();
    }
  });
}
