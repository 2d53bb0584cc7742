/**
 * Notices that nobody reads a pipe any more although nothing is written to it. Node cannot: it watches a pipe only while
 * data waits to be written. Linux shows in /proc which processes have the pipe open.
 *
 * Knows only readers that this user may see. If the last known one is gone, and another might be hidden, nothing is
 * concluded: the next write tells.
 */

import { fstatSync, promises, readFileSync, readlinkSync } from "node:fs";

/** Milliseconds. */
const INTERVAL = 200;
/** The most processes that are looked at for readers. */
const MOST_PROCESSES = 100_000;

/**
 * Calls `gone` once, when the last reader of a pipe closed it. Does not keep the process running. Resolves when the pipe
 * is watched, or cannot be.
 */
export async function watchReader(descriptor: number, gone: () => void): Promise<void> {
  if (!isPipe(descriptor)) return;
  const pipe = linkOf(`/proc/self/fd/${descriptor}`);
  let reader = pipe && (await readerOf(pipe)).path;
  if (pipe === undefined || reader === undefined) return;
  const look = async (): Promise<void> => {
    if (linkOf(reader as string) !== pipe) {
      const { path, hidden } = await readerOf(pipe);
      if (path === undefined && !hidden) gone();
      if (path === undefined) return;
      reader = path;
    }
    later();
  };
  const later = (): unknown => setTimeout(() => void look(), INTERVAL).unref();
  later();
}

function isPipe(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isFIFO();
  } catch {
    return false; // it is closed
  }
}

/**
 * Returns the path in /proc of a descriptor that can read the pipe, and whether processes of this session were hidden:
 * a reader may have started a program of another user, as sudo.
 */
async function readerOf(pipe: string): Promise<{ path?: string; hidden: boolean }> {
  const session = sessionOf("self");
  let hidden = false;
  const processes = (await promises.readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const id of processes.slice(0, MOST_PROCESSES)) {
    const folder = `/proc/${id}/fd`;
    const descriptors = await promises.readdir(folder).catch(() => undefined);
    if (descriptors === undefined) hidden ||= sessionOf(id) === session; // also true if both are unknown
    for (const descriptor of descriptors ?? []) {
      const path = `${folder}/${descriptor}`;
      if (linkOf(path) === pipe && canRead(`/proc/${id}/fdinfo/${descriptor}`)) return { path, hidden };
    }
  }
  return { hidden };
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** The last octal digit of the flags: 0 reads, 1 writes, 2 does both. */
function canRead(path: string): boolean {
  return /^flags:\s*[0-7]*[0246]$/m.test(textOf(path) ?? "");
}

/** The session is the fourth field after the name, which is in parentheses and may contain any character. */
function sessionOf(process: string): string | undefined {
  const text = textOf(`/proc/${process}/stat`);
  return text?.slice(text.lastIndexOf(")") + 2).split(" ")[3];
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return undefined;
  }
}
