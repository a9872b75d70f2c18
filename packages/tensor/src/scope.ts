/** A scope: the tensors made while a function ran, freed when it ends except those in its result. */
import { Tensor, type Owner } from './tensor.ts';

export class Scope implements Owner {
  readonly kind = 'scope';
  readonly #tensors = new Set<Tensor>();

  add(tensor: Tensor): void {
    tensor.owner = this;
    this.#tensors.add(tensor);
  }

  drop(tensor: Tensor): void {
    this.#tensors.delete(tensor);
  }

  /** Frees the scope's tensors; those in `result` are handed to `pass` instead. */
  close(result: unknown, pass: (tensor: Tensor) => void): void {
    const survivors = new Set(tensorsIn(result));
    for (const tensor of [...this.#tensors]) {
      if (survivors.has(tensor)) {
        tensor.keep();
        pass(tensor);
      } else {
        tensor.dispose();
      }
    }
  }
}

function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.values(value).flatMap(tensorsIn);
  }
  return [];
}
