import { portableMathTests } from './portableMath.ts';

portableMathTests();
