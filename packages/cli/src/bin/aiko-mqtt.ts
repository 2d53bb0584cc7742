#!/usr/bin/env node
import { umbrella } from "../umbrella.js";

await umbrella("aiko-mqtt", process.argv.slice(2));
