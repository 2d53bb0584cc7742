/** The names of the MQTT versions, by the protocol version of CONNECT. */
export const versionNames = { 3: "3.1", 4: "3.1.1", 5: "5.0" } as const;
