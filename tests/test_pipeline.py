"""Which file plays the content encoder: the preset decides where a dataset has none of its own."""

import pytest
from checkpoint_files import tiny

from checkpoints import official, pipeline, places
from common.cli import UserError

TRAINED, OFFICIAL = ({"content": {"source": source}} for source in ("trained", "official"))


@pytest.fixture
def out(tmp_path, monkeypatch):
    """out/ of a fresh clone, and the official encoder in the cache."""
    cache, out = tmp_path / "cache", tmp_path / "out"
    monkeypatch.setenv("HUBERT_PITDYN_CACHE", str(cache))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    empty = official.OfficialFile("https://example.invalid/hubert-soft-e3b0c442.pt")  # of no bytes
    monkeypatch.setitem(official.FILES, "hubert-soft", empty)
    touch(cache / empty.file)
    touch(out / "demo" / "hubert-soft" / places.BEST)
    return out


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_shipped_encoder_is_none_of_a_preset_that_takes_the_official_one(out):
    assert pipeline.content_path(OFFICIAL, "songs", out=out).name == official.FILES["hubert-soft"].file
    assert pipeline.content_path(TRAINED, "songs", out=out) == out / "demo" / "hubert-soft" / places.BEST


def test_a_datasets_own_encoder_comes_first_and_one_given_before_it(out, tmp_path):
    own, given = touch(out / "songs" / "hubert-soft" / places.BEST), touch(tmp_path / "ours.pt")
    for config in (OFFICIAL, TRAINED):
        assert pipeline.content_path(config, "songs", out=out) == own
        assert pipeline.content_path(config, "songs", given, out) == given
        assert pipeline.content_path(config, "demo", out=out) == out / "demo" / "hubert-soft" / places.BEST


def test_where_there_is_no_encoder_the_command_that_trains_one_is_named(out):
    (out / "demo" / "hubert-soft" / places.BEST).unlink()
    with pytest.raises(UserError, match="--embds_dn units data/songs"):
        pipeline.content_path(TRAINED, "songs", out=out)


LABELS = {"pit": {"bins": 6, "unvoiced": True}, "dyn": {"bins": 7}}  # tiny models have seven classes
PRESET = {"content": {"source": "trained"}, "vocoder": {"source": "griffin_lim"}}


@pytest.fixture
def voice(tmp_path):
    """Writes a voice `hana`, made with the dataset `songs`, with changes to its parts; returns out/."""
    from checkpoints import hashes, models, store

    out = tmp_path / "out"

    def write(pit: dict | None = None, **card) -> object:
        encoders = {}
        for role, kind in (("content", "units"), ("pit", "pits"), ("dyn", "dyns")):
            labels = {**LABELS, **({"pit": pit} if role == "pit" and pit is not None else {})}
            path = out / "songs" / {"content": "hubert-soft"}.get(role, f"hubert-{role}") / places.BEST
            store.save(path, tiny(f"hubert-{kind}", labels=labels)[0])
            weights = hashes.state_hash(models.load_hubert(path).state_dict())
            encoders[role] = {"name": path.as_posix(), "hash": weights}
        data, _ = tiny("acoustic")
        data["config"] = {**data["config"], "toml": PRESET}
        data["card"] = {"dataset": "songs", "encoders": encoders, **card}
        store.save(out / "hana" / "acoustic" / places.BEST, data)
        return out

    return write


def test_the_dataset_is_the_one_on_the_voices_card(voice):
    from conversion.converter import VoiceConverter

    own = VoiceConverter.load("hana", out=voice())
    assert [part.classes for part in own.labels] == [7, 7] and own.card["dataset"] == "songs"
    with pytest.raises(UserError, match=r"other: no pitch and loudness models; .* --dataset songs"):
        VoiceConverter.load("hana", "other", out=voice())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dataset": None}, "dataset of its card is nothing, expected a name"),
        ({"dataset": "gone"}, "gone.*no pit model of dataset gone"),
        ({"encoders": {}}, "encoders it was made with does not match: expected none, found content dyn pit"),
        ({"encoders": None}, "encoders of its card is nothing, expected names and hashes"),
        ({"pit": {"bins": 200}}, "what its labels mean is damaged"),
        ({"pit": {"bins": "many"}}, "what its labels mean is damaged"),
        ({"pit": {"zzz": 1}}, "what its labels mean is damaged"),
        ({"pit": {"bins": 9}}, "expected as many classes as its labels have, 10, found 7"),
    ],
)
def test_parts_of_a_voice_that_are_damaged_are_named(voice, changes, says):
    from conversion.converter import VoiceConverter

    out = voice(**changes)
    with pytest.raises(UserError, match=says) as error:
        VoiceConverter.load("hana", out=out)
    assert places.BEST in str(error.value)


def test_a_label_model_that_stands_in_for_the_voices_own_is_taken(voice):
    from checkpoints import store
    from conversion.converter import VoiceConverter

    out = voice()
    trained = store.load(out / "hana" / "acoustic" / places.BEST)["card"]["encoders"]["pit"]["hash"]
    pit = out / "songs" / "hubert-pit" / places.BEST
    other, _ = tiny("hubert-pits", labels=LABELS)
    other["model"] = {name: tensor + 0.01 for name, tensor in other["model"].items()}
    store.save(pit, other)
    with pytest.raises(UserError, match="pit encoder"):
        VoiceConverter.load("hana", out=out)
    store.save(pit, {**other, "card": {"encoders": {}, "stands_in_for": [trained]}})
    assert VoiceConverter.load("hana", out=out).card["dataset"] == "songs"
