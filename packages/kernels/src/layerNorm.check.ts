/** Checks of LayerNorm. */
import { layerNorm, layerNormBackward, layerNormBackwardWeight } from './layerNorm.ts';
import { backwardCheck, forwardCheck, weightCheck } from './normChecks.ts';

export const layerNormCheck = forwardCheck(layerNorm, true);
const kind = { centred: true, forward: layerNormCheck };
export const layerNormBackwardCheck = backwardCheck(layerNormBackward, kind);
export const layerNormBackwardWeightCheck = weightCheck(layerNormBackwardWeight, kind);
