// Owns programs that run in processes of their own: bundled from the sources, so that no test runs against an old build.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";

const packages = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Bundles test/programs/NAME.ts into the directory. Resolves to the path of what to run. */
export async function bundle(name: string, directory: string): Promise<string> {
  const file = `${directory}/${name}.mjs`;
  const bundling = await rolldown({
    input: fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url)),
    platform: "node",
    resolve: {
      extensionAlias: { ".js": [".ts", ".js"] },
      alias: {
        "#platform": packages("mqtt/src/transport/platform-node.ts"),
        "@aiko/mqtt-store": packages("store/src/index.ts"),
        "@aiko/mqtt": packages("mqtt/src/index.ts"),
      },
    },
  });
  await bundling.write({ file, format: "esm", codeSplitting: false });
  return file;
}

/** A running program, and what it says, line by line. */
export class Program {
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private told: () => void = () => {};

  constructor(path: string, ...args: string[]) {
    this.child = spawn(process.execPath, [path, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let rest = "";
    this.child.stdout?.on("data", (data) => {
      const parts = (rest + data).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
      this.told();
    });
    this.ended = new Promise((resolve) => {
      this.child.on("close", () => {
        resolve();
        this.told();
      });
    });
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Resolves when there are so many lines, or no more come. */
  async said(count: number): Promise<string[]> {
    while (this.lines.length < count && this.isRunning) {
      await new Promise<void>((resolve) => {
        this.told = resolve;
      });
    }
    return this.lines;
  }

  async end(): Promise<void> {
    await this.ended;
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}
