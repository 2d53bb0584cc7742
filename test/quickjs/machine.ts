// A machine for a bare `qjs`: QuickJS in WebAssembly, with the modules `std` and `os` over descriptors, pipes and
// processes that exist only in this test. Its clock runs fast. Of the ready handlers it calls the one that was set
// first, as `qjs` does.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { newQuickJSWASMModule, type QuickJSContext, type QuickJSHandle, type QuickJSRuntime } from "quickjs-emscripten";
import { root } from "../fixtures/child.ts";
import { FastClock } from "./fast-clock.ts";
import { PIPE_ROOM, Pipe } from "./pipe.ts";

const EBADF = -9;
const ENOENT = -2;
const CHARACTER_DEVICE = 0o020000;

/**
 * The engine's buffers cannot be written from outside: `os.read` passes bytes in, as numbers, and code inside stores
 * them. With `newArrayBuffer` at each read of 4 KB, the engine eventually hung in compiled code, where no interrupt
 * handler is called.
 */
const readInto = `(fd, buffer, offset, length) => {
  const bytes = host_os.read(fd, length);
  if (typeof bytes === "number") return bytes;
  new Uint8Array(buffer, offset).set(bytes);
  return bytes.length;
}`;

const bundle = join(root, "packages/cli/dist/qjs/mqtt.js");
const engine = await newQuickJSWASMModule();

export const SIGHUP = 1;
export const SIGINT = 2;

/** A program's arguments, and how it ends. */
export interface Process {
  readonly command: readonly string[];
  readonly stdin: Pipe;
  readonly stdout: Pipe;
  readonly stderr: Pipe;
  /** Set by the program: its reaction to a kill. */
  killed: () => void;
  exit(code: number): void;
}

type Program = (process: Process) => void;

type Descriptor = { readonly reads?: Pipe; readonly writes?: Pipe };
type Kind = "read" | "write";

export interface MachineOptions {
  /** By name: each is a file in `/usr/bin`, the machine's only folder. */
  readonly programs?: Readonly<Record<string, Program>>;
  /** Names of programs that are links to another file. */
  readonly links?: Readonly<Record<string, string>>;
  /** Whether standard output is a terminal. */
  readonly hasScreen?: boolean;
  /** Character devices, by path. */
  readonly devices?: Readonly<Record<string, () => { reads: Pipe; writes: Pipe }>>;
  readonly environment?: Readonly<Record<string, string>>;
  /** The memory limit of the engine, in bytes. Default 8 MB. */
  readonly memory?: number;
}

export class Machine implements Disposable {
  /** The lines of standard output and standard error. */
  readonly lines: string[] = [];
  readonly notes: string[] = [];
  readonly processes: Process[] = [];
  readonly exited: Promise<number>;
  private readonly context: QuickJSContext;
  private readonly runtime: QuickJSRuntime;
  private readonly descriptors = new Map<number, Descriptor>();
  private readonly statuses = new Map<number, number>();
  private readonly handlers = new Map<string, { fd: number; kind: Kind; handler: QuickJSHandle }>();
  private readonly signals = new Map<number, QuickJSHandle>();
  private readonly clock = new FastClock();
  private readonly environment: Record<string, string>;
  private readonly watchers = new Set<() => void>();
  private nextDescriptor = 3;
  private nextNumber = 100;
  private tickDue = false;
  private isOver = false;
  private resolveExit: (code: number) => void = () => undefined;

  constructor(private readonly options: MachineOptions = {}) {
    this.environment = { PATH: "/bin:/usr/bin", ...options.environment };
    this.exited = new Promise((resolve) => {
      this.resolveExit = resolve;
    });
    this.runtime = engine.newRuntime();
    this.runtime.setMemoryLimit(options.memory ?? 8_000_000);
    this.runtime.setModuleLoader((name) => (name === "mqtt" ? readFileSync(bundle, "utf8") : this.moduleSource(name)));
    this.context = this.runtime.newContext();
    for (const fd of [1, 2]) this.descriptors.set(fd, { writes: this.collector(fd === 1 ? this.lines : this.notes) });
    for (const [name, module] of Object.entries({ std: this.std(), os: this.os() })) {
      using object = this.context.newObject();
      for (const [key, value] of Object.entries(module)) {
        using handle = typeof value === "number" ? this.context.newNumber(value) : this.hostFunction(key, value);
        this.context.setProp(object, key, handle);
      }
      this.context.setProp(this.context.global, `host_${name}`, object);
    }
  }

  /** Runs one of the commands of the bundle. */
  run(...argv: string[]): this {
    this.module(`import { main } from "mqtt"; main(${JSON.stringify(["/usr/share/mqtt.js", ...argv])});`);
    return this;
  }

  /** Runs another program. */
  module(code: string): void {
    const result = this.context.evalCode(code, "main.js", { type: "module" });
    this.context.unwrapResult(result).dispose();
    this.jobs();
  }

  signal(number: number): void {
    const handler = this.signals.get(number);
    if (handler === undefined) throw new Error(`nobody handles signal ${number}`);
    this.call(handler);
  }

  /** Resolves when `find` finds something. */
  async until<Value>(find: () => Value | undefined): Promise<Value> {
    for (;;) {
      const value = find();
      if (value !== undefined) return value;
      await new Promise<void>((resolve) => {
        this.watchers.add(resolve);
      });
    }
  }

  said(text: string): Promise<string> {
    return this.until(() => this.lines.find((line) => line.includes(text)));
  }

  noted(text: string): Promise<string> {
    return this.until(() => this.notes.find((line) => line.includes(text)));
  }

  [Symbol.dispose](): void {
    this.isOver = true;
    for (const process of this.processes) process.killed();
    this.clock[Symbol.dispose]();
  }

  /** The module with that name, made from what this machine has put into the engine. */
  private moduleSource(name: string): string {
    const names = Object.keys(name === "os" ? this.os() : this.std());
    return names.map((key) => `export const ${key} = ${key === "read" ? readInto : `host_${name}.${key}`};`).join("\n");
  }

  private hostFunction(name: string, body: (...args: QuickJSHandle[]) => QuickJSHandle | undefined): QuickJSHandle {
    return this.context.newFunction(name, (...args) => body(...args) ?? this.context.undefined);
  }

  private std(): Record<string, (...args: QuickJSHandle[]) => QuickJSHandle | undefined> {
    const { context } = this;
    const json = (value: unknown) => context.unwrapResult(context.evalCode(`(${JSON.stringify(value)})`));
    return {
      getenv: (name) => {
        const value = this.environment[context.getString(name as QuickJSHandle)];
        return value === undefined ? undefined : context.newString(value);
      },
      getenviron: () => json(this.environment),
      setenv: (name, value) => {
        this.environment[context.getString(name as QuickJSHandle)] = context.getString(value as QuickJSHandle);
        return undefined;
      },
      exit: (code) => {
        this.isOver = true;
        this.resolveExit(context.getNumber(code as QuickJSHandle));
        return undefined;
      },
      strerror: (errno) => context.newString(`error ${context.getNumber(errno as QuickJSHandle)}`),
    };
  }

  private os(): Record<string, number | ((...args: QuickJSHandle[]) => QuickJSHandle | undefined)> {
    const { context } = this;
    const number = (handle: QuickJSHandle | undefined): number => context.getNumber(handle as QuickJSHandle);
    const json = (value: unknown) => context.unwrapResult(context.evalCode(`(${JSON.stringify(value)})`));
    const open = (descriptor: Descriptor): number => {
      const fd = this.nextDescriptor++;
      this.descriptors.set(fd, descriptor);
      for (const pipe of [descriptor.reads, descriptor.writes]) if (pipe !== undefined) this.watch(pipe);
      return fd;
    };
    const setHandler = (kind: Kind) => (fd: QuickJSHandle | undefined, handler: QuickJSHandle | undefined) => {
      const key = `${kind} ${number(fd)}`;
      this.handlers.delete(key);
      if (context.typeof(handler as QuickJSHandle) === "function") {
        this.handlers.set(key, { fd: number(fd), kind, handler: (handler as QuickJSHandle).dup() });
      }
      this.tickLater();
      return undefined;
    };
    return {
      SIGINT,
      SIGPIPE: 13,
      SIGTERM: 15,
      WNOHANG: 1,
      O_RDONLY: 0,
      O_RDWR: 2,
      S_IFMT: 0o170000,
      S_IFCHR: CHARACTER_DEVICE,
      now: () => context.newNumber(this.clock.now()),
      getpid: () => context.newNumber(1),
      setTimeout: (handler, delay) => {
        const id = this.nextNumber++;
        const held = (handler as QuickJSHandle).dup();
        const milliseconds = number(delay);
        this.clock.set(id, Number.isFinite(milliseconds) ? milliseconds : 0, () => this.call(held)); // as QuickJS does
        return context.newNumber(id);
      },
      clearTimeout: (id) => {
        this.clock.clear(number(id));
        return undefined;
      },
      setReadHandler: setHandler("read"),
      setWriteHandler: setHandler("write"),
      signal: (which, handler) => {
        const isFunction = context.typeof(handler as QuickJSHandle) === "function";
        if (isFunction) this.signals.set(number(which), (handler as QuickJSHandle).dup());
        else this.signals.delete(number(which));
        return undefined;
      },
      isatty: (fd) => (number(fd) === 1 && this.options.hasScreen === true ? context.true : context.false),
      pipe: () => {
        const pipe = new Pipe();
        return json([open({ reads: pipe }), open({ writes: pipe })]);
      },
      open: (path) => {
        const device = this.options.devices?.[context.getString(path as QuickJSHandle)];
        return context.newNumber(device === undefined ? ENOENT : open(device()));
      },
      stat: (path) => {
        const isThere = Object.hasOwn(this.options.devices ?? {}, context.getString(path as QuickJSHandle));
        return json(isThere ? [{ mode: CHARACTER_DEVICE | 0o600 }, 0] : [null, -ENOENT]);
      },
      realpath: (path) => {
        const [, name = ""] = /^\/usr\/bin\/(.*)$/.exec(context.getString(path as QuickJSHandle)) ?? [];
        const isThere = Object.hasOwn(this.options.programs ?? {}, name);
        return json(isThere ? [this.options.links?.[name] ?? `/usr/bin/${name}`, 0] : ["", -ENOENT]);
      },
      close: (fd) => {
        const descriptor = this.descriptors.get(number(fd));
        this.descriptors.delete(number(fd));
        descriptor?.reads?.closeReader();
        descriptor?.writes?.closeWriter();
        return context.newNumber(descriptor === undefined ? EBADF : 0);
      },
      read: (fd, length) => {
        const pipe = this.descriptors.get(number(fd))?.reads;
        if (pipe === undefined) return context.newNumber(EBADF);
        if (!pipe.isReadable) throw new Error(`bug: this read of ${number(fd)} would block`);
        return json([...pipe.take(number(length))]);
      },
      write: (fd, buffer, offset, length) => {
        const pipe = this.descriptors.get(number(fd))?.writes;
        if (pipe === undefined) return context.newNumber(EBADF);
        if (!pipe.isWritable || number(length) > PIPE_ROOM) throw new Error("bug: this write might block");
        using memory = context.getArrayBuffer(buffer as QuickJSHandle);
        const at = number(offset);
        return context.newNumber(pipe.put(memory.value.subarray(at, at + number(length))));
      },
      exec: (command, options) => {
        const { stdin, stdout, stderr } = context.dump(options as QuickJSHandle);
        const words = context.dump(command as QuickJSHandle) as string[];
        return context.newNumber(this.start(words, [stdin, stdout, stderr]));
      },
      waitpid: (pid) => {
        const status = this.statuses.get(number(pid));
        return json(status === undefined ? [0, 0] : [number(pid), status]);
      },
      kill: (pid, signal) => {
        this.processes[number(pid) - 1]?.killed();
        this.statuses.set(number(pid), number(signal));
        return context.newNumber(0);
      },
    };
  }

  private start(command: readonly string[], fds: readonly number[]): number {
    const [stdin, stdout, stderr] = fds.map((fd) => this.descriptors.get(fd));
    const pid = this.processes.length + 1;
    const process: Process = {
      command,
      stdin: stdin?.reads as Pipe,
      stdout: stdout?.writes as Pipe,
      stderr: stderr?.writes as Pipe,
      killed: () => process.exit(0),
      exit: (code) => {
        if (!this.statuses.has(pid)) this.statuses.set(pid, code << 8);
        process.stdin.closeReader();
        process.stdout.closeWriter();
        process.stderr.closeWriter();
      },
    };
    this.processes.push(process);
    // The parent closes its copies of the child's descriptors: then only the child has them.
    for (const fd of fds) this.descriptors.delete(fd);
    const program = this.options.programs?.[command[0] as string];
    if (program === undefined) process.exit(127);
    else program(process);
    return pid;
  }

  private collector(lines: string[]): Pipe {
    const pipe = new Pipe();
    const decoder = new TextDecoder();
    let rest = "";
    pipe.put = (bytes) => {
      const parts = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = parts.pop() as string;
      lines.push(...parts);
      this.tellWatchers();
      return bytes.length;
    };
    return pipe;
  }

  private watch(pipe: Pipe): void {
    const { changed } = pipe;
    pipe.changed = () => {
      changed();
      this.tickLater();
    };
  }

  private tickLater(): void {
    if (this.tickDue || this.isOver) return;
    this.tickDue = true;
    setImmediate(() => {
      this.tickDue = false;
      this.tick();
    });
  }

  /** One round of waiting: runs the first handler that is ready. */
  private tick(): void {
    for (const { fd, kind, handler } of this.handlers.values()) {
      const descriptor = this.descriptors.get(fd);
      if (kind === "read" ? descriptor?.reads?.isReadable : descriptor?.writes?.isWritable) {
        this.tickLater();
        this.call(handler);
        return;
      }
    }
  }

  private call(handler: QuickJSHandle): void {
    if (this.isOver) return;
    this.context.unwrapResult(this.context.callFunction(handler, this.context.undefined)).dispose();
    this.jobs();
  }

  private jobs(): void {
    this.context.unwrapResult(this.runtime.executePendingJobs());
    this.tellWatchers();
  }

  private tellWatchers(): void {
    const watchers = [...this.watchers];
    this.watchers.clear();
    for (const resolve of watchers) resolve();
  }
}
