#!/bin/sh
# Makes a virtual environment hold what a lock says: environment.sh VENV LOCK. Does nothing when it does already.
# PYTHON in the environment chooses the interpreter of a new one. Needs Python 3.11 or newer with venv and pip, no more.
set -eu

venv=$1
lock=$2
stamp=$venv/.locks
asked=${PYTHON:-}
python=${asked:-python3}

fail() {
    echo "$*" >&2
    exit 2
}

version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null
}

if [ -e "$venv" ] && ! version_of "$venv/bin/python" >/dev/null; then
    echo "The $venv here doesn't work any more; making a new one." >&2
    rm -rf "$venv"
fi

if [ ! -e "$venv" ]; then
    found=$(version_of "$python") || fail "There is no '$python' here: install Python 3.11 or newer, or say which to use: make … PYTHON=/path/to/python3"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
        || fail "Tideboard needs Python 3.11 or newer, '$python' is $found: say which to use, such as make … PYTHON=python3.12"
    "$python" -c 'import venv, ensurepip' 2>/dev/null \
        || fail "'$python' comes without venv: install it (on Debian: apt-get install python3-venv), then try again."
    "$python" -m venv "$venv"
elif [ -n "$asked" ]; then
    found=$(version_of "$asked") || fail "There is no '$asked' here."
    [ "$found" = "$(version_of "$venv/bin/python")" ] \
        || fail "The $venv here is for another Python than '$asked' ($found): remove it (rm -r $venv), then try again."
fi

# The development lock holds every pin of the other one; tests/test_ground.py holds it to that.
digest() {
    "$venv/bin/python" -c 'import hashlib, sys; print(sys.argv[1], hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' "$1"
}

wanted=$(digest "$lock")
if [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
    exit 0
fi

echo "Installing what $lock lists into $venv …" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
echo "$wanted" >"$stamp.new"
if [ "$lock" != requirements.lock ]; then
    digest requirements.lock >>"$stamp.new"
fi
mv "$stamp.new" "$stamp"
