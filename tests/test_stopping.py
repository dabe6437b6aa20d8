"""What stops a script from outside does as Ctrl-C: kill, a closed terminal."""

import os
import signal
import subprocess
import sys

import pytest
from clusters import wait_for
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


TWICE = """
import signal, sys, time
from pathlib import Path
from common import cli, workers

def work(name):
    Path(sys.argv[1], name).touch()
    time.sleep(600)

def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs lack it
    with workers.Pool(2) as pool:
        list(pool.outcomes(work, ["a", "b", "c"]))

if __name__ == "__main__":
    sys.exit(cli.run(main))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals to one process")
def test_a_second_ctrl_c_ends_the_work_in_hand(tmp_path):
    script, begun = tmp_path / "twice.py", tmp_path / "begun"
    script.write_text(TWICE, encoding="utf-8")
    begun.mkdir()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen([sys.executable, script, begun], env=env, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: any(begun.iterdir()), "work")
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "stopped\n"
        with pytest.raises(subprocess.TimeoutExpired):  # the file in work is waited for
            process.wait(timeout=0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
    finally:
        process.kill()
