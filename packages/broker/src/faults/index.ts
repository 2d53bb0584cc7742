/**
 * The entry `@aiko/mqtt-broker/testing`: faults on the connections of a broker, for tests. Works with any test runner.
 *
 * @module @aiko/mqtt-broker/testing
 */

export type { Fault, FaultTarget } from "./fault.js";
export { Faults } from "./faults.js";
