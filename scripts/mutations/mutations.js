// @ts-check
// Faults in the guarantees of both clients, each as an exact change of either client's source, and the test file that
// must detect it.

/**
 * @typedef {{ file: string, find: string, replace: string }} Change
 * @typedef {{ name: string, tests: string, whole: Change, small: Change }} Mutation
 */

const sender = "packages/mqtt/src/session/outgoing/message-sender.ts";
const receiver = "packages/mqtt/src/session/incoming/message-receiver.ts";
const outbox = "packages/mqtt/src/session/outgoing/outbox.ts";
const keepAlive = "packages/mqtt/src/session/keep-alive.ts";
const engine = "packages/mqtt/src/client/client-engine.ts";
const smallSession = "packages/mqtt/src/small/small-session.ts";
const smallIncoming = "packages/mqtt/src/small/incoming-messages.ts";
const smallClient = "packages/mqtt/src/small/small-client.ts";

const neverPings = { file: keepAlive, find: "return quiet + Math.max(", replace: "return Infinity + Math.max(" };

/** @type {readonly Mutation[]} */
export const mutations = [
  {
    name: "DUP is not set on a resent message",
    tests: "both/qos",
    whole: {
      file: sender,
      find: "!this.write(link, message, message.packetIdentifier, true, now)",
      replace: "!this.write(link, message, message.packetIdentifier, false, now)",
    },
    small: {
      file: smallSession,
      find: "message.packet(message.packetIdentifier, again, left)",
      replace: "message.packet(message.packetIdentifier, false, left)",
    },
  },
  {
    name: "unacknowledged messages are resent in the wrong order",
    tests: "both/qos",
    whole: {
      file: sender,
      find: "for (const message of this.inflight.inOrder()) this.resend.push(message);",
      replace: "for (const message of [...this.inflight.inOrder()].reverse()) this.resend.push(message);",
    },
    small: {
      file: smallSession,
      find: "const again = [...this.#inflight.values()];",
      replace: "const again = [...this.#inflight.values()].reverse();",
    },
  },
  {
    name: "PUBREL is not resent",
    tests: "both/qos",
    whole: { file: sender, find: "writePubrel(link, message.packetIdentifier, true);", replace: "" },
    small: {
      file: smallSession,
      find: "online.inflight++;\n      this.#release(message.packetIdentifier, 0);",
      replace: "online.inflight++;",
    },
  },
  {
    name: "a packet identifier is free at PUBREC",
    tests: "both/qos",
    whole: {
      file: sender,
      find: 'message.state = "released";',
      replace: 'message.state = "released";\n      this.identifiers.release(packetIdentifier);',
    },
    small: {
      file: smallSession,
      find: "while (this.#inflight.has(this.#lastIdentifier) ||",
      replace:
        "while ((this.#inflight.has(this.#lastIdentifier) && !this.#inflight.get(this.#lastIdentifier)?.released) ||",
    },
  },
  {
    name: "the server's receive maximum is ignored",
    tests: "both/server-limits",
    whole: {
      file: sender,
      find: "return this.sendQuota > 0 && (message.qos === 1 || this.qos2Quota > 0) && this.identifiers.available;",
      replace: "return this.identifiers.available;",
    },
    small: { file: smallSession, find: "inflight < most && (", replace: "(" },
  },
  {
    name: "an acknowledgement makes no room for the next message",
    tests: "both/server-limits",
    whole: { file: sender, find: "if (this.sendQuota < receiveMaximum) this.sendQuota++;", replace: "" },
    small: { file: smallSession, find: "if (this.#online) this.#online.inflight--;", replace: "" },
  },
  {
    name: "a QoS 2 message that may have arrived is sent as new after the session was lost",
    tests: "both/qos",
    whole: {
      file: sender,
      find: 'message.state === "released" || this.bounds.sessionLost !== "resend"',
      replace: 'message.state === "released"',
    },
    small: {
      file: smallSession,
      find: 'else if (message.qos === 2) this.#lose(message, "SESSION_LOST", OutboxError);',
      replace: "",
    },
  },
  {
    name: "the outbox has no limit",
    tests: "both/bounds",
    whole: {
      file: outbox,
      find: "if (count >= maximumCount) return false;\n    return bytes + size <= maximumBytes ||",
      replace: "return true ||",
    },
    small: {
      file: smallSession,
      find: "(this.#queue.length >= maximumCount || this.#queuedBytes + size > maximumBytes)",
      replace: "size < 0",
    },
  },
  {
    name: "a message is sent after its expiry interval",
    tests: "both/bounds",
    whole: { file: sender, find: "if (this.outbox.giveUpIfLate(message, now)) return;", replace: "" },
    small: { file: smallSession, find: "now >= expiresAt && !again", replace: "now < 0" },
  },
  {
    name: "a message is acknowledged before its handler has finished",
    tests: "both/handlers",
    whole: {
      file: receiver,
      find: "this.unreleased.add(packetIdentifier);\n    }\n    return delivery;",
      replace: "this.unreleased.add(packetIdentifier);\n    }\n    this.finished(delivery, 0);\n    return delivery;",
    },
    small: {
      file: smallIncoming,
      find: "if (known === undefined) return delivery;",
      replace: "if (known === undefined) {\n      this.finished(delivery, 0);\n      return delivery;\n    }",
    },
  },
  {
    name: "acknowledgements are sent in the order in which handlers finish",
    tests: "both/handlers",
    whole: {
      file: receiver,
      find: "delivery.link === this.link) this.acknowledgeInOrder(this.link);",
      replace:
        "delivery.link === this.link) {\n      this.acknowledge(this.link, delivery, reasonCode);\n      this.link.outlet.touch();\n    }",
    },
    small: {
      file: smallIncoming,
      find: "if (reasonCode === undefined) break;",
      replace: "if (reasonCode === undefined) continue;",
    },
  },
  {
    name: "a QoS 2 message that is resent is handled again",
    tests: "both/qos",
    whole: { file: receiver, find: "if (known !== undefined && !isAnother) {", replace: "if (packetIdentifier < 0) {" },
    small: {
      file: smallIncoming,
      find: "let known = qos === 2 ? this.#unreleased.get(packetIdentifier) : undefined;",
      replace: "let known = qos < 0 ? this.#unreleased.get(packetIdentifier) : undefined;",
    },
  },
  {
    name: "subscriptions are not restored after the session was lost",
    tests: "both/resubscribing",
    whole: {
      file: engine,
      find: "if (!resumed || !certain || protocolVersion === 3)",
      replace: "if (this.connections < 0)",
    },
    small: {
      file: smallClient,
      find: "if (!consumer.asking) this.#ask(",
      replace: "if (consumer === undefined) this.#ask(",
    },
  },
  {
    name: "an idle client sends no PINGREQ",
    tests: "both/keep-alive",
    whole: neverPings,
    small: neverPings,
  },
  {
    name: "disconnect does not wait for unacknowledged messages",
    tests: "both/disconnecting",
    whole: {
      file: engine,
      find: "drained = left > 0 ? await this.drain(left) : drainTimeout === 0;",
      replace: "drained = true;",
    },
    small: {
      file: smallClient,
      find: "if (this.#isBusy && drainTimeout > 0)",
      replace: "if (this.#isBusy && drainTimeout < 0)",
    },
  },
];
