/** What a configuration asks for that a bare `qjs` does not have. Pure. */

import type { Configuration, SourceSettings } from "@aiko/mqtt-gateway";

/** Returns one line for each problem, empty if the configuration can be run. */
export function refusals({ uplinks, spool, metrics, adminSocket, sources }: Configuration): readonly string[] {
  return [
    ...uplinks.flatMap(uplinkRefusals),
    ...(spool.mode === "disk"
      ? ['spool: mode "disk" is not supported on QuickJS, which cannot sync files; use mode = "memory"']
      : []),
    ...(metrics === undefined ? [] : ["metrics: QuickJS cannot listen; remove the section"]),
    ...(adminSocket === undefined ? [] : ["admin: QuickJS cannot listen; remove the section"]),
    ...sources
      .filter(({ enabled }) => enabled)
      .flatMap((source) => sourceRefusals(source).map((why) => `source "${source.id}": ${why}`)),
  ];
}

function uplinkRefusals({ url, ca, cert, key }: Configuration["uplinks"][number]): string[] {
  const scheme = url.slice(0, url.indexOf(":")).toLowerCase();
  const hasTls = ca !== undefined || cert !== undefined || key !== undefined;
  if ((scheme === "mqtt" || scheme === "unix") && !hasTls) return [];
  const what = hasTls ? "ca, cert and key are" : `the scheme "${scheme}" is`;
  return [
    `uplink: ${what} not supported on QuickJS; use mqtt: and set the environment variable MQTT_HELPER to a command for TLS, such as socat - OPENSSL:%h:%p`,
  ];
}

const KINDS = "serial, tcp, exec, stdin and mqtt-sn";

function sourceRefusals(source: SourceSettings): string[] {
  switch (source.kind) {
    case "exec":
    case "stdin":
      return [];
    case "serial":
      if (source.driver !== "serialport") return [];
      return ['driver "serialport" is not supported on QuickJS; use driver = "tty"'];
    case "tcp":
      if (source.tls === undefined) return [];
      return ['tls is not supported on QuickJS; use kind = "exec" with a command for TLS, such as socat'];
    case "mqtt-sn":
      if (source.line !== undefined) return sourceRefusals(source.line);
      return ["UDP is not supported on QuickJS; set device or connect instead of listen"];
    case "mqtt":
      return [`kind "mqtt" is not supported on QuickJS; the kinds are ${KINDS}`];
    default:
      return [`kind "${source.kind}" is not supported on QuickJS, which cannot listen; the kinds are ${KINDS}`];
  }
}
