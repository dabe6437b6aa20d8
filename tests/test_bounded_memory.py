"""Memory and time of a conversion: the first hardly grows with its length, the second not faster than it."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

PROGRAM = """
import resource, sys, time
from pathlib import Path
import numpy as np
from small_voice import recording, voice
import audio
from common import spool

spool.IN_MEMORY = 1_000_000
minutes, folder = int(sys.argv[1]), Path(sys.argv[2])
converter, minute = voice(), recording(60)
converter.convert(minute)  # what is loaded at first use is no part of it
began, filed = time.process_time(), spool.Spool(folder)
for _ in range(minutes):
    filed.append(minute)
edited = converter.edit(converter.analyse(filed), transpose=7)
audio.save(folder / "out.wav", converter.render(edited))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, time.process_time() - began)
"""

# The first pass over a file, by convolutions of a usual width: what they make of a piece is 5 MB.
FIRST_PASS = """
import resource, sys, time
from pathlib import Path
import soundfile
from small_voice import HUBERT, hubert, recording
import audio
from common import spool
from hubert_pitdyn import windows
from hubert_pitdyn.units import PitDynEncoder

spool.IN_MEMORY = audio.IN_MEMORY = 1_000_000
minutes, folder = int(sys.argv[1]), Path(sys.argv[2])
minute, began = recording(60), time.process_time()
with soundfile.SoundFile(folder / "long.wav", "w", 16000, 1) as file:
    for _ in range(minutes):
        file.write(minute)
wav = audio.prepare(audio.load_any_length(folder / "long.wav", folder=folder)).wav
content = hubert(0, front_end="log_mel")
encoder = PitDynEncoder(content, *(hubert(seed, **{**HUBERT, "conv_dim": 80}) for seed in (1, 2)))
windows.measured(encoder, windows.EncoderInput(wav), len(wav) // audio.UNIT_HOP)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, time.process_time() - began)
"""


def converted(minutes, folder, program=PROGRAM):
    """(peak memory in MB, CPU seconds) of a process that converts so many minutes."""

    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program, str(minutes), str(folder)], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    peak, seconds = done.stdout.split()
    return int(peak), float(seconds)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
def test_four_times_as_long_takes_four_times_the_time_and_the_same_memory(tmp_path):
    """The wav alone would be 35 MB more, and all that is made of it several times that."""
    short, long = (converted(minutes, tmp_path) for minutes in (3, 12))
    print(f"3 minutes: {short[0]} MB, {short[1]:.1f} s; 12 minutes: {long[0]} MB, {long[1]:.1f} s")
    assert long[0] - short[0] < 60
    assert long[1] < 1.3 * 4 * short[1]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux alone")
def test_what_is_measured_of_a_long_file_before_it_is_analysed_takes_no_memory(tmp_path):
    """Kept in a list, the measures of each piece held what lay below them: 5 MB for each 5 seconds."""
    short, long = (converted(minutes, tmp_path, FIRST_PASS)[0] for minutes in (3, 12))
    print(f"3 minutes: {short} MB; 12 minutes: {long} MB")
    assert long - short < 60
