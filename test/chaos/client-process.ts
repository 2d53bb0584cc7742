// The client processes of a run, one at a time, each of which is killed with SIGKILL at some time. The next one is
// started in advance and waits for its orders, so that the start of Node does not cost the run time.
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** The orders of a client process. */
export interface Orders {
  readonly url: string;
  readonly clientId: string;
  readonly version: 4 | 5;
  readonly qos: 1 | 2;
  readonly publishes: boolean;
  readonly receives: boolean;
  /** The folder of the session; undefined keeps it in memory. */
  readonly directory: string | undefined;
  /** The first number to publish, unless the store has later ones. */
  readonly from: number;
  /** The last number to publish; 0: until it is told to stop. */
  readonly until: number;
  /** Publishes all of them before it connects. */
  readonly offline: boolean;
  /** Does not report each settled message. */
  readonly quiet: boolean;
  /** The maximum of unsettled publishes at a time. */
  readonly window: number;
  /** Turns of its loop, with a message or a pause each, before the first measurement of memory. */
  readonly warmUp: number;
  /** Milliseconds that promises have to settle when the run ends. */
  readonly patience: number;
}

export class ClientProcess<Work = Orders> implements AsyncDisposable {
  private standby: ChildProcessWithoutNullStreams;
  private current: ChildProcessWithoutNullStreams | undefined;
  private readonly ends = new WeakMap<ChildProcessWithoutNullStreams, Promise<unknown>>();
  kills = 0;

  constructor(
    private readonly program: string,
    private readonly heard: (words: readonly string[]) => void,
  ) {
    this.standby = this.spawn();
  }

  /** Gives the waiting process its orders, and starts the next waiting one. */
  start(orders: Work): void {
    const child = this.standby;
    this.current = child;
    child.stdin.write(`${JSON.stringify(orders)}\n`);
    this.standby = this.spawn();
  }

  /** Kills it. */
  kill(): void {
    this.kills++;
    this.current?.kill("SIGKILL");
  }

  /** Resolves when it has ended and all of its output was read. */
  async ended(): Promise<void> {
    if (this.current !== undefined) await this.ends.get(this.current);
  }

  /** It publishes nothing more, and ends when nothing is pending. */
  stop(): void {
    this.current?.stdin.write("stop\n");
  }

  /** It disconnects and ends. */
  async leave(): Promise<void> {
    this.current?.stdin.write("leave\n");
    await this.ended();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of [this.current, this.standby]) {
      if (child === undefined) continue;
      child.kill("SIGKILL");
      await this.ends.get(child);
    }
  }

  private spawn(): ChildProcessWithoutNullStreams {
    const child = spawn(process.execPath, ["--expose-gc", this.program], { stdio: "pipe" });
    this.ends.set(child, once(child, "close"));
    child.stdin.on("error", () => undefined); // it was killed
    child.stderr.on("data", (text: Buffer) => this.heard(["error", ...text.toString().trim().split(" ")]));
    createInterface({ input: child.stdout }).on("line", (line) => this.heard(line.split(" ")));
    return child;
  }
}
