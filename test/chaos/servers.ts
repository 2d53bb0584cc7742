// The servers of a chaos run, each in a process that can be killed with or without its sessions.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as wait } from "node:timers/promises";
import { freePort } from "../fixtures/free-port.ts";

export interface ChaosServer extends AsyncDisposable {
  readonly name: string;
  /** Changes when it is restarted. */
  readonly port: number;
  /** Kills it; its sessions are lost. */
  killWithoutSessions(): Promise<void>;
  startAgain(): Promise<void>;
}

/** A server that can keep its sessions while it is down. */
export interface KeepingServer extends ChaosServer {
  /** Whether it saves what it acknowledges before that: it can be killed at any time. */
  readonly isDurable: boolean;
  /** Stops it gracefully; its sessions are kept. */
  stop(): Promise<void>;
  /** Saves its sessions and is killed at once. No packet may be in flight, unless it is durable. */
  killAfterSaving(): Promise<void>;
}

/** Our broker. */
export class BrokerServer implements ChaosServer {
  readonly name = "our broker";
  port = 0;
  private child: ChildProcess | undefined;

  private constructor(private readonly program: string) {}

  static async start(program: string): Promise<BrokerServer> {
    const server = new BrokerServer(program);
    await server.startAgain();
    return server;
  }

  async startAgain(): Promise<void> {
    const child = spawn(process.execPath, [this.program], { stdio: ["ignore", "pipe", "inherit"] });
    this.child = child;
    const [port] = await inTime(once(createInterface({ input: child.stdout }), "line"), this.name);
    this.port = Number(port);
  }

  async killWithoutSessions(): Promise<void> {
    await ended(this.child, "SIGKILL");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return ended(this.child, "SIGKILL");
  }
}

/** Our broker with a disk store. */
export class StoringBrokerServer implements KeepingServer {
  readonly name = "our broker";
  readonly isDurable = true;
  port = 0;
  private child: ChildProcess | undefined;

  private constructor(
    private readonly program: string,
    private readonly folder: string,
  ) {}

  static async start(program: string): Promise<StoringBrokerServer> {
    const server = new StoringBrokerServer(program, await mkdtemp(join(tmpdir(), "aiko-mqtt-chaos-")));
    await server.startAgain();
    return server;
  }

  async startAgain(): Promise<void> {
    const child = spawn(process.execPath, [this.program, this.folder], { stdio: ["ignore", "pipe", "inherit"] });
    this.child = child;
    const [port] = await inTime(once(createInterface({ input: child.stdout }), "line"), this.name);
    this.port = Number(port);
  }

  async stop(): Promise<void> {
    await ended(this.child, "SIGTERM");
  }

  async killAfterSaving(): Promise<void> {
    await ended(this.child, "SIGKILL");
  }

  async killWithoutSessions(): Promise<void> {
    await ended(this.child, "SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.killWithoutSessions();
  }
}

/** Starts a server, each on another port. */
const ATTEMPTS = 5;
/** The time limit for a server to start, or to save its sessions, in milliseconds. */
const PATIENCE = 120_000;

export class MosquittoServer implements KeepingServer {
  readonly name = "mosquitto";
  readonly isDurable = false;
  port = 0;
  private child: ChildProcess | undefined;

  private constructor(private readonly folder: string) {}

  /** @throws if mosquitto is not installed */
  static async start(): Promise<MosquittoServer> {
    const server = new MosquittoServer(await mkdtemp(join(tmpdir(), "aiko-mqtt-chaos-")));
    let failure: unknown;
    for (let i = 0; i < ATTEMPTS; i++) {
      server.port = await freePort();
      try {
        await server.startAgain();
        return server;
      } catch (error) {
        failure = error; // another process may have taken the port meanwhile
      }
    }
    await server[Symbol.asyncDispose]();
    throw failure;
  }

  async startAgain(): Promise<void> {
    const lines = [
      `user ${userInfo().username}`, // as root it would become the user "mosquitto", which may not write to our folder
      "persistence true",
      `persistence_location ${this.folder}/`,
      "autosave_interval 0",
      "log_dest stderr",
      "log_type error",
      "log_type notice",
      "log_type information",
      "max_queued_messages 0",
      "set_tcp_nodelay true",
      `listener ${this.port} 127.0.0.1`,
      "allow_anonymous true",
    ];
    const path = join(this.folder, "mosquitto.conf");
    await writeFile(path, `${lines.join("\n")}\n`);
    // Debian installs daemons in sbin, which is not on every user's PATH.
    const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin:/sbin` };
    const child = spawn("mosquitto", ["-c", path], { env, stdio: ["ignore", "ignore", "pipe"] });
    this.child = child;
    const running = new Promise<void>((resolve, reject) => {
      const said: string[] = [];
      createInterface({ input: child.stderr }).on("line", (line) => {
        if (said.length < 20) said.push(line);
        if (line.includes(" running")) resolve();
      });
      child.once("error", () =>
        reject(
          new Error("mosquitto is not installed; on Debian, install the package mosquitto, or use --server broker"),
        ),
      );
      child.once("close", () => reject(new Error(`mosquitto ended: ${said.join("\n")}`)));
    });
    await inTime(running, this.name);
  }

  async stop(): Promise<void> {
    await ended(this.child, "SIGTERM");
  }

  async killAfterSaving(): Promise<void> {
    await wait(20); // for bytes that it has read but not processed yet
    const before = await this.savedAt();
    this.child?.kill("SIGUSR1");
    for (let waited = 0; (await this.savedAt()) === before; waited++) {
      if (waited > PATIENCE) throw new Error("mosquitto does not save its sessions");
      await wait(1);
    }
    await ended(this.child, "SIGKILL");
  }

  async killWithoutSessions(): Promise<void> {
    await ended(this.child, "SIGKILL");
    await rm(this.file, { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ended(this.child, "SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }

  private get file(): string {
    return join(this.folder, "mosquitto.db");
  }

  /** The file with the sessions: mosquitto writes a new one and renames it. */
  private async savedAt(): Promise<number> {
    const found = await stat(this.file).catch(() => undefined);
    return found === undefined ? 0 : found.ino + found.mtimeMs;
  }
}

function inTime<Value>(starting: Promise<Value>, name: string): Promise<Value> {
  const late = wait(PATIENCE, undefined, { ref: false }).then(() => {
    throw new Error(`${name} has not started within ${PATIENCE} ms`);
  });
  return Promise.race([starting, late]);
}

async function ended(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}
