/**
 * The entry `@aiko/mqtt/testing`: fake time, seeded randomness, faulty networks and scripted peers for tests, and the
 * suites that every transport, store and clock must pass. Works wherever the library runs, with any test runner.
 *
 * @module @aiko/mqtt/testing
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
