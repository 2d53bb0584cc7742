/** The table of a source: the key `kind` says which fields it has. */

import { type Kind, variants } from "@aiko/mqtt-configuration";
import type { SourceSettings } from "../configuration.js";
import { exec } from "./exec.js";
import { http } from "./http.js";
import { mqtt } from "./mqtt.js";
import { mqttSn } from "./mqtt-sn.js";
import { serial } from "./serial.js";
import { stdin } from "./stdin.js";
import { tcp } from "./tcp.js";
import { tcpServer } from "./tcp-server.js";
import { udp } from "./udp.js";
import { unix } from "./unix.js";

export const source: Kind<SourceSettings> = variants<SourceSettings>("kind", {
  serial,
  tcp,
  "tcp-server": tcpServer,
  unix,
  udp,
  exec,
  mqtt,
  "mqtt-sn": mqttSn,
  stdin,
  http,
});
