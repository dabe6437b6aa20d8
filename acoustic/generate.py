"""Fast autoregressive decoding of the acoustic model.

Stepping nn.LSTM frame by frame repacks some 50 MB of weights per frame. Here they are arranged once per call:
- the encoder's share of the first LSTM's input is projected for all frames in one product;
- input and recurrent weights of each LSTM become one matrix, its two biases one vector;
- `proj` has no bias, and no nonlinearity stands between it and the mel prenet's first layer, so their product
  feeds the next step directly, and the mel itself is one product after the loop.
Nothing is kept between calls, so a training step or a loaded state can never leave outdated weights.
"""

from collections.abc import Callable

import torch
from torch import nn

from common.devices import at_most_threads

Affine = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

# Multiply-adds of one step that repay one CPU thread. One item at the official size has 14 million: a second
# thread saved a fifth of its time on an idle machine, but on a busy one, where every product waits for the
# slower thread, it took up to ten times as long. Four items at once repay two threads.
WORK_PER_THREAD = 8_000_000


State = dict[str, torch.Tensor]  # previous features, hidden and cell states, [B, lstm_dim] each


def decode(decoder: nn.Module, encoded: torch.Tensor, state: State | None = None) -> torch.Tensor:
    """Encoder frames [B, T, conv_dim] to log-mel [B, T, n_mels]; the first previous frame is zeros.

    state: where the frames before these left off, {} at the beginning; it is brought up to date.
    """
    with torch.autocast(encoded.device.type, enabled=False):
        weight = decoder.proj.weight
        return _run(decoder, encoded.to(weight.dtype), {} if state is None else state) @ weight.t()


def _run(decoder: nn.Module, encoded: torch.Tensor, state: State) -> torch.Tensor:
    """The features [B, T, lstm_dim] that `proj` turns into mel frames."""
    batch, frames, conv_dim = encoded.shape
    first, second = decoder.prenet.net[0], decoder.prenet.net[3]
    feedback = _affine(batch, first.weight @ decoder.proj.weight)
    prenet = _affine(batch, second.weight)
    lstm1 = _Cell(decoder.lstm1, batch, skip=conv_dim)
    lstm2, lstm3 = _Cell(decoder.lstm2, batch), _Cell(decoder.lstm3, batch)
    # Time comes first, so that the rows of one step are contiguous.
    projected = encoded.transpose(0, 1) @ decoder.lstm1.weight_ih_l0[:, :conv_dim].t() + lstm1.bias
    outputs = encoded.new_empty(frames, batch, decoder.proj.in_features)
    cells = {"1": lstm1, "2": lstm2, "3": lstm3}
    for name, cell in cells.items():
        cell.hidden = state.get(f"hidden{name}", cell.hidden)
        cell.cell = state.get(f"cell{name}", cell.cell)
    previous = state.get("previous", encoded.new_zeros(batch, decoder.proj.in_features))
    work = batch * sum(parameter.numel() for parameter in decoder.parameters())
    with at_most_threads(max(1, work // WORK_PER_THREAD)):
        for gates, output in zip(projected.unbind(), outputs.unbind(), strict=True):
            x = prenet(feedback(previous, first.bias).relu_(), second.bias).relu_()
            x = lstm1.step(x, gates)
            x = x + lstm2.step(x, lstm2.bias)
            previous = torch.add(x, lstm3.step(x, lstm3.bias), out=output)
    state["previous"] = previous
    for name, cell in cells.items():
        state |= {f"hidden{name}": cell.hidden, f"cell{name}": cell.cell}
    return outputs.transpose(0, 1)


class _Cell:
    """One LSTM layer stepped frame by frame with a single matrix [W_ih | W_hh] and its own state."""

    def __init__(self, lstm: nn.LSTM, batch: int, skip: int = 0):
        """Fuse the weights, leaving out the first `skip` inputs, whose share the caller adds to the bias."""
        self.affine = _affine(batch, lstm.weight_ih_l0[:, skip:], lstm.weight_hh_l0)
        self.bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
        self.hidden = self.bias.new_zeros(batch, lstm.hidden_size)
        self.cell = self.bias.new_zeros(batch, lstm.hidden_size)

    def step(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """One frame: input x [B, dim], bias [4H] or [B, 4H], to the new hidden state [B, H]."""
        gates = self.affine(torch.cat((x, self.hidden), dim=1), bias)
        size = self.cell.shape[1]
        into, forget = gates[:, : 2 * size].sigmoid_().chunk(2, dim=1)
        self.cell.mul_(forget).addcmul_(into, gates[:, 2 * size : 3 * size].tanh_())
        self.hidden = torch.tanh(self.cell).mul_(gates[:, 3 * size :].sigmoid_())
        return self.hidden


def _affine(batch: int, *blocks: torch.Tensor) -> Affine:
    """The function (x [B, in], bias [out] or [B, out]) -> x @ weight.T + bias.

    weight [out, in] is the blocks side by side. A single row is fastest as a product with the transposed
    matrix. For more rows oneDNN's packed layout takes about half the time of that product; it exists for fp32
    on the CPU of most builds.
    """
    like, widths = blocks[0], [block.shape[1] for block in blocks]
    if batch > 1 and like.device.type == "cpu" and like.dtype == torch.float32:
        try:
            packed = torch.ops.mkldnn._reorder_linear_weight(torch.cat(blocks, dim=1), batch)
            linear = torch.ops.mkldnn._linear_pointwise
            linear(like.new_zeros(batch, sum(widths)), packed, None, "none", [], "")
        except (AttributeError, RuntimeError):
            pass
        else:
            return lambda x, bias: linear(x, packed, None, "none", [], "").add_(bias)
    weight = like.new_empty(sum(widths), like.shape[0])
    # Copied piece by piece: torch.cat of transposed pieces takes three times as long.
    for rows, block in zip(weight.split(widths), blocks, strict=True):
        rows.copy_(block.t())
    return lambda x, bias: torch.addmm(bias, x, weight)
