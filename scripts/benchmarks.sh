#!/bin/sh
# Runs every benchmark that docs/benchmarks.md shows, in its order, and puts each table there: benchmarks.sh PYTHON.
set -eu

python=$1
page=docs/benchmarks.md

sed -n 's/^python -m realtime bench //p' "$page" | while read -r arguments; do
    echo "bench $arguments" >&2
    # shellcheck disable=SC2086  # the arguments are words on purpose
    "$python" -m realtime bench --into "$page" $arguments </dev/null
done
