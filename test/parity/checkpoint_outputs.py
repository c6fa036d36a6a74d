"""Writes goldens-checkpoints.json: what PyTorch puts out for the networks in test/checkpoint/files/.

    python test/parity/checkpoint_outputs.py

The weights are those of checkpoint_files.py; timm's networks run in timm itself, the others as rebuilt in reference_networks.py.
Images go in as each dialect wants them, from the same RGB bytes.
"""
import base64
import json
import pathlib

import torch
from torch.nn import functional as F

import checkpoint_files as files
import reference_networks as reference
import seeded

HERE = pathlib.Path(__file__).parent
HEIGHT, WIDTH = 70, 61
SPEC = {**files.SPEC, 'dw': False}
IMAGENET = dict(range=1, bgr=False, mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])
BGR = dict(range=255, bgr=True, mean=[103.53, 116.28, 123.675], std=[1, 1, 1])


def timm(residual, attn, dw=False):
    model, _ = files.timm_model(residual, attn, dw)

    def run(x):
        maps = {'stem': model.stem(x)}
        maps['stage5'] = model.stages(maps['stem'])
        maps['logits'] = model.forward_head(maps['stage5'])
        return maps

    return model, run


def rebuilt(family=reference.OriginalVoVNet, ese=True, eps=1e-5, classes=0, dw=False, fpn=()):
    model = family({**SPEC, 'dw': dw}, ese, eps, classes)
    if fpn:
        model = reference.FPN(model, SPEC['out'], 4, list(fpn))
    arrays = files.canonical(ese='every' if ese else None, classes=classes, dw=dw, fpn=fpn)
    missing = model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()}, strict=False).missing_keys
    assert all(name.endswith('num_batches_tracked') for name in missing), missing
    return model, model


CASES = {
    'timm-b.safetensors': (lambda: timm(True, 'ese'), IMAGENET),
    'timm-b-dw.bin': (lambda: timm(True, 'ese', dw=True), IMAGENET),
    'timm-a.pth': (lambda: timm(False, ''), IMAGENET),
    'timm-eca.pth': (lambda: timm(True, 'eca'), IMAGENET),
    'detectron2-fpn.pth': (lambda: rebuilt(fpn=(2, 3, 4, 5)), dict(range=255, bgr=False, mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375])),
    'detectron2-p2.pkl': (lambda: rebuilt(), BGR),
    'detectron2-dw.pth': (lambda: rebuilt(dw=True), BGR),
    'mmdet3d.pth': (lambda: rebuilt(), {**BGR, 'std': [57.375, 57.12, 58.395]}),
    'centermask-v1.pth': (lambda: rebuilt(eps=0), {**BGR, 'mean': [102.9801, 115.9465, 122.7717]}),
    'stigma-v1.pth.tar': (lambda: rebuilt(ese=False, classes=files.CLASSES), IMAGENET),
    '1e100.pt': (lambda: rebuilt(family=reference.HundredVoVNet, classes=files.CLASSES), IMAGENET),
}


def prepare(normalisation, pad):
    x = torch.from_numpy(seeded.image(HEIGHT, WIDTH)).permute(0, 3, 1, 2).float()
    if normalisation['bgr']:
        x = x[:, [2, 1, 0]]
    if normalisation['range'] == 1:
        x = x / 255
    x = (x - torch.tensor(normalisation['mean']).view(1, 3, 1, 1)) / torch.tensor(normalisation['std']).view(1, 3, 1, 1)
    return F.pad(x, (0, -WIDTH % 32, 0, -HEIGHT % 32)) if pad else x


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    goldens = {}
    for file, (build, normalisation) in CASES.items():
        model, run = build()
        model.eval()
        maps = run(prepare(normalisation, 'fpn' in file))
        wanted = {name: maps[name] for name in ('stage5', 'logits', 'p2', 'p5', 'p6') if name in maps}
        goldens[file] = {name: {'shape': list(tensor.shape), 'data': base64.b64encode(tensor.numpy().astype('<f4').tobytes()).decode()} for name, tensor in wanted.items()}
        print(file, {name: f'{tensor.mean():.4g}±{tensor.std():.4g}' for name, tensor in wanted.items()})
    (HERE / 'goldens-checkpoints.json').write_text(json.dumps({'height': HEIGHT, 'width': WIDTH, 'files': goldens}, separators=(',', ':')) + '\n')


main()
