// Clients that their certificate identifies, over TLS: the rules hold for the name that the authority has signed.
import { connect } from "@aiko/mqtt";
import { Broker, type BrokerTls } from "@aiko/mqtt-broker";
import { expect, onTestFinished, test } from "vitest";
import { Authority } from "../../../../test/fixtures/certificates.ts";
import { parseMosquittoAcl } from "../../src/rules/mosquitto-acl.ts";
import { Rules } from "../../src/rules/rules.ts";
import { rulesHooks } from "../../src/rules/rules-hooks.ts";
import { type AuthenticatorOptions, authenticatorOf } from "../../src/users/authenticator.ts";

const authority = await Authority.named("Sensors");
const server = await authority.issue(["localhost", "127.0.0.1"]);
const sensor = await authority.issue(["sensor-1"]);

async function started(certificates: NonNullable<AuthenticatorOptions["certificates"]>): Promise<Broker> {
  const acl = parseMosquittoAcl("pattern write data/%u", "acl");
  const tls: BrokerTls = { ...server, clientCa: authority.certificate };
  const broker = await Broker.listen({
    port: 0,
    tls,
    authenticate: authenticatorOf(undefined, { certificates }),
    ...rulesHooks(new Rules(acl.rules)).hooks,
  });
  onTestFinished(() => broker.close());
  return broker;
}

test.each([
  ["commonName", /^sensor-1$/],
  ["fingerprint", /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/],
] as const)("by the %s, whatever user name they give", async (certificates, identity) => {
  const broker = await started(certificates);
  const tls = { ca: authority.certificate, ...sensor };
  await using client = await connect(broker.url, { tls, username: "sensor-2", clientId: "c", protocolVersion: 5 });
  const known = broker.clients.get("c")?.identity ?? "";
  expect(known).toMatch(identity);
  expect(await client.publish(`data/${known}`, "x", { qos: 1 })).toBeDefined();
  await expect(client.publish("data/sensor-2", "x", { qos: 1 })).rejects.toMatchObject({ reasonCode: 0x87 });
});
