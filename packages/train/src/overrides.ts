/**
 * From what a person wrote to a config: validation with errors that name the
 * key, the value and what was expected, `--key value` overrides with dotted
 * paths, and the list of fields for `--help`. All of it reads the schema; no
 * field is named here. Parsing YAML or JSON text is the command line's.
 */
import { z } from 'zod';

/** A config that cannot be used. The message lists every fault, a line each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** One field of a config, by its dotted path. */
export interface ConfigField {
  readonly path: string;
  /** What it takes, in words. */
  readonly expected: string;
  /** Absent where the field must be given, or may be left out. */
  readonly default?: unknown;
  readonly required: boolean;
  readonly description: string;
}

/** The part of JSON Schema in which zod describes our schemas. */
interface Node {
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly enum?: readonly unknown[];
  /** The kinds of a field that takes either of several, such as a word or a number. */
  readonly anyOf?: readonly Node[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly exclusiveMaximum?: number;
  readonly minItems?: number;
}

const describeSchema = (schema: z.ZodType): Node => z.toJSONSchema(schema, { io: 'input' }) as Node;

/** Every field of a schema, in order, with its default. */
export function configFields(schema: z.ZodType): ConfigField[] {
  const fieldsOf = (node: Node, path: string, required: boolean): ConfigField[] =>
    node.properties === undefined
      ? [
          {
            path,
            expected: expectation(node),
            required: required && node.default === undefined,
            description: node.description ?? '',
            ...(node.default !== undefined && { default: node.default }),
          },
        ]
      : Object.entries(node.properties).flatMap(([key, child]) =>
          fieldsOf(child, join(path, key), node.required?.includes(key) ?? false),
        );
  return fieldsOf(describeSchema(schema), '', true);
}

/**
 * Checks a config and fills in its defaults. `file` opens each line of the error.
 * @throws ConfigError for unknown keys, missing ones and values of the wrong kind, all at once.
 */
export function validateConfig<T>(schema: z.ZodType<T>, value: unknown, file: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const root = describeSchema(schema);
  const lines = result.error.issues.flatMap((issue) => {
    const path = issue.path.map(String);
    const node = nodeAt(root, path);
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => unknownKey(join(path.join('.'), key), root));
    if (issue.code === 'custom') return [`${path.join('.')} ${issue.message}`];
    const given = valueAt(value, path);
    if (given === undefined && node !== undefined) return missing(node, path.join('.'));
    const got = given === undefined ? 'is missing' : `is ${shown(given)}`;
    return [
      `${path.length === 0 ? 'the config' : path.join('.')} ${got}; expected ${node === undefined ? issue.message : expectation(node)}`,
    ];
  });
  throw new ConfigError(lines.map((line) => `${file}: ${line}`).join('\n'));
}

/** A value as messages show it. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
}

/** The fields without a default in a group that is missing. */
function missing(node: Node, path: string): string[] {
  const asked = (node.required ?? []).flatMap((key) => missing(node.properties![key]!, join(path, key)));
  return asked.length > 0 ? asked : [`${path === '' ? 'the config' : path} is missing; expected ${expectation(node)}`];
}

/**
 * A copy of `value` with overrides such as `['--train.steps', '100', '--optimizer.learningRate=1e-3']` laid over
 * it. Each text is read as the type that the schema has at its path; a list is written with commas.
 * @throws ConfigError for a key that the schema does not have, a missing value or one of the wrong type.
 */
export function applyOverrides(schema: z.ZodType, value: unknown, args: readonly string[]): unknown {
  const root = describeSchema(schema);
  const result: unknown = structuredClone(value ?? {});
  if (!isObject(result)) throw new ConfigError(`the config is ${shown(value)}; expected an object`);
  for (let i = 0; i < args.length; i++) {
    const argument = args[i]!;
    const match = /^--([^=]+)(?:=(.*))?$/s.exec(argument);
    if (match === null) throw new ConfigError(`'${argument}' is no override of the form --KEY VALUE`);
    const key = match[1]!;
    const node = nodeAt(root, key.split('.'));
    if (node === undefined) throw new ConfigError(`--${key}: ${unknownKey(key, root)}`);
    if (node.properties !== undefined)
      throw new ConfigError(
        `--${key} is a group; name one of its fields: ${Object.keys(node.properties)
          .map((name) => `--${key}.${name}`)
          .join(', ')}`,
      );
    const text = match[2] ?? args[++i];
    if (text === undefined) throw new ConfigError(`--${key}: a value is missing; expected ${expectation(node)}`);
    setAt(result, key.split('.'), parseText(text, node, key));
  }
  return result;
}

function parseText(text: string, node: Node, key: string): unknown {
  if (node.anyOf !== undefined) {
    // Every text is a text, so numbers are tried first.
    const number = node.anyOf.find(({ type }) => type === 'integer' || type === 'number');
    return number === undefined || !Number.isFinite(Number(text)) ? text : parseText(text, number, key);
  }
  const fail = (): never => {
    throw new ConfigError(`--${key} is '${text}'; expected ${expectation(node)}`);
  };
  switch (node.type) {
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : fail();
    case 'integer':
    case 'number': {
      const number = Number(text);
      return text.trim() !== '' && Number.isFinite(number) ? number : fail();
    }
    case 'array':
      return text === '' ? [] : text.split(',').map((item) => parseText(item, node.items ?? {}, key));
    default:
      return text;
  }
}

/** What a field takes, in words. */
function expectation(node: Node): string {
  if (node.anyOf !== undefined) return node.anyOf.map(expectation).join(', or ');
  if (node.enum !== undefined) return `one of ${node.enum.map(String).join(', ')}`;
  switch (node.type) {
    case 'integer':
      return `a whole number${range(node)}`;
    case 'number':
      return `a number${range(node)}`;
    case 'boolean':
      return 'true or false';
    case 'array':
      return `a list (of ${expectation(node.items ?? {})})${node.minItems === undefined ? '' : ` with ${node.minItems} or more entries`}`;
    case 'object':
      return 'a group of settings';
    default:
      return 'a text';
  }
}

function range({ minimum, exclusiveMinimum, maximum, exclusiveMaximum }: Node): string {
  const isLimit = (limit: number | undefined): limit is number =>
    limit !== undefined && Math.abs(limit) < Number.MAX_SAFE_INTEGER;
  const parts = [
    ...(isLimit(minimum) ? [`at least ${minimum}`] : []),
    ...(isLimit(exclusiveMinimum) ? [`above ${exclusiveMinimum}`] : []),
    ...(isLimit(maximum) ? [`at most ${maximum}`] : []),
    ...(isLimit(exclusiveMaximum) ? [`below ${exclusiveMaximum}`] : []),
  ];
  return parts.length === 0 ? '' : ` ${parts.join(' and ')}`;
}

function unknownKey(path: string, root: Node): string {
  const keys = path.split('.');
  // The deepest group that exists tells what could have been meant.
  let node = root;
  const known: string[] = [];
  for (const key of keys) {
    const child = node.properties?.[key];
    if (child === undefined) break;
    known.push(key);
    node = child;
  }
  const options = Object.keys(node.properties ?? {}).map((key) => [...known, key].join('.'));
  return `unknown key ${path}; ${options.length === 0 ? `${known.join('.')} has no fields` : `known are ${options.join(', ')}`}`;
}

function nodeAt(root: Node, path: readonly string[]): Node | undefined {
  let node: Node | undefined = root;
  for (const key of path) {
    const properties: Node['properties'] = node?.properties;
    node =
      properties !== undefined && Object.hasOwn(properties, key)
        ? properties[key]
        : node?.type === 'array'
          ? node.items
          : undefined;
  }
  return node;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[key] : undefined),
    value,
  );
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const child = target[key] ?? (target[key] = {});
  if (!isObject(child)) throw new ConfigError(`${key} is ${shown(child)}; expected a group of settings`);
  setAt(child, rest, value);
}

const join = (path: string, key: string): string => (path === '' ? key : `${path}.${key}`);
