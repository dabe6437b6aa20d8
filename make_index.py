"""Write gen/index.html: every source beside its conversions to each voice, to listen to and to compare.

    python make_index.py
    python make_index.py --test songs --gen gen/songs --texts songs/texts.csv

A conversion of <test>/<stem>.wav to the voice <vbank> is <gen>/<stem>_<vbank>.wav, as infer.py names it.
What is said in the sources comes from <test>/texts.csv.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from common import cli, progress


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument(
        "--test",
        type=cli.path,
        default=Path("test"),
        help="sources, a folder or a file (default: %(default)s)",
    )
    parser.add_argument(
        "--gen", type=cli.path, default=Path("gen"), help="conversions (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=cli.new_file(".html", ".htm"), help="page (default: index.html beside the conversions)"
    )
    parser.add_argument(
        "--texts",
        type=cli.path,
        help="CSV with columns path and text, and if need be about, kind and language (default: texts.csv "
        "beside the sources)",
    )
    args = parser.parse_args()
    args.out = args.out or args.gen / "index.html"
    return args


def main() -> int:
    args = parse_args()
    if args.out.is_dir():
        raise cli.UserError(f"{args.out}: expected a file to write the page to, found a folder")
    from common.files import atomic_path
    from evaluation.scorers import recordings_of
    from listening.build import build

    progress.say(f"looking at {args.test} and {args.gen} ...")
    page, sources, conversions = build(args.test, args.gen, args.out.parent, args.texts, recordings_of)
    with atomic_path(args.out) as part:
        part.write_text(page, encoding="utf-8", errors="replace", newline="\n")
    print(f"{args.out}: {sources} sources, {conversions} conversions")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
