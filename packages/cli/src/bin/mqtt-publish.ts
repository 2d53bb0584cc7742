#!/usr/bin/env node
import { keepCompiledCode } from "../compiled-code.js";

keepCompiledCode(process.env);
void import("../programs/mqtt-publish.js");
