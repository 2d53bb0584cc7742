/** Opens TCP connections to devices with a helper process, such as `nc`. */

import type { Clock } from "@aiko/mqtt";
import type { Opener, TcpSettings } from "@aiko/mqtt-gateway/machine";
import { dialByUsualCommand } from "../platform.js";
import { TransportStream } from "./transport-stream.js";

/** Milliseconds after which a helper that reports nothing counts as connected. A refused connection is reported before. */
const SETTLED = 500;

export function tcpOpener({ connect }: TcpSettings, clock: Clock): Opener {
  const { host, port } = connect;
  return {
    duplex: "full",
    async open(signal) {
      const stream = new TransportStream(dialByUsualCommand({ scheme: "mqtt", host, port, path: "" }, signal));
      await stream.settled(clock, SETTLED);
      const url = `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
      return { stream, url, peer: { peer: host, port: 0 } };
    },
  };
}
