/** The table of sources of the kind "udp". */

import {
  address,
  choice,
  claimAddress,
  integer,
  isMulticast,
  type Kind,
  list,
  network,
  optional,
  preset,
  required,
  syntax,
  table,
} from "@aiko/mqtt-configuration";
import type { UdpSettings } from "../configuration.js";
import { requests } from "../request-fields.js";
import { answers, buildSource, checkSource, common, everySource, framing } from "../source-fields.js";

const group = syntax({
  label: "multicast group",
  rule: 'must be the address of a multicast group, such as "239.1.2.3" or "ff15::42"',
  read: (text) => (isMulticast(text) ? text : undefined),
});

export const udp: Kind<UdpSettings> = table({
  title: '[[source]], kind = "udp"',
  about:
    "Devices send UDP datagrams. Each is framed alone. A sender cannot be stopped: what comes while the spool is full is dropped as `full`.",
  fields: {
    kind: required(choice("udp"), "The kind of the source: UDP datagrams."),
    listen: required(address(), "The address to listen on."),
    allow: optional(list(network(), 1, 1024), "The addresses and networks that may send. Default: all."),
    max_senders: preset(
      integer(1, 100_000),
      1024,
      "The most senders that are remembered. Beyond, the one that was silent longest is forgotten.",
    ),
    multicast: optional(group, "The multicast group to join. Default: none."),
    ...common,
    ...framing("datagram", "64KiB"),
    ...answers,
    command: requests.command,
  },
  inherits: everySource,
  refused: {
    line_control: "is not possible for udp: there is no wire to open; remove it",
    poll: "is not possible for udp: the gateway knows no sender before the first datagram; remove it",
  },
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    const { listen, multicast, enabled } = values;
    if (listen !== undefined && enabled === true) claimAddress(listen, place.at("listen"), "udp ");
    if (listen === undefined || listen.host === "" || multicast === undefined) return;
    if (listen.host.includes(":") !== multicast.includes(":"))
      place.at("multicast").problem("must be of the same IP version as listen");
  },
  build({ kind, listen, allow, max_senders, multicast, acknowledge, refuse, ...values }, place) {
    const built = buildSource(values, { acknowledge, refuse }, place);
    return built && { ...built, kind, listen, allow: allow ?? [], maxSenders: max_senders, multicast };
  },
});
