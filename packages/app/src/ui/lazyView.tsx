/** Views that are loaded when they are first shown, so that the first view does not wait for the others. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

export interface ViewProps {
  readonly query: URLSearchParams;
}

export function lazyView(load: () => Promise<ComponentType<ViewProps>>): ComponentType<ViewProps> {
  let loaded: ComponentType<ViewProps> | undefined;
  return function LazyView(props) {
    const [, setLoaded] = useState(loaded !== undefined);
    const [failure, setFailure] = useState('');
    useEffect(() => {
      if (loaded !== undefined) return;
      load().then(
        (view) => {
          loaded = view;
          setLoaded(true);
        },
        () => {
          setFailure('This view could not be loaded: the connection is gone, or the page was replaced. Load it again.');
        },
      );
    }, []);
    if (failure !== '')
      return (
        <p class="card complaint" role="alert">
          {failure}
        </p>
      );
    if (loaded === undefined) return <p class="quiet">loading …</p>;
    const View = loaded;
    return <View {...props} />;
  };
}
