"""What stops a script from outside does as Ctrl-C: kill, a closed terminal."""

import os
import signal
import subprocess
import sys

import pytest
from conftest import ROOT

STOPPED = """
import signal, sys, time
from common import cli

for name in ("SIGTERM", "SIGHUP"):  # as in a terminal, whoever runs these tests
    signal.signal(getattr(signal, name), signal.SIG_DFL)

def main():
    try:
        print("begun", flush=True)
        time.sleep(60)
    finally:
        print("tidied up", flush=True)

sys.exit(cli.run(main))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals to one process")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_kill_and_a_closed_terminal_do_as_ctrl_c(name):
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    process = subprocess.Popen([sys.executable, "-c", STOPPED], env=env, **pipes)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(getattr(signal, name))
    out, error = process.communicate(timeout=20)
    assert (process.returncode, out, error) == (130, "tidied up\n", "stopped\n")


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals to one process")
def test_what_nohup_ignores_is_ignored():
    ignoring = STOPPED.replace('"SIGHUP"', "").replace("60", "0.5")
    ignoring = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n" + ignoring
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, "-c", ignoring], env=env, stdout=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"begun"
    process.send_signal(signal.SIGHUP)
    process.communicate(timeout=20)
    assert process.returncode == 0
