/** Makes the source that settings describe. What few gateways use is loaded when it is used: it takes memory. */

import type { Readable } from "node:stream";
import type { Platform } from "@aiko/mqtt";
import type { ExecSettings, SourceSettings } from "../configuration/configuration.js";
import type { Intake } from "./intake.js";
import type { ServerLink } from "./server-link.js";
import { ServerSource } from "./server-source.js";
import type { KeptAt } from "./sn-on-node.js";
import type { Source } from "./source.js";
import { StdinSource } from "./stdin-source.js";
import { StreamSource } from "./stream-source.js";

/** What sources use of the gateway, besides the intake. */
interface SourceParts {
  readonly platform: Platform;
  /** What a source of the kind "stdin" reads. */
  readonly input: Readable;
  /** The gateway's servers. */
  readonly server: ServerLink;
  /** Where a source can keep something. Undefined: nowhere, because the spool is in memory. */
  readonly kept: KeptAt | undefined;
}

/** @param ended is called when the input of a source is over */
export async function createSource(
  settings: SourceSettings,
  intake: Intake,
  { platform, input, server, kept }: SourceParts,
  ended: () => void,
): Promise<Source> {
  const { clock } = platform;
  switch (settings.kind) {
    case "tcp-server":
      return new ServerSource(settings, intake);
    case "unix": {
      if (settings.listen) return new ServerSource(settings, intake);
      const { unixOpener } = await import("./connections.js");
      return new StreamSource(settings, intake, unixOpener(settings, clock));
    }
    case "tcp": {
      const { tcpOpener } = await import("./connections.js");
      return new StreamSource(settings, intake, tcpOpener(settings, clock));
    }
    case "serial": {
      const { serialOpener } = await import("./serial-opener.js");
      return new StreamSource(settings, intake, serialOpener(settings, clock));
    }
    case "udp":
      return new (await import("./udp-source.js")).UdpSource(settings, intake);
    case "exec":
      return execSource(settings, intake);
    case "mqtt":
      return new (await import("./mqtt-source.js")).MqttSource(settings, intake, platform);
    case "mqtt-sn":
      return (await import("./sn-on-node.js")).makeSnSource(settings, intake, { platform, server }, kept);
    case "http":
      return new (await import("./http-source.js")).HttpSource(settings, intake);
    case "stdin":
      return new StdinSource(settings, intake, input, ended);
  }
}

async function execSource(settings: ExecSettings, intake: Intake): Promise<Source> {
  const { ExecSource } = await import("./exec-source.js");
  const { Child } = await import("./child.js");
  return new ExecSource(settings, intake, (...parts) => new Child(...parts));
}
