// Globals that browsers have and Node may not have, for the examples of pages.
import "fake-indexeddb/auto";
import { WebSocket } from "ws";

Object.assign(globalThis, { WebSocket: globalThis.WebSocket ?? WebSocket });
