// A server that sends more messages at once than the client's Receive Maximum: the proxy raises the value in CONNECT.
// Every message must be handled, and the client must not reconnect because of it.
import { setImmediate as turn } from "node:timers/promises";
import { connect } from "@aiko/mqtt";
import type { ConnectPacket, Packet } from "@aiko/mqtt/codec";
import type { Fate, Verdict } from "../fixtures/fate.ts";
import { FaultyProxy } from "../fixtures/faulty-proxy.ts";
import { FILTER, numberIn, payloadOf, topicOf } from "./numbered-message.ts";
import type { Outcome } from "./outcome.ts";
import type { ChaosServer } from "./servers.ts";
import { Tally } from "./tally.ts";

export interface OverrunSettings {
  readonly qos: 1 | 2;
  readonly messages: number;
}

/** The client's value, and the value that the server gets. */
const RECEIVE_MAXIMUM = 5;
const RAISED = 200;
/** Milliseconds without a message after which the others are lost. */
const PATIENCE = 120_000;

export async function overrunScenario(server: ChaosServer, { qos, messages }: OverrunSettings): Promise<Outcome> {
  const started = Date.now();
  const fate: Fate = { pace: { of: "bytes" }, rule: raiseReceiveMaximum };
  await using proxy = await FaultyProxy.listen(server.port, { fate: () => fate });
  await using publisher = await connect(`mqtt://127.0.0.1:${server.port}`, { protocolVersion: 5 });
  const client = await connect(proxy.url, {
    clientId: `chaos-overrun-${qos}`,
    protocolVersion: 5,
    cleanStart: false,
    reconnect: { initialDelay: 1, maximumDelay: 20 },
    properties: { receiveMaximum: RECEIVE_MAXIMUM, sessionExpiryInterval: 60 },
  });
  const tally = new Tally();
  const violations: string[] = [];
  const scenario = `overrun, QoS ${qos}, ${server.name}`;
  client.on("error", (error) => violations.push(`${scenario}: ${error}`));
  client.on("closed", ({ error }) => error && violations.push(`${scenario}: the client closed: ${error}`));
  const onMessage = async ({ payload }: { payload: Uint8Array }): Promise<void> => {
    await turn(); // slower than the server sends
    tally.add(numberIn(payload));
  };
  await client.subscribe(FILTER, { qos, onMessage });
  const numbers = Array.from({ length: messages }, (_, i) => i + 1);
  await Promise.all(numbers.map((number) => publisher.publish(topicOf(number), payloadOf(number), { qos })));
  const missing = await tally.complete(numbers, PATIENCE);
  const connections = proxy.accepted;
  const doubled = qos === 2 ? tally.repeated : 0;
  await client.disconnect();
  if (missing.length > 0)
    violations.push(`${scenario}: lost ${missing.slice(0, 10)}${missing.length > 10 ? " …" : ""}`);
  if (doubled > 0) violations.push(`${scenario}: ${doubled} doubled`);
  if (tally.outOfOrder > 0) violations.push(`${scenario}: ${tally.outOfOrder} out of order`);
  if (connections > 1) violations.push(`${scenario}: ${connections} connections`);
  return {
    scenario,
    messages,
    lost: missing.length,
    doubled,
    outOfOrder: tally.outOfOrder,
    unsettled: 0,
    rejected: 0,
    cuts: connections - 1,
    kills: 0,
    seconds: (Date.now() - started) / 1000,
    heap: undefined,
    notes: [`up to ${RAISED} unacknowledged at a Receive Maximum of ${RECEIVE_MAXIMUM}; connections: ${connections}`],
    violations,
  };
}

function raiseReceiveMaximum(packet: Packet): Verdict | undefined {
  if (packet.type !== "connect") return undefined;
  const by: ConnectPacket = { ...packet, properties: { ...packet.properties, receiveMaximum: RAISED } };
  return { does: "replace", by };
}
