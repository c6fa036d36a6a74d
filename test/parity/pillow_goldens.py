"""Writes test/parity/pillow: small images of every kind and what Pillow makes of them.

    python test/parity/pillow_goldens.py        (Pillow 13.0.0, numpy)

files/          encoded images
pixels/         RGB as raw bytes, gzipped, named by their own hash
decode.json     file -> size and pixels of Image.open(file).convert('RGB'), after ImageOps.exif_transpose where stated
resize.json     source, size, filter -> SHA-256 of Image.resize, whole or a crop of it
prepare.json    source, geometry -> size and SHA-256 of what the original pipelines (pillow_pipelines.py) prepare
geometry.json   source size, geometry -> resized size and crop offset by those pipelines' formulas
"""
import gzip
import hashlib
import json
import random
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageOps

from pillow_pipelines import FILTERS, prepared, resized_size

HERE = Path(__file__).parent / 'pillow'
FILES, PIXELS = HERE / 'files', HERE / 'pixels'
rng = np.random.default_rng(7)


def keep(image):
    raw = image.convert('RGB').tobytes()
    name = hashlib.sha256(raw).hexdigest()[:16]
    (PIXELS / f'{name}.gz').write_bytes(gzip.compress(raw, 9, mtime=0))
    return name


def sha256(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def picture(width, height):
    """Gradients, a wave, a checkerboard, letters-like strokes and a noisy patch."""
    y, x = np.mgrid[0:height, 0:width]
    out = np.stack([x * 255 / width, y * 255 / height, 127 + 120 * np.sin(x * 0.4) * np.cos(y * 0.3)], -1)
    board, noise = np.s_[height // 2:height // 2 + height // 4, width // 2:width - 3], np.s_[2:height // 3, 3:width // 3]
    out[board] = 255 * (((x + y) % 2)[board])[..., None]
    out[noise] += rng.normal(0, 50, out[noise].shape)
    for row in range(height * 3 // 4, height - 2, 3):
        for column in range(2, width // 2, 4):
            out[row:row + 2, column:column + rng.integers(1, 4)] = rng.choice([0, 255])
    return Image.fromarray(np.clip(out, 0, 255).astype('u1'))


def chunk(kind, data):
    return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))


def png(array, depth, kind, *extra):
    """A PNG Pillow cannot write: 16 bits with colour or alpha, Adam7."""
    height, width = array.shape[:2]
    rows = b''.join(b'\0' + row.tobytes() for row in array)
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, depth, kind, 0, 0, 0))
    return b'\x89PNG\r\n\x1a\n' + header + b''.join(extra) + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def adam7(array):
    height, width = array.shape[:2]
    passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    rows = b''.join(b'\0' + row.tobytes() for x, y, dx, dy in passes for row in array[y::dy, x::dx] if row.size)
    header = chunk(b'IHDR', struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 1))
    return b'\x89PNG\r\n\x1a\n' + header + chunk(b'IDAT', zlib.compress(rows)) + chunk(b'IEND', b'')


def write_files():
    rgb = picture(61, 43)
    pixels = np.array(rgb)
    ramp = Image.fromarray(np.tile(np.clip(np.arange(61) * 5, 0, 255).astype('u1'), (43, 1)))
    rgba = rgb.copy()
    rgba.putalpha(ramp)
    grey = rgb.convert('L')
    grey_alpha = grey.copy()
    grey_alpha.putalpha(ramp)
    ink = np.array(rgb.convert('CMYK'))
    ink[..., 3] = np.arange(61) * 3
    cmyk = Image.fromarray(ink, 'CMYK')
    palette = rgb.quantize(40)
    sixteen = pixels.astype('u2') * 256 + rng.integers(0, 256, pixels.shape)
    flipped = ImageOps.flip(rgb)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile('sRGB')).tobytes()
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile('LAB')).tobytes()
    gamma = chunk(b'gAMA', struct.pack('>I', 100000))

    def save(name, image, **options):
        image.save(FILES / name, **options)

    save('baseline-420.jpg', rgb, quality=90)
    save('progressive.jpg', rgb, quality=85, progressive=True)
    save('444.jpg', rgb, quality=90, subsampling=0)
    save('422.jpg', rgb, quality=90, subsampling=1)
    save('grey.jpg', grey, quality=90)
    save('cmyk-adobe.jpg', cmyk, quality=95)
    save('icc.jpg', rgb, quality=90, icc_profile=srgb)
    save('icc-of-another-space.jpg', rgb, quality=90, icc_profile=lab)
    save('rgb.png', rgb)
    save('grey.png', grey)
    save('grey-alpha.png', grey_alpha)
    save('rgba.png', rgba)
    save('rgb-colour-key.png', rgb, transparency=(255, 255, 255))
    save('palette.png', palette)
    save('palette-4-bit.png', rgb.quantize(16), bits=4)
    save('palette-trns.png', palette, transparency=bytes([0, 128, 255] * 13))
    save('1-bit.png', grey.convert('1'))
    save('icc.png', rgb, icc_profile=srgb)
    (FILES / 'gamma.png').write_bytes(png(pixels, 8, 2, gamma))
    (FILES / 'interlaced.png').write_bytes(adam7(pixels))
    (FILES / 'rgb-16.png').write_bytes(png(sixteen.astype('>u2'), 16, 2))
    alpha16 = np.array(ramp).astype('u2')[..., None] * 257
    (FILES / 'rgba-16.png').write_bytes(png(np.concatenate([sixteen, alpha16], -1).astype('>u2'), 16, 6))
    (FILES / 'grey-16.png').write_bytes(png(sixteen[..., 0].astype('>u2'), 16, 0))
    save('lossy.webp', rgb, quality=80)
    save('lossless.webp', rgb, lossless=True)
    save('alpha.webp', rgba, lossless=True, exact=True)
    save('alpha-lossy.webp', rgba, quality=80)
    save('animated.webp', rgb, save_all=True, append_images=[flipped], duration=100, lossless=True)
    save('444.avif', rgb, quality=90, subsampling='4:4:4')
    save('420.avif', rgb, quality=90, subsampling='4:2:0')
    save('grey.avif', grey, quality=90)
    save('alpha.avif', rgba, quality=90, subsampling='4:4:4')
    save('animated.avif', rgb, save_all=True, append_images=[flipped], quality=90, subsampling='4:4:4')
    save('rgb.tif', rgb)
    save('lzw.tif', rgb, compression='tiff_lzw')
    save('deflate.tif', rgb, compression='tiff_adobe_deflate')
    save('jpeg.tif', rgb, compression='jpeg')
    save('grey.tif', grey)
    save('fax.tif', grey.convert('1'), compression='group4')
    save('palette.tif', palette)
    save('rgba.tif', rgba)
    save('cmyk.tif', cmyk)
    save('grey-16.tif', Image.fromarray(sixteen[..., 0].astype('u2')))
    save('pages.tif', rgb, save_all=True, append_images=[flipped])
    save('palette.gif', palette)
    save('grey.gif', grey)
    save('transparent.gif', palette, transparency=3)
    save('animated.gif', palette, save_all=True, append_images=[flipped.quantize(40)], duration=100)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        save(f'orientation-{orientation}.jpg', rgb, quality=90, exif=exif)
    exif = Image.Exif()
    exif[0x112] = 6
    save('orientation-6.png', rgb, exif=exif)
    save('orientation-6.webp', rgb, exif=exif, lossless=True)
    save('orientation-6.avif', rgb, exif=exif, quality=90, subsampling='4:4:4')
    save('orientation-6.tif', rgb, tiffinfo={0x112: 6})
    # Not taken: bare YCbCr.
    save('refused-ycbcr.tif', rgb.convert('YCbCr'))


def high_byte(image):
    """16-bit grey: Pillow clips it to white on the way to RGB, so the reference is the high byte instead."""
    if not image.mode.startswith('I;16'):
        return image
    return Image.fromarray((np.array(image) >> 8).astype('u1'))


def decode_cases():
    cases = []
    for file in sorted(FILES.iterdir()):
        if file.name.startswith('refused'):
            continue
        oriented = file.name.startswith('orientation')
        image = ImageOps.exif_transpose(Image.open(file)) if oriented else Image.open(file)
        cases.append({
            'file': file.name, 'autoorient': oriented, 'width': image.width, 'height': image.height,
            'pixels': keep(high_byte(image))
        })
    # Stored upside down, asked for as it is stored.
    file = 'orientation-6.jpg'
    image = Image.open(FILES / file)
    cases.append({'file': file, 'autoorient': False, 'width': image.width, 'height': image.height, 'pixels': keep(image)})
    return cases


def resize_cases(sources):
    sizes = [(1, 1), (3, 200), (200, 3), (20, 14), (39, 28), (61, 43), (61, 20), (30, 43), (64, 64), (97, 66), (104, 72), (200, 141), (224, 224)]
    cases = []
    for name, image in sources.items():
        for width, height in sizes:
            for kind, resampling in FILTERS.items():
                result = image.resize((width, height), resampling)
                for box in ((0, 0, width, height), (width // 3, height // 4, width - width // 5, height - height // 6)):
                    part = result.crop(box)
                    cases.append({
                        'source': name, 'width': width, 'height': height, 'interpolation': kind,
                        'crop': {'x': box[0], 'y': box[1], 'width': part.width, 'height': part.height},
                        'sha256': sha256(part)
                    })
    return cases


def geometries():
    for resize, width, height, extra in [
        ('crop', 64, 64, {'cropPct': 0.875}), ('crop', 65, 65, {'cropPct': 0.95}), ('crop', 96, 48, {'cropPct': 0.9}),
        ('crop', 40, 71, {'cropPct': 1}), ('crop', 70, 70, {'cropPct': 1.3}),
        ('short-edge', 50, 50, {'longest': 80, 'rounding': 'half-up'}), ('short-edge', 75, 75, {'rounding': 'half-up'}),
        ('short-edge', 50, 50, {'longest': 80}), ('short-edge', 33, 90, {}),
        ('letterbox', 64, 64, {'fill': [124, 116, 104]}), ('letterbox', 90, 41, {'fill': [1, 2, 3]}),
        ('stretch', 64, 64, {}), ('stretch', 101, 29, {}), ('none', 1, 1, {})
    ]:
        for interpolation in FILTERS:
            yield {'resize': resize, 'width': width, 'height': height, 'cropPct': 1, 'rounding': 'truncate',
                   'interpolation': interpolation, 'fill': [0, 0, 0], **extra}


def prepare_cases(sources):
    return [
        {'source': name, 'geometry': g, 'width': result.width, 'height': result.height, 'sha256': sha256(result)}
        for name, image in sources.items() for g in geometries() for result in [prepared(image, g)]
    ]


def geometry_cases():
    pick = random.Random(11)
    cases = []
    for _ in range(400):
        width, height = pick.choice([(pick.randint(1, 300), pick.randint(1, 300)), (pick.randint(300, 6000), pick.randint(300, 6000))])
        square = pick.choice([(224, 224), (256, 256), (288, 288), (320, 320)])
        g = pick.choice([
            {'resize': 'crop', 'width': square[0], 'height': square[1], 'cropPct': pick.choice([0.875, 0.9, 0.95, 1]), 'rounding': 'truncate'},
            {'resize': 'crop', 'width': pick.randint(30, 500), 'height': pick.randint(30, 500), 'cropPct': 0.875, 'rounding': 'truncate'},
            {'resize': 'short-edge', 'width': 800, 'height': 800, 'longest': 1333, 'rounding': 'half-up'},
            {'resize': 'short-edge', 'width': 600, 'height': 600, 'longest': 1000, 'rounding': 'truncate'},
            {'resize': 'letterbox', 'width': pick.randint(30, 900), 'height': pick.randint(30, 900)}
        ])
        size = [max(1, side) for side in resized_size(width, height, g)]
        if g['resize'] == 'crop':
            offset = [int(round((size[0] - g['width']) / 2)), int(round((size[1] - g['height']) / 2))]
        else:
            offset = [0, 0]
        cases.append({'source': [width, height], 'geometry': g, 'resized': size, 'offset': offset})
    return cases


def dump(name, cases):
    lines = ',\n'.join(json.dumps(case, separators=(',', ':')) for case in cases)
    (HERE / f'{name}.json').write_text(f'[\n{lines}\n]\n')


def main():
    for folder in (FILES, PIXELS):
        folder.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            file.unlink()
    write_files()
    dump('decode', decode_cases())
    sources = {f'source-{w}x{h}.png': picture(w, h) for w, h in ((13, 9), (97, 66), (40, 121))}
    for name, image in sources.items():
        image.save(FILES / name)
    dump('resize', resize_cases(sources))
    dump('prepare', prepare_cases(sources))
    dump('geometry', geometry_cases())


main()
