"""The published networks other than timm's, rebuilt in plain PyTorch from their descriptions. Tensors carry the canonical names."""
import torch
from torch import nn
from torch.nn import functional as F

SPECS = {
    'V-19-slim-dw-eSE': dict(stem=[64, 64, 64], mid=[64, 80, 96, 112], out=[112, 256, 384, 512], layers=3, blocks=[1, 1, 1, 1], dw=True),
    'V-19-dw-eSE': dict(stem=[64, 64, 64], mid=[128, 160, 192, 224], out=[256, 512, 768, 1024], layers=3, blocks=[1, 1, 1, 1], dw=True),
    'V-19-slim-eSE': dict(stem=[64, 64, 128], mid=[64, 80, 96, 112], out=[112, 256, 384, 512], layers=3, blocks=[1, 1, 1, 1], dw=False),
    'V-19-eSE': dict(stem=[64, 64, 128], mid=[128, 160, 192, 224], out=[256, 512, 768, 1024], layers=3, blocks=[1, 1, 1, 1], dw=False),
    'V-39-eSE': dict(stem=[64, 64, 128], mid=[128, 160, 192, 224], out=[256, 512, 768, 1024], layers=5, blocks=[1, 1, 2, 2], dw=False),
    'V-57-eSE': dict(stem=[64, 64, 128], mid=[128, 160, 192, 224], out=[256, 512, 768, 1024], layers=5, blocks=[1, 1, 4, 3], dw=False),
    'V-99-eSE': dict(stem=[64, 64, 128], mid=[128, 160, 192, 224], out=[256, 512, 768, 1024], layers=5, blocks=[1, 3, 9, 3], dw=False),
    'V-27-slim': dict(stem=[64, 64, 128], mid=[64, 80, 96, 112], out=[128, 256, 384, 512], layers=5, blocks=[1, 1, 1, 1], dw=False),
    'V-19-slim-348-eSE': dict(stem=[64, 64, 128], mid=[64, 80, 96, 112], out=[128, 256, 348, 512], layers=3, blocks=[1, 1, 1, 1], dw=False),
    'V-27-slim-348-eSE': dict(stem=[64, 64, 128], mid=[64, 80, 96, 112], out=[128, 256, 348, 512], layers=5, blocks=[1, 1, 1, 1], dw=False),
}
SPECS['V-39'] = SPECS['V-39-eSE']
SPECS['V-57'] = SPECS['V-57-eSE']


class Unit(nn.Module):
    """conv -> norm -> ReLU; separable: depthwise 3x3 -> pointwise -> norm -> ReLU, nothing between the convolutions."""

    def __init__(self, inputs, outputs, kernel, stride, eps, separable=False):
        super().__init__()
        padding = kernel // 2
        self.separable = separable
        if separable:
            self.conv_dw = nn.Conv2d(inputs, inputs, kernel, stride, padding, groups=inputs, bias=False)
            self.conv_pw = nn.Conv2d(inputs, outputs, 1, bias=False)
        else:
            self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=eps)

    def forward(self, x):
        x = self.conv_pw(self.conv_dw(x)) if self.separable else self.conv(x)
        return F.relu(self.bn(x))


class ESE(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        return x * (F.relu6(self.fc(F.adaptive_avg_pool2d(x, 1)) + 3.0) / 6.0)


class Aggregation(nn.Module):
    """The part of a block that all implementations share: layers in a row, one concatenation, 1x1, eSE."""

    def __init__(self, inputs, mid, outputs, layers, eps, ese, dw):
        super().__init__()
        if dw and inputs != mid:
            self.conv_reduction = Unit(inputs, mid, 1, 1, eps)
        first = mid if dw else inputs
        self.conv_mid = nn.ModuleList(Unit(first if i == 0 else mid, mid, 3, 1, eps, dw) for i in range(layers))
        self.conv_concat = Unit(inputs + layers * mid, outputs, 1, 1, eps)
        if ese:
            self.attn = ESE(outputs)

    def forward(self, x):
        features = [x]
        if hasattr(self, 'conv_reduction'):
            x = self.conv_reduction(x)
        for layer in self.conv_mid:
            x = layer(x)
            features.append(x)
        x = self.conv_concat(torch.cat(features, 1))
        return self.attn(x) if hasattr(self, 'attn') else x


class Stage(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.blocks = nn.ModuleList(blocks)


class VoVNet(nn.Module):
    """A family gives the stem's strides, a stage's forward pass and which blocks have eSE; `forward` returns every stage."""

    stem_strides = (2, 1, 2)

    def __init__(self, spec, ese, eps, classes=0):
        super().__init__()
        a, b, c = spec['stem']
        self.stem = nn.ModuleList([
            Unit(3, a, 3, self.stem_strides[0], eps),
            Unit(a, b, 3, self.stem_strides[1], eps, spec['dw']),
            Unit(b, c, 3, self.stem_strides[2], eps, spec['dw']),
        ])
        self.stages = nn.ModuleList()
        width = c
        for mid, out, count in zip(spec['mid'], spec['out'], spec['blocks']):
            blocks = []
            for _ in range(count):
                blocks.append(Aggregation(width, mid, out, spec['layers'], eps, ese, spec['dw']))
                width = out
            self.stages.append(Stage(blocks))
        if classes:
            self.head = nn.Module()
            self.head.fc = nn.Linear(width, classes)

    def forward(self, x):
        for unit in self.stem:
            x = unit(x)
        maps = {'stem': x}
        for index, stage in enumerate(self.stages):
            x = self.run_stage(index, stage, x)
            maps[f'stage{index + 2}'] = x
        if hasattr(self, 'head'):
            maps['logits'] = self.head.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))
        return maps


class OriginalVoVNet(VoVNet):
    """vovnet-detectron2 and centermask (eSE in every block), VoVNet.pytorch (no eSE): ceil pooling, identity in blocks 2 and on."""

    def run_stage(self, index, stage, x):
        if index > 0:
            x = F.max_pool2d(x, kernel_size=3, stride=2, ceil_mode=True)
        for number, block in enumerate(stage.blocks):
            x = block(x) + x if number > 0 else block(x)
        return x


class HundredVoVNet(VoVNet):
    """1e100/vovnet_v2: stem stride 2, the first block of every stage pools with padding 1, the others have the identity."""

    stem_strides = (2, 1, 1)

    def run_stage(self, index, stage, x):
        for number, block in enumerate(stage.blocks):
            downsample = number == 0
            y = block(F.max_pool2d(x, 3, stride=2, padding=1)) if downsample else block(x)
            x = y if downsample else y + x
        return x


class ToolboxVoVNet(VoVNet):
    """vision-toolbox: pools as 1e100, before the stage; the identity wherever a block's input is as wide as its output."""

    stem_strides = (2, 1, 1)

    def run_stage(self, index, stage, x):
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for block in stage.blocks:
            y = block(x)
            x = y + x if y.shape[1] == x.shape[1] else y
        return x


class FPN(nn.Module):
    """detectron2's FPN on a bottom-up network: sum fusion, no norm, LastLevelMaxPool or centermask2's LastLevelP6. The caller pads the image."""

    def __init__(self, bottom_up, widths, channels, stages, top=None):
        super().__init__()
        self.stem, self.stages = bottom_up.stem, bottom_up.stages
        self.bottom_up = [bottom_up]  # in a list: its tensors are already registered under their own names
        self.levels = stages
        self.fpn = nn.Module()
        self.fpn.lateral = nn.ModuleDict({str(s): nn.Conv2d(widths[s - 2], channels, 1) for s in stages})
        self.fpn.output = nn.ModuleDict({str(s): nn.Conv2d(channels, channels, 3, padding=1) for s in stages})
        if top == 'conv':
            self.fpn.top = nn.ModuleDict({'6': nn.Conv2d(channels, channels, 3, stride=2, padding=1)})

    def forward(self, x):
        maps = self.bottom_up[0](x)
        coarsest = self.levels[-1]
        previous = self.fpn.lateral[str(coarsest)](maps[f'stage{coarsest}'])
        maps[f'p{coarsest}'] = self.fpn.output[str(coarsest)](previous)
        for level in reversed(self.levels[:-1]):
            top_down = F.interpolate(previous, scale_factor=2.0, mode='nearest')
            previous = self.fpn.lateral[str(level)](maps[f'stage{level}']) + top_down
            maps[f'p{level}'] = self.fpn.output[str(level)](previous)
        p5 = maps[f'p{coarsest}']
        maps['p6'] = self.fpn.top['6'](p5) if hasattr(self.fpn, 'top') else F.max_pool2d(p5, kernel_size=1, stride=2, padding=0)
        return maps
