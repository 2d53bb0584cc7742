/** The configuration for recording without an uplink: the sources as configured, but nothing is accepted, kept or served. */

import type { Configuration, SourceSettings } from "../configuration/configuration.js";

/**
 * Returns the configuration with which `gateway record` runs. Nothing is accepted: no device gets an acknowledgement for a record that is not kept.
 *
 * @param source the id of the source to record. Default: all that are enabled
 */
export function recordingConfiguration(configuration: Configuration, source?: string): Configuration {
  const { sources, spool } = configuration;
  const wanted = source === undefined ? sources : sources.filter(({ id }) => id === source);
  return {
    ...configuration,
    // A QoS 0 record is passed to the server or dropped: without a server, it is dropped as "offline", and the device gets `refuse`.
    spool: { ...spool, mode: "memory", dir: undefined, qos0: "pass" },
    metrics: undefined,
    adminSocket: undefined,
    sources: wanted.map((each) => unaccepted(source === undefined ? each : { ...each, enabled: true })),
  };
}

function unaccepted(source: SourceSettings): SourceSettings {
  const unkept = { ...source, qos: 0 } as const;
  if (unkept.kind !== "mqtt") return unkept;
  // Another session, which ends with the connection: that of the gateway keeps its messages.
  return { ...unkept, clientId: `${unkept.clientId}-record`, sessionExpiry: 0 };
}
