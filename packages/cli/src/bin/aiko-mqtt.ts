#!/usr/bin/env node
import { processArguments } from "../process-arguments.js";
import { umbrella } from "../umbrella.js";

void umbrella("aiko-mqtt", processArguments());
