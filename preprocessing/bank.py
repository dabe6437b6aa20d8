"""What a voice bank says of itself: which recordings are voice, which are takes of one prompt, whose terms.

Nothing of it is needed: a folder of wavs without texts is taken as it is, one with a licence or readme keeps
its terms. Where there is an oto.ini or a
character.txt, breaths and noises are left out of data/<name>, and bank.json keeps what was understood.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

from checkpoints import terms
from common import encodings
from common.cli import printable
from common.names import readable
from preprocessing import bank_texts
from preprocessing.bank_texts import Texts, fold
from preprocessing.data_folder import BANK, DataFolder
from preprocessing.split import prompts_of

WORDS = re.compile(  # that name what is no voice, alone or with a number
    r"br|bre|breath\w*|brth|ap|sp|sil|silence|silent|pau|pause|rest|noise\w*|room ?tone|inhale\w*|exhale\w*|"
    r"click\w*|cough\w*|lip ?noise"
)
LETTERS = re.compile(  # the same where words have no spaces; "あ息" is a breathy vowel, and voice
    "[大小長短弱強鼻口入出]?(息|吸|吐|呼|呼吸|ブレス|ぶれす|ノイズ|無音|休符|咳|舌打ち|リップノイズ|换气|換氣|吸气|"
    "吸氣|噪音|杂音|静音|靜音|숨|숨소리|들숨|날숨|호흡|잡음|무음)(息|吸|吐|い|い息|う|く|き|継ぎ|音|大|小|長|短|弱|強)?"
)
SAMPLES = re.compile(r"sample|demo|サンプル|デモ|試聴|试听|샘플")  # songs and greetings, no entry in oto.ini
REST = "R"  # capital: a small one is a consonant
MOST_AFFIXED = 0.8  # of a folder's aliases have one prefix or suffix: it is a subbank
SHOWN = 6  # names in a line


def note(folder: DataFolder, keep_noises: bool) -> None:
    """Understand the bank in folder.wavs, keep that as bank.json, and print it in five lines."""
    texts = bank_texts.read(folder.wavs)
    folder.drop_json(BANK)
    if not texts.is_bank and not texts.terms:
        return
    paths = [path.relative_to(folder.wavs).as_posix() for path in folder.files.values()]
    left_out = [path for path in paths if not is_voice(PurePosixPath(path), texts)]
    if keep_noises or not texts.is_bank or len(left_out) == len(paths):  # a bank of breaths is one on purpose
        left_out = []
    about = {**texts.about, "terms": texts.terms, "terms_file": texts.terms_file}
    folder.write_json(BANK, {"left_out": left_out, "takes": _takes(folder, texts), **about})
    folder.forget_files()
    for line in lines(folder, texts, len(paths)):
        print(printable(readable(line)))


def is_voice(path: PurePosixPath, texts: Texts) -> bool:
    """Whether a recording is voice: one of its aliases in oto.ini is, or its name where it has none."""
    key = path.with_suffix("")
    aliases = texts.aliases.get(fold(key.as_posix()))
    if not aliases:
        return not (_is_noise(key.name, texts) or SAMPLES.search(key.name.lower()))
    return not all(_is_noise(alias, texts) for alias in aliases)


def _is_noise(alias: str, texts: Texts) -> bool:
    """Whether an alias names a breath, a pause or a noise; "a R" is the end of a vowel, and voice."""
    alias = unicodedata.normalize("NFKC", without_affix(alias, texts)).strip(" _-・~.*")
    words = [word for word in re.split(r"[\W\d_]+", alias) if word]
    if not words:
        return False
    return all(word == REST or WORDS.fullmatch(word.lower()) or LETTERS.fullmatch(word) for word in words)


def without_affix(alias: str, texts: Texts) -> str:
    """An alias without the prefix or suffix that prefix.map or character.yaml gives its pitch or colour."""
    for affix in sorted(texts.affixes, key=len, reverse=True):
        if len(alias) > len(affix) and alias.endswith(affix):
            return alias[: -len(affix)]
        if len(alias) > len(affix) and alias.startswith(affix):
            return alias[len(affix) :]
    return alias


def subbanks(texts: Texts) -> set[str]:
    """Folders with an oto.ini nearly all of whose aliases have one of the bank's prefixes or suffixes."""
    found = set()
    for folder in texts.folders - {""}:
        below = [fold(f"{folder}/")]
        aliases = [a for key, own in texts.aliases.items() if key.startswith(below[0]) for a in own]
        affixed = sum(without_affix(alias, texts) != alias for alias in aliases)
        if aliases and affixed >= MOST_AFFIXED * len(aliases):
            found.add(folder)
    return found


def _takes(folder: DataFolder, texts: Texts) -> dict[str, str]:
    """{key: prompt} where the bank's texts say more of prompts than names do."""
    if not texts.affixes:
        return {}
    banks = {fold(place) for place in subbanks(texts)}
    reduced = {}
    for key in folder.files:
        parts = key.split("/")
        kept = [p for n, p in enumerate(parts[:-1], 1) if fold("/".join(parts[:n])) not in banks]
        own = texts.aliases.get(fold(key), ())
        stem = parts[-1]
        if own and all(without_affix(alias, texts) != alias for alias in own):
            stem = without_affix(stem, texts).rstrip(" _-") or stem
        reduced[key] = "/".join([*kept, stem])
    if len(set(reduced.values())) < 2:
        return {}
    prompts, plain = prompts_of(reduced.values()), prompts_of(folder.files)
    return {key: prompts[take] for key, take in reduced.items() if prompts[take] != plain[key]}


def card_of(folder: DataFolder) -> dict[str, str]:
    """What a voice card says of the bank its voice was trained on; empty for no bank."""
    about = folder.read_json(BANK) or {}
    names = ("name", "author", "voice", "web", "terms", "terms_file")
    return {name: about[name] for name in names if about.get(name)}


def lines(folder: DataFolder, texts: Texts, count: int) -> list[str]:
    """What was understood, in five lines."""
    kept = folder.read_json(BANK)
    left_out = kept["left_out"]
    prompts = {kept["takes"].get(key, prompt) for key, prompt in prompts_of(folder.files).items()}
    people = (("author", "by"), ("voice", "voice"))
    by = "".join(f", {what} {kept[key]}" for key, what in people if key in kept)
    read = ", ".join(sorted(encodings.title(name) for name in texts.encodings)) or "ASCII"
    noises = f"; left out as breath, noise or sample: {_some(left_out)}" if left_out else ""
    without = sum(fold(key) not in texts.aliases for key in folder.files) if texts.folders else 0
    unlisted = f", {without} recordings without an entry" if without else ""
    affixes = f"; prefixes and suffixes: {_some(sorted(texts.affixes))}" if texts.affixes else ""
    conditions = "no file with terms found"
    if kept["terms"]:
        conditions = f"{kept['terms_file']}: {terms.in_short(kept['terms'])}"
    return [
        f"{folder.root}: {'a bank' if texts.is_bank else 'recordings'}, {kept.get('name', 'no name')}{by}",
        f"  texts: {_files(texts)}, read as {read}{unlisted}",
        f"  voice: {count - len(left_out)} of {count} recordings{noises}",
        f"  prompts: {len(prompts)}, of which all takes go to one side of the split{affixes}",
        f"  terms: {conditions}",
    ]


def _files(texts: Texts) -> str:
    parts = {f"{len(texts.folders)} oto.ini": texts.folders, "a character file": texts.about}
    parts["prefix.map"] = texts.affixes
    return ", ".join(name for name, there in parts.items() if there) or "no oto.ini or character file"


def _some(found: list[str]) -> str:
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(found[:SHOWN]) + more
