/** Serial lines by the package `serialport`, which has native code: for other systems than Linux, odd speeds and modem lines. An optional peer. */

import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import type { Duplex } from "node:stream";
import type { SerialSettings } from "../configuration/configuration.js";
import type { SerialPort } from "./serial-port.js";

/** What is used of the package. */
interface LibraryPort extends Duplex {
  flush(done: (error: Error | null) => void): void;
  set(lines: { dtr?: boolean; rts?: boolean }, done: (error: Error | null) => void): void;
}
type LibraryPortClass = new (
  options: Readonly<Record<string, unknown>>,
  opened: (error: Error | null) => void,
) => LibraryPort;

export async function openWithLibrary(path: string, settings: SerialSettings): Promise<SerialPort> {
  const Port = libraryPort();
  const { baud, data, parity, stop, flow, exclusive, dtr, rts } = settings;
  const port = await new Promise<LibraryPort>((resolve, reject) => {
    const options = {
      path,
      baudRate: baud,
      dataBits: data,
      parity,
      stopBits: stop,
      rtscts: flow === "rtscts",
      xon: flow === "xonxoff",
      xoff: flow === "xonxoff",
      hupcl: false,
      lock: exclusive,
    };
    const opened: LibraryPort = new Port(options, (error) => (error ? reject(error) : resolve(opened)));
  });
  const lines = { ...(dtr === undefined ? {} : { dtr }), ...(rts === undefined ? {} : { rts }) };
  try {
    if (Object.keys(lines).length > 0) await done((settle) => port.set(lines, settle));
  } catch (error) {
    port.destroy();
    throw error;
  }
  return {
    flush: () => done((settle) => port.flush(settle)),
    stream: () => port,
    close: () => port.destroy(),
  };
}

/** The package is the user's: it is looked for where the user installed it. */
function libraryPort(): LibraryPortClass {
  const require = createRequire(join(process.cwd(), "gateway.js"));
  try {
    const { SerialPort: found } = require("serialport") as { readonly SerialPort: LibraryPortClass };
    return found;
  } catch (cause) {
    const why = 'serial lines with driver = "serialport", on other systems than Linux, or at an unusual rate';
    throw new Error(`${why} require the package serialport; run: npm install serialport`, { cause });
  }
}

function done(begin: (settle: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => begin((error) => (error ? reject(error) : resolve())));
}
