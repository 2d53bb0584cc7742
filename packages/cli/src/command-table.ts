/** The programs of this package and the commands of the umbrella. A command is loaded only when it is called. */

import type { CommandEntry } from "./command-entry.js";

export const commands: readonly CommandEntry[] = [
  {
    names: ["broker"],
    summary: "run the broker",
    load: async () => (await import("./commands/broker.js")).broker,
  },
  {
    names: ["broker check"],
    summary: "check a broker's configuration",
    load: async () => (await import("./commands/broker-check.js")).brokerCheck,
  },
  {
    names: ["broker explain"],
    summary: "show which rule decides about a client and a topic",
    load: async () => (await import("./commands/broker-explain.js")).brokerExplain,
  },
  {
    names: ["broker schema"],
    summary: "print the JSON Schema of the broker's configuration",
    load: async () => (await import("./commands/broker-schema.js")).brokerSchemaCommand,
  },
  {
    names: ["broker passwd"],
    summary: "set or remove a user's password in a password file",
    load: async () => (await import("./commands/broker-passwd.js")).brokerPasswd,
  },
  {
    names: ["broker backup"],
    summary: "copy a broker's sessions and messages, also while it runs",
    load: async () => (await import("./commands/broker-backup.js")).brokerBackup,
  },
  {
    names: ["broker inspect"],
    summary: "print what a broker's directory contains",
    load: async () => (await import("./commands/broker-inspect.js")).brokerInspect,
  },
  {
    names: ["gateway"],
    summary: "bring devices that do not speak MQTT onto MQTT",
    load: async () => (await import("./commands/gateway.js")).gateway,
  },
  {
    names: ["gateway check"],
    summary: "check a gateway's configuration",
    load: async () => (await import("./commands/gateway-check.js")).gatewayCheck,
  },
  {
    names: ["gateway explain"],
    summary: "show what a gateway makes of bytes",
    load: async () => (await import("./commands/gateway-explain.js")).gatewayExplain,
  },
  {
    names: ["gateway record"],
    summary: "write down what a gateway's sources receive",
    load: async () => (await import("./commands/gateway-record.js")).gatewayRecord,
  },
  {
    names: ["gateway replay"],
    summary: "show what a gateway makes of a recording",
    load: async () => (await import("./commands/gateway-replay.js")).gatewayReplay,
  },
  {
    names: ["gateway spool"],
    summary: "list, verify, export or clear what a gateway has spooled",
    load: async () => (await import("./commands/gateway-spool.js")).gatewaySpool,
  },
  {
    names: ["gateway status"],
    summary: "show the state of a running gateway",
    load: async () => (await import("./commands/gateway-status.js")).gatewayStatus,
  },
  {
    names: ["gateway schema"],
    summary: "print the JSON Schema of the gateway's configuration",
    load: async () => (await import("./commands/gateway-schema.js")).gatewaySchema,
  },
  {
    names: ["pub", "publish"],
    summary: "publish messages, as mosquitto_pub does",
    load: async () => (await import("./shell/pub.js")).pub,
  },
  {
    names: ["sub", "subscribe"],
    summary: "print received messages, as mosquitto_sub does",
    load: async () => (await import("./shell/sub.js")).sub,
  },
  {
    names: ["rr"],
    summary: "publish a request and print the answer, as mosquitto_rr does",
    load: async () => (await import("./shell/rr.js")).rr,
  },
  {
    names: ["sn-pub"],
    summary: "publish messages through an MQTT-SN gateway",
    load: async () => (await import("./sn/sn-pub.js")).snPub,
  },
  {
    names: ["sn-sub"],
    summary: "print the messages that an MQTT-SN gateway sends",
    load: async () => (await import("./sn/sn-sub.js")).snSub,
  },
  {
    names: ["ping"],
    summary: "check that a server answers, with an exit code for scripts",
    load: async () => (await import("./explain/ping.js")).ping,
  },
  {
    names: ["explain"],
    summary: "show which step of connecting fails, and what to do",
    load: async () => (await import("./explain/explain.js")).explain,
  },
  {
    names: ["completion"],
    summary: "print a script with which a shell completes commands",
    load: async () => (await import("./completion/completion.js")).completionOf(programs),
  },
  {
    names: ["test"],
    summary: "publish a message each second and print received messages",
    load: async () => (await import("./commands/test.js")).test,
  },
];

/** The other programs, which are one command each. */
const others: readonly CommandEntry[] = [
  {
    names: ["mqtt_publish"],
    summary: "publish one message, as the Lua library does",
    load: async () => (await import("./commands/publish.js")).publish,
  },
  {
    names: ["mqtt_subscribe"],
    summary: "print received messages, as the Lua library does",
    load: async () => (await import("./commands/subscribe.js")).subscribe,
  },
  {
    names: ["mqtt_test"],
    summary: "publish a message each second and print received messages",
    load: async () => (await import("./commands/test.js")).test,
  },
];

/** All programs, each with its commands. */
export const programs = { umbrella: commands, others } as const;
