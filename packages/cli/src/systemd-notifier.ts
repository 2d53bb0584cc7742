/**
 * Tells systemd the state of this process, if systemd has started it as a service of the type "notify". Node cannot send Unix datagrams, so the
 * command `systemd-notify` does. Without systemd or the command, nothing happens.
 */

import { spawn } from "node:child_process";

/** Milliseconds after which a `systemd-notify` that hangs is killed. */
const PATIENCE = 5_000;

export class SystemdNotifier {
  private readonly watchdog: NodeJS.Timeout | undefined;

  /** Says that the service is ready, and from now on that it is alive if systemd watches over that. */
  constructor(private readonly environment: Readonly<Record<string, string | undefined>>) {
    this.notify("READY=1");
    const microseconds = Number(environment["WATCHDOG_USEC"] ?? 0);
    const isWatched = microseconds > 0 && (environment["WATCHDOG_PID"] ?? `${process.pid}`) === `${process.pid}`;
    // Half of the time, as sd_watchdog_enabled(3) recommends.
    if (isWatched) this.watchdog = setInterval(() => this.notify("WATCHDOG=1"), microseconds / 2_000).unref();
  }

  /** Says that the service is stopping. */
  stopping(): void {
    clearInterval(this.watchdog);
    this.notify("STOPPING=1");
  }

  private notify(state: string): void {
    if (!this.environment["NOTIFY_SOCKET"]) return;
    const child = spawn("systemd-notify", [state], { stdio: "ignore", timeout: PATIENCE, env: this.environment });
    child.on("error", () => {}); // there is no such command
  }
}
