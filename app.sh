#!/usr/bin/env bash
# The workshop in the browser: makes .venv where needed, then app.py. Arguments go to app.py.
set -u

case "${1:-}" in -h | --help)
    echo "usage:   app.sh [options of app.py]"
    echo "opens:   a page to convert, draw the melody, convert folders and train a voice, for this machine alone"
    echo "PYTHON_BIN names the Python that makes .venv, 3.10 or newer. TORCH_CPU=1 takes PyTorch's CPU build."
    exit 2
    ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2
# A finished .venv is kept up to date by its own Python: the system's may be too old, or gone.
pythons="python3 python"
[ ! -f .venv/installed-requirements.json ] || pythons=".venv/bin/python .venv/Scripts/python.exe $pythons"
[ -n "${PYTHON_BIN:-}" ] || for PYTHON_BIN in $pythons; do
    command -v "$PYTHON_BIN" >/dev/null && break
done
"$PYTHON_BIN" tools/make_venv.py requirements.txt requirements-app.txt || exit
python=.venv/bin/python
[ -x $python ] || python=.venv/Scripts/python.exe

"$python" app.py "$@"
