#!/usr/bin/env bash
# Mels and units of a voice bank, for train_acoustic.py.
set -u

usage() {
    cat <<'TEXT'
usage:   preprocess_acoustic.sh <vbank> <path/to/wavs or bank.zip> <dataset> [options of preprocess.py]
example: preprocess_acoustic.sh hana ~/data/hana databaker --config configs/tiny.toml
makes:   data/<vbank>/ with mels/ and units-pitdyn/, encoded by the models in out/<dataset>/
Run it in the project's folder. It uses .venv's Python where there is one; PYTHON_BIN names another.
TEXT
}

if [ $# -lt 3 ] || [ -z "$1" ] || [ -z "$2" ] || [ -z "$3" ]; then
    usage
    exit 2
fi
[ -n "${PYTHON_BIN:-}" ] || for PYTHON_BIN in .venv/bin/python .venv/Scripts/python.exe python python3; do
    command -v "$PYTHON_BIN" >/dev/null && break
done
vbank=$1 wavs=$2 dataset=$3
shift 3

# Runs one step. Code 1 says that some files failed: the others are worth the next step.
worst=0
step() {
    "$PYTHON_BIN" preprocess.py "$@"
    code=$?
    [ $code -eq 0 ] || echo "preprocess_acoustic.sh: preprocess.py ended with code $code" >&2
    [ $code -le 1 ] || exit $code
    [ $code -eq 0 ] || worst=$code
}

step "$vbank" --wavs "$wavs" --mel "$@"
step "$vbank" --encode "$dataset" "$@"
exit $worst
