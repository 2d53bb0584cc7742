// Warnings before certificates expire, and when they have.
import { FakeClock } from "@aiko/mqtt/testing";
import { expect, test } from "vitest";
import { Authority } from "../../../../test/fixtures/certificates.ts";
import { CertificateWatch } from "../../src/service/certificate-watch.ts";

const DAY = 86_400_000;
const authority = await Authority.named("Devices"); // valid for 30 days
const issued = async (until: number) => (await authority.issue(["127.0.0.1"], { from: -40, until })).certificate;
const [month, other, expired] = await Promise.all([issued(30), issued(20), issued(-1)]);

function watch() {
  const clock = new FakeClock();
  const lines: string[] = [];
  const write = (level: string) => (message: string, facts: object | undefined) => {
    const { listener, file, subject, days } = facts as Record<string, unknown>;
    lines.push([level, message.split(" ").slice(2, 4).join(" "), listener, file, subject, days].join(" "));
  };
  const [began, today] = [clock.now(), Date.now()];
  const wallTime = () => today + clock.now() - began;
  const watching = new CertificateWatch(clock, wallTime, { warn: write("warn"), error: write("error") });
  const next = () => lines.splice(0);
  return { clock, watching, next };
}

const listener = (certificate: string | undefined, clientCa?: string) => ({
  url: "mqtts://127.0.0.1:8883",
  name: undefined,
  tls: certificate === undefined ? undefined : { certificate, clientCa },
});
const URL = "mqtts://127.0.0.1:8883";

test("warns 14, 7 and 1 days before a certificate expires, and when it has expired, once each", async () => {
  const { clock, watching, next } = watch();
  watching.follow([listener(month)]);
  await clock.advance(15 * DAY);
  expect(next()).toEqual([]);
  await clock.advance(2 * DAY);
  expect(next()).toEqual([
    expect.stringMatching(/^warn expires soon mqtts:\/\/127.0.0.1:8883 cert CN=127.0.0.1 1[34]$/),
  ]);
  await clock.advance(7 * DAY);
  expect(next()).toEqual([expect.stringMatching(/^warn expires soon .* [67]$/)]);
  await clock.advance(5.5 * DAY);
  expect(next()).toEqual([expect.stringMatching(/^warn expires soon .* [01]$/)]);
  await clock.advance(2 * DAY);
  expect(next()).toEqual([`error has expired; ${URL} cert CN=127.0.0.1 `]);
  await clock.advance(100 * DAY);
  expect(next()).toEqual([]);
});

test("reports at the start what has expired, and the authority of the clients' certificates", async () => {
  const { clock, watching, next } = watch();
  watching.follow([{ ...listener(expired, authority.certificate), name: "devices" }, listener(undefined)]);
  expect(next()).toEqual(["error has expired; devices cert CN=127.0.0.1 "]);
  await clock.advance(17 * DAY);
  expect(next()).toEqual([expect.stringMatching(/^warn expires soon devices client_ca CN=Devices 1[34]$/)]);
});

test("watches each certificate of a chain", () => {
  const { watching, next } = watch();
  watching.follow([listener(`${month}\n${expired}`)]);
  expect(next()).toEqual([`error has expired; ${URL} cert CN=127.0.0.1 `]);
});

test("a reload reports nothing again, and watches a renewed certificate instead", async () => {
  const { clock, watching, next } = watch();
  watching.follow([listener(other)]);
  await clock.advance(7 * DAY);
  expect(next()).toHaveLength(1);
  watching.follow([listener(other)]);
  expect(next()).toEqual([]);
  watching.follow([listener(month)]);
  await clock.advance(7 * DAY);
  expect(next()).toEqual([]);
});

test("ends", async () => {
  const { clock, watching, next } = watch();
  watching.follow([listener(month)]);
  watching.stop();
  await clock.advance(40 * DAY);
  expect(next()).toEqual([]);
});
