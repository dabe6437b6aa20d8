#!/usr/bin/env bash
# Makes .venv where needed, then ruff and pytest. Arguments go to pytest. PYTHON_BIN names another Python.
set -u
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 2

[ -n "${PYTHON_BIN:-}" ] || PYTHON_BIN=$(command -v python3 || echo python)
"$PYTHON_BIN" tools/make_venv.py requirements.txt requirements-dev.txt || exit
python=.venv/bin/python
[ -x $python ] || python=.venv/Scripts/python.exe

# pytest comes last, so that its summary is the last thing printed; a complaint of ruff still fails the run.
style=0
"$python" -m ruff check . || style=1
"$python" -m ruff format --check . || style=1
"$python" -m pytest "$@"
code=$?
[ $code -ne 0 ] || code=$style
exit $code
