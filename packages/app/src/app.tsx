/** The frame of the application: its head, the navigation between views, and the view that the address names. */
import type { ComponentType } from 'preact';
import { useEffect } from 'preact/hooks';
import { readAddress } from './address.ts';
import { FoldView } from './fold/foldView.tsx';
import { lazyView, type ViewProps } from './ui/lazyView.tsx';
import { useAddress } from './useAddress.ts';

interface View {
  readonly title: string;
  readonly View: ComponentType<ViewProps>;
}

/** Views by the first part of the address, as they stand in the navigation. */
const VIEWS: ReadonlyMap<string, View> = new Map([
  ['fold', { title: 'Fold', View: FoldView }],
  ['3d', { title: '3D', View: lazyView(async () => (await import('./space/spaceView.tsx')).SpaceView) }],
  ['embed', { title: 'Embed', View: lazyView(async () => (await import('./embed/embedView.tsx')).EmbedView) }],
  [
    'predict',
    { title: 'Predict', View: lazyView(async () => (await import('./predict/predictView.tsx')).PredictView) },
  ],
  ['score', { title: 'Score', View: lazyView(async () => (await import('./score/scoreView.tsx')).ScoreView) }],
  ['train', { title: 'Train', View: lazyView(async () => (await import('./train/trainView.tsx')).TrainView) }],
  ['models', { title: 'Models', View: lazyView(async () => (await import('./models/modelsView.tsx')).ModelsView) }],
]);
const FIRST = 'fold';

export function App() {
  const { view: name, query } = readAddress(useAddress());
  const view = VIEWS.get(name === '' ? FIRST : name);
  const title = view?.title ?? 'No such view';
  useEffect(() => {
    document.title = `${title} · @rna`;
  }, [title]);
  return (
    <>
      <a class="skip" href="#main" onClick={skipToMain}>
        Skip to the content
      </a>
      <header class="top">
        <span class="brand">@rna</span>
        <nav aria-label="Views">
          {[...VIEWS].map(([key, { title, View: itsView }]) => (
            <a key={key} href={`#/${key}`} aria-current={itsView === view?.View ? 'page' : undefined}>
              {title}
            </a>
          ))}
        </nav>
        <p>Everything is computed in this browser. Nothing is uploaded.</p>
      </header>
      <main id="main" tabIndex={-1}>
        {view === undefined ? <UnknownView name={name} /> : <view.View query={query} />}
      </main>
    </>
  );
}

function UnknownView({ name }: { readonly name: string }) {
  return (
    <section class="card" role="alert">
      <h1>There is no view “{name}”</h1>
      <p>
        The address is mistyped, or was made by another version. <a href={`#/${FIRST}`}>Go to Fold</a>
      </p>
    </section>
  );
}

/** The address holds the view, so a link within the page must not change it. */
function skipToMain(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}
