@ECHO OFF
REM Pitch and dynamics labels of a folder of wavs, for train_hubert.py.
SETLOCAL EnableExtensions DisableDelayedExpansion
IF "%~1"=="" GOTO HELP
IF "%~2"=="" GOTO HELP
SET "DATASET=%~1"
SET "WAVPATH=%~2"
IF NOT DEFINED PYTHON_BIN IF EXIST ".venv\Scripts\python.exe" SET "PYTHON_BIN=.venv\Scripts\python.exe"
IF NOT DEFINED PYTHON_BIN SET "PYTHON_BIN=python"

REM A backslash before the closing quote would swallow the next argument; a drive root needs its own.
:TRIM
IF NOT "%WAVPATH:~-1%"=="\" GOTO TRIMMED
SET "WAVPATH=%WAVPATH:~0,-1%"
IF DEFINED WAVPATH GOTO TRIM
:TRIMMED
IF NOT DEFINED WAVPATH SET "WAVPATH=\."
IF "%WAVPATH:~-1%"==":" SET "WAVPATH=%WAVPATH%\."

SET EXTRA=
:NEXT
IF "%~3"=="" GOTO START
SET EXTRA=%EXTRA% %3
SHIFT /3
GOTO NEXT

:START
CALL :LABELS
SET "RC=%ERRORLEVEL%"
IF "%RC%"=="0" EXIT /B 0
ECHO preprocess_hubert-pitdyn.cmd: preprocess.py ended with code %RC% 1>&2
IF %RC% LSS 0 SET "RC=3"
IF %RC% GTR 255 SET "RC=3"
EXIT /B %RC%

REM A subroutine, so that a python.bat comes back; CALL on the line itself would double carets in paths.
:LABELS
"%PYTHON_BIN%" preprocess.py "%DATASET%" --wavs "%WAVPATH%" --pitdyn %EXTRA%
EXIT /B %ERRORLEVEL%

:HELP
ECHO usage:   preprocess_hubert-pitdyn.cmd ^<dataset^> ^<path\to\wavs^> [options of preprocess.py]
ECHO example: preprocess_hubert-pitdyn.cmd databaker C:\Data\BZNSYP\Wave --config configs\tiny.toml
ECHO makes:   data\^<dataset^>\ with pits\ dyns\ stats.txt stats.json split.json
ECHO Run it in the project's folder. It uses .venv's Python where there is one; PYTHON_BIN names another.
EXIT /B 2
