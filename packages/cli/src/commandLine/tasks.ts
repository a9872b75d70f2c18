/** A task by the name that a person gives it, for the commands that take one. */
import { HEADS, type Head } from '@rna/model';
import { UsageError } from './errors.ts';

/** The head of a task. Throws a UsageError that names all tasks. */
export function headOfTask(task: string): Head {
  const head = HEADS.find((each) => each.task === task);
  if (head === undefined)
    throw new UsageError(`there is no task '${task}'; there are ${HEADS.map((each) => each.task).join(', ')}`);
  return head;
}
