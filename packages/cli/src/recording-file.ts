/** The file of a recording: where it is written, and its bounds. Knows nothing of what is recorded. */

import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { Recorder } from "@aiko/mqtt-gateway";
import { CommandError } from "./command.js";

/** The bounds of `--max-bytes`, and its default. */
export const RECORDING_BYTES = { least: 1_024, most: 2 ** 28, default: 2 ** 24 } as const;

/** Bytes that may wait for the disk. */
const MOST_UNWRITTEN = 2 ** 24;

export class RecordingFile {
  readonly recorder: Recorder;
  /** Resolves when the recording has reached its size, or to the error if the file cannot be written. */
  readonly ended: Promise<Error | undefined>;

  private constructor(
    private readonly path: string,
    private readonly stream: WriteStream,
    maximumBytes: number,
  ) {
    let end = (_: Error | undefined): void => {};
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    stream.on("error", (error) => end(error));
    this.recorder = new Recorder({
      maximumBytes,
      startedAt: Date.now(),
      write: (line) => {
        if (stream.destroyed || stream.writableEnded) return;
        stream.write(line);
        if (stream.writableLength > MOST_UNWRITTEN) stream.destroy(new Error("the disk is too slow for the recording"));
      },
      full: () => end(undefined),
    });
  }

  /** @throws CommandError if the file exists, or cannot be made */
  static async create(path: string, maximumBytes: number = RECORDING_BYTES.default): Promise<RecordingFile> {
    // What devices send is not for everybody, and an earlier recording may be the only one of its bug.
    const stream = createWriteStream(path, { flags: "wx", mode: 0o600 });
    await once(stream, "open").catch((error: NodeJS.ErrnoException) => {
      throw new CommandError(
        `${path}: ${error.code === "EEXIST" ? "the file exists; remove it or choose another name" : error.message}`,
      );
    });
    return new RecordingFile(path, stream, maximumBytes);
  }

  /** What was recorded, in words. */
  get summary(): string {
    const { connections, received, written } = this.recorder.counts;
    const from = connections === 1 ? "1 connection" : `${connections} connections`;
    return `${this.path}: ${received} bytes from ${from}, ${written} bytes written`;
  }

  /** Resolves when all is written. @throws CommandError if the file could not be written */
  async close(): Promise<void> {
    const error = await new Promise<Error | undefined | null>((resolve) => {
      void this.ended.then((failed) => failed && resolve(failed));
      this.stream.end(() => resolve(this.stream.errored));
    });
    if (error) throw new CommandError(`${this.path}: ${error.message}`);
  }
}
