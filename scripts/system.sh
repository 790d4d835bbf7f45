#!/bin/sh
# Sees to what the tests need of the system: Chromium, node with npm, a Redis, and Caddy. Installs it on Debian when
# root, else says in one line what to install.
set -eu

missing=""

need() {
    package=$1
    shift
    for name in "$@"; do
        if command -v "$name" >/dev/null 2>&1; then
            return 0
        fi
    done
    missing="$missing $package"
}

need chromium chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable
need nodejs node
need npm npm
need redis-server redis-server valkey-server
need caddy caddy

if [ -z "$missing" ]; then
    exit 0
fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "Installing$missing …" >&2
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq </dev/null
    if [ -n "$(apt-cache search --names-only '^chromium-headless-shell$')" ]; then
        # Starts no windows of its own, so the tests are done in two thirds of the time.
        missing=$(echo "$missing" | sed 's/\bchromium\b/chromium-headless-shell/')
    fi
    # shellcheck disable=SC2086  # the names are words on purpose
    apt-get install -y -qq --no-install-recommends $missing fonts-liberation </dev/null >/dev/null
    exit 0
fi
echo "The tests need$missing: install them (on Debian: sudo apt-get install$missing), then try again." >&2
exit 2
