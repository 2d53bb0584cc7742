#!/usr/bin/env node
import { umbrella } from "../umbrella.js";

void umbrella("aiko-mqtt", process.argv.slice(2));
