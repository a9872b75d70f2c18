/** The forward parity tests in a real browser. */
import { forwardTests } from './parity.ts';
import { rnaFmForwardTests } from './rnaFmParity.ts';
import { tertiaryEndToEndTests } from './tertiaryParity.ts';
import { browserPlatform } from './platform.browser.ts';

const platform = browserPlatform();
forwardTests(platform);
rnaFmForwardTests(platform);
tertiaryEndToEndTests(platform, false);
