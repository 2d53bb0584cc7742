// Many clients in one process. Prints "online" when all are connected, then for each connection that ends "lost N MS
// CODE LATE": the time in milliseconds since 1970, the reason, and the maximum lateness of this process in
// milliseconds.
import { monitorEventLoopDelay } from "node:perf_hooks";
import { connect } from "@aiko/mqtt";

const delays = monitorEventLoopDelay({ resolution: 5 });
delays.enable();
const [, , url = "", count = "0", keepAlive = "1"] = process.argv;

await Promise.all(
  Array.from({ length: Number(count) }, async (_, number) => {
    const client = await connect(url, {
      clientId: `crowd-${number}`,
      keepAlive: Number(keepAlive),
      reconnect: false,
      protocolVersion: number % 2 === 0 ? 5 : 4,
    });
    client.on("disconnected", ({ error }) => {
      const at = performance.timeOrigin + performance.now();
      process.stdout.write(`lost ${number} ${at} ${error.code} ${delays.max / 1e6}\n`);
    });
  }),
);
process.stdout.write("online\n");
