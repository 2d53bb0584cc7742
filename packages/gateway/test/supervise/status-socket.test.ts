// Who can use the status socket, and which files it replaces.

import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createConnection, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readStatus, StatusSocket } from "../../src/supervise/status-socket.ts";

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "aiko-status-"));
  path = join(directory, "admin");
});
afterEach(() => rmSync(directory, { recursive: true }));

test("only the owner can open it, and the process's mask stays what it was", async () => {
  const mask = process.umask();
  const socket = await StatusSocket.listen(path, () => ({ id: "a" }));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(process.umask()).toBe(mask);
  expect(await readStatus(path)).toEqual({ id: "a" });
  await socket.close();
  expect(existsSync(path)).toBe(false);
});

test("takes over the socket of a process that was killed", async () => {
  const program = `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
  spawnSync(process.execPath, ["-e", program]);
  expect(existsSync(path)).toBe(true);
  const socket = await StatusSocket.listen(path, () => ({ id: "next" }));
  expect(await readStatus(path)).toEqual({ id: "next" });
  await socket.close();
});

test("refuses the socket of a living process, which goes on", async () => {
  const first = await StatusSocket.listen(path, () => ({ id: "first" }));
  await expect(StatusSocket.listen(path, () => ({ id: "second" }))).rejects.toThrow(/EADDRINUSE/);
  expect(await readStatus(path)).toEqual({ id: "first" });
  await first.close();
});

test("never removes a file that is not a socket", async () => {
  writeFileSync(path, "precious");
  await expect(StatusSocket.listen(path, () => ({}))).rejects.toThrow(/EADDRINUSE/);
  expect(readFileSync(path, "utf8")).toBe("precious");
});

test("clients that stay connected do not block the others, nor the close", async () => {
  const socket = await StatusSocket.listen(path, () => ({ id: "a" }));
  const clients = Array.from({ length: 8 }, () => createConnection({ path, allowHalfOpen: true }));
  await Promise.all(clients.map((client) => new Promise((resolve) => client.resume().once("end", resolve))));
  expect(await readStatus(path)).toEqual({ id: "a" });
  for (const client of clients) client.on("error", () => {});
  await socket.close();
  for (const client of clients) client.destroy();
});

test.each([
  ["nothing", ""],
  ["text", "hello\n"],
  ["too much", "x".repeat(3 * 2 ** 20)],
])("an answer of %s is an error", async (_, answer) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(answer);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  await expect(readStatus(path)).rejects.toThrow(/does not answer like a gateway/);
  await new Promise((resolve) => server.close(resolve));
});

test("nothing at the path is an error", async () => {
  await expect(readStatus(path)).rejects.toMatchObject({ code: "ENOENT" });
});
