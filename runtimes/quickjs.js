/** The smoke suite in QuickJS: hosts the engine, and provides the network and the clock that it lacks. */

import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { newQuickJSWASMModule } from "quickjs-emscripten";

/** @typedef {import("quickjs-emscripten").QuickJSHandle} Handle */

/** Bytes: the memory limit of an engine, several times the size of a megabyte payload. */
const MEMORY_LIMIT = 64 * 1024 * 1024;
/** Milliseconds for the whole suite. */
const PATIENCE = 180_000;

/**
 * @param {{ project: string, server: import("./server.js").Server, bareEntryCount: number }} given
 * @returns {Promise<import("./smoke.js").Step[]>}
 */
export async function runInQuickJs({ project, server, bareEntryCount }) {
  const { outputFiles } = await build({
    entryPoints: [join(project, "in-quickjs.js")],
    bundle: true,
    write: false,
    format: "iife",
    platform: "neutral",
    target: "es2022",
    logLevel: "error",
  });
  const runtime = (await newQuickJSWASMModule()).newRuntime();
  runtime.setMemoryLimit(MEMORY_LIMIT);
  const context = runtime.newContext();
  /** @type {Map<number, import("node:net").Socket>} */
  const sockets = new Map();
  /** @type {Map<number, NodeJS.Timeout>} */
  const timers = new Map();
  let over = false;

  /** @param {number} number @param {string} event @param {ArrayBuffer} [bytes] */
  const tell = (number, event, bytes) => {
    if (over) return;
    const value = bytes === undefined ? context.undefined : context.newArrayBuffer(bytes);
    const listener = context.getProp(context.global, "fromHost");
    const args = [context.newNumber(number), context.newString(event), value];
    context.unwrapResult(context.callFunction(listener, context.undefined, ...args)).dispose();
    for (const each of [listener, ...args]) if (each !== context.undefined) each.dispose();
    context.unwrapResult(runtime.executePendingJobs());
  };
  /** @param {string} name @param {(...args: Handle[]) => Handle | void} body */
  const give = (name, body) => {
    context.newFunction(name, body).consume((handle) => context.setProp(context.global, name, handle));
  };
  /** @param {number} number */
  const socketOf = (number) => {
    const socket = sockets.get(number);
    if (socket === undefined) throw new Error(`the engine has no connection ${number}`);
    return socket;
  };

  give("hostDial", (numberHandle, hostHandle, portHandle) => {
    const number = context.getNumber(numberHandle);
    const socket = connect(context.getNumber(portHandle), context.getString(hostHandle));
    sockets.set(number, socket);
    socket.on("connect", () => tell(number, "open"));
    socket.on("data", (bytes) => tell(number, "bytes", Uint8Array.from(bytes).buffer));
    socket.on("drain", () => tell(number, "drain"));
    socket.on("error", () => undefined); // "close" follows
    socket.on("close", () => tell(number, "close"));
  });
  give("hostWrite", (numberHandle, bytesHandle) => {
    const bytes = context.getArrayBuffer(bytesHandle);
    const taken = socketOf(context.getNumber(numberHandle)).write(Uint8Array.from(bytes.value));
    bytes.dispose();
    return taken ? context.true : context.false;
  });
  give("hostClose", (numberHandle, politelyHandle) => {
    const socket = socketOf(context.getNumber(numberHandle));
    if (context.dump(politelyHandle)) socket.end();
    else socket.destroy();
  });
  give("hostSchedule", (numberHandle, delayHandle) => {
    const number = context.getNumber(numberHandle);
    const timer = setTimeout(() => tell(number, "time"), context.getNumber(delayHandle));
    timers.set(number, timer);
  });
  give("hostCancel", (numberHandle) => clearTimeout(timers.get(context.getNumber(numberHandle))));
  give("hostControl", (numberHandle, pathHandle) => {
    const number = context.getNumber(numberHandle);
    fetch(`${server.controlUrl}/${context.getString(pathHandle)}`).then(
      ({ ok, status }) => tell(number, ok ? "done" : `the server answered ${status}`),
      (error) => tell(number, String(error)),
    );
  });

  try {
    context.unwrapResult(context.evalCode(outputFiles[0]?.text ?? "")).dispose();
    const promise = context.unwrapResult(
      context.evalCode(`runSmoke(${JSON.stringify(server.urls.tcp)}, ${bareEntryCount})`),
    );
    const settling = context.resolvePromise(promise);
    context.unwrapResult(runtime.executePendingJobs());
    const late = sleep(PATIENCE, undefined, { ref: false }).then(() => {
      throw new Error(`not finished within ${PATIENCE} ms`);
    });
    const result = context.unwrapResult(await Promise.race([settling, late]));
    const steps = JSON.parse(context.getString(result));
    result.dispose();
    promise.dispose();
    return steps;
  } finally {
    over = true;
    for (const timer of timers.values()) clearTimeout(timer);
    for (const socket of sockets.values()) socket.destroy();
  }
}
