/**
 * Tasks for the commands that take one. What there is to say of them is in their declarations (`HEADS` of `@rna/model`),
 * which are loaded when a command needs them: `rna --help` stays quick.
 */
import { HEADS, type Head } from '@rna/model';
import { UsageError } from './errors.ts';

/** The head of a task. Throws a UsageError that names all tasks. */
export function headOfTask(task: string): Head {
  const head = HEADS.find((each) => each.name === task);
  if (head === undefined)
    throw new UsageError(`there is no task '${task}'; there are ${HEADS.map((each) => each.name).join(', ')}`);
  return head;
}

export const isTask = (name: string): boolean => HEADS.some((each) => each.name === name);

/** For a command's help: each task, what it predicts, and how its labels are given. */
export function tasksHelp(): string {
  const width = Math.max(...HEADS.map(({ name }) => name.length)) + 2;
  const lines = HEADS.map(({ name: task, title, columns, kind }) => {
    const labels =
      columns === undefined
        ? kind === 'coordinates'
          ? 'PDB and mmCIF files, folders of them, or a list'
          : 'dot-bracket, CT, bpseq or ST files'
        : `columns ${columns.sequence} and ${columns.target} (${columns.meaning})${columns.several ? '; several with --columns' : ''}`;
    return `  ${task.padEnd(width)}${title}; ${labels}`;
  });
  return `\nTasks:\n${lines.join('\n')}`;
}
