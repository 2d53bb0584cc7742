// The types that the driver uses of tools that are installed only in runtimes/: the check does not need the tools.

declare module "esbuild" {
  interface Options {
    entryPoints: string[];
    bundle: true;
    format: "esm" | "iife";
    platform: "browser" | "neutral";
    target: string;
    logLevel: "error";
  }
  export function build(options: Options & { outfile: string }): Promise<unknown>;
  export function build(options: Options & { write: false }): Promise<{ outputFiles: { text: string }[] }>;
}

declare module "playwright-core" {
  export interface Page {
    on(event: "pageerror", listener: (error: Error) => void): this;
    goto(url: string): Promise<unknown>;
    waitForFunction(condition: () => unknown): Promise<unknown>;
    evaluate<Result>(work: () => Result): Promise<Awaited<Result>>;
    evaluate<Argument, Result>(work: (argument: Argument) => Result, argument: Argument): Promise<Awaited<Result>>;
  }
  export interface BrowserContext {
    addInitScript<Argument>(script: (argument: Argument) => void, argument: Argument): Promise<unknown>;
    newPage(): Promise<Page>;
    setOffline(offline: boolean): Promise<void>;
  }
  interface Browser {
    newContext(options: { ignoreHTTPSErrors: boolean }): Promise<BrowserContext>;
    close(): Promise<void>;
  }
  export const chromium: {
    launch(options: { executablePath: string; args: string[] }): Promise<Browser>;
  };
}
