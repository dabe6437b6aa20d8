"""Which file plays the content encoder: the preset decides where a dataset has none of its own."""

import pytest

from checkpoints import official, pipeline
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
    touch(out / "demo" / "hubert-soft" / pipeline.BEST)
    return out


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_shipped_encoder_is_none_of_a_preset_that_takes_the_official_one(out):
    assert pipeline.content_path(OFFICIAL, "songs", out=out).name == official.FILES["hubert-soft"].file
    assert pipeline.content_path(TRAINED, "songs", out=out) == out / "demo" / "hubert-soft" / pipeline.BEST


def test_a_datasets_own_encoder_comes_first_and_one_given_before_it(out, tmp_path):
    own, given = touch(out / "songs" / "hubert-soft" / pipeline.BEST), touch(tmp_path / "ours.pt")
    for config in (OFFICIAL, TRAINED):
        assert pipeline.content_path(config, "songs", out=out) == own
        assert pipeline.content_path(config, "songs", given, out) == given
        assert pipeline.content_path(config, "demo", out=out) == out / "demo" / "hubert-soft" / pipeline.BEST


def test_where_there_is_no_encoder_the_command_that_trains_one_is_named(out):
    (out / "demo" / "hubert-soft" / pipeline.BEST).unlink()
    with pytest.raises(UserError, match="--embds_dn units data/songs"):
        pipeline.content_path(TRAINED, "songs", out=out)
