import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

// Three RabbitMQ nodes take most of a minute to start and all of a small machine: they have a run of their own.
export default defineConfig({
  ...base,
  test: { ...base.test, include: ["test/interop/rabbitmq*.test.ts"], exclude: [] },
});
