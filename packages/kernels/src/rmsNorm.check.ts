/** Checks of RMSNorm. */
import { rmsNorm, rmsNormBackward, rmsNormBackwardWeight } from './rmsNorm.ts';
import { backwardCheck, forwardCheck, weightCheck } from './normChecks.ts';

export const rmsNormCheck = forwardCheck(rmsNorm, false);
const kind = { centred: false, forward: rmsNormCheck };
export const rmsNormBackwardCheck = backwardCheck(rmsNormBackward, kind);
export const rmsNormBackwardWeightCheck = weightCheck(rmsNormBackwardWeight, kind);
