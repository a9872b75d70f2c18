/** Which model a view runs, and how its weights are stored. */
import type { ModelRecord } from '@rna/web';
import { BITS, BUILTIN, WEIGHTS, type Weights } from '../calls/modelCalls.ts';
import { useModels, usable } from '../models/useModels.ts';
import { bytesText } from './format.ts';

interface Props {
  readonly model: string;
  readonly weights: Weights;
  /** Whether the built-in model can do what is asked. */
  readonly hasBuiltin: boolean;
  /** Whether a model that is kept here can. */
  readonly can: (model: ModelRecord) => boolean;
  /** What to say where no model can. */
  readonly none: string;
  readonly onModel: (model: string) => void;
  readonly onWeights: (weights: Weights) => void;
}

export function ModelPicker({ model, weights, hasBuiltin, can, none, onModel, onWeights }: Props) {
  const state = useModels();
  const fitting = usable(state).filter(can);
  const chosen = fitting.find(({ name }) => name === model);
  const isKnown = chosen !== undefined || (model === BUILTIN && hasBuiltin);
  return (
    <>
      <div class="field">
        <label for="model">Model</label>
        <select
          id="model"
          value={model}
          onChange={({ currentTarget }) => {
            onModel(currentTarget.value);
          }}
        >
          {hasBuiltin && <option value={BUILTIN}>Built-in model</option>}
          {!isKnown && (
            <option value={model}>{model === '' || model === BUILTIN ? 'none' : `${model} (not here)`}</option>
          )}
          {fitting.map(({ name }) => (
            <option key={name} value={name}>
              {name}
            </option>
          ))}
        </select>
        <p class="hint">
          {!hasBuiltin && state.kept !== undefined && fitting.length === 0 && `${none} `}
          <a href="#/models">Get a model</a>
        </p>
      </div>
      {model !== BUILTIN && model !== '' && (
        <div class="field">
          <label for="weights">Weights</label>
          <select
            id="weights"
            value={weights}
            onChange={({ currentTarget }) => {
              onWeights(WEIGHTS.find((each) => each === currentTarget.value) ?? 'f32');
            }}
          >
            {WEIGHTS.map((each) => (
              <option key={each} value={each}>
                {BITS[each]} bits{sizeOf(chosen, each)}
              </option>
            ))}
          </select>
          <p class="hint">
            8 and 4 bits are converted while the model is read. 8 change its numbers a little, 4 about fourteen times as
            much.
          </p>
        </div>
      )}
    </>
  );
}

/** The size of a model's weights; that of an adapter is not known. */
function sizeOf(model: ModelRecord | undefined, weights: Weights): string {
  const bytes = model?.facts?.bytes[weights];
  return bytes === undefined ? '' : `, ${bytesText(bytes)}`;
}
