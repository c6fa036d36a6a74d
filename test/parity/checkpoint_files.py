"""Writes test/checkpoint/files/: one small checkpoint for each format and dialect, made by the libraries themselves.

    python test/parity/checkpoint_files.py

Needs torch, timm, numpy and safetensors (made with torch 2.13, timm 1.0.29, numpy 2.4, safetensors 0.8). Values are whole
multiples of 1/64 drawn from a tensor's canonical name, so that they are the same in every floating type and a test can make
them again; see test/checkpoint/expected.ts.
"""
import argparse
import collections
import importlib.abc
import importlib.machinery
import pathlib
import pickle
import sys
import types
import zipfile

import numpy as np
import torch
from safetensors.torch import save_file

import seeded

FILES = pathlib.Path(__file__).parent.parent / 'checkpoint' / 'files'
SPEC = dict(stem=[4, 4, 6], mid=[4, 5, 4, 3], out=[6, 7, 8, 9], layers=2, blocks=[1, 1, 2, 1])
BN = ['weight', 'bias', 'running_mean', 'running_var']
CLASSES = 3


class TorchvisionStandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """timm imports torchvision, none of which making a model needs: any name in it is an empty class."""

    def find_spec(self, name, path, target=None):
        if name.split('.')[0] == 'torchvision':
            return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec):
        class Anything(type):
            __getattr__ = lambda cls, name: name

        def anything(name):
            if name.startswith('__'):
                raise AttributeError(name)
            return Anything(name, (), {})

        module = types.ModuleType(spec.name)
        module.__getattr__ = anything
        return module

    def exec_module(self, module):
        pass


def vovnet():
    sys.meta_path.append(TorchvisionStandIn())  # asked last: a real torchvision goes first
    import timm.models.vovnet
    return timm.models.vovnet


def value(name, shape):
    count = int(np.prod(shape))
    steps = np.floor(seeded.uniform(name, count) * 129) - 64
    if name.endswith('running_var'):
        steps = np.abs(steps) + 1
    return (steps / 64).astype(np.float32).reshape(shape)


def canonical(ese='every', classes=0, dw=False, layers=None, fpn=()):
    """Canonical name -> array, straight from the description of the network."""
    shapes = {}

    def unit(name, inputs, outputs, kernel, separable=False):
        if separable:
            shapes[f'{name}.conv_dw.weight'] = (inputs, 1, kernel, kernel)
            shapes[f'{name}.conv_pw.weight'] = (outputs, inputs, 1, 1)
        else:
            shapes[f'{name}.conv.weight'] = (outputs, inputs, kernel, kernel)
        for part in BN:
            shapes[f'{name}.bn.{part}'] = (outputs,)

    width = 3
    for index, outputs in enumerate(SPEC['stem']):
        unit(f'stem.{index}', width, outputs, 3, dw and index > 0)
        width = outputs
    for stage in range(4):
        mid, out, count = SPEC['mid'][stage], SPEC['out'][stage], SPEC['blocks'][stage]
        for block in range(count):
            name = f'stages.{stage}.blocks.{block}'
            first = width
            if dw and width != mid:
                unit(f'{name}.conv_reduction', width, mid, 1)
                first = mid
            for layer in range(SPEC['layers']):
                unit(f'{name}.conv_mid.{layer}', mid if layer else first, mid, 3, dw)
            unit(f'{name}.conv_concat', width + SPEC['layers'] * mid, out, 1)
            if ese == 'every' or (ese == 'last' and block == count - 1):
                shapes[f'{name}.attn.fc.weight'] = (out, out, 1, 1)
                shapes[f'{name}.attn.fc.bias'] = (out,)
            width = out
    if classes:
        shapes['head.fc.weight'] = (classes, width)
        shapes['head.fc.bias'] = (classes,)
    for level in fpn:
        shapes[f'fpn.lateral.{level}.weight'] = (4, SPEC['out'][level - 2], 1, 1)
        shapes[f'fpn.lateral.{level}.bias'] = (4,)
        shapes[f'fpn.output.{level}.weight'] = (4, 4, 3, 3)
        shapes[f'fpn.output.{level}.bias'] = (4,)
    return {name: value(name, shape) for name, shape in shapes.items()}


def osa_name(name):
    """stages.2.blocks.1.conv_mid.0.bn.bias -> stage4.OSA4_2.layers.0.OSA4_2_0/norm.bias"""
    parts = name.split('.')
    leaf = '.'.join(parts[-2:])
    separable = {'conv_dw.weight': 'dw_conv3x3.weight', 'conv_pw.weight': 'pw_conv1x1.weight', 'conv.weight': 'conv.weight'}
    leaf = separable.get(leaf, leaf.replace('bn.', 'norm.'))
    if parts[0] == 'head':
        return f'classifier.{parts[-1]}'
    if parts[0] == 'fpn':
        return f'fpn_{parts[1]}{parts[2]}.{parts[3]}'
    if parts[0] == 'stem':
        return f'stem.stem_{int(parts[1]) + 1}/{leaf}'
    stage, block = int(parts[1]) + 2, int(parts[3]) + 1
    module = f'OSA{stage}_{block}'
    inner = {
        'conv_mid': lambda: f'layers.{parts[5]}.{module}_{parts[5]}/{leaf}',
        'conv_reduction': lambda: f'conv_reduction.{module}_reduction_0/{leaf}',
        'conv_concat': lambda: f'concat.{module}_concat/{leaf}',
        'attn': lambda: f'ese.{parts[5]}.{parts[6]}',
    }[parts[4]]()
    return f'stage{stage}.{module}.{inner}'


def osa(arrays, prefix, norm='norm', counters=False):
    state = collections.OrderedDict()
    for name, array in arrays.items():
        stored = osa_name(name)
        if '/norm.' in stored and any(other.startswith(name.rsplit('.bn.', 1)[0] + '.conv_dw') for other in arrays):
            stored = stored.replace('/norm.', '/pw_norm.')
        state[prefix + stored] = torch.from_numpy(array)
        if counters and stored.endswith('norm.running_var'):
            state[prefix + stored.replace('running_var', 'num_batches_tracked')] = torch.tensor(7)
    return state


def flat(arrays):
    """1e100/vovnet_v2: blocks counted through all stages."""
    starts = np.cumsum([0] + SPEC['blocks'])
    state = collections.OrderedDict()
    for name, array in arrays.items():
        parts = name.split('.')
        leaf = {'conv.weight': '0.weight'}.get('.'.join(parts[-2:]), f'1.{parts[-1]}')
        if parts[0] == 'stem':
            stored = f'stem.{parts[1]}.{leaf}'
        elif parts[0] == 'head':
            stored = f'classifier.3.{parts[-1]}'
        else:
            index = starts[int(parts[1])] + int(parts[3])
            inner = {'conv_mid': f'layers.{parts[5]}.{leaf}', 'conv_concat': f'exit_conv.{leaf}', 'attn': f'ese.conv.{parts[-1]}'}[parts[4]]
            stored = f'body.osa{index}.{inner}'
        state[stored] = torch.from_numpy(array)
    return state


def timm_model(residual, attn, dw=False):
    """A real timm VovNet with the tiny widths, every tensor filled. timm has no second block in depthwise variants."""
    cfg = dict(stem_chs=SPEC['stem'], stage_conv_chs=SPEC['mid'], stage_out_chs=SPEC['out'], layer_per_block=SPEC['layers'],
               block_per_stage=[1, 1, 1, 1] if dw else SPEC['blocks'], residual=residual, depthwise=dw, attn=attn)
    model = vovnet().VovNet(cfg, num_classes=CLASSES)
    state = model.state_dict()
    for name, tensor in state.items():
        tensor.copy_(torch.tensor(7) if name.endswith('num_batches_tracked') else torch.from_numpy(value(name, tuple(tensor.shape))))
    return model, state


def timm_state(*args, **kwargs):
    return timm_model(*args, **kwargs)[1]


def numpy_arrays(state):
    return {name: tensor.numpy() for name, tensor in state.items()}


def trained(state):
    """What a training script leaves beside the weights: a real optimizer with state, a scheduler, arguments."""
    parameter = torch.nn.Parameter(torch.zeros(3))
    optimizer = torch.optim.AdamW([parameter], lr=0.1)
    parameter.sum().backward()
    optimizer.step()
    return {'optimizer': optimizer.state_dict(), 'args': argparse.Namespace(lr=0.1, device=torch.device('cpu'), size=(3, 224, 224)), 'best': np.float64(0.5)}


def storages():
    """Every element type, and every way a tensor can look into a storage."""
    base = torch.arange(24.)
    state = collections.OrderedDict()
    for dtype in ['float64', 'float32', 'float16', 'bfloat16', 'int64', 'int32', 'int16', 'int8', 'uint8']:
        state[dtype] = torch.arange(6).to(getattr(torch, dtype)).view(2, 3)
    state['bool'] = torch.tensor([True, False, True])
    state['scalar'] = torch.tensor(2.5)
    state['empty'] = torch.zeros(0, 4)
    state['negative'] = torch.tensor([-1, -128], dtype=torch.int8)
    state['transposed'] = base.view(4, 6).t()
    state['row'] = base.view(4, 6)[2]
    state['column'] = base.view(4, 6)[:, 3]
    state['every_other'] = base[1::2]
    state['channels_last'] = torch.arange(48.).view(2, 2, 3, 4).contiguous(memory_format=torch.channels_last)
    state['parameter'] = torch.nn.Parameter(base[:4])
    with_state = torch.nn.Parameter(torch.ones(2))
    with_state.note = 'kept'
    state['parameter_with_state'] = with_state
    return state


def plain_pickles(state):
    """detectron2's model zoo, and arrays of every kind in every protocol."""
    holder = {'model': numpy_arrays(state), '__author__': 'a test', 'matching_heuristics': True}
    for protocol in (2, 5):
        (FILES / f'detectron2-p{protocol}.pkl').write_bytes(pickle.dumps(holder, protocol))
    arrays = {'big_endian': np.arange(6, dtype='>f4').reshape(2, 3), 'fortran': np.asfortranarray(np.arange(6, dtype='f8').reshape(2, 3)),
              'half': np.array([1.5, -2], dtype='f2'), 'long': np.array([3, -4]), 'flag': np.array([True, False]), 'scalar': np.array(2.5, dtype='f4'),
              'large': np.arange(1100, dtype='f4')}
    for protocol in (2, 3, 4, 5):
        (FILES / f'arrays-p{protocol}.pkl').write_bytes(pickle.dumps(arrays, protocol))


def main():
    torch.manual_seed(0)
    FILES.mkdir(exist_ok=True)
    legacy = dict(_use_new_zipfile_serialization=False)

    state = timm_state(True, 'ese')
    save_file(state, FILES / 'timm-b.safetensors', metadata={'format': 'pt'})
    save_file({name: tensor.half() for name, tensor in state.items()}, FILES / 'timm-b-half.safetensors')
    torch.save({'epoch': 3, 'arch': 'ese_vovnet', 'state_dict': {name: tensor * 0 for name, tensor in state.items() if 'stem.0' in name}, 'state_dict_ema': state}, FILES / 'timm-b-ema.pth.tar', **legacy)
    torch.save(timm_state(True, 'ese', dw=True), FILES / 'timm-b-dw.bin', **legacy)
    torch.save(timm_state(False, ''), FILES / 'timm-a.pth', **legacy)
    torch.save({name: tensor.bfloat16() if tensor.is_floating_point() else tensor for name, tensor in timm_state(True, 'eca').items()}, FILES / 'timm-eca.pth')

    fpn = osa(canonical(fpn=(2, 3, 4, 5)), 'backbone.bottom_up.')
    fpn = {name.replace('bottom_up.fpn_', 'fpn_'): tensor for name, tensor in fpn.items()}
    fpn['pixel_mean'] = torch.tensor([123.675, 116.28, 103.53]).view(3, 1, 1)
    fpn['pixel_std'] = torch.tensor([58.395, 57.12, 57.375]).view(3, 1, 1)
    fpn['roi_heads.box_predictor.cls_score.bias'] = torch.zeros(4)
    torch.save({'model': fpn, 'iteration': 90000, **trained(fpn)}, FILES / 'detectron2-fpn.pth')
    plain_pickles(osa(canonical(), 'backbone.bottom_up.'))
    torch.save(osa(canonical(dw=True), '', counters=True), FILES / 'detectron2-dw.pth')

    petr = {name: tensor.contiguous(memory_format=torch.channels_last) if tensor.dim() == 4 else tensor for name, tensor in osa(canonical(), 'img_backbone.', counters=True).items()}
    petr['pts_bbox_head.code_weights'] = torch.nn.Parameter(torch.ones(10), requires_grad=False)
    torch.save({'meta': {'CLASSES': ('car', 'truck'), 'config': 'model = dict()\n' * 400}, 'state_dict': petr, **trained(petr)}, FILES / 'mmdet3d.pth', **legacy)
    torch.save({'model': osa(canonical(), 'module.backbone.body.'), 'iteration': 1}, FILES / 'centermask-v1.pth', **legacy)
    stigma = osa(canonical(ese=None, classes=CLASSES), 'module.', counters=True)
    torch.save({'epoch': 90, 'arch': 'vovnet27_slim', 'state_dict': stigma, 'best_prec1': torch.tensor(74.), **trained(stigma)}, FILES / 'stigma-v1.pth.tar')
    torch.save(flat(canonical(classes=CLASSES)), FILES / '1e100.pt')

    torch.save(storages(), FILES / 'storages.pth')
    torch.save(storages(), FILES / 'storages-legacy.pth', **legacy)
    torch.serialization.set_crc32_options(False)
    torch.save(storages(), FILES / 'storages-no-checksums.pth')
    torch.serialization.set_crc32_options(True)

    with zipfile.ZipFile(FILES / 'torchscript.pt', 'w') as archive:  # torch.jit.save writes 10 KB of code; the names are what tells it
        for name in ('data.pkl', 'constants.pkl', 'version'):
            archive.writestr(f'torchscript/{name}', b'\x80\x02}.')
    torch.save(torch.nn.BatchNorm2d(2), FILES / 'module.pth')
    evonorm = {name: tensor for name, tensor in state.items() if name.startswith('stem.0') and 'running' not in name}
    save_file({**evonorm, 'stem.0.bn.v': torch.ones(4)}, FILES / 'evonorm.safetensors')
    deformable = osa(canonical(), 'backbone.bottom_up.')
    deformable = {name: tensor for name, tensor in deformable.items() if 'stem' in name}
    deformable['backbone.bottom_up.stage4.OSA4_1.layers.0.OSA4_1_0/conv_offset.weight'] = torch.zeros(2)
    save_file(deformable, FILES / 'deformable.safetensors')
    print(sum(path.stat().st_size for path in FILES.iterdir()), 'bytes in', len(list(FILES.iterdir())), 'files')


if __name__ == '__main__':
    main()
