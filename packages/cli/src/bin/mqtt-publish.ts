#!/usr/bin/env node
import { main } from "../command.js";
import { publish } from "../commands/publish.js";

void main("mqtt_publish", publish, process.argv.slice(2));
