// A session ends while some of its messages still wait for the answer of authorizeDeliver.
import { expect, test } from "vitest";
import { Bench, kept, message, receive, subscribe } from "./bench.ts";

test("a message that was put to a client already is passed to another member of the group once when the session ends", async () => {
  const answers: ((answer: boolean) => void)[] = [];
  let isOpen = false;
  const bench = new Bench({
    authorizeDeliver: ({ clientId }) =>
      clientId !== "a" || isOpen ? true : new Promise<boolean>((resolve) => answers.push(resolve)),
  });
  const first = await bench.connect("a", kept);
  await subscribe(first, "$share/g/t", { qos: 1 });
  const publisher = await bench.connect("publisher");
  for (let i = 1; i <= 3; i++) publisher.send(message("t", `${i}`, { qos: 1, packetIdentifier: i }));
  await bench.clock.tick();
  answers.shift()?.(true); // the first message is sent, the second one asks
  await bench.clock.tick();
  const second = await bench.connect("b");
  await subscribe(second, "$share/g/t", { qos: 1 });
  isOpen = true;
  bench.hub.clientList.get("a")?.endSession();
  expect(await receive(second)).toBe("t=1 q1");
  expect(await receive(second)).toBe("t=2 q1");
  expect(await receive(second)).toBe("t=3 q1");
  await second.expectNothing();
});
