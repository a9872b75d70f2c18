/** A number that a form asks for. */

interface Props {
  readonly id: string;
  readonly label: string;
  readonly least: number;
  readonly most?: number;
  readonly step: number | 'any';
  /** NaN for none. */
  readonly value: number;
  /** What no number stands for, where one may be left out. */
  readonly none?: string;
  readonly onValue: (value: number) => void;
}

export function NumberField({ id, label, least, most, step, value, none, onValue }: Props) {
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        id={id}
        class="text"
        type="number"
        required={none === undefined}
        placeholder={none}
        min={least}
        max={most}
        step={step}
        value={Number.isNaN(value) ? '' : value}
        onInput={({ currentTarget }) => {
          onValue(currentTarget.valueAsNumber);
        }}
      />
    </div>
  );
}
