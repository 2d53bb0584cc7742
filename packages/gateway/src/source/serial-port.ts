/** What the drivers of serial lines have in common. */

import type { Duplex } from "node:stream";

/** A serial line that is open, and not read yet. */
export interface SerialPort {
  /** Discards what has come and was not read. */
  flush(): Promise<void>;
  /** Begins to read. The stream owns the line from then on. */
  stream(): Duplex;
  /** Closes a line that has no stream. */
  close(): void;
}
