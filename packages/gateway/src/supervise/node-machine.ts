/** A machine with Node: files, sockets, HTTP. */

import { platform as nodePlatform } from "@aiko/mqtt";
import { MemoryFileSystem, nodeFileSystem } from "@aiko/mqtt-store";
import { DeviceFile } from "../presence/device-file.js";
import { createSource } from "../source/create-source.js";
import type { KeptAt } from "../source/sn-on-node.js";
import type { GatewayOptions } from "./gateway-options.js";
import type { Machine } from "./machine.js";
import { metricsText } from "./metrics.js";
import type { MetricsServer } from "./metrics-server.js";
import { openSpool, spoolDirectory } from "./open-spool.js";
import { StatusSocket } from "./status-socket.js";

export function nodeMachine(options: GatewayOptions): Machine {
  const platform = options.platform ?? nodePlatform;
  /** Where sources can keep something. Undefined: nowhere, because the spool is in memory. */
  let kept: KeptAt | undefined;
  return {
    platform,
    write: options.log ?? ((line) => process.stderr.write(`${line}\n`)),
    async openStorage(configuration, log, synced) {
      const inMemory = configuration.spool.mode === "memory" ? new MemoryFileSystem() : nodeFileSystem;
      const files = options.fileSystem ?? inMemory;
      const directory = spoolDirectory(configuration);
      kept = configuration.spool.mode === "memory" ? undefined : { directory, files };
      const spool = await openSpool(configuration, files, platform, synced, log);
      return { spool, devices: new DeviceFile(files, directory, log) };
    },
    createSource: (settings, intake, ended, server) =>
      createSource(settings, intake, { platform, input: options.input ?? process.stdin, server, kept }, ended),
    async serve({ metrics, adminSocket }, views, log) {
      const socket = adminSocket === undefined ? undefined : await StatusSocket.listen(adminSocket, views.status);
      let server: MetricsServer | undefined;
      if (metrics !== undefined) {
        // Node's HTTP takes 3 MB of memory, so it is loaded when it is used.
        const { MetricsServer } = await import("./metrics-server.js");
        const text = (): string => metricsText({ ...views.metrics(), residentBytes: process.memoryUsage.rss() });
        server = new MetricsServer(metrics, text, platform.clock, log);
        await server.start();
      }
      return {
        get metrics() {
          return server?.url;
        },
        async stop() {
          await server?.stop();
          await socket?.close();
        },
      };
    },
  };
}
