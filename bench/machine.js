// Describes the machine and the versions of the peers: figures mean nothing without them.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";

const peers = ["mqtt", "mqtt-packet", "mqtt-level-store", "aws-crt", "aedes"];

/** Of the command; the library comes from the same package. */
function mosquittoVersion() {
  const { stdout } = spawnSync("mosquitto_pub", ["--version"], { encoding: "utf8" });
  return stdout?.match(/\d+(\.\d+)+/)?.[0] ?? "(none)";
}

export function machine() {
  /** @type {{ packages: Record<string, { version: string }> }} */
  const lock = JSON.parse(readFileSync(new URL("package-lock.json", import.meta.url), "utf8"));
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release().match(/^\d+\.\d+/)?.[0] ?? ""} ${process.arch}`,
    node: process.versions.node,
    peers: {
      ...Object.fromEntries(peers.map((name) => [name, lock.packages[`node_modules/${name}`]?.version ?? "(none)"])),
      mosquitto: mosquittoVersion(),
    },
  };
}
