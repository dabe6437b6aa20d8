"""Official files are the ones they were: digests, kept and given, and addresses that nobody can forge."""

import hashlib

import pytest
from official_server import BODY, assert_one_sentence, register

from checkpoints import official
from common.cli import UserError

pytest_plugins = ("official_server",)


def found_digest(file) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_file_that_is_found_is_hashed_each_time(place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    (out / "official").mkdir(parents=True)
    (out / "official" / file).write_bytes(BODY)
    assert official.find("synthetic", out=out) == out / "official" / file
    (out / "official" / file).write_bytes(BODY[:-1])
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=out)
    assert_one_sentence(error, out / "official" / file, "is damaged or another file", "; delete it")


def test_another_file_with_the_same_eight_digits_is_refused_after_the_first_use(place, monkeypatch):
    cache, out = place
    monkeypatch.setattr(official.OfficialFile, "sha256_prefix", "")  # as if both began alike
    file = register(monkeypatch)
    out.mkdir()
    (out / file).write_bytes(BODY)
    official.find("synthetic", out=out)
    pin = cache / f"{file}.sha256"
    assert pin.read_text(encoding="utf-8") == f"{found_digest(out / file)}  {file}\n"
    (out / file).write_bytes(b"forged")
    for folder in (out, cache):  # wherever it is found
        (folder / file).write_bytes(b"forged")
        with pytest.raises(UserError) as error:
            official.find("synthetic", out=out)
        assert_one_sentence(error, folder / file, "another file than the one that was used before", pin)
        (folder / file).unlink()


def test_a_whole_digest_that_is_given_is_required(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    digest = hashlib.sha256(BODY).hexdigest()
    forged = digest[:8] + "0" * 56
    monkeypatch.setenv("HUBERT_PITDYN_SHA256", f"{'1' * 64}, {forged}")
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=out)
    assert_one_sentence(error, forged, digest[:8])
    monkeypatch.setenv("HUBERT_PITDYN_SHA256", digest.upper())
    assert official.find("synthetic", out=out) == cache / file
    monkeypatch.setenv("HUBERT_PITDYN_SHA256", digest[:-1])
    with pytest.raises(UserError, match="expected digests of 64 hex digits"):
        official.find("synthetic", out=out)


@pytest.mark.parametrize("mirror", ["http://127.0.0.1:9/", "ftp://127.0.0.1:9/", "file:///etc/"])
def test_addresses_without_tls_are_refused(place, monkeypatch, mirror):
    monkeypatch.delenv("HUBERT_PITDYN_ALLOW_HTTP")
    monkeypatch.setenv("HUBERT_PITDYN_MIRROR", mirror)
    register(monkeypatch)
    with pytest.raises(UserError) as error:
        official.find("synthetic", out=place[1])
    assert_one_sentence(error, mirror, "expected an https address", "HUBERT_PITDYN_ALLOW_HTTP=1")


def test_redirections_are_held_to_the_same(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    server.files["/moved"] = BODY
    for target in ("ftp://127.0.0.1:9/x", "file:///etc/passwd"):
        server.elsewhere[f"/{file}"] = target
        with pytest.raises(UserError) as error:
            official.find("synthetic", out=out)
        assert target in str(error.value) and not (cache / file).exists()
    server.elsewhere[f"/{file}"] = server.url + "moved"
    handler = official._SafeRedirects()
    monkeypatch.delenv("HUBERT_PITDYN_ALLOW_HTTP")
    with pytest.raises(UserError, match="expected an https address"):
        handler.redirect_request(None, None, 302, "", {}, server.url + "moved")
    monkeypatch.setenv("HUBERT_PITDYN_ALLOW_HTTP", "1")
    assert official.find("synthetic", out=out).read_bytes() == BODY


def test_a_download_without_end_is_broken_off(server, place, monkeypatch):
    cache, out = place
    file = register(monkeypatch)
    server.files[f"/{file}"] = BODY
    monkeypatch.setattr(official, "MOST_BYTES", len(BODY) - 1)
    with pytest.raises(UserError, match="it is longer than"):
        official.find("synthetic", out=out)
    assert list(cache.iterdir()) == []
