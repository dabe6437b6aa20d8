"""The chain of 2022 step by step, to compare speeds with: three networks in turn, nn.LSTM by frames."""

import torch

import audio


@torch.inference_mode()
def convert(converter, wav):
    """float32 [S] at 16 kHz -> [1, 1, S'], by the models of a converter with an autoregressive decoder."""
    prepared = audio.prepare(wav).wav
    batch = torch.from_numpy(audio.encoder_input(prepared))[None, None]
    encoder = converter.encoder
    units = [model.units(batch) for model in (encoder.content, encoder.pit, encoder.dyn)]
    return converter.vocoder(decoded(converter.acoustic, torch.cat(units, dim=-1)).transpose(1, 2))


def decoded(acoustic, units):
    """Units [1, N, 768] -> log-mel [1, T, 128], each LSTM called once for each frame."""
    decoder = acoustic.decoder
    encoded = acoustic.encoder(units, units.new_ones(1, 1, units.shape[1]))
    frames, previous, states = [], encoded.new_zeros(1, 128), [None] * 3
    for frame in encoded.unbind(dim=1):
        x = torch.cat([frame, decoder.prenet(previous)], dim=-1)[:, None]
        x, states[0] = decoder.lstm1(x, states[0])
        for place, lstm in enumerate((decoder.lstm2, decoder.lstm3), 1):
            more, states[place] = lstm(x, states[place])
            x = x + more
        previous = decoder.proj(x[:, 0])
        frames.append(previous)
    return torch.stack(frames, dim=1)
