"""Rows above 8 kHz for a voice of 16 kHz, without a training: by least squares, in a minute or two.

    python preprocess.py hana --mel --config configs/wide.toml
    python -m tools.add_highs out/hana/acoustic/model-best.pt data/hana out/hana-wide/acoustic/model-best.pt

The 128 rows stay what they are. The new ones become a linear map of what the model's last layer is given,
the one that comes nearest to the recordings in the data folder. A training (train_acoustic.py --refine) does
better.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from common import cli

if TYPE_CHECKING:
    import numpy as np

    from acoustic.model import AcousticModel
    from bands import Band
    from preprocessing.data_folder import DataFolder

RIDGE = 1e-3  # of the features' mean power: what is added to each, so that none is trusted too far
DECIBELS = 8.685889638  # of one neper, a mel's unit


def features(model: AcousticModel, units: np.ndarray) -> np.ndarray:
    """What the last layer is given of units [N, in_dim], and a constant: float64 [T, conv_dim + 1]."""
    import numpy as np
    import torch

    from acoustic.model import UPSAMPLING, valid_mask

    given = torch.from_numpy(np.asarray(units, dtype=np.float32)).unsqueeze(0)
    with torch.inference_mode():
        encoded = model.encoder(given, valid_mask(given))
        found = model.decoder.features(encoded, given.new_ones(1, UPSAMPLING * given.shape[1], 1))[0]
    return np.pad(found.double().numpy(), ((0, 0), (0, 1)), constant_values=1.0)


class Fit:
    """Sums of a ridge regression for each row, of recordings that reach different numbers of rows."""

    def __init__(self, dim: int, rows: int) -> None:
        import numpy as np

        self.squares = np.zeros((rows + 1, dim, dim))  # of recordings that reach so many rows
        self.products = np.zeros((rows + 1, dim, rows))

    def add(self, given: np.ndarray, wanted: np.ndarray, rows: int) -> None:
        """given [T, dim]; wanted [T, rows of the band], of which the first `rows` count."""
        self.squares[rows] += given.T @ given
        self.products[rows, :, :rows] += given.T @ wanted[:, :rows]

    def solved(self) -> np.ndarray:
        """Weights [rows reached, dim] with the constant last, which is not held back."""
        import numpy as np

        reached = max((n for n, square in enumerate(self.squares) if square.any()), default=0)
        weights = []
        for row in range(reached):
            square, product = self.squares[row + 1 :].sum(0), self.products[row + 1 :, :, row].sum(0)
            held = np.full(len(square), RIDGE * np.trace(square) / len(square))
            held[-1] = 0.0
            weights.append(np.linalg.solve(square + np.diag(held), product))
        return np.array(weights).reshape(reached, -1)


def fitted(model: AcousticModel, folder: DataFolder, band: Band) -> np.ndarray:
    """Weights [rows reached, conv_dim + 1] by the training recordings and their copies."""
    from audio import MEL_MEAN, MEL_STD
    from common import progress
    from preprocessing.wide_folder import WideFolder

    wide, fit = WideFolder(folder, band), Fit(model.decoder.proj.in_features + 1, band.high_bands)
    for key in progress.each(folder.split("train", "highs"), "highs"):
        if folder.has("units-pitdyn", key):
            wanted = (wide.highs(key).T - MEL_MEAN) / MEL_STD
            fit.add(features(model, folder.read("units-pitdyn", key)), wanted, wide.rows(key))
    return fit.solved()


def error_db(model: AcousticModel, folder: DataFolder, band: Band) -> float:
    """RMS difference in dB of the rows above 8 kHz on the validation recordings, in the rows they reach."""
    import numpy as np
    import torch

    from audio import N_MELS
    from preprocessing.wide_folder import WideFolder

    wide, total, count = WideFolder(folder, band), 0.0, 0
    for key in folder.split("val", "highs"):
        rows = slice(0, wide.rows(key))
        units = torch.from_numpy(folder.read("units-pitdyn", key)).float().unsqueeze(0)
        made = model.generate(units)[0, :, N_MELS:].T.numpy()[rows]
        total, count = total + float(np.square(made - wide.highs(key)[rows]).sum()), count + made.size
    return DECIBELS * float(np.sqrt(total / max(1, count)))


def widened(checkpoint: dict, model: AcousticModel, band: Band, weights: np.ndarray) -> dict[str, Any]:
    """The checkpoint of a voice of 16 kHz with these rows above; rows beyond them are silent."""
    import torch

    from acoustic.model import AcousticModel
    from acoustic.widen import silence_from, widen
    from audio import N_MELS

    sizes = {**checkpoint["config"]["model"], **band.sizes}
    wide, rows = AcousticModel(**sizes), slice(N_MELS, N_MELS + len(weights))
    wide.load_state_dict(widen(model.state_dict(), band.high_bands))
    silence_from(wide, len(weights))
    with torch.no_grad():
        wide.decoder.proj.weight[rows] = torch.from_numpy(weights[:, :-1]).float()
        wide.decoder.proj.bias[rows] = torch.from_numpy(weights[:, -1]).float()
    toml = checkpoint["config"]["toml"]
    config = {"model": sizes, "toml": {**toml, "audio": {**toml["audio"], **band.sizes}}}
    card = {**checkpoint["card"], "rate": band.rate, "high": len(weights)}
    kept = {name: value for name, value in checkpoint.items() if name != "training"}
    return {**kept, "config": config, "card": card, "model": wide.state_dict()}


def band_of(folder: DataFolder, level_db: float) -> Band:
    """That of the mels above 8 kHz in a data folder. UserError where there are none, or at another level."""
    from bands import Band

    about = folder.read_json("highs.json")
    if about is None or about["level_db"] != level_db:
        found = "none" if about is None else f"some at {about['level_db']:g} dB"
        raise cli.UserError(
            f"{folder.root / 'highs.json'}: expected mels above 8 kHz at {level_db:g} dB, the voice's level, "
            f"found {found}; make them: python preprocess.py {folder.name} --mel --config configs/wide.toml"
        )
    return Band.of(about)


def main() -> int:
    parser = cli.Parser(doc=__doc__)
    parser.add_argument("voice", type=cli.path, help="acoustic model of 16 kHz, with the parallel decoder")
    parser.add_argument("data", type=cli.path, help="data/<name> with its units and with mels above 8 kHz")
    parser.add_argument("out", type=cli.path, help="file to write")
    args = parser.parse_args()
    from checkpoints import models, store
    from preprocessing.data_folder import DataFolder
    from training.vocoder import units_for

    checkpoint, folder = store.load(args.voice, state=False), DataFolder(args.data)
    model = models.load_acoustic(args.voice, checkpoint)
    if model.band.is_wide or not model.parallel:
        raise cli.UserError(
            f"{args.voice}: expected a voice of 16 kHz with a parallel decoder, found {model.kind}, "
            f"{model.band.words} above 8 kHz; train it with --config configs/wide.toml"
        )
    units_for(args.voice, checkpoint, folder)
    band = band_of(folder, checkpoint["config"]["toml"]["audio"]["level_db"])
    made = widened(checkpoint, model, band, fitted(model, folder, band))
    store.save(args.out, made)
    error = error_db(models.load_acoustic(args.out), folder, band)
    rows = made["card"]["high"]
    print(f"{args.out}: {rows} rows above 8 kHz, {error:.1f} dB off on the validation recordings")
    return cli.DONE


if __name__ == "__main__":
    sys.exit(cli.run(main))
