"""A UTAU bank of own-made sound with the oddities of real ones, as a zip.

Names in Shift-JIS that the zip does not mark, texts in several encodings, breaths and noises, two colours of
each prompt, frequency tables, pictures, a program, a stray song.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import soundfile
from conftest import sing

PROMPTS = ("あ", "い", "う", "え", "お", "か", "ソ")  # ソ ends in a backslash in Shift-JIS
RULES = ("・商用利用は許可が必要です。", "・クレジットに「ハナ」と表記してください。")
README = "\r\n".join(["ハナ音源", "", "利用規約", *RULES, ""])
CHARACTER = "name=ハナ\r\nimage=hana.bmp\r\nauthor=誰か\r\nweb=https://example.com/hana\r\n"


def wav_of(seconds: float, seed: int, hertz: float = 196.0) -> bytes:
    """A sung note, or noise at 0 Hz, as a 44.1 kHz wav."""
    rng = np.random.default_rng(seed)
    sound = sing(hertz, hertz, seconds, seed) if hertz else 0.02 * rng.normal(size=int(16000 * seconds))
    file = io.BytesIO()
    soundfile.write(file, sound, 44100, format="WAV")
    return file.getvalue()


def contents(seconds: float = 0.6) -> dict[str, bytes]:
    """{name: bytes}: two colours in folders of their own (suffixes _S and _W), as prefix.map has them."""
    files = {"character.txt": CHARACTER.encode("cp932"), "readme.txt": README.encode("cp932")}
    files["prefix.map"] = "C4\t\t_S\r\nC5\t\t_W\r\n".encode("cp932")
    files["hana.bmp"], files["install.exe"] = b"BM" + bytes(20), b"MZ" + bytes(20)
    for number, (folder, suffix) in enumerate((("ソフト", "_S"), ("強", "_W"))):
        rows = []
        for at, prompt in enumerate(PROMPTS):
            files[f"{folder}/{prompt}.wav"] = wav_of(seconds, 10 * number + at, 196 * 2 ** (number / 12))
            files[f"{folder}/{prompt}_wav.frq"] = bytes(40)
            rows += [f"{prompt}.wav={prompt}{suffix},10,80,-200,40,20"]
        text = "\r\n".join(rows)
        files[f"{folder}/oto.ini"] = text.encode("utf-8-sig" if number else "cp932")
    rows = ["息.wav=息1,0,0,0,0,0", "ref.wav=br2,0,0,0,0,0", "a R.wav=a R,0,0,0,0,0"]
    files["oto.ini"] = "\r\n".join(rows).encode("cp932")
    for at, name in enumerate(("息", "ref", "ノイズ", "サンプル")):
        files[f"{name}.wav"] = wav_of(seconds, 50 + at, 0.0)
    files["a R.wav"] = wav_of(seconds, 60)
    return files


def write_zip(path: Path, files: dict[str, bytes], encoding: str = "cp932", top: str = "ハナ") -> Path:
    """A zip whose names are in an encoding that it does not tell, as Windows' Explorer writes them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    stand_ins, content = {}, io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, (name, data) in enumerate(files.items()):
            raw = (f"{top}/{name}" if top else name).encode(encoding)
            # zipfile writes ASCII or UTF-8 alone: names of as many bytes hold the place of these.
            stand_in = f"{number:06d}".rjust(len(raw), "~").encode()[-len(raw) :]
            stand_ins[stand_in] = raw
            archive.writestr(zipfile.ZipInfo(stand_in.decode(), (2020, 1, 2, 3, 4, 6)), data)
    whole = content.getvalue()
    for stand_in, raw in stand_ins.items():
        assert whole.count(stand_in) == 2, "in the entry and in the directory"
        whole = whole.replace(stand_in, raw)
    path.write_bytes(whole)
    return path


def make(path: Path, seconds: float = 0.6) -> Path:
    """The bank as a zip at `path`."""
    return write_zip(path, contents(seconds))
