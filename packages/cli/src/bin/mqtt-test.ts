#!/usr/bin/env node
import { main } from "../command.js";
import { test } from "../commands/test.js";

void main("mqtt_test", test, process.argv.slice(2));
