/**
 * The secondary-structure head: a ResNet over the map of all pairs of
 * nucleotides (RiNALMo section 3.3; RINALMO section 5.1; SSR-LM A.1.2 takes the
 * same). It works on one sequence at a time, as the maps fill the memory.
 */
import { conv2d, instanceNorm, linear, normConv2d, pairLogits, pairSum, reshape, rows, type Device, type Tensor } from '@rna/tensor';
import { secondaryStructureParameters, type SecondaryStructureSizes } from '../config.ts';
import { parameter, type ParameterMap } from '../parameters.ts';

export class SecondaryStructureHead {
  readonly device: Device;
  readonly config: SecondaryStructureSizes;
  readonly parameters: ParameterMap;

  /** `parameters` holds every `secondaryStructure.*` name of `secondaryStructureParameters`; others are left alone. */
  constructor(device: Device, config: SecondaryStructureSizes, parameters: ParameterMap) {
    const dim = (parameter(parameters, 'secondaryStructure.project.weight').shape[1] ?? 0) / 2;
    this.device = device;
    this.config = config;
    this.parameters = new Map([...secondaryStructureParameters(dim, config).keys()].map((name) => [name, parameter(parameters, name)]));
  }

  /**
   * Logits of all pairs of nucleotides.
   * @param representation [length + 2, dim] of one sequence, `<cls>` and `<eos>` included
   * @returns [length, length], symmetric, 0 on the diagonal
   * @throws ShapeError for a sequence of one nucleotide, as the reference does.
   */
  forward(representation: Tensor): Tensor {
    const { device, config: { convDim, blocks } } = this;
    const length = (representation.shape[0] ?? 0) - 2;
    return device.scope(() => {
      const weight = this.#get('project.weight');
      // Row 2c of the reshaped weight is the half of channel c for the row's nucleotide, row 2c + 1 that for the column's.
      const pq = linear(rows(representation, 1, length), reshape(weight, [2 * convDim, weight.size / (2 * convDim)]));
      let x = pairSum(pq, this.#get('project.bias'));
      for (let block = 0; block < blocks; block++) {
        const next = device.scope(() => this.#block(x, block));
        // What a tape recorded stays for the walk back.
        if (x.owner?.kind === 'scope') x.dispose();
        x = next;
      }
      return pairLogits(conv2d(x, this.#get('out.weight'), this.#get('out.bias')));
    });
  }

  /** x + relu(norm(conv1(relu(norm(conv3(relu(norm(conv1(x)))))))). */
  #block(x: Tensor, block: number): Tensor {
    const { device } = this;
    const filters = (index: number): Tensor => this.#get(`blocks.${block}.conv${index}.weight`);
    // A scope around each step's input frees that map as soon as the step is done.
    const first = (): Tensor => conv2d(x, filters(1));
    const second = (): Tensor => normConv2d(device.scope(first), filters(2));
    const third = (): Tensor => normConv2d(device.scope(second), filters(3));
    return instanceNorm(device.scope(third), { relu: true, residual: x });
  }

  #get(name: string): Tensor {
    return parameter(this.parameters, `secondaryStructure.${name}`);
  }
}
