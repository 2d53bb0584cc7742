/** How a client connected: what a listener knows of a connection before its first packet. */

import type { ClientCertificate } from "../options/authentication.js";
import type { ListenerTerms } from "../options/listener-terms.js";
import type { Visit } from "./visit.js";

export interface Arrival {
  /** The address of the client; undefined at a Unix socket. */
  readonly address?: string | undefined;
  /** The origin of the web page that the client runs in; undefined if the client sent none. */
  readonly origin?: string | undefined;
  /** The name or URL of the listener; undefined for a connection that the application made. */
  readonly listener?: string | undefined;
  /** What stands for the listener, so that its connections can be found; undefined if no listener can be closed alone. */
  readonly place?: object | undefined;
  /** The client's verified certificate, if the listener requires one. */
  readonly certificate?: ClientCertificate | undefined;
  /** Decides about the clients of the listener. Default: the broker's. */
  readonly authenticate?: ListenerTerms["authenticate"];
  /** When the client must have been accepted, by the clock. Default: `connectTimeout` from now. */
  readonly deadline?: number | undefined;
  /** How its address counts it. Default: it is counted when it is passed on. */
  readonly visit?: Visit | undefined;
}
