"""Writes goldens-{timm,original,other}.json: what PyTorch puts out for the cases of cases.json.

    python test/parity/make_network_goldens.py [timm original other]

Needs torch and timm (made with torch 2.13, timm 1.0.29). For every output: shape, mean, standard deviation and 64 samples.
"""
import base64
import importlib.abc
import importlib.machinery
import json
import math
import pathlib
import sys
import types

import numpy as np
import torch
from torch.nn import functional as F

import reference_networks as reference
import seeded

HERE = pathlib.Path(__file__).parent


class Anything(type):
    def __getattr__(cls, name):
        if name.startswith('__'):
            raise AttributeError(name)
        return name


class TorchvisionStandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """timm imports torchvision's data sets and transforms, none of which a forward pass needs: any name in it is an empty class."""

    def find_spec(self, name, path, target=None):
        if name.split('.')[0] == 'torchvision':
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        def anything(name):
            if name.startswith('__'):
                raise AttributeError(name)
            return Anything(name, (), {})

        module = types.ModuleType(spec.name)
        module.__getattr__ = anything
        return module

    def exec_module(self, module):
        pass


def import_timm():
    sys.meta_path.append(TorchvisionStandIn())  # asked last: a real torchvision goes first
    import timm.models
    return timm.models


def timm_maps(model, x):
    maps = {'stem': model.stem(x)}
    x = maps['stem']
    for index, stage in enumerate(model.stages):
        maps[f'stage{index + 2}'] = x = stage(x)
    maps['logits'] = model.forward_head(x)
    return maps


def build(group, case, traits):
    """A module and the function that gives its maps."""
    if group == 'timm':
        vovnet = import_timm().vovnet
        model = vovnet.VovNet(vovnet.model_cfgs[case['name']], num_classes=case['classes'])  # not every variant has a factory
        return model, lambda x: timm_maps(model, x)
    family = {'1e100': reference.HundredVoVNet, 'vision-toolbox': reference.ToolboxVoVNet}.get(case['traits'], reference.OriginalVoVNet)
    spec = reference.SPECS[case['variant']]
    model = family(spec, traits['attention'] == 'ese', traits['bnEps'], case['classes'])
    if 'pyramid' in case:
        model = reference.FPN(model, spec['out'], **case['pyramid'])
    return model, model


def fill(model, first_conv_scale):
    """Loads seeded weights; returns how many tensors there are and a hash of their names and shapes."""
    state = {name: torch.from_numpy(seeded.weight(name, tuple(value.shape), first_conv_scale)) for name, value in model.state_dict().items()
             if not name.endswith('num_batches_tracked')}
    missing = model.load_state_dict(state, strict=False).missing_keys
    assert all(name.endswith('num_batches_tracked') for name in missing), missing
    lines = sorted(f'{name} {"x".join(map(str, value.shape))}' for name, value in state.items())
    return {'count': len(lines), 'hash': seeded.hash_name('\n'.join(lines))}


def normalise(image, normalisation, pad):
    x = torch.from_numpy(image).permute(0, 3, 1, 2).float()
    if normalisation['channels'] == 'bgr':
        x = x[:, [2, 1, 0]]
    if normalisation['range'] == 1:
        x = x / 255
    x = (x - torch.tensor(normalisation['mean']).view(1, 3, 1, 1)) / torch.tensor(normalisation['std']).view(1, 3, 1, 1)
    if pad:
        height, width = x.shape[2:]
        x = F.pad(x, (0, -width % 32, 0, -height % 32))
    return x


def pooled(stage):
    return {
        'stage5.avg': stage.mean((2, 3)),
        'stage5.max': stage.amax((2, 3)),
        'stage5.gem': stage.clamp(min=1e-6).pow(3).mean((2, 3)).pow(1 / 3),
    }


def describe(name, tensor):
    values = tensor.contiguous().numpy().reshape(-1)
    samples = values[seeded.sample_indices(name, values.size)].astype('<f4')
    mean, std = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
    assert math.isfinite(mean) and 1e-3 < std < 1e4, (name, mean, std)
    return {'shape': list(tensor.shape), 'mean': mean, 'std': std, 'samples': base64.b64encode(samples.tobytes()).decode()}


@torch.no_grad()
def golden(group, case, cases):
    model, run = build(group, case, cases['traits'][case['traits']])
    model.eval()
    result = {'tensors': fill(model, case.get('firstConvScale', 1)), 'runs': []}
    for height, width in cases['sizes']:
        x = normalise(seeded.image(height, width), cases['normalisations'][case['normalisation']], 'pyramid' in case)
        maps = run(x)
        maps.update(pooled(maps['stage5']))
        result['runs'].append({'height': height, 'width': width, 'outputs': {name: describe(name, tensor) for name, tensor in maps.items()}})
        print(case['name'], height, width, {name: f'{output["mean"]:.3g}±{output["std"]:.3g}' for name, output in result['runs'][-1]['outputs'].items()})
    return result


def main():
    torch.set_num_threads(1)
    cases = json.loads((HERE / 'cases.json').read_text())
    for group in sys.argv[1:] or list(cases['cases']):
        goldens = {case['name']: golden(group, case, cases) for case in cases['cases'][group]}
        (HERE / f'goldens-{group}.json').write_text(json.dumps(goldens, separators=(',', ':')) + '\n')


main()
