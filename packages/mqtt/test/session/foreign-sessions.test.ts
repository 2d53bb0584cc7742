import { describe, expect, test } from "vitest";
import { Client, connack, KeptMessage, publishPacket } from "./sessions.ts";

const lasting = { sessionExpiryInterval: 3_600 };
const ending = { type: "disconnect", reasonCode: 0, properties: { sessionExpiryInterval: 0 } };
/** Milliseconds: longer than any network holds a CONNECT. */
const VERY_LONG = 1_000_000;

/** CONNECT is written, and the connection ends before the answer. */
function unanswered(client: Client): void {
  client.open();
  client.outlet.taken();
  client.lose();
}

/** Another connection, on which the server reports whether it has a session. */
function answered(client: Client, sessionPresent: boolean): string | undefined {
  client.open();
  client.outlet.taken();
  client.receive(connack(sessionPresent));
  return client.events.at(-1);
}

describe("on 5.0, a present session", () => {
  test("of an earlier process is ended with cleanStart true, and nothing is sent in it", () => {
    const client = new Client({ cleanStart: true, properties: lasting });
    client.publish(new KeptMessage("a"));
    expect(answered(client, true)).toBe("foreign");
    expect(client.outlet.packets(5)).toMatchObject([ending]);
    expect(client.session.isOnline).toBe(false);
    client.lose();
    expect(answered(client, false)).toBe("accepted 0 new");
  });

  test("that the server does not end gets a clean start after the fourth time", () => {
    const client = new Client({ cleanStart: true, properties: lasting });
    for (let i = 0; i < 4; i++) {
      expect(answered(client, true)).toBe("foreign");
      client.lose();
    }
    client.open();
    expect(client.outlet.packets(5)).toMatchObject([{ type: "connect", cleanStart: true }]);
    client.receive(connack(false));
    client.lose();
    client.open();
    expect(client.outlet.packets(5)).toMatchObject([{ type: "connect", cleanStart: false }]);
  });

  test("of an earlier process is resumed with cleanStart false", () => {
    const client = new Client({ properties: lasting });
    expect(answered(client, true)).toBe("accepted 0 resumed");
  });

  test("of the client itself is trusted after any number of attempts that failed before CONNECT", () => {
    const client = new Client({ cleanStart: true, properties: lasting });
    answered(client, false);
    client.lose();
    expect(answered(client, true)).toBe("accepted 0 resumed");
  });

  test("of the client itself is resumed, but its subscriptions are not trusted, if a CONNECT was unanswered since", () => {
    const client = new Client({ cleanStart: true, properties: lasting });
    answered(client, false);
    client.lose();
    unanswered(client);
    expect(answered(client, true)).toBe("accepted 0 resumed?");
  });

  test("is ended if a late CONNECT may have started it after the client's own session had expired", () => {
    const client = new Client({ cleanStart: true, properties: lasting });
    answered(client, false);
    client.lose();
    client.now += 3_599_999;
    unanswered(client);
    client.now += 1;
    expect(answered(client, true)).toBe("foreign");
    expect(client.outlet.packets(5)).toMatchObject([ending]);
  });

  test("that outlived its expiry is trusted if every CONNECT was answered", () => {
    const client = new Client({ cleanStart: true, properties: lasting });
    answered(client, false);
    client.lose();
    client.now += 3_600_000;
    expect(answered(client, true)).toBe("accepted 0 resumed");
  });

  test("is subject to the server's own expiry interval", () => {
    const client = new Client({ properties: { sessionExpiryInterval: 0xffff_ffff } });
    client.open();
    client.receive(connack(false, { sessionExpiryInterval: 10 }));
    client.lose();
    client.now += 9_000;
    unanswered(client);
    client.now += 1_000;
    expect(answered(client, true)).toBe("foreign");
  });

  test("is not doubted because of a CONNECT that the network cannot hold any longer", () => {
    const client = new Client({ properties: { sessionExpiryInterval: 0xffff_ffff } });
    answered(client, false);
    client.lose();
    unanswered(client);
    client.now += VERY_LONG;
    expect(answered(client, true)).toBe("accepted 0 resumed");
  });
});

test.each([3, 4] as const)(
  "on version %i too a session is resumed, and its subscriptions are not trusted",
  (version) => {
    const client = new Client({ version });
    client.connect();
    client.lose();
    unanswered(client);
    client.connect(true);
    expect(client.events.at(-1)).toBe("accepted 0 resumed?");
  },
);

describe("in a resumed session that may be another one, the identifier of a received QoS 2 message", () => {
  function doubting(): Client {
    const client = new Client({ properties: lasting });
    answered(client, false);
    client.receive(publishPacket("a", 2, 1));
    client.finish(client.given[0]);
    client.lose();
    unanswered(client);
    expect(answered(client, true)).toBe("accepted 0 resumed?");
    return client;
  }

  test("stands for a new message without DUP", () => {
    const client = doubting();
    client.receive(publishPacket("b", 2, 1));
    expect(client.given.map(({ packet }) => packet.topic)).toEqual(["a", "b"]);
    client.receive(publishPacket("b", 2, 1));
    expect(client.given).toHaveLength(2);
  });

  test("stands for the same message with DUP", () => {
    const client = doubting();
    client.outlet.taken();
    client.receive(publishPacket("a", 2, 1, { dup: true }));
    expect(client.given).toHaveLength(1);
    expect(client.outlet.packets(5)).toMatchObject([{ type: "pubrec", packetIdentifier: 1 }]);
  });
});

describe("a takeover is attributed", () => {
  const online = (): Client => {
    const client = new Client();
    client.connect();
    return client;
  };

  test("to the client's own unanswered CONNECTs, once each", () => {
    const client = new Client();
    unanswered(client);
    unanswered(client);
    client.connect();
    client.now += 100_000;
    const by = [1, 2, 3].map(() => client.session.takenOver(client.now));
    expect(by).toEqual(["own", "own", "another client"]);
  });

  test("to an earlier process in the first minute, three times at most", () => {
    const client = online();
    const by = [1, 2, 3, 4].map(() => client.session.takenOver(client.now));
    expect(by).toEqual(["earlier process", "earlier process", "earlier process", "another client"]);
  });

  test("to another client after the first minute", () => {
    const client = online();
    client.now += 60_000;
    expect(client.session.takenOver(client.now)).toBe("another client");
  });

  test("to another client when the network cannot hold an unanswered CONNECT any longer", () => {
    const client = new Client();
    unanswered(client);
    client.connect();
    client.now += VERY_LONG;
    expect(client.session.takenOver(client.now)).toBe("another client");
  });
});
