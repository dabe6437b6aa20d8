#!/usr/bin/env bash
# From a fresh clone to a converted wav: makes .venv, trains a small voice where none is there, converts.
set -u

CONFIG=configs/tiny.toml
ACOUSTIC_STEPS=300
INPUT=test/slt_clear.wav

case "${1:-}" in
"") ;;
-*)
    echo "usage:   demo.sh [file.wav]"
    echo "makes:   .venv, the voice out/demo/ (where none is there yet), gen/<file>_demo.wav and index.html"
    echo "PYTHON_BIN names another Python, 3.10 or newer."
    exit 2
    ;;
/* | [A-Za-z]:*) INPUT=$1 ;;
*) INPUT=$PWD/$1 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
[ -n "${PYTHON_BIN:-}" ] || PYTHON_BIN=$(command -v python3 || echo python)
"$PYTHON_BIN" tools/make_venv.py requirements.txt || exit
PYTHON_BIN=$PWD/.venv/bin/python
[ -x "$PYTHON_BIN" ] || PYTHON_BIN=$PWD/.venv/Scripts/python.exe
export PYTHON_BIN

run() {
    echo "> $*"
    "$@"
    code=$?
    [ $code -eq 0 ] && return
    echo "demo.sh: this step ended with code $code: $*" >&2
    exit $code
}

train() {
    run bash preprocess_acoustic.sh demo test demo --config $CONFIG
    run "$PYTHON_BIN" train_acoustic.py data/demo out/demo/acoustic --config $CONFIG --steps $ACOUSTIC_STEPS
}

[ -f out/demo/acoustic/model-best.pt ] || train
run "$PYTHON_BIN" infer.py demo --dataset demo --input "$INPUT" --out_path gen
run "$PYTHON_BIN" make_index.py

name=$(basename "$INPUT")
echo
echo "source:    $INPUT"
echo "converted: gen/${name%.*}_demo.wav"
echo "models:    out/demo"
echo "page:      index.html"
