// The command `aiko-mqtt gateway` as a process that can be killed.
import { type ChildProcess, spawn } from "node:child_process";
import type { GatewayStatus } from "../../packages/gateway/src/supervise/gateway-status.ts";
import { readStatus } from "../../packages/gateway/src/supervise/status-socket.ts";

const ATTEMPTS = 3;

export class GatewayProcess {
  readonly notes: string[] = [];
  private child: ChildProcess | undefined;

  /** @param program the command's file */
  constructor(
    private readonly program: string,
    private readonly configuration: string,
    private readonly socket: string,
  ) {}

  /** Starts it. Resolves when its source is up. */
  async start(): Promise<GatewayStatus> {
    const child = spawn(process.execPath, [this.program, "gateway", "--config", this.configuration], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.child = child;
    const up = new Promise<void>((resolve, reject) => {
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        this.notes.push(text);
        if (this.notes.length > 100) this.notes.shift();
        if (text.includes("source=lines")) resolve();
      });
      child.once("exit", (code, signal) =>
        reject(new Error(`the gateway ended: ${signal ?? code}\n${this.notes.join("")}`)),
      );
    });
    await up;
    return this.status();
  }

  /** A machine that stops for a while may exceed the time limit of one request. */
  async status(): Promise<GatewayStatus> {
    for (let attempt = 1; ; attempt++) {
      try {
        return (await readStatus(this.socket)) as GatewayStatus;
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  /** Ends it with a signal. Resolves to its exit code, or to null if the signal killed it. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<number | null> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null) return Promise.resolve(child?.exitCode ?? null);
    return new Promise((resolve) => {
      child.removeAllListeners("exit");
      child.once("exit", resolve);
      child.kill(signal);
    });
  }
}
