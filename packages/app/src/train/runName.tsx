/** The name that a run is kept under. */

interface Props {
  readonly name: string;
  readonly onName: (name: string) => void;
}

/** A name that no run has. */
export function freeName(wanted: string, taken: readonly string[]): string {
  let free = wanted;
  for (let copy = 2; taken.includes(free); copy++) free = `${wanted} ${copy}`;
  return free;
}

export function RunName({ name, onName }: Props) {
  return (
    <div class="field">
      <label for="run-name">Name of the run</label>
      <input
        id="run-name"
        class="text"
        required
        maxLength={80}
        pattern="[^\/]+"
        value={name}
        onInput={({ currentTarget }) => {
          onName(currentTarget.value);
        }}
      />
    </div>
  );
}
