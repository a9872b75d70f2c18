/** The tertiary module's trunk, its heads over pairs and its sizes, in Node. */
import { tertiaryEndToEndTests, tertiaryTrunkTests } from './tertiaryParity.ts';
import { nodePlatform } from './platform.node.ts';

const platform = nodePlatform();
tertiaryTrunkTests(platform);
tertiaryEndToEndTests(platform, true);
