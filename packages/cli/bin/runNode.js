/**
 * Another Node in this one's place: it has the terminal, gets the signals that
 * this process gets, and its end is this process's end. For a driver whose
 * libraries only that Node can load.
 */
import { spawn } from 'node:child_process';
import { fstatSync, readFileSync } from 'node:fs';
import process from 'node:process';

/** Those that ask a process to end. A terminal sends the first three to all processes at once. */
const OF_TERMINAL = /** @type {const} */ (['SIGINT', 'SIGQUIT', 'SIGHUP']);
const SIGNALS = /** @type {const} */ ([...OF_TERMINAL, 'SIGTERM']);

/**
 * Starts `node` with the arguments and sees to it that this process ends as that one does.
 * @param {string} node
 * @param {readonly string[]} args
 */
export function runNode(node, args) {
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', ...ofLauncher()] });
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => {
    // The child has it from the terminal already, and a second one may mean more: the command stops at once.
    if (OF_TERMINAL.some((each) => each === signal) && isInForeground()) return;
    child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, pass);
  child.once('error', (error) => {
    process.stderr.write(`${node} does not start: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.once('exit', (code, signal) => {
    for (const each of SIGNALS) process.off(each, pass);
    if (signal === null) process.exitCode = code ?? 1;
    else process.kill(process.pid, signal);
  });
}

/**
 * The descriptor by which a launcher of MPICH's speaks with this process, under its number in that one, so that it
 * speaks with that one. Without it, none.
 * @returns {(number | 'ignore')[]}
 */
function ofLauncher() {
  const descriptor = Number(process.env['PMI_FD']);
  try {
    if (!(descriptor > 2) || !fstatSync(descriptor).isSocket()) return [];
  } catch {
    return [];
  }
  return [...Array.from({ length: descriptor - 3 }, () => /** @type {const} */ ('ignore')), descriptor];
}

/** Whether this process is of the group that the terminal's keys act on. */
function isInForeground() {
  try {
    // pid (command) state ppid pgrp session tty_nr tpgid …; the command may hold spaces and brackets.
    const fields = readFileSync('/proc/self/stat', 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return fields[2] === fields[5];
  } catch {
    return false;
  }
}
