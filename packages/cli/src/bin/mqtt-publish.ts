#!/usr/bin/env node
process.stdout.write("usage: mqtt-publish\n");
