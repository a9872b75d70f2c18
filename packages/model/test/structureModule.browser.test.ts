/** The structure module, RefineNet and their gradients against the reference, in a real browser. */
import { refineNetTests } from './refineNet.ts';
import { structureModuleTests } from './structureModule.ts';
import { browserPlatform } from './platform.browser.ts';

const platform = browserPlatform();
structureModuleTests(platform);
refineNetTests(platform);
