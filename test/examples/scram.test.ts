import { createClient } from "@aiko/mqtt";
import { FakeClock, ScriptedServer, SeededRandom } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { scramSha256 } from "../../examples/scram-sha-256.js";

// The exchange of RFC 7677, section 3.
const nonce = "rOprNGfwEbeRWgbNEkqO";
const serverFirst = `r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`;
const clientFinal = `c=biws,r=${nonce}%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`;
const serverFinal = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";
const method = { authenticationMethod: "SCRAM-SHA-256" };
const bytes = (text: string) => new TextEncoder().encode(text);

async function exchange(lastWord: string) {
  const clock = new FakeClock();
  const server = new ScriptedServer(clock);
  const platform = { clock, random: new SeededRandom(1), dial: server.dial.bind(server) };
  const client = createClient("mqtt://server", { platform, authentication: scramSha256("user", "pencil", nonce) });
  const closed = new Promise((resolve) => client.on("closed", resolve));
  const connecting = client.connect();
  const peer = await server.next();
  const { properties } = await peer.expect("connect");
  expect(properties?.authenticationData).toEqual(bytes(`n,,n=user,r=${nonce}`));
  peer.send({ type: "auth", reasonCode: 0x18, properties: { ...method, authenticationData: bytes(serverFirst) } });
  const answer = await peer.expect("auth");
  expect(new TextDecoder().decode(answer.properties?.authenticationData)).toBe(clientFinal);
  const last = { ...method, authenticationData: bytes(lastWord) };
  peer.send({ type: "connack", sessionPresent: false, reasonCode: 0, properties: last });
  await clock.tick();
  await connecting;
  return { client, closed };
}

test("SCRAM-SHA-256 proves the client to the server and the server to the client", async () => {
  const { client } = await exchange(serverFinal);
  expect(client.connected).toBe(true);
});

test("a server that does not know the password is disconnected", async () => {
  const { client, closed } = await exchange(`v=${Buffer.alloc(32).toString("base64")}`);
  expect(await closed).toMatchObject({ error: { message: expect.stringContaining("does not know the password") } });
  expect(client.connected).toBe(false);
});
