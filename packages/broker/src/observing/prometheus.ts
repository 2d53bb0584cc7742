/** The broker's statistics in the text format of Prometheus, version 0.0.4. Pure. */

import type { BrokerStatistics } from "../broker-events.js";

interface Metric {
  readonly type: "counter" | "gauge";
  readonly help: string;
  readonly of: (statistics: BrokerStatistics) => number;
}

const counter = (help: string, of: Metric["of"]): Metric => ({ type: "counter", help, of });
const gauge = (help: string, of: Metric["of"]): Metric => ({ type: "gauge", help, of });

const metrics: Readonly<Record<string, Metric>> = {
  connections: gauge("Open network connections.", ({ openConnections }) => openConnections),
  clients_connected: gauge("Clients that are connected.", ({ connectedClients }) => connectedClients),
  sessions: gauge("Sessions, with or without a connection.", ({ sessions }) => sessions),
  subscriptions: gauge("Subscriptions of all sessions.", ({ subscriptions }) => subscriptions),
  retained_messages: gauge("Retained messages.", ({ retainedMessages }) => retainedMessages),
  memory_bytes: gauge("Memory that the limit on total memory counts.", ({ memory }) => memory),
  connections_total: counter("Network connections that were accepted.", (all) => all.acceptedConnections),
  sessions_expired_total: counter("Sessions that expired.", ({ expiredSessions }) => expiredSessions),
  received_bytes_total: counter("Bytes from the network.", ({ bytesReceived }) => bytesReceived),
  sent_bytes_total: counter("Bytes that were handed to the network.", ({ bytesSent }) => bytesSent),
  received_packets_total: counter("MQTT packets from clients.", ({ packetsReceived }) => packetsReceived),
  received_messages_total: counter("Messages from clients.", ({ messagesReceived }) => messagesReceived),
  received_payload_bytes_total: counter("Bytes of their payloads.", (all) => all.payloadBytesReceived),
  delivered_messages_total: counter("Messages that a client has received.", (all) => all.messagesDelivered),
  delivered_payload_bytes_total: counter("Bytes of their payloads.", (all) => all.payloadBytesDelivered),
  dropped_messages_total: counter("Messages that exceeded a limit of a client.", (all) => all.messagesDropped),
};

/** Returns the metrics of the broker, and of its process. */
export function prometheusText(statistics: BrokerStatistics, residentBytes: number): string {
  const families = Object.entries(metrics).map(([name, { type, help, of }]) =>
    family(`aiko_broker_${name}`, type, help, of(statistics)),
  );
  const resident = family("process_resident_memory_bytes", "gauge", "Memory of the process.", residentBytes);
  return families.join("") + resident;
}

function family(name: string, type: Metric["type"], help: string, value: number): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${name} ${value}\n`;
}
