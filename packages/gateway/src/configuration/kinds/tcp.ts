/** The table of sources of the kind "tcp". */

import {
  address,
  boolean,
  checkPem,
  choice,
  type Kind,
  optional,
  pemFields,
  preset,
  required,
  seconds,
  shortOr,
  table,
} from "@aiko/mqtt-configuration";
import type { PemSettings, TcpSettings } from "../configuration.js";
import { buildSource, checkSource, everySource, firstOfWire, wireFields } from "../source-fields.js";

const tls: Kind<boolean | PemSettings> = shortOr(
  boolean(),
  table({
    title: "[source.tls]",
    about: "TLS for the connection to a device.",
    fields: pemFields,
    check: ({ values, place }) => checkPem(values, place),
    build: (values) => values,
  }),
);

/** The certificates of the system, and none of the client. */
const USUAL_TLS: PemSettings = { ca: undefined, cert: undefined, key: undefined, passphrase: undefined };

export const tcp: Kind<TcpSettings> = table({
  title: '[[source]], kind = "tcp"',
  about: "The gateway connects to a device by TCP, such as a serial line behind ser2net. It connects again for ever.",
  fields: {
    kind: required(choice("tcp"), "The kind of the source: a TCP connection to a device."),
    connect: required(address(), 'The device\'s address: `"router.lan:2000"`.'),
    tls: optional(tls, "`true`, or a table with certificates: the connection is encrypted. Default: it is not."),
    keep_alive: preset(
      seconds("1s", "1d", 0),
      "30s",
      "After this time without a byte, the system checks whether the device is still there. 0: it does not.",
    ),
    ...wireFields,
    first: firstOfWire,
  },
  inherits: everySource,
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, values);
    const { connect } = values;
    if (connect !== undefined && (connect.host === "" || connect.port === 0))
      place.at("connect").problem('must have a host and a port other than 0, such as "router.lan:2000"');
  },
  build({ kind, connect, tls: written, keep_alive, acknowledge, refuse, line_control, ...values }, place) {
    const built = buildSource(values, { acknowledge, refuse }, place);
    const encrypted = written === true ? USUAL_TLS : written === false ? undefined : written;
    return (
      built && { ...built, kind, connect, tls: encrypted, keepAlive: keep_alive, greeting: line_control?.greeting }
    );
  },
});
