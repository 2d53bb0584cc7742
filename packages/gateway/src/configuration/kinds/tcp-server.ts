/** The table of sources of the kind "tcp-server". */

import { address, claimAddress, network } from "../address.js";
import type { TcpServerSettings } from "../configuration.js";
import { choice, integer, type Kind, list } from "../kind.js";
import { requests } from "../request-fields.js";
import {
  answers,
  buildSource,
  checkSource,
  common,
  everySource,
  framing,
  later,
  lineControl,
} from "../source-fields.js";
import { optional, preset, required, table } from "../table.js";
import { duration } from "../units.js";

const tcpFields = {
  kind: required(choice("tcp-server"), "The kind of the source: devices connect by TCP."),
  listen: required(address(), "The address to listen on."),
  allow: optional(list(network(), 1, 1024), "The addresses and networks that may connect. Default: all."),
  max_connections: preset(integer(1, 100_000), 64, "The most connections at a time. Others are closed."),
  idle: preset(duration("1s", "7d", 0), "5m", "A connection without a byte for this time is closed. 0: never."),
  ...common,
  ...framing("line", "4KiB"),
  ...answers,
  ...lineControl,
  ...requests,
};

export const tcpServer: Kind<TcpServerSettings> = table({
  title: '[[source]], kind = "tcp-server"',
  about: "Devices connect by TCP and send frames.",
  fields: tcpFields,
  inherits: everySource,
  refused: later,
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    if (values.listen !== undefined && values.enabled === true) claimAddress(values.listen, place.at("listen"));
  },
  build({ kind, listen, allow, max_connections, idle, acknowledge, refuse, line_control, ...values }, place) {
    const built = buildSource(values, { acknowledge, refuse }, place);
    const greeting = line_control?.greeting;
    return built && { ...built, kind, listen, allow: allow ?? [], maxConnections: max_connections, idle, greeting };
  },
});
