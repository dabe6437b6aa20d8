@ECHO OFF
REM Makes .venv where needed, then ruff and pytest, a test file a core. Arguments go to pytest (-n 0: one process).
SETLOCAL EnableExtensions DisableDelayedExpansion
IF "%~1"=="/?" GOTO HELP
CD /D "%~dp0"
REM A finished .venv is kept up to date by its own Python: the system's may be too old, or gone.
IF NOT DEFINED PYTHON_BIN IF EXIST ".venv\installed-requirements.json" SET "PYTHON_BIN=.venv\Scripts\python.exe"
IF NOT DEFINED PYTHON_BIN SET "PYTHON_BIN=python"
CALL :VENV
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
SET "PYTHON_BIN=.venv\Scripts\python.exe"

REM pytest comes last, so that its summary is the last thing printed; a complaint of ruff still fails the run.
SET "STYLE=0"
"%PYTHON_BIN%" -m ruff check .
IF NOT "%ERRORLEVEL%"=="0" SET "STYLE=1"
"%PYTHON_BIN%" -m ruff format --check .
IF NOT "%ERRORLEVEL%"=="0" SET "STYLE=1"
"%PYTHON_BIN%" -m pytest -n auto --maxprocesses 4 --dist loadfile %*
SET "RC=%ERRORLEVEL%"
IF "%RC%"=="0" EXIT /B %STYLE%

:FAILED
IF %RC% LSS 0 SET "RC=3"
IF %RC% GTR 255 SET "RC=3"
EXIT /B %RC%

REM A subroutine, so that a python.bat comes back.
:VENV
"%PYTHON_BIN%" tools\make_venv.py requirements.txt requirements-dev.txt
EXIT /B %ERRORLEVEL%

:HELP
ECHO usage:   run_tests.cmd [options of pytest]
ECHO PYTHON_BIN names the Python that makes .venv, 3.10 or newer. TORCH_CPU=1 takes PyTorch's CPU build.
EXIT /B 2
