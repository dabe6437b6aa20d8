"""The workshop: a page in the browser to convert, draw the melody, convert folders, and train a voice.

    python app.py
    python app.py --port 8000 --no-browser

The page is served to this machine alone (127.0.0.1). Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import sys

from common import cli


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument(
        "--port", type=cli.at_least(1, 65535), help="of the page (default: the first free one from 7860 on)"
    )
    parser.add_argument(
        "--browser",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="open the page in the browser",
    )
    parser.add_argument("--device", help="cpu, cuda, … (default: cuda where there is one)")
    return parser.parse_args()


def main() -> int:
    args = parse_args()
    from workshop.page import require_gradio, serve

    require_gradio()
    return serve(args.port, args.browser, args.device)


if __name__ == "__main__":
    sys.exit(cli.run(main))
