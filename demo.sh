#!/usr/bin/env bash
# From a fresh clone to something to listen to: makes .venv, converts to the voices that come with the project.
set -u

VOICES="kathleen dorodoro scottpoid kumi"
INPUT=test
SONG=
PAGE=gen/index.html

case "${1:-}" in
"") SONG=test/sung_melody.wav ;;
-*)
    echo "usage:   demo.sh [file.wav or folder]"
    echo "makes:   .venv, gen/<file>_<voice>.wav of every file in test/ or of those given, and gen/index.html"
    echo "PYTHON_BIN names the Python that makes .venv, 3.10 or newer. TORCH_CPU=1 takes PyTorch's CPU build."
    exit 2
    ;;
/* | [A-Za-z]:*) INPUT=$1 ;;
*) INPUT=$PWD/$1 ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
# A finished .venv is kept up to date by its own Python: the system's may be too old, or gone.
pythons="python3 python"
[ ! -f .venv/installed-requirements.json ] || pythons=".venv/bin/python .venv/Scripts/python.exe $pythons"
[ -n "${PYTHON_BIN:-}" ] || for PYTHON_BIN in $pythons; do
    command -v "$PYTHON_BIN" >/dev/null && break
done
"$PYTHON_BIN" tools/make_venv.py requirements.txt || exit
PYTHON_BIN=$PWD/.venv/bin/python
[ -x "$PYTHON_BIN" ] || PYTHON_BIN=$PWD/.venv/Scripts/python.exe

worst=0
run() {
    echo "> $*"
    "$@"
    code=$?
    [ $code -eq 0 ] && return
    echo "demo.sh: this step ended with code $code: $*" >&2
    # 1 is some files of a folder: infer.py has named them, and converted the rest.
    [ $code -eq 1 ] || exit $code
    worst=1
}

for voice in $VOICES; do
    run "$PYTHON_BIN" infer.py "$voice" --dataset demo --input "$INPUT" --out_path gen
    # As it is, the song goes beyond what each of the voices was trained on; an octave lower it does not.
    [ ! -f "$SONG" ] ||
        run "$PYTHON_BIN" infer.py "$voice" --dataset demo --input "$SONG" --out_path gen --transpose -12
done
run "$PYTHON_BIN" make_index.py --test "$INPUT" --out "$PAGE"
echo
echo "sources:     $INPUT"
echo "conversions: gen/"
echo "page:        $PAGE"
exit $worst
