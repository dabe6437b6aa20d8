@ECHO OFF
REM The workshop in the browser: makes .venv where needed, then app.py. Arguments go to app.py.
SETLOCAL EnableExtensions DisableDelayedExpansion
IF "%~1"=="/?" GOTO HELP
IF "%~1"=="-h" GOTO HELP
IF "%~1"=="--help" GOTO HELP
CD /D "%~dp0"
REM A finished .venv is kept up to date by its own Python: the system's may be too old, or gone.
IF NOT DEFINED PYTHON_BIN IF EXIST ".venv\installed-requirements.json" SET "PYTHON_BIN=.venv\Scripts\python.exe"
IF NOT DEFINED PYTHON_BIN SET "PYTHON_BIN=python"
CALL :VENV
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
SET "PYTHON_BIN=.venv\Scripts\python.exe"

"%PYTHON_BIN%" app.py %*
SET "RC=%ERRORLEVEL%"
IF "%RC%"=="0" EXIT /B 0

:FAILED
IF %RC% LSS 0 SET "RC=3"
IF %RC% GTR 255 SET "RC=3"
EXIT /B %RC%

REM A subroutine, so that a python.bat comes back.
:VENV
"%PYTHON_BIN%" tools\make_venv.py requirements.txt requirements-app.txt
EXIT /B %ERRORLEVEL%

:HELP
ECHO usage:   app.cmd [options of app.py]
ECHO opens:   a page to convert, draw the melody, convert folders and train a voice, for this machine alone
ECHO PYTHON_BIN names the Python that makes .venv, 3.10 or newer. TORCH_CPU=1 takes PyTorch's CPU build.
EXIT /B 2
