// A serial line of a test: a pseudo-terminal of the kernel that socat makes, with the test as the device at its other end.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { rm } from "node:fs/promises";
import { onTestFinished } from "vitest";

export class SerialLine {
  received = "";

  private constructor(
    private readonly socat: ChildProcessWithoutNullStreams,
    private readonly path: string,
  ) {
    socat.stdout.setEncoding("latin1").on("data", (text: string) => {
      this.received += text;
    });
    socat.stdin.on("error", () => {});
  }

  /** Resolves when the path is a terminal. */
  static async plug(path: string): Promise<SerialLine> {
    const socat = spawn("socat", ["-d", "-d", `pty,raw,echo=0,link=${path}`, "stdio"]);
    onTestFinished(() => void socat.kill("SIGKILL"));
    const line = new SerialLine(socat, path);
    let log = "";
    await new Promise<void>((resolve, reject) => {
      socat.on("error", (error) =>
        reject(new Error(`this test needs socat (apt-get install socat): ${error.message}`)),
      );
      socat.on("exit", () => reject(new Error(`socat ended: ${log}`)));
      socat.stderr.setEncoding("utf8").on("data", (text: string) => {
        log += text;
        if (log.includes("starting data transfer loop")) resolve();
      });
    });
    return line;
  }

  send(text: string | Uint8Array): void {
    if (typeof text === "string") this.socat.stdin.write(text, "latin1");
    else this.socat.stdin.write(text);
  }

  /** Has the terminal hold what was sent, as if a program had died that had it open. Resolves when it does to the function that ends it. */
  async hold(text: string): Promise<() => void> {
    const descriptor = openSync(this.path, constants.O_RDWR | constants.O_NOCTTY | constants.O_NONBLOCK);
    this.send(text);
    // Each turn of socat serves both directions: after the second answer, the first turn is over.
    for (const before of [0, 1]) {
      writeSync(descriptor, "z");
      while (this.received.length <= before) await new Promise((resolve) => setImmediate(resolve));
    }
    this.received = "";
    return () => closeSync(descriptor);
  }

  get answers(): string[] {
    return this.received.split("\n").slice(0, -1);
  }

  /** The device is gone, with its path. */
  async unplug(): Promise<void> {
    const isOver = this.socat.exitCode !== null || this.socat.signalCode !== null;
    const exited = isOver ? undefined : once(this.socat, "exit");
    this.socat.kill("SIGKILL");
    await exited;
    await rm(this.path, { force: true });
  }
}
