// mosquitto allows 20 unfinished QoS 2 messages by default. On 3.1 and 3.1.1 it acknowledges and drops further ones,
// since it cannot report the limit: the client has to limit itself, or messages are lost silently.
import { connect } from "@aiko/mqtt";
import { expect, test } from "vitest";
import { Mosquitto } from "../fixtures/mosquitto.ts";

const messages = 1_000;

test.each(([3, 4, 5] as const).flatMap((version) => ([1, 2] as const).map((qos) => ({ version, qos }))))(
  `version $version, QoS $qos: ${messages} messages at once arrive, with mosquitto's own limits`,
  async ({ version, qos }) => {
    await using mosquitto = await Mosquitto.start({ config: ["max_inflight_messages 20", "max_queued_messages 1000"] });
    await using subscriber = await connect(mosquitto.url, { protocolVersion: 5 });
    const received: string[] = [];
    let last: () => void = () => undefined;
    const complete = new Promise<void>((resolve) => {
      last = resolve;
    });
    await subscriber.subscribe("inflight", {
      qos: 2,
      onMessage(message) {
        if (message.text() === "end") last();
        else received.push(message.text());
      },
    });
    await using publisher = await connect(mosquitto.url, { protocolVersion: version });
    const sent = Array.from({ length: messages }, (_, i) => String(i));
    await Promise.all(sent.map((text) => publisher.publish("inflight", text, { qos })));
    await publisher.publish("inflight", "end", { qos });
    await complete;
    expect(received).toEqual(sent);
  },
);
