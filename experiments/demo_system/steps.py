"""The table: each step with its command, what it needs and what it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from checkpoints.places import BEST, SHIPPED
from common.presets import hubert_sizes
from evaluation.whisper import PACKAGES
from experiments.demo_system.speakers import CORPUS, FIRST, PITCH, SEED, SOUND, SPEAKERS, SPLIT, Voice

# Label models and the vocoder begin from these, where the preset says so.
BEGIN = Path("out") / SHIPPED
SOUNDS = ("--shifted", "900", "--whispers", "200", "--singer", "1800", "--breaths", "200")
APART = ("--recordings", "210", "--copies", "1")  # the speaker out of the units: docs/encoders.md
WHOLE = 2048  # hidden units in a feed-forward layer of Whisper base
CLASSES = ("--clusters", "500", "--fit_frames", "300000")
WHISPER = ("ctranslate2", *PACKAGES)


@dataclass(frozen=True)
class Step:
    """One row of the table.

    command: a script or tool of the project and its options; makes: files or folders by which it is known
    to be done; hours: about how long on two cores; after: steps whose work it needs; reads: tables of the
    preset that change it; speakers: rows whose recordings it reads; run: folder of a training, which is
    resumed; stops: whether it can be stopped and resumed at all; ships: whether its file is a result;
    between: whether that is for other steps alone; begins: whether it only keeps a model that was there
    before; packages: modules that it needs besides requirements.txt.
    """

    name: str
    command: tuple[str, ...]
    makes: tuple[Path, ...]
    hours: float
    after: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    speakers: tuple[str, ...] = ()
    run: Path | None = None
    stops: bool = True
    ships: bool = False
    between: bool = False
    begins: bool = False
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Where everything lies. data: below data/; out: below out/; preset: what the file `config` says;
    speakers: names of the rows that are taken; manifest: CSV (path, prompt) beside the links, or none."""

    wavs: Path
    data: Path
    out: Path
    config: Path
    preset: dict = field(hash=False)
    speakers: tuple[str, ...]
    manifest: Path | None = None

    def folder(self, name: str) -> Path:
        return self.data / name

    def name(self, folder: str) -> str:
        """A data folder as preprocess.py takes it."""
        return self.folder(folder).relative_to("data").as_posix()

    def links(self, folder: str) -> Path:
        """The recordings of a data folder: links into WAVS."""
        return self.data / "recordings" / folder

    @property
    def dataset(self) -> str:
        """The encoders, as preprocess.py --encode takes them."""
        return (self.out / SHIPPED).relative_to("out").as_posix()

    def run(self, name: str) -> Path:
        return self.out / "runs" / name

    def shipped(self, *place: str) -> Path:
        return self.out.joinpath(*place, BEST)

    def voice(self, name: str) -> Path:
        """A voice without its breath, which needs the vocoder, and that the first voice."""
        return self.run(f"{name}-weights") / "acoustic" / BEST

    def of(self, folder: str) -> tuple[str, ...]:
        """Speakers whose recordings are in a data folder."""
        return tuple(name for name in self.speakers if folder in SPEAKERS[name].trains)

    def voices(self) -> dict[str, Voice]:
        return {name: SPEAKERS[name].voice for name in self.speakers if SPEAKERS[name].voice}


def steps_of(plan: Plan) -> list[Step]:
    """The whole table, in an order in which each step comes behind those that it needs."""
    return [
        *content(plan),
        *pitch(plan),
        *loudness(plan),
        *(step for name, voice in plan.voices().items() for step in acoustic(plan, name, voice)),
        *vocoder(plan),
        *(breath(plan, name) for name in plan.voices()),
    ]


def content(plan: Plan) -> Iterator[Step]:
    """The content encoder: from Whisper's where the preset has its front end, else by HuBERT's own recipe.

    With all of Whisper's hidden units it is fitted, and nothing of it is trained.
    """
    data, features = plan.folder(CORPUS), plan.folder("features")
    whisper = hubert_sizes(plan.preset, "units").get("front_end") == "log_mel"
    yield labels(plan, CORPUS, 0.5)
    if whisper:
        command = ("tools.whisper_features", *words(data, features))
        after = ("corpus-labels",)
        yield Step("content-features", command, (features,), 0.6, after, stops=False, packages=WHISPER)
    classes = ("preprocess.py", plan.name(CORPUS), "--discrete", *CLASSES, *config(plan))
    classes += ("--features", features.as_posix() if whisper else "mfcc")
    after = ("content-features",) if whisper else ("corpus-labels",)
    yield Step("content-classes", classes, (data / "units-discrete.json",), 0.1, after)
    sizes, fitted = ("hubert", "hubert.units"), whisper and hubert_sizes(plan.preset, "units")["ff"] == WHOLE
    name, hours, more = ("content", 0.4, APART) if fitted else ("content-start", 0.1, ())
    start, after = plan.run(name) / BEST, ("content-classes",)
    if whisper:
        command = ("tools.whisper_start", *words(data, start), *config(plan), *more)
        yield Step(name, command, (start,), hours, after, sizes, stops=False, packages=WHISPER[1:])
    if not fitted:
        command = hubert(plan, "units", CORPUS, "content")
        if whisper:
            command, after = (*command, "--warmstart", start.as_posix()), (*after, name)
        yield training(plan, "content", command, 1.2, after, (*sizes, "train.hubert", "train.units"))
    yield weights(plan, "content", SHIPPED, "hubert-soft", *(("--int8",) if fitted else ()))


def pitch(plan: Plan) -> Iterator[Step]:
    """The pitch encoder: recordings, then sounds of known F0 made of them, then the training on both."""
    data, sounds = plan.folder(PITCH), plan.links(PITCH) / "made"
    yield labels(plan, PITCH, 0.6)
    command = ("tools.pitch_material", *words(data, sounds), *SOUNDS)
    yield Step("pitch-sounds", command, (sounds,), 0.4, ("pitch-labels",))
    command = ("preprocess.py", plan.name(PITCH), "--pitdyn", *config(plan))
    yield Step("pitch-sound-labels", command, (data / "stats.json",), 0.2, ("pitch-sounds",), ("labels.pit",))
    command, after = hubert(plan, "pits", PITCH, "pitch"), ("pitch-sound-labels",)
    if plan.preset["train"].get("pits", {}).get("keep_embedding"):
        yield (first := begin(plan, "pitch", "hubert-pit"))
        command, after = (*command, *warmstart(first)), (*after, first.name)
    reads = ("hubert", "hubert.pits", "train.hubert", "train.pits")
    yield training(plan, "pitch", command, 5.0, after, reads)
    yield weights(plan, "pitch", SHIPPED, "hubert-pit")


def loudness(plan: Plan) -> Iterator[Step]:
    """The loudness model: a light head on the pitch encoder that ships."""
    command = hubert(plan, "dyns", PITCH, "loudness")
    command += ("--trunk", "pits", "--content", plan.shipped(SHIPPED, "hubert-pit").as_posix())
    after: tuple[str, ...] = ("pitch-sound-labels", "pitch-weights")
    if plan.preset["train"]["head"]["keep_embedding"]:
        yield (first := begin(plan, "loudness", "hubert-dyn"))
        command, after = (*command, *warmstart(first)), (*after, first.name)
    yield training(plan, "loudness", command, 1.0, after, ("head", "train.head"))
    yield weights(plan, "loudness", SHIPPED, "hubert-dyn")


def acoustic(plan: Plan, name: str, voice: Voice) -> Iterator[Step]:
    """A voice: its recordings with copies, their units, the acoustic model.

    One that begins from another is trained beside that one's speech: a bank of one language lacks phones.
    """
    data, mels, units = plan.folder(name), f"{name}-mels", f"{name}-units"
    command = ("preprocess.py", plan.name(name), "--wavs", (plan.links("voices") / voice.folder).as_posix())
    command += ("--mel", *prompts(plan), *voice.split, *config(plan), "--augment_pitch", voice.semitones)
    command += ("--augment_gain", "6", "--augment_copies", voice.copies)
    part = voice.hours / 5
    yield Step(mels, command, (data / "mels.json",), part, (), ("audio", "labels.pit"), (name,))
    command = ("preprocess.py", plan.name(name), "--encode", plan.dataset, *config(plan))
    encoders = ("content-weights", "pitch-weights", "loudness-weights")
    yield Step(units, command, (data / "encoder.json",), part, (mels, *encoders), ("content",))
    command, after = (
        ("train_acoustic.py", *words(data, plan.run(name)), *config(plan), "--seed", SEED),
        [units],
    )
    if voice.begins:
        command += ("--resume", *words(plan.voice(voice.begins)), "--refine")
        command += ("--beside", plan.folder(voice.begins).as_posix())
        after += [f"{voice.begins}-units", f"{voice.begins}-weights"]
    yield training(plan, name, command, voice.hours - 2 * part, tuple(after), ("acoustic", "train.acoustic"))
    made = plan.voice(name)
    command = (
        "tools.export_weights",
        *words(plan.run(name) / BEST, made),
        "--voice",
        name,
        "--dataset",
        SHIPPED,
    )
    yield Step(f"{name}-weights", command, (made,), 0.0, (name,), stops=False, ships=True, between=True)


def breath(plan: Plan, name: str) -> Step:
    """The voice that ships: with the breath in its card that the vocoder leaves out."""
    made = plan.shipped(name, "acoustic")
    command = (
        "tools.voice_breath",
        plan.run(f"{name}-weights").relative_to("out").as_posix(),
        *words(plan.folder(name)),
    )
    command += ("--dataset", plan.dataset, "--out", made.as_posix())
    after = (f"{name}-weights", "vocoder-weights")
    return Step(
        f"{name}-breath", command, (made,), 0.05, after, stops=False, ships=True, packages=("pyworld",)
    )


def vocoder(plan: Plan) -> Iterator[Step]:
    """The vocoder on everybody's recordings, then on what the first voice's acoustic model predicts."""
    data, kind = plan.folder(SOUND), f"vocoder.{plan.preset['vocoder']['generator']}"
    reads = ("audio", "vocoder", kind, "vocoder.discriminators", "train.vocoder")
    command = ("preprocess.py", plan.name(SOUND), "--wavs", plan.links(SOUND).as_posix(), "--mel")
    command += (*prompts(plan), *SPLIT, *config(plan))
    yield Step("sound-mels", command, (data / "mels.json",), 0.2, (), ("audio",), plan.of(SOUND))
    yield f0(plan, SOUND, "sound-mels")
    command = ("train_vocoder.py", *words(data, plan.run("vocoder")), *config(plan), "--seed", SEED)
    after: tuple[str, ...] = ("sound-labels",)
    if plan.preset["train"]["vocoder"]["low"] != "trained":
        yield (first := begin(plan, "vocoder", "hifigan"))
        command, after = (*command, *warmstart(first)), (*after, first.name)
    yield training(plan, "vocoder", command, 1.5, after, reads)
    yield f0(plan, FIRST, f"{FIRST}-mels")
    command = ("train_vocoder.py", *words(plan.folder(FIRST), plan.run("vocoder-fine")), *config(plan))
    command += ("--seed", SEED, "--warmstart", (plan.run("vocoder") / BEST).as_posix())
    command += ("--finetune", *words(plan.voice(FIRST)))
    after = ("vocoder", f"{FIRST}-labels", f"{FIRST}-units", f"{FIRST}-weights")
    yield training(plan, "vocoder-fine", command, 1.5, after, reads)
    yield weights(plan, "vocoder-fine", SHIPPED, "hifigan")


def f0(plan: Plan, folder: str, after: str) -> Step:
    """Pitch and loudness of recordings that a data folder has from another step."""
    command = ("preprocess.py", plan.name(folder), "--pitdyn", *config(plan))
    made, reads = (plan.folder(folder) / "stats.json",), ("labels.pit", "labels.dyn")
    return Step(f"{folder}-labels", command, made, 0.2, (after,), reads)


def labels(plan: Plan, folder: str, hours: float) -> Step:
    """Pitch and loudness of all recordings of a data folder, and its split."""
    command = ("preprocess.py", plan.name(folder), "--wavs", plan.links(folder).as_posix(), "--pitdyn")
    command += (*prompts(plan), *SPLIT, *config(plan))
    made, reads = (plan.folder(folder) / "stats.json",), ("labels.pit", "labels.dyn")
    return Step(f"{folder}-labels", command, made, hours, (), reads, plan.of(folder))


def begin(plan: Plan, name: str, model: str) -> Step:
    """A copy of the model that a training begins from: what ships may take its place meanwhile."""
    made = plan.run(f"{name}-begin") / BEST
    command = ("tools.export_weights", *words(BEGIN / model / BEST, made))
    return Step(f"{name}-begin", command, (made,), 0.0, stops=False, begins=True)


def warmstart(first: Step) -> tuple[str, str]:
    """Option of a training that begins from what another step made."""
    return "--warmstart", first.makes[0].as_posix()


def hubert(plan: Plan, kind: str, folder: str, name: str) -> tuple[str, ...]:
    """A training of an encoder, before what is its own."""
    command = ("train_hubert.py", "--embds_dn", kind, *words(plan.folder(folder), plan.run(name)))
    return (*command, *config(plan), "--seed", SEED)


def training(
    plan: Plan, name: str, command: tuple[str, ...], hours: float, after: tuple[str, ...], reads: tuple
) -> Step:
    out = plan.run(name)
    return Step(name, command, (out / BEST,), hours, after, reads, run=out)


def weights(plan: Plan, name: str, *place: str) -> Step:
    """The file that ships of a training. place: its folders below OUT, then options of the tool."""
    folder, model, *options = place
    made = plan.shipped(folder, model)
    command = ("tools.export_weights", *words(plan.run(name) / BEST, made), *options)
    name_of_it = f"{name.removesuffix('-fine')}-weights"
    return Step(name_of_it, command, (made,), 0.0, (name,), stops=False, ships=True)


def config(plan: Plan) -> tuple[str, str]:
    return "--config", plan.config.as_posix()


def prompts(plan: Plan) -> tuple[str, ...]:
    return ("--prompts", plan.manifest.as_posix()) if plan.manifest else ()


def words(*paths: Path) -> tuple[str, ...]:
    return tuple(path.as_posix() for path in paths)
