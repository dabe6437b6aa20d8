"""Train all that ships with the project, from a folder of recordings to out/, and write down how.

python -m experiments.demo_system WAVS --list
python -m experiments.demo_system WAVS
python -m experiments.demo_system WAVS --minutes 9
python -m experiments.demo_system WAVS --voices kathleen dorodoro --out out/two --data data/two
python -m experiments.demo_system WAVS --pack recordings.zip
python -m experiments.demo_system WAVS --unpack recordings.zip
python -m experiments.demo_system WAVS --return results.zip

WAVS has a folder for each speaker of the table in experiments/demo_system/steps.py, and manifest.csv with the
columns path and prompt. What is done, with the same settings and recordings, is skipped; a training that was
stopped is resumed.

Exit codes: 0 all is done, 2 wrong usage or a step that failed, 4 stopped by --minutes before all was done
(call it again), 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from contextlib import nullcontext
from pathlib import Path

from common import cli

EARLY = 4  # exit code: stopped before all was done


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    given = parser.add_argument_group("what goes in")
    given.add_argument("wavs", type=cli.path, metavar="WAVS", help="recordings, a folder for each speaker")
    given.add_argument(
        "--voices", nargs="+", metavar="NAME", help="speakers to take (default: all of the table)"
    )
    given.add_argument("--manifest", type=cli.path, help="CSV path,prompt (default: WAVS/manifest.csv)")
    given.add_argument(
        "--config",
        type=cli.path,
        default=Path("configs/demo.toml"),
        help="all settings (default: %(default)s)",
    )
    made = parser.add_argument_group("what is made of it")
    made.add_argument("--out", type=cli.path, default=Path("out/system"), help="weights, logs (%(default)s)")
    made.add_argument(
        "--data", type=cli.path, default=Path("data/system"), help="labels, units (%(default)s)"
    )
    made.add_argument("--doc", type=cli.path, help="the report (default: demo-system.md in --out)")
    made.add_argument(
        "--ship", action="store_true", help="when all is done, copy it to out/demo and out/<voice>"
    )
    which = parser.add_argument_group("which steps, and how long")
    steps = which.add_mutually_exclusive_group()
    steps.add_argument(
        "--list", action="store_true", help="show the steps, their state and hours, and do nothing"
    )
    steps.add_argument("--only", metavar="STEP", help="this step alone")
    steps.add_argument(
        "--from", dest="first", metavar="STEP", help="from this step on; those before are taken as they are"
    )
    which.add_argument(
        "--minutes", type=float, metavar="N", help="stop after so long, at a step's end or within a training"
    )
    add_carrying(parser)
    args = parser.parse_args()
    if args.minutes is not None and not args.minutes > 0:
        parser.error(f"--minutes {args.minutes:g}: expected more than 0")
    return args


def add_carrying(parser: argparse.ArgumentParser) -> None:
    """Options for another machine; each but the last is done in the place of any step."""
    carried = parser.add_argument_group("on another machine")
    what = carried.add_mutually_exclusive_group()
    what.add_argument("--pack", type=cli.new_file(".zip"), metavar="ZIP", help="WAVS as Opus, at most 60 MB")
    what.add_argument(
        "--unpack", type=cli.path, metavar="ZIP", help="take in what --pack or --return has written"
    )
    what.add_argument(
        "--return",
        dest="send",
        type=cli.new_file(".zip"),
        metavar="ZIP",
        help="what was made, in parts below 16 MB",
    )
    carried.add_argument(
        "--unfinished", action="store_true", help="with --return: checkpoints of half-done trainings too"
    )


def plan_of(args: argparse.Namespace):
    """The Plan that the arguments ask for. UserError for folders elsewhere, unknown presets and names."""
    from common.presets import load_config
    from experiments.demo_system import recordings
    from experiments.demo_system.steps import Plan

    for option, root in (("out", Path("out")), ("data", Path("data"))):
        place = getattr(args, option)
        if (
            place.is_absolute()
            or place.parts[:1] != root.parts
            or len(place.parts) < 2
            or ".." in place.parts
        ):
            raise cli.UserError(
                f"--{option} {place}: expected a folder below {root}, such as {root / 'system'}"
            )
    if not args.wavs.is_dir():
        found = "a file" if args.wavs.exists() else "nothing"
        raise cli.UserError(f"{args.wavs}: expected a folder of recordings, found {found}")
    names = recordings.chosen(args.voices)
    manifest = recordings.manifest_of(args.manifest, args.wavs, args.data)
    return Plan(args.wavs, args.data, args.out, args.config, load_config(args.config), names, manifest)


def main() -> int:
    args = parse_args()
    from experiments.demo_system import packing, recordings, running
    from experiments.demo_system.records import Records
    from experiments.demo_system.steps import steps_of

    if args.unpack:
        print(packing.unpack(args.unpack, args.wavs, args.out))
        return cli.DONE
    plan = plan_of(args)
    if args.pack:
        rate = packing.pack(plan, args.pack, os.cpu_count() or 1)
        print(f"{args.pack}: {args.pack.stat().st_size / 1e6:.1f} MB, {rate:.1f} kbit/s")
        return cli.DONE
    known = Records(plan, steps_of(plan), recordings.look(plan))
    if args.send:
        for file in packing.send(known, args.send, args.unfinished):
            print(f"{file}: {file.stat().st_size / 1e6:.1f} MB")
        return cli.DONE
    if args.list:
        show(known)
        return cli.DONE
    return work(args, known, running.Clock(args.minutes))


def work(args: argparse.Namespace, known, clock) -> int:
    """Run the steps, and write the report however far they came."""
    from experiments import runs
    from experiments.demo_system import packing, recordings, report, running

    names = list(known.steps)
    for option, name in (("--only", args.only), ("--from", args.first)):
        if name and name not in names:
            raise cli.UserError(f"{option} {name}: no such step{cli.nearest(name, names)}; --list shows them")
    candidates = [args.only] if args.only else names[names.index(args.first) if args.first else 0 :]
    packing.compare(known.plan)
    doc = args.doc or known.plan.out / "demo-system.md"
    # One step alone goes beside others: two trainings on a thread each beat one on two.
    with nullcontext() if args.only else running.alone(known.plan.out / "system.lock"):
        with running.alone(known.plan.out / "links.lock", wait=True):
            recordings.link(known.plan)
        try:
            done = running.run(known, clock, candidates)
        finally:
            known.refresh()
            report.write(doc, known, runs.command_line("experiments.demo_system", sys.argv[1:]))
    if not done:
        print(f"{doc}: stopped before all was done; call it again")
        return EARLY
    if args.ship:
        ship(known)
    print(doc)
    return cli.DONE


def show(known) -> None:
    """The table of steps on stdout."""
    statuses = known.look()
    width = max(map(len, statuses))
    for name, status in statuses.items():
        record, step = known.known[name], known.steps[name]
        spent = f"{record['seconds'] / 3600:6.2f} h" if record else " " * 8
        state = f"{status.state} ({status.why})" if status.why else status.state
        print(f"{name:{width}}  {spent}  of about {step.hours:4.1f}  {state}")


def ship(known) -> None:
    """Copy the weights to where those that come with the project lie. UserError where some are not done."""
    from common.files import atomic_path

    statuses = known.look()
    if left := [name for name, status in statuses.items() if status.run]:
        raise cli.UserError(f"--ship: {', '.join(left)} not done; call it without --only and --from")
    for step in (step for step in known.steps.values() if step.ships and not step.between):
        for path in step.makes:
            with atomic_path(Path("out") / path.relative_to(known.plan.out)) as part:
                shutil.copyfile(path, part)


if __name__ == "__main__":
    sys.exit(cli.run(main))
