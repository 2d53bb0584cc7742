// The two clients with the same API, and a bench for each: `describe.each(clients)("the $name client", …)`. Each
// documented difference (docs/decisions/0007-the-small-client.md) is a field of the table that a suite compares with.
// Tests of features that only one of them has are in ../client or ../small.
import {
  type Client,
  type ClientStatistics,
  connect,
  createClient,
  type ErrorFacts,
  type OutboxPolicy,
} from "@aiko/mqtt";
import type { ConnectProperties } from "@aiko/mqtt/codec";
import {
  type SmallClient,
  type SmallOptions,
  connect as smallConnect,
  createClient as smallCreateClient,
} from "@aiko/mqtt/small";
import type { ClockKind, LinkFaults } from "@aiko/mqtt/testing";
import { expect } from "vitest";
import { Bench, type NetworkBench } from "../client/bench.ts";
import { SmallBench } from "../small/bench.ts";

export { answer, holding, message, type Outcome, type RecordedEvents, subscribed, watch } from "../client/bench.ts";

/** Options that both clients have. The version is one of `versions`. */
interface BothOptions extends Omit<SmallOptions, "protocolVersion"> {
  readonly protocolVersion?: 3 | 4 | 5 | undefined;
}
export type ClientBench = NetworkBench<BothOptions, SmallClient>;

export interface ClientCase {
  readonly name: "whole" | "small";
  createBench(faults?: (attempt: number) => LinkFaults, seed?: number, kind?: ClockKind): ClientBench;
  /** The function that creates a client and connects it. */
  readonly connect: typeof smallConnect;
  readonly createClient: typeof smallCreateClient;
  readonly versions: readonly (3 | 4 | 5)[];
  /** Versions, policies of a full outbox, and whether there is a store. The small client supports one choice only. */
  readonly outboxes: readonly (readonly [version: 3 | 4 | 5, policy: OutboxPolicy, stored: boolean])[];
  /** Whether `subscribe` and `unsubscribe` accept a signal. */
  readonly abortsRequests: boolean;
  /** The limit of unacknowledged messages on 3.1.1, if there is one. */
  readonly maximumInflightBefore5?: number;
  /** The reason code for a packet that only clients send. */
  readonly packetOfClients: 0x81 | 0x82;
  /** The error code for a topic with U+0000. */
  readonly nulInTopic: string;
  /**
   * The options that drop QoS 0 messages while there is no connection. The small client has none, and queues the
   * messages.
   */
  readonly droppingOffline: object;
  /** Whether the wait for an acknowledgement is limited without keep-alive too. */
  readonly timesMessages: boolean;
  /** Compares a client's statistics. The small client has none. */
  expectStatistics(client: SmallClient, expected: Partial<ClientStatistics>): void;
  /**
   * The error of a message after which the server ends the connection with this reason code: the small client ignores
   * the code.
   */
  namedCause(reasonCode: number): object;
  /**
   * How many of two messages are acknowledged when an iterator was asked for both at once. In the small client, asking
   * for the second message finishes the first; in the full client, only asking after the second was delivered does.
   */
  readonly acknowledgedAhead: 0 | 1;
  /** The name of the error of a payload that is not JSON. */
  readonly notJson: "PayloadError" | "SyntaxError";
  /**
   * Whether QoS 0 messages that no iterator has asked for are `unclaimed` when their subscription ends. The full client
   * discards them.
   */
  readonly reportsUnread: boolean;
  /**
   * The error of a message to this topic without an outcome after `disconnect` had waited for this many milliseconds.
   */
  drained(topic: string, milliseconds: number): object;
  /** The number of CONNECTs answered with a foreign session after which a clean start is requested. */
  readonly foreignSessions: number;
  /** Whether a queued message is still sent if a listener of `connected` disconnects with `drainTimeout` 0. */
  readonly sendsBeforeLeaving: boolean;
  /** Whether a closed client can connect again. */
  readonly connectsAgain: boolean;
  /** Whether the event `takenOver` exists. */
  readonly tellsTakeOver: boolean;
  /**
   * How many of two messages that wait while their subscription is ended are `unclaimed` although their connection is
   * lost and the server resends them. It should be none.
   */
  readonly unclaimedOfLost: 0 | 2;
  /** The limits in CONNECT of MQTT 5 if no option sets them. */
  readonly connectLimits: ConnectProperties;
  /** The error code of an attempt to connect for which the option `credentials` fails. */
  readonly credentialsFailed: string;
  /** Whether `credentials` that cannot be sent are detected only after dialling. */
  readonly encodesAfterDialling: boolean;
  /** Milliseconds without an answer to a request after which the connection is closed. */
  readonly patience: number;
  /** Whether a SUBSCRIBE is sent before messages that were published earlier in the same tick. */
  readonly subscribesFirst: boolean;
  /**
   * How many of 1,200 messages of a resumed session that arrive at once wait for their subscription. The full client
   * acknowledges those beyond its limit, and reports them as `unclaimed`.
   */
  readonly keptOfMany: 1_000 | 1_200;
  /** The fields of an error other than its code: the small client's errors have none of them. */
  facts(expected: Partial<ErrorFacts>): Partial<ErrorFacts>;
  /** The text for a reason code in a message: the small client has none. */
  words(reasonCode: number, words: string): string;
}

export const clients: readonly ClientCase[] = [
  {
    name: "whole",
    createBench: (faults, seed, kind) => new Bench(faults, seed, kind),
    versions: [3, 4, 5],
    packetOfClients: 0x82,
    droppingOffline: { outbox: { qos0: "drop" } },
    timesMessages: false,
    nulInTopic: "TOPIC_NAME_INVALID",
    outboxes: [
      [3, "reject", false],
      [4, "drop-oldest", false],
      [5, "keep-latest", false],
      [3, "keep-latest", true],
      [4, "reject", true],
      [5, "drop-oldest", true],
      [5, "reject", true],
    ],
    abortsRequests: true,
    expectStatistics: (client, expected) => expect((client as Client).statistics).toMatchObject(expected),
    namedCause: (reasonCode) => ({ code: "PUBLISH_REFUSED", reasonCode }),
    acknowledgedAhead: 0,
    notJson: "PayloadError",
    reportsUnread: false,
    drained: (topic, milliseconds) => {
      const message = expect.stringMatching(`"${topic}".*${milliseconds} ms`);
      return { name: "TimeoutError", code: "DRAIN_TIMEOUT", message };
    },
    foreignSessions: 4,
    sendsBeforeLeaving: true,
    connectsAgain: true,
    tellsTakeOver: true,
    unclaimedOfLost: 0,
    connect,
    createClient,
    connectLimits: { maximumPacketSize: 67_108_864 },
    credentialsFailed: "OPTION_FAILED",
    encodesAfterDialling: true,
    patience: 60_000,
    subscribesFirst: true,
    keptOfMany: 1_000,
    facts: (expected) => expected,
    words: (_, words) => words,
  },
  {
    name: "small",
    createBench: (faults, seed, kind) => new SmallBench(faults, seed, kind),
    versions: [4, 5],
    outboxes: [],
    maximumInflightBefore5: 20,
    packetOfClients: 0x81,
    droppingOffline: {},
    timesMessages: true,
    nulInTopic: "STRING_INVALID",
    abortsRequests: false,
    expectStatistics: () => undefined,
    namedCause: () => ({ code: "PUBLISH_UNANSWERED" }),
    acknowledgedAhead: 1,
    notJson: "SyntaxError",
    reportsUnread: true,
    drained: () => ({ code: "CLIENT_CLOSED" }),
    foreignSessions: 2,
    sendsBeforeLeaving: false,
    connectsAgain: false,
    tellsTakeOver: false,
    unclaimedOfLost: 2,
    connect: smallConnect,
    createClient: smallCreateClient,
    connectLimits: { receiveMaximum: 1_000, maximumPacketSize: 67_108_864 },
    credentialsFailed: "CONNECTION_FAILED",
    encodesAfterDialling: false,
    patience: 300_000,
    subscribesFirst: false,
    keptOfMany: 1_200,
    facts: () => ({}),
    words: (reasonCode) => `0x${reasonCode.toString(16)}`,
  },
];
