"""The generator behind the goldens, word for word as seeded.ts has it: integers of mulberry32, float64 arithmetic, one float32 rounding."""
import numpy as np


def hash_name(name: str) -> int:
    """FNV-1a over UTF-16 code units (the names are ASCII)."""
    value = 0x811C9DC5
    for code in name.encode('ascii'):
        value = ((value ^ code) * 0x01000193) & 0xFFFFFFFF
    return value


def uniform(name: str, count: int) -> np.ndarray:
    """`count` float64 in [0, 1) from mulberry32 started at the name's hash. Its state only counts up, so it vectorises."""
    with np.errstate(over='ignore'):
        state = np.uint32(hash_name(name)) + np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x6D2B79F5)
        mixed = (state ^ (state >> np.uint32(15))) * (state | np.uint32(1))
        mixed ^= mixed + (mixed ^ (mixed >> np.uint32(7))) * (mixed | np.uint32(61))
        return (mixed ^ (mixed >> np.uint32(14))).astype(np.float64) / 2**32


def weight(name: str, shape, first_conv_scale: float) -> np.ndarray:
    """A tensor by its canonical name. Norms have statistics of their own, so that folding has something to do; variances are
    around 0.01, where an epsilon of 1e-5 in place of 0 shows. The scale is a power of two: exact in whatever order it is applied."""
    count = int(np.prod(shape))
    signed = 2 * uniform(name, count) - 1
    fan_in = int(np.prod(shape[1:]))
    if name.endswith('.bn.weight'):
        values = 0.09 + 0.04 * signed
    elif name.endswith('.bn.running_var'):
        values = 0.01 + 0.006 * signed
    elif name.endswith(('.bn.bias', '.bn.running_mean')):
        values = 0.3 * signed
    elif name.endswith('.bias'):
        values = signed
    elif name.endswith('.attn.conv.weight'):
        values = signed
    elif name.startswith(('head.', 'fpn.')) or '.attn.' in name:
        values = signed * np.sqrt(3 / fan_in)
    else:
        values = signed * np.sqrt(6 / fan_in)
    if name == 'stem.0.conv.weight':
        values = values * first_conv_scale
    return values.astype(np.float32).reshape(shape)


def image(height: int, width: int) -> np.ndarray:
    """uint8 RGB [1, height, width, 3]"""
    return np.floor(uniform(f'image {height}x{width}', height * width * 3) * 256).astype(np.uint8).reshape(1, height, width, 3)


def sample_indices(output: str, count: int) -> np.ndarray:
    return np.floor(uniform(output, 64) * count).astype(np.int64)
