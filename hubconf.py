"""Entry points of torch.hub: torch.hub.load("path/to/hubert-pitdyn", "voice", "kathleen", source="local")."""

from pathlib import Path

dependencies = ["torch", "numpy", "scipy", "soundfile", "safetensors"]


def voice(name: str = "kathleen", **options):
    """A VoiceConverter of a voice in this folder's out/, of a voice's zip, or of user/repo on the hub.

    options: dataset, content, vocoder, device and pitdyn, as `VoiceConverter.load` takes them. Its
    `convert(wav, sample_rate, transpose=5)` gives float32 [S] at its `rate`.
    """
    from conversion.converter import VoiceConverter

    return VoiceConverter.load(name, out=Path(__file__).resolve().parent / "out", **options)
