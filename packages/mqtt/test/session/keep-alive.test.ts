import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { KeepAlive } from "../../src/session/keep-alive.ts";
import { ack, Client, connack, KeptMessage, publishPacket } from "./sessions.ts";

/** An accepted client with a keep alive of 10 s; its `now` starts at 0. */
function connected(options = {}): Client {
  const client = new Client({ keepAlive: 10, ...options });
  client.now = 0;
  client.connect();
  client.outlet.taken();
  return client;
}

/**
 * Advances the time to `until`, calling `advance` at every deadline and `each` at every second; returns when something
 * happened.
 */
function pass(client: Client, until: number, each: (now: number) => void = () => {}): string[] {
  const events: string[] = [];
  while (client.now < until) {
    const second = Math.floor(client.now / 1000 + 1) * 1000;
    client.now = Math.min(second, Math.max(client.now, client.session.deadline()), until);
    if (client.now === second) each(client.now);
    if (client.session.advance(client.now) === "dead") {
      events.push(`dead ${client.now}`);
      return events;
    }
    if (client.outlet.taken().endsWith("c000")) {
      client.flushed();
      events.push(`ping ${client.now}`);
    }
  }
  return events;
}

describe("keep-alive", () => {
  test("an idle client pings before each interval ends, and stays connected while it is answered", () => {
    const client = connected();
    const events: string[] = [];
    for (let i = 1; i <= 3; i++) {
      events.push(...pass(client, client.now + 9500));
      client.session.bytesReceived(client.now);
    }
    expect(events).toEqual(["ping 9500", "ping 19000", "ping 28500"]);
  });

  test("a server that does not answer is considered dead within 1.5 × keep alive after its last byte", () => {
    const client = connected();
    client.session.bytesReceived(3000);
    expect(pass(client, 60_000)).toEqual(["ping 9500", "dead 14500"]);
  });

  test("outgoing traffic does not hide a dead server", () => {
    const client = connected();
    const events = pass(client, 60_000, () => {
      client.publish(new KeptMessage("a", 0));
      client.outlet.taken();
      client.flushed();
    });
    expect(events).toEqual(["ping 9500", "dead 14500"]);
  });

  test("bytes that leave for the server prove that it is alive: silence counts from the last of them", () => {
    const client = connected();
    client.now = 9_500;
    expect(client.session.advance(client.now, 3_000_000)).toBe("alive"); // PINGREQ is written after them
    for (const unsent of [2_000_000, 1_000_000, 1]) {
      client.now += 5_000;
      expect(client.session.advance(client.now, unsent)).toBe("alive");
    }
    client.now += 5_000;
    expect(client.session.advance(client.now, 1)).toBe("dead");
  });

  test("bytes that were handed over may be in transit for as long as a slow link takes", () => {
    const client = connected();
    client.session.handed(640_000);
    client.now = 9_500;
    expect(client.session.advance(client.now)).toBe("alive");
    client.now = 24_499;
    expect(client.session.advance(client.now)).toBe("alive");
    client.now = 24_500;
    expect(client.session.advance(client.now)).toBe("dead");
  });

  test("bytes that were handed over before the server's last byte no longer count", () => {
    const client = connected();
    client.session.handed(640_000);
    client.session.bytesReceived(0);
    expect(pass(client, 60_000)).toEqual(["ping 9500", "dead 14500"]);
  });

  test("incoming traffic alone does not fulfil the client's keep alive: a ping is sent", () => {
    const client = connected();
    const events = pass(client, 30_000, (now) => client.session.bytesReceived(now));
    expect(events).toEqual(["ping 9500", "ping 19000", "ping 28500"]);
  });

  test("traffic in both directions needs no ping", () => {
    const client = connected();
    const events = pass(client, 60_000, (now) => {
      client.session.bytesReceived(now);
      client.flushed();
    });
    expect(events).toEqual([]);
  });

  test("deliveries that the application does not finish have no effect", () => {
    const client = connected();
    client.receive(publishPacket("a", 1, 1));
    client.receive(publishPacket("b", 2, 2));
    const events = pass(client, 100_000, (now) => {
      client.session.bytesReceived(now);
    });
    expect(events.filter((event) => event.startsWith("dead"))).toEqual([]);
  });

  test("while back-pressure stops reading, silence is ignored, and pings continue", () => {
    const client = connected();
    pass(client, 9_600); // a ping is unanswered
    client.session.setDeaf(true, client.now);
    const events = pass(client, 60_000);
    expect(events).toEqual(["ping 19000", "ping 28500", "ping 38000", "ping 47500", "ping 57000"]);
    client.session.setDeaf(false, client.now);
    expect(pass(client, 100_000)).toEqual(["ping 66500", "dead 71500"]);
  });

  test("the server's keep alive applies, if it sends one", () => {
    const client = new Client({ keepAlive: 600 });
    client.now = 0;
    client.open();
    client.receive(connack(false, { serverKeepAlive: 2 }));
    client.outlet.taken();
    expect(pass(client, 60_000)).toEqual(["ping 1900", "dead 2900"]);
  });

  test("0 switches it off", () => {
    const client = connected({ keepAlive: 0 });
    expect(client.session.deadline()).toBe(Infinity);
    client.now = 1e9;
    expect(client.session.advance(client.now)).toBe("alive");
    expect(client.outlet.taken()).toBe("");
  });

  test("without an accepted connection there is no deadline", () => {
    const client = new Client({ keepAlive: 10 });
    client.open();
    client.outlet.taken();
    client.flushed();
    client.session.bytesReceived(0);
    client.session.setDeaf(true, 0);
    expect(client.session.deadline()).toBe(Infinity);
    expect(client.session.advance(1e9)).toBe("alive");
    expect(client.outlet.taken()).toBe("");
  });

  test("PINGRESP needs no answer, even without a PINGREQ", () => {
    const client = connected();
    client.receive({ type: "pingresp" });
    client.receive(ack("puback", 1));
    expect(client.outlet.taken()).toBe("");
  });

  test("advance does nothing if it is called too early", () => {
    const keepAlive = new KeepAlive(10, 0);
    expect(keepAlive.advance(9499)).toBe("wait");
    expect(keepAlive.advance(9500)).toBe("ping");
    expect(keepAlive.advance(9501)).toBe("wait");
  });
});

test("with any traffic, a ping is sent within the interval, and a dead server is detected within 1.5 intervals", () => {
  const steps = fc.array(fc.tuple(fc.nat(4000), fc.constantFrom("sent", "received", "both")), { maxLength: 40 });
  fc.assert(
    fc.property(steps, (script) => {
      const keepAlive = new KeepAlive(10, 0);
      let [now, lastSent, lastReceived] = [0, 0, 0];
      /** Runs the timer up to `until`; returns true if the peer is dead. */
      const runTo = (until: number): boolean => {
        for (;;) {
          const deadline = keepAlive.deadline();
          if (deadline > until) return false;
          now = Math.max(now, deadline);
          expect(now - lastReceived).toBeLessThanOrEqual(15_000);
          const due = keepAlive.advance(now);
          if (due === "dead") return true;
          if (due === "ping") {
            expect(now - lastSent).toBeLessThanOrEqual(10_000);
            lastSent = now;
          }
        }
      };
      for (const [delay, what] of script) {
        if (runTo(now + delay)) return;
        now += delay;
        if (what !== "received") {
          keepAlive.sent(now);
          lastSent = now;
        }
        if (what !== "sent") {
          keepAlive.received(now);
          lastReceived = now;
        }
      }
      expect(runTo(now + 60_000)).toBe(true);
    }),
  );
});
