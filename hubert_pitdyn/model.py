"""HuBERT with a label head: wav -> content, pitch or dynamics units. Sizes come from the constructor.

Letters: B batch, S samples (16 kHz), N units of 20 ms, C conv_dim, E dim, K classes, D unit_dim. Wavs are
[B, 1, S]; `lengths` [B] are samples of each item in a zero-padded batch (None: all full). Frames beyond
an item's length carry numbers without meaning; the others equal those of the item alone.

With the default sizes, names and numbers are those of the official hubert-soft and hubert-discrete models
(van Niekerk et al., "A Comparison of Discrete and Soft Speech Units", ICASSP 2022).

What is longer than 15 s goes through the transformer in windows that overlap, so that cost grows with length
and not with its square. A `Context` lets one window of a recording be computed by itself.

With the front end "log_mel" the network is the encoder of Whisper (Radford et al., 2022) up to its output,
so that it can begin from Whisper's weights as Soft-VC's begins from HuBERT's: two convolutions over a
log-mel, sinusoidal positions, and layers that normalise their input (as HuBERT Large's do), not their output.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hubert_pitdyn.attention_windows import WINDOW, cut_windows, join_windows
from hubert_pitdyn.front_ends import (
    NORMS,
    Context,
    FeatureExtractor,
    FeatureProjection,
    LogMelExtractor,
    PositionalEmbedding,
    SinusoidalPositions,
)
from hubert_pitdyn.masks import valid_frames

TEMPERATURE = 0.1  # of the cosine similarities
UNIT_KINDS = ("content", "label")
FRONT_ENDS = ("waveform", "log_mel")


class Hubert(nn.Module):
    """The network of the module docstring.

    unit_kind says what `units` are: "content" (the projected hidden state) or "label" (the expected label
    embedding under the predicted distribution). teacher_dim: width of the features that a linear map of the
    units is to give in training, 0 for none. front_end: "waveform" (HuBERT's) or "log_mel" (Whisper's, whose
    C is E; conv_dim, pos_kernel, pos_groups and norm are not of it). norm: after the first convolution, see
    FeatureExtractor. Raises ValueError for sizes that do not fit.
    """

    def __init__(
        self,
        classes: int = 100,
        dim: int = 768,
        conv_dim: int = 512,
        heads: int = 12,
        ff: int = 3072,
        layers: int = 12,
        pos_kernel: int = 128,
        pos_groups: int = 16,
        unit_dim: int = 256,
        dropout: float = 0.1,
        unit_kind: str = "content",
        pos_gelus: int = 1,
        teacher_dim: int = 0,
        front_end: str = "waveform",
        norm: str = "recording",
    ):
        super().__init__()
        if dim % heads or dim % pos_groups:
            raise ValueError(f"dim {dim} must be a multiple of heads {heads} and of pos_groups {pos_groups}")
        if front_end not in FRONT_ENDS:
            raise ValueError(f"front_end is one of {', '.join(FRONT_ENDS)}, found {front_end!r}")
        if unit_kind not in UNIT_KINDS:
            raise ValueError(f"unit_kind is one of {', '.join(UNIT_KINDS)}, found {unit_kind!r}")
        if norm not in NORMS:
            raise ValueError(f"norm is one of {', '.join(NORMS)}, found {norm!r}")
        self.unit_kind = unit_kind
        self.masked_spec_embed = nn.Parameter(torch.rand(dim))
        self.by_log_mel = front_end == "log_mel"
        self.conv_dim = dim if self.by_log_mel else conv_dim
        if self.by_log_mel:
            self.feature_extractor = LogMelExtractor(dim)
            self.feature_projection = nn.Identity()
            self.positional_embedding = SinusoidalPositions(WINDOW)
            self.norm = nn.Identity()
        else:
            self.feature_extractor = FeatureExtractor(conv_dim, norm)
            self.feature_projection = FeatureProjection(conv_dim, dim, dropout)
            self.positional_embedding = PositionalEmbedding(dim, pos_kernel, pos_groups, pos_gelus)
            self.norm = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)
        self.encoder = Encoder(dim, heads, ff, layers, dropout, norm_first=self.by_log_mel)
        self.proj = nn.Linear(dim, unit_dim)
        self.label_embedding = nn.Embedding(classes, unit_dim)
        if teacher_dim:
            self.teacher_head = nn.Linear(unit_dim, teacher_dim)

    def measure(self, wav: Tensor, left: int, right: int) -> Tensor | None:
        """See FeatureExtractor.measure."""
        return self.feature_extractor.measure(wav, left, right)

    def joined(self, one: Tensor | None, other: Tensor | None) -> Tensor | None:
        """See FeatureExtractor.joined."""
        return self.feature_extractor.joined(one, other)

    def measured(self, whole: Tensor | None) -> Tensor | None:
        """See FeatureExtractor.measured."""
        return self.feature_extractor.measured(whole)

    def features(self, wav: Tensor, lengths: Tensor | None = None, context: Context | None = None) -> Tensor:
        """wav [B, 1, S] -> output of the convolutions [B, N, C]; in a context without its neighbours'."""
        if context is None:
            return self.feature_extractor(wav, lengths)
        found = self.feature_extractor(wav, known=context.known[self])
        return found[:, context.left : found.shape[1] - context.right]

    def encode(
        self,
        wav: Tensor,
        lengths: Tensor | None = None,
        layer: int | None = None,
        mask: Tensor | None = None,
        context: Context | None = None,
    ) -> Tensor:
        """wav [B, 1, S] -> hidden state [B, N, E] after `layer` layers (0: their input, None: all).

        mask: bool [B, N], the frames hidden from the transformer.
        """
        conv = self.features(wav, lengths, context)
        x, valid, frames = self._embed(conv, lengths, mask, context)
        return join_windows(self.encoder(x, valid, layer), frames)

    def hidden(
        self, wav: Tensor, lengths: Tensor | None = None, context: Context | None = None
    ) -> tuple[Tensor, Tensor]:
        """wav [B, 1, S] -> conv output [B, N, C] and every hidden state [B, N, layers + 1, E]."""
        conv = self.features(wav, lengths, context)
        x, valid, frames = self._embed(conv, lengths, context=context)
        states = [join_windows(state, frames) for state in self.encoder.states(x, valid)]
        return conv, torch.stack(states, dim=2)

    def forward(
        self,
        wav: Tensor,
        lengths: Tensor | None = None,
        mask: Tensor | None = None,
        teacher: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """wav [B, 1, S] -> logits [B, N, K]: cosine similarities to the label embeddings / 0.1.

        With teacher, (logits, the estimate [B, N, teacher_dim] of the teacher's features).
        """
        units = self.proj(self.encode(wav, lengths, mask=mask))
        logits = self.logits_of(units)
        return (logits, self.teacher_head(units)) if teacher else logits

    def logits_of(self, units: Tensor) -> Tensor:
        """The logits [B, N, K] of projected hidden states [B, N, D]."""
        return label_logits(units, self.label_embedding.weight)

    def distribution(
        self, wav: Tensor, lengths: Tensor | None = None, context: Context | None = None
    ) -> Tensor:
        """wav [B, 1, S] -> probabilities of the classes [B, N, K]."""
        return self.logits_of(self.proj(self.encode(wav, lengths, context=context))).softmax(dim=-1)

    def units(self, wav: Tensor, lengths: Tensor | None = None, context: Context | None = None) -> Tensor:
        """wav [B, 1, S] -> units [B, N, D] of this model's unit_kind, float32 under autocast too."""
        if self.unit_kind == "label":
            return (self.distribution(wav, lengths, context) @ self.label_embedding.weight).float()
        return self.proj(self.encode(wav, lengths, context=context)).float()

    def _embed(
        self,
        conv: Tensor,
        lengths: Tensor | None,
        mask: Tensor | None = None,
        context: Context | None = None,
    ):
        """Conv output [B, N, C] -> transformer input [B, N, E], valid frames (bool [B, N] or None) and N.

        Long inputs are cut into windows, one item of the batch each; what has a context is one window.
        """
        frames = conv.shape[1]
        valid = valid_frames(lengths, conv.shape[1], conv.device)
        x = self.feature_projection(conv)
        if mask is not None:
            x = torch.where(mask.to(x.device).unsqueeze(-1), self.masked_spec_embed.to(x.dtype), x)
        if valid is not None:
            x = x * valid.unsqueeze(-1)  # as the positional convolution sees nothing after a lone item
        if context is None:
            x, valid = cut_windows(x, valid)
        x = x + self.positional_embedding(x)
        return self.dropout(self.norm(x)), valid, frames if context is None else None


def label_logits(units: Tensor, labels: Tensor) -> Tensor:
    """Cosine similarities of units [B, N, D] to label embeddings [K, D], over the temperature: [B, N, K]."""
    # fp32 under autocast too: bf16 rounds a cosine by up to .004, which is .04 in the logits.
    with torch.autocast(units.device.type, enabled=False):
        return (
            F.normalize(units.float(), dim=-1, eps=1e-8)
            @ F.normalize(labels, dim=-1, eps=1e-8).T
            / TEMPERATURE
        )


class Encoder(nn.Module):
    """A stack of transformer layers. norm_first: they normalise their input, and the last its output."""

    def __init__(self, dim: int, heads: int, ff: int, layers: int, dropout: float, norm_first: bool = False):
        super().__init__()
        make = PreNormLayer if norm_first else EncoderLayer
        self.layers = nn.ModuleList(make(dim, heads, ff, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(dim) if norm_first else nn.Identity()

    def states(self, x: Tensor, valid: Tensor | None = None, count: int | None = None) -> Iterator[Tensor]:
        """x [B, N, E], then its state [B, N, E] after each of the first `count` layers (None: all).

        valid: bool [B, N], the frames that may be attended to.
        """
        yield x
        for number, layer in enumerate(self.layers[:count], 1):
            x = layer(x, valid)
            yield self.norm(x) if number == len(self.layers) else x

    def forward(self, x: Tensor, valid: Tensor | None = None, layer: int | None = None) -> Tensor:
        """The last of `states` with so many layers. Raises ValueError for a layer out of range."""
        if layer is not None and not 0 <= layer <= len(self.layers):
            raise ValueError(f"layer {layer}: this model has the layers 0 to {len(self.layers)}")
        for state in self.states(x, valid, layer):
            last = state
        return last


class EncoderLayer(nn.Module):
    """Post-norm transformer layer with GELU, [B, N, E] -> [B, N, E]."""

    def __init__(self, dim: int, heads: int, ff: int, dropout: float):
        super().__init__()
        self.self_attn = SelfAttention(dim, heads, dropout)
        self.linear1 = nn.Linear(dim, ff)
        self.linear2 = nn.Linear(ff, dim)
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        x = self.norm1(x + self.dropout(self.self_attn(x, valid)))
        return self.norm2(x + self.feed_forward(x))

    def feed_forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.linear2(self.dropout(F.gelu(self.linear1(x)))))


class PreNormLayer(EncoderLayer):
    """The same parts, each of which normalises its input instead of the sum after it."""

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        x = self.attended(x, valid)
        return x + self.feed_forward(self.norm2(x))

    def attended(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        """The first half: x and what it heeds of the other frames."""
        return x + self.dropout(self.self_attn(self.norm1(x), valid))


class SelfAttention(nn.Module):
    """Scaled dot-product self-attention with the tensor names of nn.MultiheadAttention."""

    def __init__(self, dim: int, heads: int, dropout: float):
        super().__init__()
        self.heads = heads
        self.dropout = dropout
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * dim))
        self.out_proj = nn.Linear(dim, dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: Tensor, valid: Tensor | None = None) -> Tensor:
        batch, frames, dim = x.shape
        joint = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        query, key, value = joint.view(batch, frames, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if valid is None else valid[:, None, None],
            dropout_p=self.dropout if self.training else 0.0,
        )
        return self.out_proj(attended.transpose(1, 2).reshape(batch, frames, dim))
