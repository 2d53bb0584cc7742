/** The table of a source: the key `kind` says which fields it has. */

import type { SourceSettings } from "../configuration.js";
import type { Kind } from "../kind.js";
import { variants } from "../table.js";
import { http } from "./http.js";
import { stdin } from "./stdin.js";
import { tcpServer } from "./tcp-server.js";

const LATER_KINDS = ["serial", "tcp", "unix", "udp", "exec", "mqtt", "mqtt-sn"];

export const source: Kind<SourceSettings> = variants<SourceSettings>(
  "kind",
  { "tcp-server": tcpServer, stdin, http },
  LATER_KINDS,
);
