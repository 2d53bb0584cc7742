/** The whole configuration as one table: the source of the reader, the JSON Schema and the reference. */

import { type Kind, list, optional, type Place, quoted, section, table, text } from "@aiko/mqtt-configuration";
import { bridge } from "./bridge-fields.js";
import type { BrokerConfiguration, ListenerSettings } from "./broker-configuration.js";
import { broker } from "./broker-fields.js";
import { isLocal, listener, type WrittenListener } from "./listener-fields.js";
import { rule } from "./rule-fields.js";
import { log, metrics, persistence, sys, users, type WrittenUsers } from "./section-fields.js";

const MOST_LISTENERS = 100;
const MOST_RULES = 10_000;
const MOST_BRIDGES = 100;

const DEFAULT_LISTENER: WrittenListener = {
  url: "mqtt://127.0.0.1:1883",
  address: { scheme: "mqtt", isSecure: false, host: "127.0.0.1", port: 1883 },
  name: undefined,
  tls: undefined,
  certificates: undefined,
  users: undefined,
  mode: undefined,
  allowedOrigins: [],
  maximumConnections: undefined,
  allowAnonymous: undefined,
};

export const configurationTable: Kind<BrokerConfiguration> = table({
  title: "the configuration",
  about: "",
  fields: {
    $schema: optional(text(1, 2048), "The JSON Schema that an editor uses, in JSON files."),
    listener: optional(list(listener, 1, MOST_LISTENERS), "Where the broker accepts connections."),
    users: section(users, "Who may connect."),
    rule: optional(list(rule, 0, MOST_RULES), "Who may do what."),
    persistence: optional(persistence, "Where sessions and messages are kept."),
    broker: section(broker, "Limits, and what the broker offers."),
    log: section(log, "What is logged."),
    bridge: optional(list(bridge, 0, MOST_BRIDGES), "Other servers with which messages are exchanged."),
    sys: section(sys, "Statistics as messages."),
    metrics: optional(metrics, "Metrics for Prometheus."),
  },
  check({ values, wrong, place }) {
    checkNames(values.listener ?? [], "listener", place.at("listener"));
    checkNames(values.bridge?.map(({ settings }) => settings) ?? [], "bridge", place.at("bridge"));
    if (values.users === undefined) return;
    for (const [i, each] of (values.listener ?? []).entries())
      checkReachable(each, values.users, place.at("listener").at(i));
    if (values.users.passwordFile !== undefined || wrong.has("listener")) return;
    if (values.listener?.some(({ certificates, users: own }) => certificates !== undefined || own !== undefined))
      return;
    for (const [i, { users: named }] of (values.rule ?? []).entries()) {
      if (named?.some((name) => name !== ""))
        place
          .at("rule")
          .at(i)
          .at("users")
          .problem("requires users; write users.password_file or listener.tls.client_ca");
    }
  },
  build: ({
    listener: listeners = [DEFAULT_LISTENER],
    users: { allowAnonymous, ...rest },
    rule: rules = [],
    bridge: bridges = [],
    ...values
  }) => ({
    options: values.broker.options,
    limits: values.broker.limits,
    listeners: listeners.map((each) => settled(each, { allowAnonymous, ...rest })),
    users: rest,
    rules,
    persistence: values.persistence,
    log: values.log,
    bridges: bridges,
    sys: values.sys,
    metrics: values.metrics,
  }),
});

function checkNames(listeners: readonly { readonly name: string | undefined }[], what: string, place: Place): void {
  const known = new Set<string>();
  for (const [i, { name }] of listeners.entries()) {
    if (name === undefined) continue;
    if (known.has(name))
      place
        .at(i)
        .at("name")
        .problem(`${quoted(name)} names another ${what} too; names must be unique`);
    known.add(name);
  }
}

/** Reports a listener at which no client could be accepted. */
function checkReachable(each: WrittenListener, users: WrittenUsers, place: Place): void {
  const { passwordFile } = each.users ?? users;
  if (passwordFile !== undefined || each.certificates !== undefined || isAnonymous(each, users)) return;
  place
    .at("url")
    .problem(
      "no client could log in at this listener; write users.password_file, tls.client_ca or allow_anonymous = true",
    );
}

function isAnonymous({ allowAnonymous, address, users: own }: WrittenListener, users: WrittenUsers): boolean {
  const { passwordFile } = own ?? users;
  return allowAnonymous ?? users.allowAnonymous ?? (isLocal(address) && passwordFile === undefined);
}

function settled(each: WrittenListener, users: WrittenUsers): ListenerSettings {
  const { address: _, ...settings } = each;
  return { ...settings, allowAnonymous: isAnonymous(each, users) };
}
