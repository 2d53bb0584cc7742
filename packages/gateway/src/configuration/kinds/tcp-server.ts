/** The table of sources of the kind "tcp-server". */

import {
  address,
  choice,
  claimAddress,
  duration,
  integer,
  type Kind,
  list,
  network,
  optional,
  preset,
  required,
  serverPemFields,
  table,
} from "@aiko/mqtt-configuration";
import type { TcpServerSettings } from "../configuration.js";
import { buildSource, checkSource, everySource, wireFields } from "../source-fields.js";

const tls = table({
  title: '[source.tls], kind = "tcp-server"',
  about:
    "TLS for the connections of devices. The files are read again when the configuration is reloaded; open connections stay open.",
  fields: serverPemFields,
  build: (values) => values,
});

const tcpFields = {
  kind: required(choice("tcp-server"), "The kind of the source: devices connect by TCP."),
  listen: required(address(), "The address to listen on."),
  allow: optional(list(network(), 1, 1024), "The addresses and networks that may connect. Default: all."),
  tls: optional(tls, "A table with certificates: connections are encrypted. Default: they are not."),
  max_connections: preset(integer(1, 100_000), 64, "The most connections at a time. Others are closed."),
  idle: preset(duration("1s", "7d", 0), "5m", "A connection without a byte for this time is closed. 0: never."),
  ...wireFields,
};

export const tcpServer: Kind<TcpServerSettings> = table({
  title: '[[source]], kind = "tcp-server"',
  about: "Devices connect by TCP and send frames.",
  fields: tcpFields,
  inherits: everySource,
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    if (values.listen !== undefined && values.enabled === true) claimAddress(values.listen, place.at("listen"));
  },
  build(
    { kind, listen, allow, tls: encrypted, max_connections, idle, acknowledge, refuse, line_control, ...values },
    place,
  ) {
    const built = buildSource(values, { acknowledge, refuse }, place);
    const greeting = line_control?.greeting;
    const wire = { kind, listen, allow: allow ?? [], tls: encrypted, maxConnections: max_connections, idle, greeting };
    return built && { ...built, ...wire };
  },
});
