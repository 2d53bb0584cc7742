#!/usr/bin/env node
import { main } from "../command.js";
import { test } from "../commands/test.js";

await main("mqtt_test", test, process.argv.slice(2));
