/** Parity with the reference implementations, in Node. */
import { forwardTests, gradientTests } from './parity.ts';
import { rnaFmForwardTests, rnaFmGradientTests } from './rnaFmParity.ts';
import { nodePlatform } from './platform.node.ts';

const platform = nodePlatform();
forwardTests(platform);
gradientTests(platform);
rnaFmForwardTests(platform);
rnaFmGradientTests(platform);
