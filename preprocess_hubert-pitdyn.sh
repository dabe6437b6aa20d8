#!/usr/bin/env bash
# Pitch and dynamics labels of a folder of wavs, for train_hubert.py.
set -u

usage() {
    cat <<'TEXT'
usage:   preprocess_hubert-pitdyn.sh <dataset> <path/to/wavs> [options of preprocess.py]
example: preprocess_hubert-pitdyn.sh databaker ~/data/BZNSYP/Wave --config configs/tiny.toml
makes:   data/<dataset>/ with pits/ dyns/ stats.txt stats.json split.json
Run it in the project's folder. It uses .venv's Python where there is one; PYTHON_BIN names another.
TEXT
}

if [ $# -lt 2 ] || [ -z "$1" ] || [ -z "$2" ]; then
    usage
    exit 2
fi
[ -n "${PYTHON_BIN:-}" ] || for PYTHON_BIN in .venv/bin/python .venv/Scripts/python.exe python python3; do
    command -v "$PYTHON_BIN" >/dev/null && break
done
dataset=$1 wavs=$2
shift 2

"$PYTHON_BIN" preprocess.py "$dataset" --wavs "$wavs" --pitdyn "$@"
code=$?
[ $code -eq 0 ] || echo "preprocess_hubert-pitdyn.sh: preprocess.py ended with code $code" >&2
exit $code
