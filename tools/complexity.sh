#!/usr/bin/env bash
# Functions and files over the house's bars: 60 lines or complexity 15 a function, 600 lines a file.
# A list to look at, not a failure.
set -eu
cd "$(dirname "$0")/.."
find src -name '*.c' ! -name 'test-*' -print0 | sort -z | xargs -0 pmccabe |
    awk '$1 > 15 || $5 > 60 { printf "%s: %s: complexity %d, %d lines\n", $6, $7, $1, $5 }'
find src include -name '*.[ch]' -print0 | xargs -0 wc -l | awk '$2 != "total" && $1 > 600 { print $2 ": " $1 " lines" }'
