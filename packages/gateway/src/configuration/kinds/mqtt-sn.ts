/** The table of sources of the kind "mqtt-sn". */

import { topicNameProblem } from "@aiko/mqtt/topic";
import {
  type Address,
  address,
  boolean,
  choice,
  claimAddress,
  dictionary,
  duration,
  integer,
  isMulticast,
  type Kind,
  list,
  network,
  optional,
  type Place,
  preset,
  required,
  secret,
  size,
  syntax,
  table,
  text,
} from "@aiko/mqtt-configuration";
import type { PredefinedFor, PredefinedNames } from "../../sn/gateway/sn-settings.js";
import type { PipelineSettings, SnSourceSettings } from "../configuration.js";
import { identifier } from "../section-fields.js";
import { device } from "./serial.js";

const topicName = syntax({
  label: "topic name",
  rule: 'must be a topic name, such as "sensors/temperature"',
  read(written, place) {
    const problem = topicNameProblem(written);
    return problem === undefined ? written : place.broken(written, problem);
  },
});

const predefined = dictionary(topicName, 65_534);
/** 0x0000 and 0xFFFF are reserved. */
const LAST_ID = 65_534;

type Written = Readonly<Record<string, string>>;

const predefinedFor: Kind<{ readonly client_id: string; readonly topics: Written }> = table({
  title: "[[source.predefined_for]]",
  about: "Predefined topics of some MQTT-SN clients only, in addition to those of all. The first that matches counts.",
  fields: {
    client_id: required(text(1, 256), "The client identifier. A `*` at its end stands for any characters."),
    topics: required(predefined, 'The topic names by identifier, as in `predefined`: `{ 1 = "room/temperature" }`.'),
  },
  build: (values) => values,
});

const clientAddresses: Kind<{ readonly client_id: string; readonly allow: readonly string[] }> = table({
  title: "[[source.client_addresses]]",
  about:
    "Where MQTT-SN clients may be. CONNECT with such an identifier from another address is refused. The first entry that matches an identifier counts; identifiers without an entry may be anywhere in `allow`.",
  fields: {
    client_id: required(text(1, 256), "The client identifier. A `*` at its end stands for any characters."),
    allow: required(list(network(), 1, 1024), "The addresses and networks of these clients, or of their forwarder."),
  },
  build: (values) => values,
});

const sleepQueue = table({
  title: "[source.sleep_queue]",
  about:
    "What may wait for one MQTT-SN client that sleeps, or that has not acknowledged the message before. Beyond, QoS 0 messages are dropped first, and otherwise the new message.",
  fields: {
    records: preset(integer(1, 65_535), 1_000, "The most messages."),
    bytes: preset(size("1KiB", "64MiB"), "256KiB", "The most bytes of topics and payloads."),
  },
  build: (values) => values,
});

const group: Kind<Address> = {
  ...address(),
  label: "multicast group",
  read(value, place) {
    const read = address().read(value, place);
    if (read === undefined || (isMulticast(read.host) && read.port > 0)) return read;
    return place.problem('must be a multicast group and a port, such as "239.1.2.3:10000" or "[ff15::42]:10000"');
  },
};

/** Where the gateway listens if nothing is written. */
const LISTEN: Address = { host: "127.0.0.1", port: 10_000 };

const NO_REQUESTS = "is not possible for mqtt-sn: clients subscribe to what they receive; remove it";
const NO_FRAMES = "is not possible for mqtt-sn: the protocol has its own messages; remove it";
const NO_RECORDS = "is not possible for mqtt-sn: the client decides topic, payload, QoS and retain; remove it";

/** What the common fields are to a source whose clients say everything themselves. */
const PIPELINE: Omit<PipelineSettings, "id" | "enabled"> = {
  frame: { kind: "datagram" },
  check: { kind: "none" },
  first: "keep",
  // A quarter of the smallest segment: the limit of a message follows from its datagram.
  maxFrame: 16_384,
  frameTimeout: 0,
  encoding: "utf8",
  decode: { format: "raw", fields: [] },
  when: [],
  topic: "{topic}",
  payload: { kind: "raw" },
  qos: 1,
  retain: false,
  expiry: 0,
  deviceName: "{node}",
  silence: 0,
  availability: "",
  rate: undefined,
  dedupe: undefined,
  acknowledge: undefined,
  refuse: undefined,
  deadletter: undefined,
  polls: [],
  commands: [],
};

export const mqttSn: Kind<SnSourceSettings> = table({
  title: '[[source]], kind = "mqtt-sn"',
  about:
    "A gateway for MQTT-SN 1.2, over UDP, or over a serial line or TCP connection to a client or a forwarder. It has none of the fields that decode frames: MQTT-SN clients publish and subscribe themselves.",
  fields: {
    kind: required(choice("mqtt-sn"), "The kind of the source: MQTT-SN clients."),
    id: required(
      identifier(),
      "The name of this source in the spool and in metrics. It must be unique, and should never change.",
    ),
    enabled: preset(boolean(), true, "Whether the source is opened."),
    listen: optional(
      address(),
      'The address to listen on, for UDP. Other addresses than loopback require `allow` or `insecure`. Default: `"127.0.0.1:10000"`.',
    ),
    device: optional(device, "Instead of `listen`: the path of a serial line, as in sources of the kind `serial`."),
    baud: optional(integer(50, 12_000_000), "The rate of `device`, in baud. Default: 9600."),
    connect: optional(
      address(),
      'Instead of `listen`: the address of a serial line behind TCP, such as ser2net: `"router.lan:2000"`.',
    ),
    allow: optional(list(network(), 1, 1024), "The addresses and networks that may send. Default: all."),
    client_addresses: optional(
      list(clientAddresses, 1, 1000),
      "Binds client identifiers to addresses, so that other senders in `allow` cannot take them. Default: none.",
    ),
    insecure: preset(
      boolean(),
      false,
      "Whether anyone who can reach an address that is not loopback may send. MQTT-SN has no passwords.",
    ),
    mode: preset(
      choice("transparent", "aggregating"),
      "transparent",
      "`transparent`: each client has an MQTT connection of its own, with its own identifier and will. `aggregating`: all share one.",
    ),
    gateway_id: preset(integer(1, 255), 1, "Distinguishes the gateways of a network."),
    group: optional(group, "The multicast group on which clients look for gateways. Default: none."),
    hops: preset(integer(1, 255), 1, "The routers that a datagram to the group may pass, plus one."),
    advertise: preset(
      duration("1s", "65535s", 0),
      "15m",
      "The interval between two ADVERTISE to the group. 0: none are sent.",
    ),
    standby_for: optional(
      integer(1, 255),
      "The `gateway_id` of a gateway that this one stands in for: it announces itself while three ADVERTISE of that one are missing. Default: none.",
    ),
    predefined: optional(
      predefined,
      'Topic names by identifier that all clients know: `{ 1 = "a/b" }`. Default: none.',
    ),
    predefined_for: optional(list(predefinedFor, 1, 1000), "Predefined topics of some clients. Default: none."),
    qos_minus_one: preset(boolean(), true, "Whether messages without a session are published (QoS −1)."),
    qos_minus_one_as: preset(
      choice(0, 1),
      0,
      "The QoS at which they are published. With 1, they are spooled while the server cannot be reached.",
    ),
    forwarders: preset(boolean(), true, "Whether clients behind a forwarder are served."),
    max_clients: preset(integer(1, 100_000), 1_000, "The most sessions, including those of clients that are away."),
    max_clients_per_host: preset(
      integer(1, 100_000),
      8,
      "The most sessions of one address. Loopback and clients behind forwarders are not limited.",
    ),
    max_topics: preset(integer(1, LAST_ID), 256, "The most topic identifiers of one client, and the most filters."),
    sleep_queue: optional(sleepQueue, 'What may wait for one client. Default: `records = 1000`, `bytes = "256KiB"`.'),
    retry: preset(duration("100ms", "1h"), "10s", "The time after which a message without an answer is sent again."),
    retries: preset(integer(0, 20), 3, "How often it is sent again before the client counts as lost."),
    max_datagram: preset(size("32B", "65507B"), "1400B", "The longest message to a client. Longer ones are dropped."),
    client_id_max: preset(integer(1, 1024), 64, "The most characters of a client identifier."),
    client_id_prefix: preset(
      text(0, 256),
      "",
      'What precedes an identifier at the server, with `mode = "transparent"`.',
    ),
    username: optional(text(1, 65_535), "The user name of clients at the server. Default: that of the uplink."),
    password: optional(secret(), "The password of clients at the server. Default: that of the uplink."),
  },
  refused: {
    poll: NO_REQUESTS,
    command: NO_REQUESTS,
    frame: NO_FRAMES,
    check: NO_FRAMES,
    decode: NO_FRAMES,
    acknowledge: NO_FRAMES,
    refuse: NO_FRAMES,
    line_control: NO_FRAMES,
    topic: NO_RECORDS,
    payload: NO_RECORDS,
    qos: NO_RECORDS,
    retain: NO_RECORDS,
  },
  check({ values, wrong, place }) {
    const { id, listen, allow, insecure, enabled, mode, username, password, client_id_prefix } = values;
    checkLine(values, place);
    const line = id === undefined ? undefined : place.reading.claim(`source ${id}`, place.path);
    if (line !== undefined)
      place.at("id").problem(`"${id}" is the id of the source in line ${line} too; ids must be unique`);
    const isUdp = values.device === undefined && values.connect === undefined;
    if (isUdp && !wrong.has("listen") && enabled === true) claimAddress(listen ?? LISTEN, place.at("listen"), "udp ");
    if (listen !== undefined && !isLoopback(listen.host) && allow === undefined && insecure === false) {
      if (!wrong.has("allow"))
        place
          .at("listen")
          .problem(
            "is not loopback, and MQTT-SN has no passwords: write allow with the networks of the clients, or insecure = true",
          );
    }
    if (mode === "aggregating") {
      const own = { username, password, client_id_prefix: client_id_prefix === "" ? undefined : client_id_prefix };
      for (const [name, value] of Object.entries(own)) {
        if (value !== undefined)
          place.at(name).problem('requires mode = "transparent": with "aggregating", clients have no connection');
      }
    }
    const { host } = listen ?? LISTEN;
    if (values.group !== undefined && host !== "" && host.includes(":") !== values.group.host.includes(":"))
      place.at("group").problem("must be of the same IP version as listen");
    checkIds(values.predefined, place.at("predefined"));
    for (const [i, { topics }] of (values.predefined_for ?? []).entries())
      checkIds(topics, place.at("predefined_for").at(i).at("topics"));
  },
  build: (values) => ({
    ...PIPELINE,
    id: values.id,
    enabled: values.enabled,
    kind: values.kind,
    line: lineOf(values),
    listen: values.listen ?? LISTEN,
    allow: values.allow ?? [],
    clientAddresses: (values.client_addresses ?? []).map(({ client_id, allow }) => ({ clientId: client_id, allow })),
    group: values.group,
    hops: values.hops,
    mode: values.mode,
    clientIdPrefix: values.client_id_prefix,
    username: values.username,
    password: values.password,
    machine: {
      gatewayId: values.gateway_id,
      advertise: values.group === undefined && lineOf(values) === undefined ? 0 : values.advertise,
      standbyFor: values.standby_for,
      predefined: byId(values.predefined),
      predefinedFor: (values.predefined_for ?? []).map(
        ({ client_id, topics }): PredefinedFor => ({ clientId: client_id, topics: byId(topics) }),
      ),
      qosMinusOne: values.qos_minus_one,
      qosMinusOneAs: values.qos_minus_one_as,
      forwarders: values.forwarders,
      maxClients: values.max_clients,
      maxClientsPerHost: values.max_clients_per_host,
      maxTopics: values.max_topics,
      queue: values.sleep_queue ?? { records: 1_000, bytes: 262_144 },
      retry: values.retry,
      retries: values.retries,
      maxDatagram: values.max_datagram,
      clientIdMax: values.client_id_max,
    },
  }),
});

interface Line {
  readonly id: string;
  readonly enabled: boolean;
  readonly device?: string | undefined;
  readonly baud?: number | undefined;
  readonly connect?: Address | undefined;
}

/** What only datagrams have. */
const DATAGRAM_FIELDS = ["listen", "allow", "client_addresses", "group"] as const;

function checkLine(
  values: Partial<Line> & { readonly [Name in (typeof DATAGRAM_FIELDS)[number]]?: unknown },
  place: Place,
): void {
  const { device: path, baud, connect } = values;
  if (path !== undefined && connect !== undefined) place.at("connect").problem("cannot be combined with device");
  if (baud !== undefined && path === undefined) place.at("baud").problem("requires device");
  if (connect !== undefined && (connect.host === "" || connect.port === 0))
    place.at("connect").problem('must have a host and a port other than 0, such as "router.lan:2000"');
  const line = path === undefined ? "connect" : "device";
  if (path === undefined && connect === undefined) return;
  for (const name of DATAGRAM_FIELDS) {
    if (values[name] !== undefined) place.at(name).problem(`cannot be combined with ${line}; remove one of them`);
  }
}

function lineOf({ id, enabled, device: path, baud = 9600, connect }: Line): SnSourceSettings["line"] {
  if (connect !== undefined) {
    const wire = { kind: "tcp", connect, tls: undefined, keepAlive: 30_000, greeting: undefined } as const;
    return { ...PIPELINE, id, enabled, ...wire };
  }
  if (path === undefined) return undefined;
  return {
    ...PIPELINE,
    id,
    enabled,
    kind: "serial",
    device: path,
    baud,
    data: 8,
    parity: "none",
    stop: 1,
    flow: "none",
    dtr: undefined,
    rts: undefined,
    rs485: false,
    exclusive: true,
    openDelay: 0,
    atOpen: "flush",
    driver: "auto",
    greeting: undefined,
  };
}

function checkIds(topics: Written | undefined, place: Place): void {
  for (const key of Object.keys(topics ?? {})) {
    if (!isId(key)) place.at(key).problem(`"${key}" is not a topic identifier; use a number from 1 to ${LAST_ID}`);
  }
}

function isId(key: string): boolean {
  return /^[1-9][0-9]{0,4}$/.test(key) && Number(key) <= LAST_ID;
}

function byId(topics: Written | undefined): PredefinedNames {
  return Object.entries(topics ?? {}).map(([id, name]) => [Number(id), name]);
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host.startsWith("127.");
}
