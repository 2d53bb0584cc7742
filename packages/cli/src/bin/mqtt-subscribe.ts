#!/usr/bin/env node
import { main } from "../command.js";
import { subscribe } from "../commands/subscribe.js";

void main("mqtt_subscribe", subscribe, process.argv.slice(2));
