/** The table of sources of the kind "mqtt". */

import { topicFilterProblem } from "@aiko/mqtt/topic";
import {
  checkConnection,
  choice,
  connectionFields,
  type Kind,
  list,
  preset,
  required,
  serverUrl,
  syntax,
  table,
} from "@aiko/mqtt-configuration";
import type { MqttSettings } from "../configuration.js";
import {
  buildSource,
  checkSource,
  common,
  everySource,
  framing,
  NO_ANSWERS,
  noRequests,
  TOPIC_PLACEHOLDERS,
} from "../source-fields.js";
import { checkPlaceholders, template } from "../template.js";

const filter = syntax({
  label: "topic filter",
  rule: 'must be a topic filter, such as "sensors/+/temperature"',
  read(text, place) {
    const problem = topicFilterProblem(text);
    return problem === undefined ? text : place.broken(text, problem);
  },
});

const subscription: Kind<MqttSettings["subscribe"][number]> = table({
  title: "[[source.subscribe]]",
  about: "What a source of the kind `mqtt` subscribes to. Two filters of a source should not match the same topic.",
  fields: {
    filter: required(filter, "The topic filter."),
    qos: preset(choice(0, 1, 2), 1, "The highest QoS of the messages from the server."),
  },
  build: (values) => values,
});

const unanswered = "is not possible for mqtt: the protocol has its own acknowledgement; remove it";

export const mqtt: Kind<MqttSettings> = table({
  title: '[[source]], kind = "mqtt"',
  about:
    "The gateway subscribes at another MQTT server. Each message is a datagram. It is acknowledged there when its record was accepted. `topic` and other templates have the placeholders `{topic}`, which keeps its levels, and `{topic[0]}`, `{topic[1]}` … for single levels.",
  fields: {
    kind: required(choice("mqtt"), "The kind of the source: messages of an MQTT server."),
    url: required(serverUrl(), "The server, with `mqtt:`, `mqtts:`, `ws:`, `wss:` or `unix:`."),
    client_id: preset(
      template(),
      "{gateway}-{source}",
      "The client identifier. `{gateway}` and `{source}` stand for the ids.",
    ),
    subscribe: required(list(subscription, 1, 100), 'The topic filters: `[{ filter = "a/#", qos = 1 }]`.'),
    ...connectionFields,
    ...common,
    ...framing("datagram", "64KiB"),
  },
  inherits: everySource,
  refused: {
    ...noRequests("is not possible for mqtt: use a client of that server; remove it"),
    acknowledge: unanswered,
    refuse: unanswered,
    line_control: unanswered,
  },
  check({ values, wrong, place }) {
    checkSource({ values, wrong, place }, {}, [], TOPIC_PLACEHOLDERS);
    checkConnection(values, place);
    if (values.client_id !== undefined)
      checkPlaceholders(values.client_id, new Set(["gateway", "source"]), place.at("client_id"));
  },
  build({ kind, client_id, keep_alive, session_expiry, ...values }, place) {
    const { url, subscribe, username, password, ca, cert, key, passphrase, version, ...same } = values;
    const built = buildSource(same, NO_ANSWERS, place);
    const login = { url, username, password, ca, cert, key, passphrase, version };
    const times = { keepAlive: keep_alive, sessionExpiry: session_expiry };
    return built && { ...built, ...login, ...times, kind, clientId: client_id, subscribe };
  },
});
