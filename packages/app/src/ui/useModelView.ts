/**
 * What the views that run a model have in common: RNAs, a model, the settings of the view, and an address that holds
 * all of it. An address that was opened, or gone back to, is run again.
 */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { ModelCalls, Weights } from '../calls/modelCalls.ts';
import { modelAddress, readModelAddress } from '../modelAddress.ts';
import { PASTED, type Input } from './sequenceField.tsx';
import { useCall, type OtherProgress } from './useCall.ts';

type Settings = Readonly<Record<string, string>>;

interface Run {
  readonly model: string;
  readonly weights: Weights;
  readonly text: string;
  readonly file: string;
  readonly settings: Settings;
}

interface Options<K extends keyof ModelCalls> {
  /** What the worker is asked with, from the settings that it is asked with. Default: these as they are. */
  readonly asked?: (settings: Settings) => Readonly<Record<string, unknown>>;
  readonly onBegin?: () => void;
  readonly onOther?: (other: OtherProgress<K>) => void;
}

/**
 * @param defaults The view's settings; what is as it is by default is not in the address.
 * @param asked Which of them the worker is asked with: the view is run again where an address changes one.
 */
export function useModelView<K extends keyof ModelCalls>(
  view: K,
  query: URLSearchParams,
  defaults: Settings,
  asked: readonly string[],
  { asked: askedWith = (own) => own, onBegin, onOther }: Options<K> = {},
) {
  const given = readModelAddress(query);
  const [input, setInput] = useState<Input>({ text: given.fasta ?? '', file: PASTED });
  const [model, setModel] = useState(given.model);
  const [weights, setWeights] = useState<Weights>(given.weights);
  const [settings, setSettings] = useState<Settings>(() => settingsOf(query, defaults));
  const call = useCall(view, onOther);
  const current = useRef<Run | undefined>(undefined);

  const begin = (run: Run): void => {
    current.current = run;
    const { settings: own, ...task } = run;
    const askedFor = askedWith(Object.fromEntries(asked.map((name) => [name, own[name]!])));
    onBegin?.();
    call.start({ ...task, ...askedFor });
  };
  const addressOf = ({ text, settings: own, ...run }: Run): string =>
    modelAddress(
      view,
      { model: run.model, weights: run.weights, fasta: text },
      Object.fromEntries(Object.entries(own).filter(([name, value]) => value !== defaults[name])),
    );

  useEffect(() => {
    const { fasta, ...rest } = readModelAddress(query);
    const own = settingsOf(query, defaults);
    if (fasta === undefined) {
      // A link of the Models view names a model alone.
      if (query.has('model')) setModel(rest.model);
      return;
    }
    setSettings(own);
    const now = current.current;
    const isSame =
      now?.text === fasta &&
      now.model === rest.model &&
      now.weights === rest.weights &&
      asked.every((name) => now.settings[name] === own[name]);
    if (isSame) return;
    setInput({ text: fasta, file: PASTED });
    setModel(rest.model);
    setWeights(rest.weights);
    begin({ ...rest, text: fasta, file: PASTED, settings: own });
  }, [query.toString()]);

  return {
    input,
    setInput,
    model,
    setModel,
    weights,
    setWeights,
    settings,
    /** A setting is changed; what is shown follows, what is run does at the next run. */
    set: (name: string, value: string): void => {
      const next = { ...settings, [name]: value };
      setSettings(next);
      const now = current.current;
      if (now === undefined || asked.includes(name)) return;
      current.current = { ...now, settings: { ...now.settings, [name]: value } };
      history.replaceState(null, '', addressOf(current.current));
    },
    run: (): void => {
      const run: Run = { model, weights, ...input, settings };
      history.pushState(null, '', addressOf(run));
      begin(run);
    },
    ...call,
  };
}

const settingsOf = (query: URLSearchParams, defaults: Settings): Settings =>
  Object.fromEntries(Object.entries(defaults).map(([name, value]) => [name, query.get(name) ?? value]));
