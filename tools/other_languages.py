"""Sentences in Japanese and Mandarin, to measure what a conversion to a voice of English keeps of them.

    python -m pip install pyopenjtalk-plus "misaki[zh]"
    python -m tools.other_languages WAVS/other --model kokoro-v1.0.int8.onnx --voices voices
    python evaluate.py voice kathleen --input WAVS/other/ja --texts WAVS/other/ja/texts.csv --language ja

The sentences were written for this project. Japanese is spoken by Open JTalk's voice mei (CC BY 3.0, by the
MMDAgent project, in the package) and by two voices of Kokoro, Mandarin by three of them (files as those
for tools.synthetic_voices). OUT gets a folder a language with wavs and texts.csv. What is there stays.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys

import numpy as np

from common import cli, progress
from tools.synthetic_voices import LETTER_IDS, RATE, Speaker

SENTENCES = {
    "ja": (
        "明日の朝、駅の前で友達に会います。",
        "山の上の小さな家に、おばあさんが一人で住んでいる。",
        "昨日買った本を、電車の中で読みました。",
        "雨が降りそうだから、傘を持って行きなさい。",
        "この橋を渡ると、右側に古い神社が見えます。",
        "弟は毎日、学校から帰るとすぐに犬と散歩に行く。",
        "すみません、図書館はどちらにありますか。",
        "夏休みに家族で海へ行って、魚をたくさん食べた。",
        "窓を開けたら、冷たい風が部屋に入ってきた。",
        "先生は黒板に大きな字で名前を書きました。",
        "夜になると、川の向こうに町の明かりが見える。",
        "このスープは少し熱いので、気をつけて飲んでください。",
    ),
    "zh": (
        "明天早上我们在火车站门口见面。",
        "山上的小房子里住着一位老奶奶。",
        "我昨天买的书，今天在车上看完了。",
        "外面快要下雨了，出门请带上雨伞。",
        "过了这座桥，右边有一座古老的寺庙。",
        "弟弟每天放学以后都带着小狗去散步。",
        "请问，图书馆在什么地方？",
        "暑假的时候，我们全家去海边吃了很多鱼。",
        "他打开窗户，一阵冷风吹进了房间。",
        "老师在黑板上写下了自己的名字。",
        "到了晚上，河对面的灯光非常漂亮。",
        "这碗汤有点热，请你慢慢喝。",
    ),
}
OPEN_JTALK = "mei"
VOICES = {"ja": (OPEN_JTALK, "jf_alpha", "jm_kumo"), "zh": ("zf_xiaobei", "zf_xiaoxiao", "zm_yunjian")}
# Kokoro's letters beyond those of English: affricates, palatals and retroflexes, then the tones of Mandarin.
MORE_IDS = {
    **dict(zip("ʣʥʦʨꭧ", (18, 19, 20, 21, 23), strict=True)),
    **dict(zip("gçɕɖɥɨɯ", (92, 78, 77, 80, 99, 101, 110), strict=True)),
    **dict(zip("ɲɴɸɻʂʈɤʔʰʲ", (114, 115, 118, 126, 130, 132, 140, 148, 162, 164), strict=True)),
    **dict(zip("↓→↗↘", (169, 171, 172, 173), strict=True)),
}
LETTERS = LETTER_IDS | MORE_IDS
NEEDED = 'install it: python -m pip install pyopenjtalk-plus "misaki[zh]"'


def parse_args() -> argparse.Namespace:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("out", type=cli.path, help="folder to fill")
    parser.add_argument("--model", type=cli.path, required=True, help="Kokoro's ONNX file")
    parser.add_argument("--voices", type=cli.path, required=True, help="folder of its voices (.bin)")
    return parser.parse_args()


def letters(text: str, language: str) -> str:
    """What a text sounds like, in Kokoro's letters, by misaki."""
    if language == "ja":
        from misaki.ja import JAG2P

        # Behind the sounds of the sentence come its accents, which this model does not read.
        said = re.split("[_^-]", JAG2P("pyopenjtalk")(text)[0])[0]
    else:
        from misaki.zh import ZHG2P

        said = ZHG2P()(text)[0]
    return "".join(letter for letter in said if letter in LETTERS)


def by_open_jtalk(text: str) -> tuple[np.ndarray, int]:
    """A wav [S] in -1 to 1 and its rate."""
    import pyopenjtalk

    wav, rate = pyopenjtalk.tts(text)
    return (wav / 2**15).astype(np.float32), int(rate)


def speak(args: argparse.Namespace, language: str, speaker: Speaker) -> int:
    """The folder of one language; how many sentences it has."""
    import soundfile

    folder, rows = args.out / language, []
    folder.mkdir(parents=True, exist_ok=True)
    for name in progress.each(VOICES[language], language, unit="voice"):
        for number, text in enumerate(SENTENCES[language]):
            path = folder / f"{name}-{number:02d}.wav"
            rows.append((path.name, text))
            if path.is_file():
                continue
            if name == OPEN_JTALK:
                soundfile.write(path, *by_open_jtalk(text))
            else:
                styles = np.fromfile(args.voices / f"{name}.bin", np.float32).reshape(-1, 256)
                soundfile.write(path, speaker.say(letters(text, language), styles, 1.0, LETTERS), RATE)
    with (folder / "texts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("path", "text"), *rows])
    return len(rows)


def main() -> int:
    args = parse_args()
    for path in (
        args.model,
        *(args.voices / f"{n}.bin" for v in VOICES.values() for n in v if n != OPEN_JTALK),
    ):
        if not path.is_file():
            raise cli.UserError(
                f"{path}: not found; python -m tools.synthetic_voices --help names its source"
            )
    speaker = Speaker(args.model)
    for language in SENTENCES:
        try:
            print(f"{args.out / language}: {speak(args, language, speaker)} sentences")
        except ImportError as error:
            raise cli.UserError(f"{error.name}: not found; {NEEDED}") from error
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
