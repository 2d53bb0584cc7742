/**
 * The parts of QuickJS's own modules that are used here. The bundle imports them as "std" and "os", the names that
 * every `qjs` supports.
 */

declare module "qjs:std" {
  export const SEEK_END: number;

  /** Frees objects that only refer to each other. */
  export function gc(): void;

  export interface File {
    seek(offset: number, from: number): number;
    /** @param most in bytes */
    readAsString(most: number): string;
    close(): void;
  }

  /** Returns null if the file cannot be opened. */
  export function open(path: string, flags: string): File | null;
  /** Runs a script, and returns the value of its last statement. */
  export function evalScript(text: string): unknown;
  export function getenv(name: string): string | undefined;
  export function getenviron(): Record<string, string>;
  export function setenv(name: string, value: string): void;
  export function exit(code: number): never;
  export function strerror(errno: number): string;
  /** Returns null if the file cannot be read. */
  export function loadFile(path: string): string | null;
}

/** Functions that return a number return the negative errno if they fail. */
declare module "qjs:os" {
  export const SIGINT: number;
  export const SIGPIPE: number;
  export const SIGTERM: number;
  export const SIGUSR1: number;
  export const WNOHANG: number;
  export const O_RDONLY: number;
  export const O_RDWR: number;
  export const S_IFMT: number;
  export const S_IFCHR: number;

  export interface ExecOptions {
    readonly block?: boolean;
    readonly stdin?: number;
    readonly stdout?: number;
    readonly stderr?: number;
    readonly cwd?: string;
    readonly env?: Readonly<Record<string, string>>;
  }

  /** Milliseconds of a monotonic clock, from an unspecified start. */
  export function now(): number;
  export function setTimeout(callback: () => void, delay: number): unknown;
  export function clearTimeout(timer: unknown): void;
  export function read(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function write(fd: number, buffer: ArrayBuffer, offset: number, length: number): number;
  export function open(path: string, flags: number, mode?: number): number;
  export function close(fd: number): number;
  /** Null removes the handler. */
  export function setReadHandler(fd: number, handler: (() => void) | null): void;
  export function setWriteHandler(fd: number, handler: (() => void) | null): void;
  /** Null restores the default action of the signal. */
  export function signal(number: number, handler: (() => void) | null): void;
  /** Returns whether the descriptor is a terminal. */
  export function isatty(fd: number): boolean;
  export function pipe(): [readEnd: number, writeEnd: number] | null;
  /** Returns the process's identifier if `block` is false. A command that does not exist ends with exit code 127. */
  export function exec(command: readonly string[], options: ExecOptions): number;
  export function waitpid(pid: number, options: number): [pid: number, status: number];
  export function kill(pid: number, signal: number): number;
  export function getpid(): number;
  export function readdir(path: string): [names: string[], errno: number];
  export function stat(path: string): [stat: { readonly mode: number } | null, errno: number];
  /** `errno` is 0 if the file exists. */
  export function realpath(path: string): [path: string, errno: number];
}
