/**
 * The entry `@aiko/mqtt/testing`: time, chance, network and peers for tests, and the suites that every transport, every
 * store and every clock must pass. Runs wherever the library runs, under any test runner.
 */

export { type MemoryPairOptions, memoryPair } from "../transport/memory-pair.js";
export { type ClockHarness, clockSuite } from "./clock-suite.js";
export { CLOCK_KINDS, type ClockKind, FakeClock } from "./fake-clock.js";
export { type ByteOffsets, FaultyLink, type LinkFaults, type LinkServer, randomFaults } from "./faulty-link.js";
export { ScriptedPeer } from "./scripted-peer.js";
export { ScriptedServer } from "./scripted-server.js";
export { SeededRandom } from "./seeded-random.js";
export { type DyingStore, type StoreHarness, type StorePlace, storeSuite } from "./store-suite.js";
export type { SuiteCase } from "./suite.js";
export { type TransportHarness, transportSuite } from "./transport-suite.js";
