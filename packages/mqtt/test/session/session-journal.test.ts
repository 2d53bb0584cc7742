import { SessionJournal } from "@aiko/mqtt/session";
import { SeededRandom } from "@aiko/mqtt/testing";
import { describe, expect, test } from "vitest";
import type { PubrelPacket } from "../../src/codec/packets.ts";
import type { StoreRecord } from "../../src/platform/store.ts";
import { openRecords } from "./open-records.ts";
import { ack, Client, KeptMessage, publishPacket, wire } from "./sessions.ts";

/** A disk: the next process finds what the killed process had written. */
class Disk {
  private readonly records = new Map<number, Uint8Array>();

  /** Makes the client's changes durable, as its driver does before bytes are sent. */
  write(journal: SessionJournal): void {
    for (const { key, value } of journal.take() ?? []) {
      if (value === undefined) this.records.delete(key);
      else this.records.set(key, value.slice());
    }
  }

  read(): StoreRecord[] {
    return [...this.records].map(([key, value]) => ({ key, value })).sort((a, b) => a.key - b.key);
  }
}

/** A process: a client with a journal that is restored from the disk. */
function start(disk: Disk, options = {}) {
  const journal = new SessionJournal();
  const stored = journal.load(disk.read());
  const client = new Client({ ...options, journal });
  const messages = stored.messages.map(({ packet, expiresAt, sequence, packetIdentifier, state }) => {
    const { topic, payload, retain, properties } = packet;
    const message = new KeptMessage(topic, packet.qos, {
      payload,
      retain,
      expiresAt,
      state,
      ...(properties && { properties }),
    });
    message.sequence = sequence;
    message.packetIdentifier = packetIdentifier;
    return message;
  });
  client.session.restore(messages, stored.incoming);
  return { client, journal, messages };
}

describe("a process that was killed continues", () => {
  test("with the same identifiers, order and states", () => {
    const disk = new Disk();
    const first = start(disk, { peerReceiveMaximum: 4 });
    first.client.connect();
    for (const [topic, qos] of [
      ["a", 1],
      ["b", 2],
      ["c", 2],
      ["d", 1],
      ["e", 1],
      ["zero", 0],
      ["f", 2],
    ] as const) {
      first.client.publish(new KeptMessage(topic, qos, { payload: topic }));
    }
    first.client.receive(ack("puback", 1)); // a is finished: e is sent
    first.client.receive(ack("pubrec", 2));
    disk.write(first.journal);

    const second = start(disk);
    expect(second.messages.map(({ topic, state, packetIdentifier }) => [topic, state, packetIdentifier])).toEqual([
      ["b", "released", 2],
      ["c", "sent", 3],
      ["d", "sent", 4],
      ["e", "sent", 5],
      ["f", "queued", 0],
    ]);
    expect(second.client.pending).toBe(5);
    second.client.connect(true);
    const [released, ...rest] = second.client.outlet.packets(5);
    expect(released).toMatchObject({ type: "pubrel", packetIdentifier: 2 });
    const clearing = rest.filter(({ type }) => type === "pubrel");
    for (const packet of clearing) second.client.receive(ack("pubcomp", (packet as PubrelPacket).packetIdentifier));
    const again = [...rest.filter(({ type }) => type === "publish"), ...second.client.outlet.packets(5)];
    const payload = (topic: string) => ({ payload: new TextEncoder().encode(topic) });
    expect(wire(5, ...again)).toBe(
      wire(
        5,
        publishPacket("c", 2, 3, { dup: true, ...payload("c") }),
        publishPacket("d", 1, 4, { dup: true, ...payload("d") }),
        publishPacket("e", 1, 5, { dup: true, ...payload("e") }),
        publishPacket("f", 2, 6, payload("f")),
      ),
    );
  });

  test("with new messages behind the old ones, in this process and the next", () => {
    const disk = new Disk();
    const first = start(disk);
    first.client.publish(new KeptMessage("a"));
    first.client.publish(new KeptMessage("b"));
    disk.write(first.journal);
    const second = start(disk);
    second.client.publish(new KeptMessage("c"));
    disk.write(second.journal);
    const third = start(disk);
    expect(third.messages.map(({ topic }) => topic)).toEqual(["a", "b", "c"]);
  });

  test("with payload, retain, properties and expiry", () => {
    const disk = new Disk();
    const first = start(disk);
    const payload = Uint8Array.of(0, 255, 7);
    const properties = { contentType: "x", userProperties: [["k", "v"]] as [string, string][] };
    first.client.publish(new KeptMessage("a", 2, { payload, retain: true, properties, expiresAt: 12_345.5 }));
    first.client.publish(new KeptMessage("b", 1, { payload: "ü\u{1F600}" }));
    first.client.publish(new KeptMessage("c", 1, { payload: new Uint8Array(100_000).fill(3) }));
    disk.write(first.journal);
    const [a, b, c] = start(disk).messages;
    expect(a).toMatchObject({ payload, retain: true, qos: 2, expiresAt: 12_345.5 });
    expect(a?.properties).toEqual(properties);
    expect(new TextDecoder().decode(b?.payload as Uint8Array)).toBe("ü\u{1F600}");
    expect(b?.expiresAt).toBe(Infinity);
    expect(c?.payload).toEqual(new Uint8Array(100_000).fill(3));
  });

  test("with the received QoS 2 messages, which are not delivered again", () => {
    const disk = new Disk();
    const first = start(disk);
    first.client.connect();
    first.client.receive(publishPacket("a", 2, 7));
    first.client.receive(publishPacket("b", 2, 8));
    first.client.finish(first.client.given[0]);
    disk.write(first.journal);
    const second = start(disk);
    second.client.connect(true);
    second.client.outlet.taken();
    second.client.receive(publishPacket("a", 2, 7, { dup: true }));
    second.client.receive(publishPacket("b", 2, 8, { dup: true })); // not finished, so never acknowledged
    expect(second.client.given.map(({ packet }) => packet.topic)).toEqual(["b"]);
    expect(second.client.outlet.taken()).toBe("50020007");
    second.client.receive(ack("pubrel", 7));
    expect(second.client.outlet.taken()).toBe("70020007");
  });

  test("also if a message was finished after its connection was lost", () => {
    const disk = new Disk();
    const first = start(disk);
    first.client.connect();
    first.client.receive(publishPacket("a", 2, 7));
    first.client.lose();
    first.client.finish(first.client.given[0]);
    disk.write(first.journal);
    const second = start(disk);
    second.client.connect(true);
    second.client.receive(publishPacket("a", 2, 7, { dup: true }));
    expect(second.client.given).toEqual([]);
  });

  test("but if the server has lost the session, received messages are forgotten", () => {
    const disk = new Disk();
    const first = start(disk);
    first.client.connect();
    first.client.receive(publishPacket("a", 2, 7));
    first.client.finish(first.client.given[0]);
    disk.write(first.journal);
    const second = start(disk);
    second.client.connect(false);
    disk.write(second.journal);
    expect(openRecords(disk.read())).toEqual([]);
  });

  test("with the old place of a message that lost its session", () => {
    const disk = new Disk();
    const first = start(disk, { peerReceiveMaximum: 1 });
    first.client.connect();
    first.client.publish(new KeptMessage("a"));
    first.client.publish(new KeptMessage("b"));
    first.client.lose();
    first.client.open();
    first.client.outlet.congested = true;
    first.client.receive({ type: "connack", sessionPresent: false, reasonCode: 0 });
    disk.write(first.journal);
    const second = start(disk);
    expect(second.messages.map(({ topic, state }) => [topic, state])).toEqual([
      ["a", "queued"],
      ["b", "queued"],
    ]);
  });
});

describe("a settled message leaves no record:", () => {
  const leftOver = (body: (client: Client) => void, options = {}) => {
    const disk = new Disk();
    const { client, journal } = start(disk, options);
    body(client);
    disk.write(journal);
    return openRecords(disk.read());
  };

  test.each<[string, (client: Client) => void]>([
    [
      "QoS 1 acknowledged",
      (client) => {
        client.connect();
        client.publish(new KeptMessage("a", 1));
        client.receive(ack("puback", 1));
      },
    ],
    [
      "QoS 2 completed",
      (client) => {
        client.publish(new KeptMessage("a", 2));
        client.connect();
        client.receive(ack("pubrec", 1));
        client.receive(ack("pubcomp", 1));
      },
    ],
    [
      "refused by the peer",
      (client) => {
        client.connect();
        client.publish(new KeptMessage("a", 2));
        client.receive(ack("pubrec", 1, 0x87));
      },
    ],
    [
      "QoS 0, queued",
      (client) => {
        client.publish(new KeptMessage("a", 0));
      },
    ],
    [
      "withdrawn",
      (client) => {
        const message = new KeptMessage("a", 1);
        client.publish(message);
        client.session.withdraw(message, new Error() as never);
      },
    ],
    [
      "expired",
      (client) => {
        client.publish(new KeptMessage("a", 1, { expiresAt: client.now + 1 }));
        client.now += 2;
        client.connect();
      },
    ],
    [
      "over the outbox's limit",
      (client) => {
        client.publish(new KeptMessage("a", 1, { payload: new Uint8Array(2000) }));
      },
    ],
    [
      "QoS 2 without the server's session",
      (client) => {
        client.connect();
        client.publish(new KeptMessage("a", 2));
        client.publish(new KeptMessage("b", 2));
        client.receive(ack("pubrec", 2));
        client.lose();
        client.connect(false);
      },
    ],
    [
      "received and released",
      (client) => {
        client.connect();
        client.receive(publishPacket("a", 2, 1));
        client.finish(client.given[0]);
        client.receive(ack("pubrel", 1));
      },
    ],
    [
      "received at QoS 1",
      (client) => {
        client.connect();
        client.receive(publishPacket("a", 1, 1));
        client.finish(client.given[0]);
      },
    ],
    [
      "received and refused",
      (client) => {
        client.connect();
        client.receive(publishPacket("a", 2, 1));
        client.finish(client.given[0], 0x80);
      },
    ],
  ])("%s", (_, body) => {
    expect(leftOver(body, { outbox: { maximumCount: 10, maximumBytes: 1000 } })).toEqual([]);
  });

  test("but an abandoned message stays for the next process", () => {
    const records = leftOver((client) => {
      client.publish(new KeptMessage("a", 1));
      client.session.abandon(() => new Error() as never);
    });
    expect(records).toHaveLength(1);
  });

  test("a released message keeps its identifier but not its payload", () => {
    const [record] = leftOver((client) => {
      client.connect();
      client.publish(new KeptMessage("a", 2, { payload: new Uint8Array(1000), properties: { contentType: "x" } }));
      client.receive(ack("pubrec", 1));
    });
    expect(record?.value.length).toBeLessThan(30);
  });
});

test("without changes there is nothing to write", () => {
  const journal = new SessionJournal();
  expect(journal.take()).toBeUndefined();
  journal.incoming.open(5);
  expect(journal.take()).toHaveLength(1);
  expect(journal.take()).toBeUndefined();
});

describe("a record that is not valid", () => {
  const message = new KeptMessage("a", 2, { payload: "payload", properties: { userProperties: [["k", "v"]] } });
  const record = (state = 1, identifier = 7, change: (bytes: Uint8Array, view: DataView) => void = () => undefined) => {
    const value = recordOf(message);
    const view = new DataView(value.buffer);
    view.setUint8(0, state);
    view.setUint16(1, identifier);
    view.setUint16(24, identifier || 1);
    change(value, view);
    return value;
  };
  const load = (...records: StoreRecord[]) => new SessionJournal().load(records);

  test("does not include records that a journal wrote", () => {
    for (const [state, identifier] of [
      [0, 0],
      [1, 7],
      [2, 7],
    ] as const) {
      expect(load({ key: 1, value: record(state, identifier) }).rejected).toEqual([]);
    }
  });

  test.each<[string, number, unknown]>([
    ["no bytes", 1, new Uint8Array(0)],
    ["a header alone", 1, record().subarray(0, 19)],
    ["an unknown state", 1, record(3)],
    ["a time that is not a number", 1, record(1, 7, (_, view) => view.setFloat64(3, Number.NaN))],
    ["an infinite time", 1, record(1, 7, (_, view) => view.setFloat64(11, Infinity))],
    ["no packet identifier although it was sent", 1, record(1, 0)],
    ["a packet identifier although it was not sent", 1, record(0, 7)],
    ["two packet identifiers", 1, record(1, 7, (_, view) => view.setUint16(24, 8))],
    [
      "a released message of QoS 1",
      1,
      record(2, 7, (bytes) => {
        bytes[19] = 0x32;
      }),
    ],
    ["QoS 0", 1, Uint8Array.of(...new Uint8Array(19), 0x30, 5, 0, 1, 97, 0, 1)],
    [
      "DUP",
      1,
      record(1, 7, (bytes) => {
        bytes[19] = 0x3c;
      }),
    ],
    ["a PINGREQ", 1, Uint8Array.of(...new Uint8Array(19), 0xc0, 0)],
    ["a PINGRESP", 1, Uint8Array.of(...new Uint8Array(19), 0xd0, 0)],
    ["half a PUBLISH", 1, record().subarray(0, 30)],
    ["a PUBLISH and further bytes", 1, Uint8Array.of(...record(), 0xd0, 0)],
    ["text", 1, "payload"],
    ["the key 0", 0, record()],
    ["a key that leaves none for later messages", 2 ** 48 - 1, record()],
    ["the key of an incoming message", 2 ** 48 + 1, record()],
    ["a message with a key of an unknown kind", 2 ** 50, record()],
    ["a key that is not an integer", 1.5, record()],
    ["a key of an unknown kind", 2 ** 48 + 65_536, new Uint8Array(0)],
    ["half a time", 2 ** 48, new Uint8Array(4)],
    ["half an incoming message", 2 ** 48 + 1, new Uint8Array(4)],
    ["an incoming message in a third state", 2 ** 48 + 1, new Uint8Array(5).fill(2)],
  ])("because of %s is rejected, and none of the other records is loaded", (_, key, value) => {
    const other = { key: 9, value: record(0, 0) };
    const stored = load({ key, value: value as Uint8Array }, other);
    expect(stored).toMatchObject({ messages: [], incoming: [] });
    expect(stored.rejected).toMatchObject([{ key, value, why: expect.any(String) }]);
    expect(load(other)).toMatchObject({ messages: [{ sequence: 9 }], rejected: [] });
  });

  test("with the packet identifier of another record is rejected", () => {
    expect(load({ key: 1, value: record() }, { key: 2, value: record() }).rejected).toMatchObject([{ key: 2 }]);
    const queued = { value: record(0, 0) };
    expect(load({ key: 1, ...queued }, { key: 2, ...queued }).rejected).toEqual([]);
  });

  test("never causes an exception, whatever its bytes are", () => {
    const random = new SeededRandom(5);
    let rejected = 0;
    for (let i = 0; i < 20_000; i++) {
      const value = record(random.integer(4), random.integer(3), (bytes) => {
        for (let n = random.integer(4); n > 0; n--) bytes[random.integer(bytes.length)] = random.integer(256);
      }).slice(0, 10 + random.integer(60));
      const key = random.integer(2) === 0 ? 1 : 2 ** 48 + random.integer(3);
      rejected += load({ key, value }).rejected.length;
    }
    expect(rejected).toBeGreaterThan(10_000);
  });

  test("is ignored once it was set aside", () => {
    expect(load({ key: 2 ** 52, value: new Uint8Array(3) })).toMatchObject({
      messages: [],
      incoming: [],
      rejected: [],
    });
  });
});

test("a message that was finished out of order is in the journal at once, although its PUBREC has to wait", () => {
  const disk = new Disk();
  const { client, journal } = start(disk);
  client.connect();
  client.receive(publishPacket("a", 1, 1));
  client.receive(publishPacket("b", 2, 2));
  client.outlet.taken();
  client.finish(client.given[1]);
  expect(client.outlet.taken()).toBe("");
  disk.write(journal);
  expect(openRecords(disk.read())).toHaveLength(1);
  client.lose();
  client.connect(true);
  client.outlet.taken();
  client.receive(publishPacket("b", 2, 2, { dup: true }));
  expect(client.outlet.taken()).toBe("50020002");
  disk.write(journal);
  expect(openRecords(disk.read())).toHaveLength(1);
});

describe("a record that changes between two writes", () => {
  const changesOf = (journal: SessionJournal) => (journal.take() ?? []).map(({ key, value }) => [key, value?.[0]]);

  test("is written once, in its final state", () => {
    const journal = new SessionJournal();
    const message = new KeptMessage("a");
    journal.put(message);
    message.packetIdentifier = 7;
    message.state = "sent";
    journal.put(message);
    expect(changesOf(journal)).toEqual([[1, 1]]);
    message.state = "released";
    journal.put(message);
    journal.put(message);
    expect(changesOf(journal)).toEqual([[1, 2]]);
    journal.put(message);
    journal.remove(message);
    expect(changesOf(journal)).toEqual([[1, undefined]]);
  });

  test("is not written if its message is finished before the first write", () => {
    const journal = new SessionJournal();
    const message = new KeptMessage("a");
    journal.put(message);
    journal.remove(message);
    expect(journal.take()).toBeUndefined();
    journal.incoming.open(5);
    expect(journal.take()).toHaveLength(1);
    journal.incoming.open(5); // the store has it
    expect(journal.take()).toBeUndefined();
  });

  test("is complete, however many records there are and however many bytes their characters take", () => {
    const journal = new SessionJournal();
    const texts = Array.from({ length: 300 }, (_, i) => ["x", "ü", "\u{1F600}", "€"][i % 4]?.repeat(i * 7) ?? "");
    for (let round = 0; round < 3; round++) {
      for (const text of texts) journal.put(new KeptMessage(`t/${text.slice(0, 8)}`, 1, { payload: text }));
      const records = (journal.take() ?? []).map(({ key, value }) => ({ key, value: value as Uint8Array }));
      const { messages } = new SessionJournal().load(records);
      expect(messages.map(({ packet }) => new TextDecoder().decode(packet.payload))).toEqual(texts);
    }
  });
});

describe("a rejected write", () => {
  test("returns the messages without a record in the store, and writes the others with the next write", () => {
    const journal = new SessionJournal();
    const [known, done, first, settled] = ["known", "done", "first", "settled"].map(
      (topic) => new KeptMessage(topic),
    ) as [KeptMessage, KeptMessage, KeptMessage, KeptMessage];
    journal.put(known);
    journal.put(done);
    journal.incoming.open(1);
    expect(journal.take()).toHaveLength(3);
    known.state = "sent";
    known.packetIdentifier = 9;
    journal.put(known);
    journal.remove(done);
    journal.put(first);
    journal.put(settled);
    journal.incoming.close(1);
    journal.incoming.open(2);
    expect(journal.take()).toHaveLength(6);
    journal.remove(settled); // while it is being written
    const later = new KeptMessage("later");
    journal.put(later);
    expect(journal.refused()).toEqual([first]);
    journal.remove(first); // by the caller that abandons it
    const keys = (journal.take() ?? []).map(({ key, value }) => [key, value === undefined ? "removed" : "put"]);
    expect(keys.sort()).toEqual([
      [1, "put"],
      [2, "removed"],
      [2 ** 48 + 1, "put"],
      [2 ** 48 + 2, "put"],
      [5, "put"],
    ]);
    journal.incoming.open(2); // was resent
    expect(journal.take()).toBeUndefined();
  });
});

/** The record of a message that was not sent. */
function recordOf(message: KeptMessage): Uint8Array<ArrayBuffer> {
  const journal = new SessionJournal();
  journal.put(message);
  return Uint8Array.from(journal.take()?.[0]?.value as Uint8Array);
}
