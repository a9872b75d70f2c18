/** The structure module and RefineNet against the reference, in Node. */
import { refineNetTests } from './refineNet.ts';
import { structureModuleTests } from './structureModule.ts';
import { nodePlatform } from './platform.node.ts';

const platform = nodePlatform();
structureModuleTests(platform);
refineNetTests(platform);
