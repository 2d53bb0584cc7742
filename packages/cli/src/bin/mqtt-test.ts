#!/usr/bin/env node
process.stdout.write("usage: mqtt-test\n");
