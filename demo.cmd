@ECHO OFF
REM From a fresh clone to a converted wav: makes .venv, trains the tiny voice where none is there, converts.
SETLOCAL EnableExtensions DisableDelayedExpansion
SET "CONFIG=configs\tiny.toml"
REM Steps of the content encoder, the pitch and dynamics models, and the acoustic model.
SET "UNITS_STEPS=90"
SET "PITS_STEPS=120"
SET "DYNS_STEPS=120"
SET "ACOUSTIC_STEPS=200"
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

REM The acoustic model is trained last: where it is, everything is.
IF EXIST "out\demo\acoustic\model-best.pt" GOTO CONVERT

ECHO 1 of 7: pitch and dynamics labels of test\
CALL preprocess_hubert-pitdyn.cmd demo test --config "%CONFIG%"
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

ECHO 2 of 7: discrete content labels
"%PYTHON_BIN%" preprocess.py demo --discrete --config "%CONFIG%"
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

ECHO 3 of 7: content encoder
"%PYTHON_BIN%" train_hubert.py --embds_dn units data\demo out\demo\hubert-soft --config "%CONFIG%" --steps %UNITS_STEPS%
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

ECHO 4 of 7: pitch model
"%PYTHON_BIN%" train_hubert.py --embds_dn pits data\demo out\demo\hubert-pit --config "%CONFIG%" --trunk frozen --steps %PITS_STEPS%
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

ECHO 5 of 7: dynamics model
"%PYTHON_BIN%" train_hubert.py --embds_dn dyns data\demo out\demo\hubert-dyn --config "%CONFIG%" --trunk frozen --steps %DYNS_STEPS%
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

ECHO 6 of 7: mels and units
CALL preprocess_acoustic.cmd demo test demo --config "%CONFIG%"
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED

ECHO 7 of 7: acoustic model
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
