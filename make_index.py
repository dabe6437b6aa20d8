"""Write gen/index.html: every demo source beside its conversions to each voice, with players.

    python make_index.py [--test test] [--gen gen] [--out gen/index.html]

A conversion of <test>/<stem>.wav to the voice <vbank> is <gen>/<stem>_<vbank>.wav, as infer.py names it.
"""

from __future__ import annotations

import argparse
import os
import sys
import wave
from html import escape
from pathlib import Path
from urllib.parse import quote

from common import cli
from common.files import atomic_path

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: #2a7de1; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 75rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { margin: 0 0 .25rem; font-size: 1.9rem; }
p { margin: .25rem 0 1.25rem; max-width: 45rem; }
.scroll { overflow-x: auto; border: 1px solid var(--line); border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; }
th, td { padding: .6rem .9rem; text-align: left; border-bottom: 1px solid var(--line); }
tbody tr:last-child > * { border-bottom: 0; }
tbody tr:hover { background: var(--soft); }
thead th { border-bottom: 2px solid var(--accent); white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; min-width: 9rem; }
small { display: block; font-weight: 400; opacity: .7; }
audio { width: 15rem; height: 2.25rem; display: block; }
.none { opacity: .5; }
code { background: var(--soft); padding: .1em .35em; border-radius: .3em; }
"""

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>hubert-pitdyn demo</title>
<style>{style}</style>
</head>
<body>
<h1>hubert-pitdyn</h1>
<p>{summary}</p>
<div class="scroll">
<table>
<thead><tr><th>file</th><th>source</th>{heads}</tr></thead>
<tbody>
{rows}
</tbody>
</table>
</div>
</body>
</html>
"""


def find_sources(test: Path) -> list[Path]:
    """Audio files below `test`, sorted, relative to it; or `test` itself, relative to its folder.

    Raises UserError where there is nothing of that name.
    """
    if test.is_file():
        return [Path(test.name)]
    if not test.is_dir():
        raise cli.UserError(f"{test}: expected a folder of source wavs, found none; name it with --test")
    return sorted(path.relative_to(test) for path in audio_files(test))


def audio_files(folder: Path) -> list[Path]:
    """Audio files at any depth; hidden ones, such as half-written results, are left out."""
    from audio import AUDIO_SUFFIXES

    found = (path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    return [path for path in found if not path.name.startswith(".") and path.is_file()]


def find_conversions(sources: list[Path], gen: Path) -> dict[Path, dict[str, Path]]:
    """{source: {voice: path relative to `gen`}}; empty when `gen` does not exist.

    Where one source's stem begins another's, `a` and `a_b`, the file a_b_x.wav belongs to the longer one.
    Sources that differ by suffix alone, a.wav and a.flac, are converted to a.wav_x.wav and a.flac_x.wav.
    """
    from conversion.files import unique_names

    found: dict[Path, dict[str, Path]] = {source: {} for source in sources}
    heads = {source: f"{name}_" for source, name in unique_names({s: s for s in sources}).items()}
    by_length = sorted(sources, key=lambda source: len(heads[source]), reverse=True)
    for path in sorted(audio_files(gen)):
        name = path.relative_to(gen)
        for source in by_length:
            tail = name.stem[len(heads[source]) :]
            if name.parent == source.parent and name.stem.startswith(heads[source]) and tail:
                found[source][tail] = name
                break
    return found


def url(path: Path, base: Path) -> str:
    """Link from the folder `base` to `path`, percent-encoded; a file: address across Windows drives."""
    try:
        return quote(os.fsencode(Path(os.path.relpath(path, base)).as_posix()))
    except ValueError:
        return path.resolve().as_uri()


def duration(path: Path) -> str:
    """'2.6 s' for a PCM wav, else nothing: the player shows it once it plays."""
    try:
        with wave.open(str(path), "rb") as file:
            return f"{file.getnframes() / file.getframerate():.1f} s"
    except (wave.Error, EOFError, OSError, ZeroDivisionError):
        return ""


def player(path: Path, base: Path, label: str) -> str:
    """An audio element for `path`; label is what a screen reader says."""
    source = escape(url(path, base))
    return f'<audio controls preload="none" src="{source}" aria-label="{escape(label)}"></audio>'


def row(
    source: Path, conversions: dict[str, Path], voices: list[str], test: Path, gen: Path, base: Path
) -> str:
    """One table row: the source, then a player or a dash for each voice."""
    name = source.as_posix()
    cells = [
        f'<th scope="row">{escape(name)}<small>{duration(test / source)}</small></th>',
        f"<td>{player(test / source, base, name)}</td>",
    ]
    for voice in voices:
        if voice in conversions:
            cells.append(f"<td>{player(gen / conversions[voice], base, f'{name} as {voice}')}</td>")
        else:
            cells.append('<td class="none">–</td>')
    return f"<tr>{''.join(cells)}</tr>"


def summary(sources: list[Path], voices: list[str], gen: Path) -> str:
    """What the page holds, or what makes it hold something, as HTML."""
    count = f"{len(sources)} source{'' if len(sources) == 1 else 's'}"
    if voices:
        return f"{count}, converted to {len(voices)} voice{'' if len(voices) == 1 else 's'}."
    return (
        f"{count}. There are no conversions in <code>{escape(gen.as_posix())}/</code> yet: "
        "<code>demo.cmd</code> or <code>bash demo.sh</code> makes them with the voices that come with the "
        "project, <code>make_infer_test.cmd</code> or <code>bash make_infer_test.sh</code> with yours, too."
    )


def render(test: Path, gen: Path, base: Path) -> str:
    """The whole page for links relative to the folder `base`."""
    sources, test = find_sources(test), test.parent if test.is_file() else test
    conversions = find_conversions(sources, gen)
    voices = sorted({voice for found in conversions.values() for voice in found})
    return PAGE.format(
        style=STYLE,
        summary=summary(sources, voices, gen),
        heads="".join(f'<th scope="col">{escape(voice)}</th>' for voice in voices),
        rows="\n".join(row(source, conversions[source], voices, test, gen, base) for source in sources),
    )


def main() -> int:
    parser = cli.Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
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
    args = parser.parse_args()
    args.out = args.out or args.gen / "index.html"
    if args.out.is_dir():
        raise cli.UserError(f"{args.out}: expected a file to write the page to, found a folder")
    page = render(args.test, args.gen, args.out.parent)
    with atomic_path(args.out) as part:
        part.write_text(page, encoding="utf-8", errors="replace", newline="\n")
    rows, players = page.count("<tr>") - 1, page.count("<audio")
    print(f"{args.out}: {rows} sources, {players - rows} conversions")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
