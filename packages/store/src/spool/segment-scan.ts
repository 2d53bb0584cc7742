/** Reads the intact frames of one segment, whatever is settled. For what is done seldom: the spool's reader reads records once. */

import type { FileSystem } from "../file-system.js";
import { FrameReader } from "../frames.js";
import type { Segment } from "./segment.js";
import { type Entries, eachEntry, isBody } from "./spool-record.js";

/** Calls `entries` for what the segment holds. Does nothing if its file is gone. */
export async function scan(files: FileSystem, segment: Segment, entries: Entries): Promise<void> {
  for await (const body of bodies(files, segment)) eachEntry(body, entries);
}

/** The bodies of the intact frames, each valid until the next one. None if the segment's file is gone. */
export async function* bodies(files: FileSystem, segment: Segment): AsyncGenerator<Buffer, void, undefined> {
  const file = await files.open(segment.path, "existing");
  if (file === undefined) return;
  try {
    const frames = new FrameReader(file, segment.end, segment.framing, isBody);
    for (let found = await frames.next(); found !== undefined; found = await frames.next()) {
      if ("body" in found) yield found.body;
    }
  } finally {
    await file.close();
  }
}
