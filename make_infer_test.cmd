@ECHO OFF
REM Converts every wav in test\ to every trained voice, then lists them in gen\index.html.
SETLOCAL EnableExtensions DisableDelayedExpansion
IF "%~1"=="/?" GOTO HELP
IF "%~1"=="-h" GOTO HELP
IF "%~1"=="--help" GOTO HELP
SET "DATASET=%~1"
IF NOT DEFINED PYTHON_BIN IF EXIST ".venv\Scripts\python.exe" SET "PYTHON_BIN=.venv\Scripts\python.exe"
IF NOT DEFINED PYTHON_BIN SET "PYTHON_BIN=python"

SET "WORST=0"
SET "CONVERTED="
SET "VBANK="
FOR /D %%V IN (out\*) DO IF EXIST "%%V\acoustic\model-best.pt" CALL :VOICE "%%~nxV"
IF NOT DEFINED VBANK GOTO NOVOICE
REM A page of what an earlier run left in gen\ would hide that nothing was converted.
IF NOT DEFINED CONVERTED EXIT /B %WORST%
CALL :INDEX
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" CALL :KEEP make_index.py
EXIT /B %WORST%

:VOICE
SET "VBANK=%~1"
ECHO voice %VBANK%
CALL :INFER
SET "RC=%ERRORLEVEL%"
IF "%RC%"=="0" SET "CONVERTED=1"
IF "%RC%"=="1" SET "CONVERTED=1"
IF NOT "%RC%"=="0" CALL :KEEP infer.py
EXIT /B 0

REM Subroutines, so that a python.bat comes back; CALL on the line itself would double carets in paths.
:INFER
IF NOT DEFINED DATASET GOTO OWN
"%PYTHON_BIN%" infer.py "%VBANK%" --dataset "%DATASET%" --input test --out_path gen
EXIT /B %ERRORLEVEL%

:OWN
"%PYTHON_BIN%" infer.py "%VBANK%" --input test --out_path gen
EXIT /B %ERRORLEVEL%

:INDEX
"%PYTHON_BIN%" make_index.py --test test --gen gen
EXIT /B %ERRORLEVEL%

REM Says what failed and keeps the worst code, made a small positive number.
:KEEP
ECHO make_infer_test.cmd: %1 ended with code %RC% 1>&2
IF %RC% LSS 0 SET "RC=3"
IF %RC% GTR 255 SET "RC=3"
IF %RC% GTR %WORST% SET "WORST=%RC%"
EXIT /B 0

:NOVOICE
ECHO make_infer_test.cmd: no out\^<vbank^>\acoustic\model-best.pt; train one, or run: demo.cmd 1>&2
EXIT /B 2

:HELP
ECHO usage:   make_infer_test.cmd [dataset]
ECHO example: make_infer_test.cmd databaker
ECHO makes:   gen\^<wav^>_^<vbank^>.wav for each out\^<vbank^>\acoustic\model-best.pt, and gen\index.html
ECHO The pitch and dynamics models are those of out\^<dataset^>\, by default those that a voice was made with.
ECHO Run it in the project's folder. It uses .venv's Python where there is one; PYTHON_BIN names another.
EXIT /B 2
