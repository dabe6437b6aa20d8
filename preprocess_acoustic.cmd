@ECHO OFF
REM Mels and units of a voice bank, for train_acoustic.py.
SETLOCAL EnableExtensions DisableDelayedExpansion
IF "%~1"=="" GOTO HELP
IF "%~2"=="" GOTO HELP
IF "%~3"=="" GOTO HELP
SET "VBANK=%~1"
SET "WAVPATH=%~2"
SET "DATASET=%~3"
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
IF "%~4"=="" GOTO START
SET EXTRA=%EXTRA% %4
SHIFT /4
GOTO NEXT

REM Code 1 says that some files failed: the others are worth the second step.
:START
SET "WORST=0"
CALL :MELS
SET "RC=%ERRORLEVEL%"
IF "%RC%"=="0" GOTO ENCODE
IF NOT "%RC%"=="1" GOTO FAILED
SET "WORST=1"
ECHO preprocess_acoustic.cmd: preprocess.py --mel ended with code 1 1>&2

:ENCODE
CALL :UNITS
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
EXIT /B %WORST%

:FAILED
ECHO preprocess_acoustic.cmd: preprocess.py ended with code %RC% 1>&2
IF %RC% LSS 0 SET "RC=3"
IF %RC% GTR 255 SET "RC=3"
EXIT /B %RC%

REM Subroutines, so that a python.bat comes back; CALL on the line itself would double carets in paths.
:MELS
"%PYTHON_BIN%" preprocess.py "%VBANK%" --wavs "%WAVPATH%" --mel %EXTRA%
EXIT /B %ERRORLEVEL%

:UNITS
"%PYTHON_BIN%" preprocess.py "%VBANK%" --encode "%DATASET%" %EXTRA%
EXIT /B %ERRORLEVEL%

:HELP
ECHO usage:   preprocess_acoustic.cmd ^<vbank^> ^<path\to\wavs or bank.zip^> ^<dataset^> [options of preprocess.py]
ECHO example: preprocess_acoustic.cmd hana C:\Data\hana databaker --config configs\tiny.toml
ECHO makes:   data\^<vbank^>\ with mels\ and units-pitdyn\, encoded by the models in out\^<dataset^>\
ECHO Run it in the project's folder. It uses .venv's Python where there is one; PYTHON_BIN names another.
EXIT /B 2
