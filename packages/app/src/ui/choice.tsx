/** A choice among a few named values. */

interface Props<T extends string> {
  readonly id: string;
  readonly label: string;
  readonly values: Readonly<Record<T, string>>;
  readonly value: string;
  readonly isInline?: boolean;
  readonly onValue: (value: T) => void;
}

export function Choice<T extends string>({ id, label, values, value, isInline = false, onValue }: Props<T>) {
  return (
    <div class={isInline ? 'inline' : 'field'}>
      <label for={id}>{label}</label>
      <select
        id={id}
        value={value}
        onChange={({ currentTarget }) => {
          onValue(currentTarget.value as T);
        }}
      >
        {Object.entries<string>(values).map(([name, title]) => (
          <option key={name} value={name}>
            {title}
          </option>
        ))}
      </select>
    </div>
  );
}
