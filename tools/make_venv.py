"""Make .venv where it is missing, and install what requirements files name, once for each of their versions.

    python tools/make_venv.py requirements.txt
    python tools/make_venv.py requirements.txt requirements-dev.txt --venv .venv

Run by demo and run_tests with any Python from 3.10 on; it needs nothing but the standard library.
TORCH_CPU=1 in the environment takes PyTorch's builds for the CPU, which save gigabytes on Linux.
Exit codes: 0 ready, 2 this Python cannot make one, 3 the installation failed.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 10)
READY, UNUSABLE, FAILED = 0, 2, 3
# Its versions end in +cpu, which pip takes for newer than the same versions of PyPI.
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"

# Before the first function, since the annotations of those below are an error in a Python before 3.9.
if sys.version_info < OLDEST:
    oldest, found = ".".join(str(part) for part in OLDEST), sys.version.split()[0]
    remedy = "set PYTHON_BIN to another one"
    print(
        f"error: Python {oldest} or newer is needed, {sys.executable} is {found}; {remedy}", file=sys.stderr
    )
    sys.exit(UNUSABLE)


def venv_python(venv: Path) -> Path:
    """The interpreter inside a virtual environment of this system."""
    return venv / "Scripts" / "python.exe" if os.name == "nt" else venv / "bin" / "python"


def has_pip(python: Path) -> bool:
    """Whether an environment was made to its end: one that was broken off has no pip."""
    if not python.exists():
        return False
    return subprocess.run([str(python), "-c", "import pip"], capture_output=True).returncode == 0


def hashes(requirements: list[Path]) -> dict[str, str]:
    """SHA-256 of each requirements file by its name; line endings do not count."""
    return {path.name: hashlib.sha256(path.read_text("utf-8").encode()).hexdigest() for path in requirements}


def installed(stamp: Path) -> dict[str, str]:
    """What `hashes` gave for the files installed so far; empty when no note can be read."""
    try:
        return json.loads(stamp.read_text("utf-8"))
    except (OSError, ValueError):
        return {}


def make(venv: Path, quiet: bool) -> int:
    """Create the environment afresh with this Python; returns the exit code."""
    if not quiet:
        print(f"making {venv} with Python {sys.version.split()[0]}", flush=True)
    # The one below a virtual environment: `venv` itself may be what runs this, and is about to be cleared.
    python = getattr(sys, "_base_executable", sys.executable)
    if subprocess.run([python, "-m", "venv", "--clear", str(venv)]).returncode:
        print(
            f"error: {sys.executable} could not make {venv}; on Debian: apt-get install python3-venv",
            file=sys.stderr,
        )
        return UNUSABLE
    return READY


def install(venv: Path, requirements: list[Path], quiet: bool) -> int:
    """pip-install the files unless the stamp in the environment shows them done; returns the exit code."""
    stamp = venv / "installed-requirements.json"
    done, wanted = installed(stamp), hashes(requirements)
    if wanted.items() <= done.items():
        return READY
    names = [argument for path in requirements for argument in ("-r", str(path))]
    if not quiet:
        print(f"installing {', '.join(wanted)} into {venv}", flush=True)
    index = [] if os.environ.get("TORCH_CPU", "0") in ("", "0") else ["--extra-index-url", CPU_BUILDS]
    pip = [str(venv_python(venv)), "-m", "pip", "install", "--disable-pip-version-check", *index, *names]
    if subprocess.run([*pip, "--quiet"] if quiet else pip).returncode:
        print("error: pip failed, see above; run the same command again to continue", file=sys.stderr)
        return FAILED
    part = stamp.with_suffix(".part")
    part.write_text(json.dumps({**done, **wanted}, indent=1), encoding="utf-8")
    os.replace(part, stamp)
    return READY


def main() -> int:
    about, _, more = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=about,
        epilog=f"examples:\n{more}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("requirements", nargs="+", type=Path, help="files for pip install -r")
    parser.add_argument("--venv", type=Path, default=Path(".venv"), help="folder (default: .venv)")
    parser.add_argument("--quiet", action="store_true", help="print errors alone")
    args = parser.parse_args()
    missing = [str(path) for path in args.requirements if not path.is_file()]
    if missing:
        print(f"error: no such file: {', '.join(missing)}", file=sys.stderr)
        return UNUSABLE
    code = READY if has_pip(venv_python(args.venv)) else make(args.venv, args.quiet)
    return code or install(args.venv, args.requirements, args.quiet)


if __name__ == "__main__":
    sys.exit(main())
