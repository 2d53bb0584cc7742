#!/usr/bin/env node
process.stdout.write("usage: aiko-mqtt\n");
