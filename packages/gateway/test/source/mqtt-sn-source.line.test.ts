// The source "mqtt-sn" over a serial line, which is a pseudo-terminal.
import { join } from "node:path";
import { expect, test } from "vitest";
import { decodeFrame, encodeFrame } from "../../src/sn/codec/frame.ts";
import { GatewayBench } from "../gateway-bench.ts";
import { shown } from "../sn/gateway/shown.ts";
import { deviceDirectory } from "./device-directory.ts";
import { SerialLine } from "./serial-line.ts";

test("a client on a serial line is served", async () => {
  const path = join(await deviceDirectory(), "radio");
  const line = await SerialLine.plug(path);
  const sources = `[[source]]\nid = "sn"\nkind = "mqtt-sn"\ndevice = "${path}"\nbaud = 115200\nadvertise = 0`;
  const bench = await GatewayBench.start({ sources });
  await bench.until(() => bench.gateway.status.uplink.connected && bench.source("sn").state === "up");
  line.received = "";
  const session = { will: false, cleanSession: true, protocolId: 1, duration: 60 } as const;
  line.send(encodeFrame({ type: "connect", clientId: "radio", ...session }));
  await bench.until(() => line.received.length >= 3);
  const answer = decodeFrame(Buffer.from(line.received, "latin1")).packet;
  expect(answer && shown(answer)).toBe("connack 0");
});
