/** What a user can do about a step that failed. Text only: it connects to nothing. */

import { type MqttError, RefusedError } from "@aiko/mqtt";
import type { StepName } from "./connection-trace.js";

const UNREACHABLE =
  "check that the machine is on and reachable, and that no firewall drops what is sent to this port or from it";
const LATER = "try again later; the server's log has the reason";
const CREDENTIALS = "check --username and the password (MQTT_PASSWORD or --password)";
const ANOTHER_ID = "use another client identifier (--id): every server accepts 1 to 23 letters and digits";
const ANOTHER_VERSION = "use another MQTT version (--protocol-version 5, 311 or 31)";
const ALLOWED =
  "check the user and the password; if they are right, the server's rules must allow this user to connect";

/** By the code of the system's error. */
const byCause: Readonly<Record<string, string>> = {
  ENOTFOUND: "check the spelling of the host; `getent hosts HOST` asks the same resolver",
  EAI_AGAIN: "no DNS server answered: check the network of this machine, and the servers in /etc/resolv.conf",
  ECONNREFUSED:
    "start the server, or use its port: usually 1883, 8883 with TLS, and 80, 443, 8080 or 9001 for WebSockets. A server that listens only on its loopback address refuses other machines",
  ETIMEDOUT: UNREACHABLE,
  EHOSTUNREACH: UNREACHABLE,
  ENETUNREACH: UNREACHABLE,
  EACCES: "the user of this command needs the right to write to the socket",
  ENOENT: "start the server: it creates the socket",
  CERT_HAS_EXPIRED: "renew the certificate on the server, and check that the clock of this machine is right",
};

/** If the server did not answer in time. */
const bySilence: Readonly<Record<StepName, string>> = {
  name: "no DNS server answered: check the network of this machine, and the servers in /etc/resolv.conf",
  TCP: UNREACHABLE,
  socket: "the server does not accept connections: check that its process is not stopped or overloaded",
  proxy: "the proxy does not answer, or cannot reach the server: check --proxy",
  TLS: "the port is open, but nothing answers with TLS: use mqtt: or ws: in the URL, or the TLS port",
  WebSocket: "the port is open, but nothing answers with HTTP: use mqtt: or mqtts: in the URL, or the WebSocket port",
  CONNACK:
    "the port is open, but nothing answers to MQTT: check the port, use mqtts: if the port uses TLS, and look for the reason in the server's log",
};

/** By the return code (MQTT 3.1 and 3.1.1) or the reason code (MQTT 5) of CONNACK. */
const byReason: Readonly<Record<number, string>> = {
  1: ANOTHER_VERSION,
  2: ANOTHER_ID,
  3: LATER,
  4: CREDENTIALS,
  5: ALLOWED,
  132: ANOTHER_VERSION,
  133: ANOTHER_ID,
  134: CREDENTIALS,
  135: ALLOWED,
  136: LATER,
  137: LATER,
  138: "the server has banned this client: ask its operator",
  139: LATER,
  140: "the server does not support this authentication method",
  149: "make the will or the properties shorter",
  151: "the server's limit for this user is reached: disconnect other clients of it",
  154: "remove --will-retain: the server does not support retained messages",
  155: "use a lower --will-qos",
  159: "connect less often",
};

/** Returns what to do, as one sentence; undefined if the error's message already says it. */
export function adviceFor(step: StepName, error: MqttError): string | undefined {
  if (error.code === "CONNECT_TIMEOUT") return bySilence[step];
  if (error instanceof RefusedError) {
    const { serverReference, reasonCode } = error;
    return serverReference === undefined ? byReason[reasonCode] : `connect to ${serverReference}`;
  }
  if (step === "WebSocket" && /HTTP status|subprotocol/.test(error.message))
    return "usual paths are /mqtt, /ws and /; the server's configuration has the right one";
  return byCause[causeCodeOf(error)];
}

/** Whether a name could not be resolved. */
export function isLookupError(error: MqttError): boolean {
  return ["ENOTFOUND", "EAI_AGAIN", "EAI_FAIL", "EAI_NODATA", "EAI_NONAME"].includes(causeCodeOf(error));
}

function causeCodeOf({ cause }: MqttError): string {
  const { code, errors = [] } = (cause ?? {}) as { code?: unknown; errors?: readonly { code?: unknown }[] };
  return String(errors[0]?.code ?? code ?? "");
}
