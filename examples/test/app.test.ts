/** The application in Chromium, built and served as it would be published: one browser and one build for all views. */
import { afterAll, beforeAll } from 'vitest';
import './app/firefox.ts';
import './app/foldView.ts';
import './app/modelViews.ts';
import './app/offline.ts';
import './app/trainView.ts';
import './app/troubles.ts';
import { closeApplication, openApplication } from './app/tools.ts';

beforeAll(openApplication, 600_000);
afterAll(closeApplication);
