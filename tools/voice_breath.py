"""Measure how much breath a vocoder leaves out of a voice, and write it into the voice's card.

    python -m tools.voice_breath hana data/hana

Recordings that the voice was trained on are converted to itself. How much more of the conversions than of the
recordings are harmonics, in four bands by WORLD's aperiodicity (D4C), is what conversions get as noise from
then on, beside what --breath asks for. It is measured again with that, ROUNDS times: noise and harmonics do
not add up.
"""

from __future__ import annotations

import sys
from pathlib import Path

from common import cli, progress

MOST = 16  # recordings, at even distances
ROUNDS = 3
LIMIT_DB = 12.0


def measured(converter, paths: list[Path]) -> list[float]:
    """dB of breath in each of VOICE_HZ with which conversions of recordings are as noisy as these are.

    Raises UserError where nothing in the recordings is voiced, or pyworld is missing.
    """
    import numpy as np

    import audio
    from checkpoints import cards
    from evaluation import sound
    from preprocessing.moved_copies import load_world

    load_world()
    sources = [converter.analyse(path) for path in progress.each(paths, "recordings", unit="file")]
    edited = [converter.edit(source) for source in sources]
    wanted = _mean([sound.periodic(source.prepared.wav[:], progress.say) for source in sources])
    if not np.isfinite(wanted).all():
        raise cli.UserError(f"{paths[0].parent}: nothing voiced was found in {len(paths)} recordings")
    found = np.zeros(len(wanted))
    for _ in range(ROUNDS):
        converter.card = {**converter.card, cards.BREATH: found.tolist()}
        made = [audio.to_mono_16k(converter.synthesise(one), converter.rate) for one in edited]
        missing = wanted - _mean([sound.periodic(wav, progress.say) for wav in made])
        if not np.isfinite(missing).all():
            progress.say("nothing voiced was found in the conversions; train the voice longer")
            break
        print(f"with {_words(found)} dB conversions have {_words(-missing)} dB of the recordings' noise")
        found = np.clip(found + missing, -LIMIT_DB, LIMIT_DB)
    return [round(float(db), 2) for db in found]


def _mean(rows: list[dict]):
    import numpy as np

    from evaluation import sound

    return np.array(list(sound.means(rows).values()))


def _words(numbers) -> str:
    return " / ".join(f"{number:+.1f}" for number in numbers)


def main() -> int:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("voice", type=cli.voice, help="name below out/")
    parser.add_argument("data", type=cli.path, help="data folder that it was trained on")
    parser.add_argument("--dataset", type=cli.voice, help="encoders and vocoder (default: the voice's own)")
    parser.add_argument("--out", type=cli.path, help="file to write (default: the voice's own)")
    args = parser.parse_args()
    from checkpoints import cards, places, store
    from conversion.converter import VoiceConverter
    from preprocessing.data_folder import DataFolder

    folder = DataFolder(args.data)
    keys = [key for key in folder.split("train", "mels") if key in folder.files]
    converter = VoiceConverter.load(args.voice, args.dataset)
    if not converter.vocoder.conditioned_on_f0 or converter.labels is None:
        raise cli.UserError(f"{args.voice}: its breath cannot be moved, it needs units and a vocoder with F0")
    found = measured(converter, [folder.files[key] for key in keys[:: max(1, len(keys) // MOST)][:MOST]])
    path = places.voice_path(args.voice, Path("out"))
    out, checkpoint = args.out or path, store.load(path)
    store.save(out, {**checkpoint, "card": {**checkpoint["card"], cards.BREATH: found}})
    print(f"{out}: breath {_words(found)} dB")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
