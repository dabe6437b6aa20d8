#!/usr/bin/env bash
# Converts every wav in test/ to every trained voice, then lists them in gen/index.html.
set -u

usage() {
    cat <<'TEXT'
usage:   make_infer_test.sh [dataset]
example: make_infer_test.sh databaker
makes:   gen/<wav>_<vbank>.wav for each out/<vbank>/acoustic/model-best.pt, and gen/index.html
The pitch and dynamics models are those of out/<dataset>/, by default those that a voice was made with.
Run it in the project's folder. It uses .venv's Python where there is one; PYTHON_BIN names another.
TEXT
}

case "${1:-}" in -h | --help)
    usage
    exit 2
    ;;
esac
[ -n "${PYTHON_BIN:-}" ] || for PYTHON_BIN in .venv/bin/python .venv/Scripts/python.exe python python3; do
    command -v "$PYTHON_BIN" >/dev/null && break
done
dataset=${1:-}

voices=0 converted=0 worst=0
for model in out/*/acoustic/model-best.pt; do
    [ -f "$model" ] || continue
    vbank=$(basename "$(dirname "$(dirname "$model")")")
    voices=$((voices + 1))
    echo "voice $vbank"
    "$PYTHON_BIN" infer.py "$vbank" ${dataset:+--dataset "$dataset"} --input test --out_path gen
    code=$?
    [ $code -eq 0 ] || echo "make_infer_test.sh: infer.py ended with code $code for $vbank" >&2
    [ $code -le $worst ] || worst=$code
    [ $code -gt 1 ] || converted=$((converted + 1))
done
if [ $voices -eq 0 ]; then
    echo "make_infer_test.sh: no out/<vbank>/acoustic/model-best.pt; train one, or run: bash demo.sh" >&2
    exit 2
fi
# A page of what an earlier run left in gen/ would hide that nothing was converted.
[ $converted -gt 0 ] || exit $worst

"$PYTHON_BIN" make_index.py --test test --gen gen
code=$?
[ $code -le $worst ] || worst=$code
exit $worst
