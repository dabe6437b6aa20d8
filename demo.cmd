@ECHO OFF
REM From a fresh clone to something to listen to: makes .venv, converts to the voices that come with the project.
SETLOCAL EnableExtensions DisableDelayedExpansion
SET "INPUT=test"
SET "SONG="
SET "PAGE=gen\index.html"
SET "WORST=0"
IF "%~1"=="/?" GOTO HELP
IF "%~1"=="-h" GOTO HELP
IF "%~1"=="--help" GOTO HELP
IF NOT "%~1"=="" SET "INPUT=%~f1"
IF "%~1"=="" SET "SONG=test\sung_melody.wav"
CD /D "%~dp0"

REM A finished .venv is kept up to date by its own Python: the system's may be too old, or gone.
IF NOT DEFINED PYTHON_BIN IF EXIST ".venv\installed-requirements.json" SET "PYTHON_BIN=.venv\Scripts\python.exe"
IF NOT DEFINED PYTHON_BIN SET "PYTHON_BIN=python"
CALL :VENV
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
SET "PYTHON_BIN=.venv\Scripts\python.exe"

CALL :CONVERT kathleen
IF NOT "%RC%"=="0" GOTO FAILED
CALL :CONVERT dorodoro
IF NOT "%RC%"=="0" GOTO FAILED
CALL :CONVERT scottpoid
IF NOT "%RC%"=="0" GOTO FAILED
CALL :CONVERT kumi
IF NOT "%RC%"=="0" GOTO FAILED
"%PYTHON_BIN%" make_index.py --test "%INPUT%" --out %PAGE%
SET "RC=%ERRORLEVEL%"
IF NOT "%RC%"=="0" GOTO FAILED
ECHO sources:     "%INPUT%"
ECHO conversions: gen\
ECHO page:        %PAGE%
EXIT /B %WORST%

:FAILED
ECHO demo.cmd: the step above ended with code %RC% 1>&2
IF %RC% LSS 0 SET "RC=3"
IF %RC% GTR 255 SET "RC=3"
EXIT /B %RC%

REM A subroutine, so that a python.bat comes back.
:VENV
"%PYTHON_BIN%" tools\make_venv.py requirements.txt
EXIT /B %ERRORLEVEL%

:CONVERT
"%PYTHON_BIN%" infer.py %1 --dataset demo --input "%INPUT%" --out_path gen
SET "RC=%ERRORLEVEL%"
IF "%RC%"=="1" CALL :SOME %1
IF NOT "%RC%"=="0" EXIT /B %RC%
IF NOT DEFINED SONG EXIT /B 0
IF NOT EXIST "%SONG%" EXIT /B 0
REM As it is, the song goes beyond what each of the voices was trained on; an octave lower it does not.
"%PYTHON_BIN%" infer.py %1 --dataset demo --input "%SONG%" --out_path gen --transpose -12
SET "RC=%ERRORLEVEL%"
IF "%RC%"=="1" CALL :SOME %1
EXIT /B %RC%

:SOME
REM 1 is some files of a folder: infer.py has named them, and converted the rest.
ECHO demo.cmd: %1 was left without the files named above 1>&2
SET "WORST=1"
SET "RC=0"
EXIT /B 0

:HELP
ECHO usage:   demo.cmd [file.wav or folder]
ECHO makes:   .venv, gen\^<file^>_^<voice^>.wav of every file in test\ or of those given, and gen\index.html
ECHO PYTHON_BIN names the Python that makes .venv, 3.10 or newer. TORCH_CPU=1 takes PyTorch's CPU build.
EXIT /B 2
