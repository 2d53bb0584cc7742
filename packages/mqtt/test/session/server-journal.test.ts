// A server's session records its messages, and continues from such records.
import type { MessageJournal, OutgoingMessage } from "@aiko/mqtt/session";
import { describe, expect, test } from "vitest";
import { StoreError } from "../../src/errors.ts";
import { ack, KeptMessage, publishPacket, Server } from "./sessions.ts";

/** Notes the calls as text. */
class Notes implements MessageJournal {
  readonly notes: string[] = [];
  readonly incoming = {
    nameOf: () => undefined,
    open: (identifier: number) => void this.notes.push(`open ${identifier}`),
    close: (identifier: number) => void this.notes.push(`close ${identifier}`),
  };

  put({ topic, state, packetIdentifier }: OutgoingMessage): void {
    this.notes.push(`${topic} ${state} ${packetIdentifier}`);
  }

  remove({ topic }: OutgoingMessage): void {
    this.notes.push(`${topic} removed`);
  }
}

describe("a server's session with a journal", () => {
  test("records each step of its messages", () => {
    const messageJournal = new Notes();
    const server = new Server({ messageJournal });
    server.publish(new KeptMessage("a"));
    server.connect(true);
    server.publish(new KeptMessage("b", 2));
    server.receive(ack("puback", 1));
    server.receive(ack("pubrec", 2));
    server.receive(ack("pubcomp", 2));
    expect(messageJournal.notes).toEqual([
      "a queued 0",
      "a sent 1",
      "b sent 2",
      "a removed",
      "b released 2",
      "b removed",
    ]);
  });

  test("records received QoS 2 messages until they are released", () => {
    const messageJournal = new Notes();
    const server = new Server({ messageJournal });
    server.connect();
    server.receive(publishPacket("a", 2, 7));
    server.finish(server.given[0]);
    expect(new Set(messageJournal.notes)).toEqual(new Set(["open 7"]));
    server.receive(ack("pubrel", 7));
    expect(messageJournal.notes.at(-1)).toBe("close 7");
  });
});

describe("a restored session of a server", () => {
  function restored(): Server {
    const server = new Server();
    const sent = new KeptMessage("sent", 2, { state: "sent" });
    sent.packetIdentifier = 3;
    const released = new KeptMessage("released", 2, { state: "released" });
    released.packetIdentifier = 4;
    server.session.restore([sent, released, new KeptMessage("queued")], [9], [5]);
    server.connect(true);
    return server;
  }

  test("continues each message in its state, in order, and does not use reserved identifiers", () => {
    expect(restored().outlet.packets(5)).toMatchObject([
      { type: "publish", topic: "sent", packetIdentifier: 3, dup: true },
      { type: "pubrel", packetIdentifier: 4 },
      { type: "publish", topic: "queued", packetIdentifier: 6, dup: false },
    ]);
  });

  test("acknowledges a QoS 2 message that it had received, and does not deliver it again", () => {
    const server = restored();
    server.outlet.packets(5);
    server.receive(publishPacket("again", 2, 9, { dup: true }));
    expect(server.given).toEqual([]);
    expect(server.outlet.packets(5)).toMatchObject([{ type: "pubrec", packetIdentifier: 9 }]);
  });
});

test("messages that could not be recorded fail, and received ones count as new when they come again", () => {
  const server = new Server();
  server.connect();
  const [sent, queued] = [new KeptMessage("sent"), new KeptMessage("queued")];
  server.publish(sent);
  server.receive(publishPacket("a", 2, 7));
  server.finish(server.given[0]);
  server.lose();
  server.publish(queued);
  for (const message of [sent, queued]) server.session.unrecorded(message, new StoreError("STORE_FULL", "full"));
  server.session.forget(7);
  expect([sent.outcome, queued.outcome, server.pending]).toEqual(["STORE_FULL", "STORE_FULL", 0]);
  server.connect(true);
  expect(server.outlet.packets(5).filter(({ type }) => type === "publish")).toEqual([]);
  server.receive(publishPacket("a", 2, 7, { dup: true }));
  expect(server.given).toHaveLength(2);
});
