#!/usr/bin/env node
process.stdout.write("usage: mqtt-subscribe\n");
