/** The page's entry. */
import { render } from 'preact';
import { App } from './app.tsx';
import { keepForOffline } from './offline/register.ts';

const root = document.getElementById('app');
if (root === null) throw new Error('the page has no element with id app');
// What is there without scripts.
root.replaceChildren();
render(<App />, root);
keepForOffline();
