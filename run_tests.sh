#!/usr/bin/env bash
# Makes .venv where needed, then ruff and pytest, a test file a core. Arguments go to pytest (-n 0: one process).
# PYTHON_BIN names the Python that makes .venv, 3.10 or newer. TORCH_CPU=1 takes PyTorch's CPU build.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

# A finished .venv is kept up to date by its own Python: the system's may be too old, or gone.
pythons="python3 python"
[ ! -f .venv/installed-requirements.json ] || pythons=".venv/bin/python .venv/Scripts/python.exe $pythons"
[ -n "${PYTHON_BIN:-}" ] || for PYTHON_BIN in $pythons; do
    command -v "$PYTHON_BIN" >/dev/null && break
done
"$PYTHON_BIN" tools/make_venv.py requirements.txt requirements-dev.txt || exit
python=.venv/bin/python
[ -x $python ] || python=.venv/Scripts/python.exe

# pytest comes last, so that its summary is the last thing printed; a complaint of ruff still fails the run.
style=0
"$python" -m ruff check . || style=1
"$python" -m ruff format --check . || style=1
"$python" -m pytest -n auto --maxprocesses 4 --dist loadfile "$@"
code=$?
[ $code -ne 0 ] || code=$style
exit $code
