import { describe, expect, test } from "vitest";
import { OutgoingTopicAliases } from "../../src/session/outgoing/outgoing-topic-aliases.ts";
import { Client, connack, KeptMessage } from "./sessions.ts";

describe("the policy", () => {
  test("a topic gets an alias when it is published for the second time, and is left out from the third time on", () => {
    const aliases = new OutgoingTopicAliases(2);
    expect([1, 2, 3, 4].map(() => aliases.aliasFor("first/topic"))).toEqual([0, 1, -1, -1]);
    expect([1, 2, 3].map(() => aliases.aliasFor("second/topic"))).toEqual([0, 2, -2]);
    expect([1, 2, 3].map(() => aliases.aliasFor("third/topic"))).toEqual([0, 0, 0]);
  });

  test("without a maximum there are no aliases", () => {
    const aliases = new OutgoingTopicAliases(0);
    expect([1, 2, 3].map(() => aliases.aliasFor("some/topic"))).toEqual([0, 0, 0]);
  });

  test("a topic that is not longer than an alias gets none", () => {
    const aliases = new OutgoingTopicAliases(10);
    expect([1, 2, 3].map(() => aliases.aliasFor("a/b/c"))).toEqual([0, 0, 0]);
  });

  test("an alias that was not sent is given to the next topic", () => {
    const aliases = new OutgoingTopicAliases(1);
    aliases.aliasFor("first/topic");
    expect(aliases.aliasFor("first/topic")).toBe(1);
    aliases.forget("first/topic");
    aliases.aliasFor("second/topic");
    expect(aliases.aliasFor("second/topic")).toBe(1);
  });

  test("the number of remembered topics is limited", () => {
    const aliases = new OutgoingTopicAliases(10);
    for (let i = 0; i < 1_001; i++) aliases.aliasFor(`topic/number/${i}`);
    expect(aliases.aliasFor("topic/number/0")).toBe(0);
    expect(aliases.aliasFor("topic/number/0")).toBe(1);
  });
});

describe("in the packets", () => {
  const topics = (client: Client) =>
    client.outlet
      .packets(5)
      .map((packet) => (packet.type === "publish" ? [packet.topic, packet.properties?.topicAlias] : packet.type));

  test("topic, topic with alias, alias alone", () => {
    const client = new Client();
    client.open();
    client.receive(connack(false, { topicAliasMaximum: 5 }));
    client.outlet.taken();
    for (let i = 0; i < 3; i++) client.session.publish(new KeptMessage("some/topic", 0), client.now);
    expect(topics(client)).toEqual([
      ["some/topic", undefined],
      ["some/topic", 1],
      ["", 1],
    ]);
  });

  test("together with other properties", () => {
    const client = new Client();
    client.open();
    client.receive(connack(false, { topicAliasMaximum: 5 }));
    client.outlet.taken();
    const properties = { contentType: "text/plain" };
    for (let i = 0; i < 3; i++) client.session.publish(new KeptMessage("some/topic", 0, { properties }), client.now);
    expect(client.outlet.packets(5).map((packet) => "properties" in packet && packet.properties)).toEqual([
      properties,
      { ...properties, topicAlias: 1 },
      { ...properties, topicAlias: 1 },
    ]);
  });

  test("aliases end with the connection", () => {
    const client = new Client();
    for (let connection = 0; connection < 2; connection++) {
      client.open();
      client.receive(connack(connection > 0, { topicAliasMaximum: 5 }));
      client.outlet.taken();
      for (let i = 0; i < 2; i++) client.session.publish(new KeptMessage("some/topic", 0), client.now);
      expect(topics(client)).toEqual([
        ["some/topic", undefined],
        ["some/topic", 1],
      ]);
      client.session.flushed(client.now);
      client.lose();
    }
  });

  test("a message that is too large sets no alias", () => {
    const client = new Client();
    client.open();
    client.receive(connack(false, { topicAliasMaximum: 5, maximumPacketSize: 30 }));
    client.outlet.taken();
    client.session.publish(new KeptMessage("some/topic", 0), client.now);
    client.session.publish(new KeptMessage("some/topic", 0, { payload: "far too long for the server" }), client.now);
    client.session.publish(new KeptMessage("some/topic", 0), client.now);
    expect(topics(client)).toEqual([
      ["some/topic", undefined],
      ["some/topic", undefined],
    ]);
  });
});
