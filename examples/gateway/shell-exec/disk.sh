#!/bin/sh
# Prints a line for each file system: where it is mounted, and how full it is. Example: "/ 41%".
df -P "$@" | tail -n +2 | while read -r _ _ _ _ used mount; do
  echo "$mount $used"
done
