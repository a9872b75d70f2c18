/** A number that a form asks for. */

interface Props {
  readonly id: string;
  readonly label: string;
  readonly least: number;
  readonly most?: number;
  readonly step: number | 'any';
  readonly value: number;
  readonly onValue: (value: number) => void;
}

export function NumberField({ id, label, least, most, step, value, onValue }: Props) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        class="text"
        type="number"
        required
        min={least}
        max={most}
        step={step}
        value={value}
        onInput={({ currentTarget }) => {
          onValue(currentTarget.valueAsNumber);
        }}
      />
    </div>
  );
}
