"""The residual block of the models that work at frame rate: the parallel decoder and the vocoders."""

from __future__ import annotations

from torch import Tensor, nn

KERNEL = 7  # frames
EXPANSION = 3


class Block(nn.Module):
    """A residual block as in ConvNeXt (Liu et al., CVPR 2022): [B, T, dim] -> [B, T, dim]."""

    def __init__(self, dim: int):
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, KERNEL, padding=KERNEL // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.wide = nn.Linear(dim, EXPANSION * dim)
        self.back = nn.Linear(EXPANSION * dim, dim)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """mask [B, T, 1] is 1 on valid frames; None when all are."""
        valid = x if mask is None else x * mask
        y = self.depthwise(valid.transpose(1, 2)).transpose(1, 2)
        return x + self.back(nn.functional.gelu(self.wide(self.norm(y))))


def reach(*modules: nn.Module) -> int:
    """Frames either side on which one has to do with its result, after all convolutions of these in turn."""
    convolutions = (layer for module in modules for layer in module.modules() if isinstance(layer, nn.Conv1d))
    return sum(layer.dilation[0] * (layer.kernel_size[0] - 1) // 2 for layer in convolutions)
