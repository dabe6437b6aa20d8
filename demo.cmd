@ECHO OFF
REM From a fresh clone to a converted wav: makes .venv, trains a small voice where none is there, converts.
SETLOCAL EnableExtensions DisableDelayedExpansion
SET "CONFIG=configs\tiny.toml"
SET "ACOUSTIC_STEPS=300"
SET "INPUT=test\slt_clear.wav"
IF "%~1"=="/?" GOTO HELP
IF "%~1"=="-h" GOTO HELP
IF "%~1"=="--help" GOTO HELP
IF NOT "%~1"=="" SET "INPUT=%~f1"
FOR %%I IN ("%INPUT%") DO SET "STEM=%%~nI"
CD /D "%~dp0"

IF NOT DEFINED PYTHON_BIN SET "PYTHON_BIN=python"
CALL :VENV
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
SET "PYTHON_BIN=.venv\Scripts\python.exe"

IF EXIST "out\demo\acoustic\model-best.pt" GOTO CONVERT

ECHO 1 of 2: mels and units
CALL preprocess_acoustic.cmd demo test demo --config "%CONFIG%"
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

ECHO 2 of 2: acoustic model
"%PYTHON_BIN%" train_acoustic.py data\demo out\demo\acoustic --config "%CONFIG%" --steps %ACOUSTIC_STEPS%
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

:CONVERT
"%PYTHON_BIN%" infer.py demo --dataset demo --input "%INPUT%" --out_path gen
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
"%PYTHON_BIN%" make_index.py
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
ECHO source:    %INPUT%
ECHO converted: gen\%STEM%_demo.wav
ECHO models:    out\demo
ECHO page:      index.html
EXIT /B 0

:FAILED
ECHO demo.cmd: the step above ended with code %RC% 1>&2
IF %RC% LSS 0 SET "RC=3"
IF %RC% GTR 255 SET "RC=3"
EXIT /B %RC%

REM A subroutine, so that a python.bat comes back.
:VENV
"%PYTHON_BIN%" tools\make_venv.py requirements.txt
EXIT /B %ERRORLEVEL%

:HELP
ECHO usage:   demo.cmd [file.wav]
ECHO makes:   .venv, the voice out\demo\ (where none is there yet), gen\^<file^>_demo.wav and index.html
ECHO PYTHON_BIN names another Python, 3.10 or newer.
EXIT /B 2
