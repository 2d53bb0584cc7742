// @ts-check
// The fuzz targets: each target reads bytes and throws its finding, which is anything except a typed error of the
// expected kind. Targets that share their inputs are a group.
import { access, accessSeeds } from "./access-target.js";
import { brokerConfiguration, brokerConfigurationSeeds } from "./broker-configuration-target.js";
import { broker, brokerSeeds } from "./broker-target.js";
import { configurationSeeds, gatewayConfiguration } from "./gateway-configuration-target.js";
import { gateway, gatewaySeeds } from "./gateway-target.js";
import { packetSeeds } from "./inputs.js";
import { journal, journalSeeds } from "./journal-target.js";
import { packetTargets } from "./packet-targets.js";
import { sn, snSeeds } from "./sn-target.js";
import { BrokerUpgrades, ClientUpgrades, requestSeeds, responseSeeds } from "./upgrade-targets.js";
import { url, urlSeeds } from "./url-target.js";

/** @typedef {(food: Uint8Array) => void | Promise<void>} Target */
/** @typedef {import("./inputs.js").SeededRandom} SeededRandom */

/**
 * @typedef {object} Group
 * @property {RegExp} ours URLs of the code to reach
 * @property {(random: SeededRandom) => Uint8Array[]} seeds the initial inputs
 * @property {() => Promise<{ targets: readonly Target[], close?: () => Promise<void> }>} open an input's first byte selects the target
 */

/** @type {Readonly<Record<string, Group>>} */
export const groups = {
  packets: {
    ours: /packages\/mqtt\/dist\/(codec|topic|session|platform)\//,
    seeds: packetSeeds,
    open: async () => ({ targets: packetTargets }),
  },
  url: {
    ours: /packages\/mqtt\/dist\/client\/connecting\/server-url\.js/,
    seeds: urlSeeds,
    open: async () => ({ targets: [url] }),
  },
  journal: {
    ours: /packages\/store\/dist\/(framing|journal|record)/,
    seeds: journalSeeds,
    open: async () => ({ targets: [journal] }),
  },
  gateway: {
    ours: /packages\/gateway\/dist\/(frame|codec|route|pipeline|text)\//,
    seeds: gatewaySeeds,
    open: async () => ({ targets: [gateway] }),
  },
  "mqtt-sn": {
    ours: /packages\/gateway\/dist\/sn\/codec\//,
    seeds: snSeeds,
    open: async () => ({ targets: [sn] }),
  },
  "gateway-configuration": {
    ours: /packages\/(configuration\/dist|gateway\/dist\/configuration)\//,
    seeds: configurationSeeds,
    open: async () => ({ targets: [gatewayConfiguration] }),
  },
  "broker-configuration": {
    ours: /packages\/(configuration|broker\/dist\/(service|rules|users))\//,
    seeds: brokerConfigurationSeeds,
    open: async () => ({ targets: [brokerConfiguration] }),
  },
  broker: {
    ours: /packages\/broker\/dist\/(?!listening|cjs)/,
    seeds: brokerSeeds,
    open: async () => ({ targets: [broker] }),
  },
  access: {
    ours: /packages\/broker\/dist\/(rules|users)\//,
    seeds: accessSeeds,
    open: async () => ({ targets: [access] }),
  },
  "upgrade-broker": {
    ours: /packages\/broker\/dist\/(listening\/|connecting\/client-connection\.js)|node_modules\/ws\/lib\//,
    seeds: requestSeeds,
    open: () => BrokerUpgrades.open(),
  },
  "upgrade-client": {
    ours: /packages\/mqtt\/dist\/transport\/|node_modules\/ws\/lib\//,
    seeds: responseSeeds,
    open: () => ClientUpgrades.open(),
  },
};
