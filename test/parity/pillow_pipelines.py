"""What timm, torchvision, detectron2 and maskrcnn-benchmark do to an image before the network, on Pillow alone."""
import math

from PIL import Image

FILTERS = {'bicubic': Image.Resampling.BICUBIC, 'bilinear': Image.Resampling.BILINEAR}


def torchvision_resize(width, height, size):
    short, long = min(width, height), max(width, height)
    new_long = int(size * long / short)
    return (size, new_long) if width <= height else (new_long, size)


def timm_keep_ratio(width, height, target_width, target_height):
    ratio = min(height / target_height, width / target_width)
    return round(width / ratio), round(height / ratio)


def timm_crop(width, height, g):
    scaled = math.floor(g['width'] / g['cropPct']), math.floor(g['height'] / g['cropPct'])
    return torchvision_resize(width, height, scaled[0]) if scaled[0] == scaled[1] else timm_keep_ratio(width, height, *scaled)


def detectron2_shortest_edge(width, height, size, longest):
    scale = size * 1.0 / min(height, width)
    new_height, new_width = (size, scale * width) if height < width else (scale * height, size)
    if longest and max(new_height, new_width) > longest:
        scale = longest * 1.0 / max(new_height, new_width)
        new_height, new_width = new_height * scale, new_width * scale
    return int(new_width + 0.5), int(new_height + 0.5)


def maskrcnn_benchmark_resize(width, height, size, longest):
    if longest is not None:
        short, long = float(min(width, height)), float(max(width, height))
        if long / short * size > longest:
            size = int(round(longest * short / long))
    return torchvision_resize(width, height, size)


def resized_size(width, height, g):
    size = min(g['width'], g['height'])
    if g['resize'] == 'crop':
        return timm_crop(width, height, g)
    if g['resize'] == 'short-edge':
        rule = detectron2_shortest_edge if g['rounding'] == 'half-up' else maskrcnn_benchmark_resize
        return rule(width, height, size, g.get('longest'))
    if g['resize'] == 'letterbox':
        scale = min(g['width'] / width, g['height'] / height)
        return (min(g['width'], max(1, math.floor(width * scale + 0.5))), min(g['height'], max(1, math.floor(height * scale + 0.5))))
    return (g['width'], g['height']) if g['resize'] == 'stretch' else (width, height)


def prepared(image, g):
    size = resized_size(image.width, image.height, g)
    out = image.resize(size, FILTERS[g['interpolation']])
    left, top = (size[0] - g['width']) / 2, (size[1] - g['height']) / 2
    if g['resize'] == 'crop':
        if left < 0 or top < 0:  # torchvision's center_crop pads with black, the larger half right and below
            padded = Image.new('RGB', (max(size[0], g['width']), max(size[1], g['height'])))
            padded.paste(out, (max(0, (g['width'] - size[0]) // 2), max(0, (g['height'] - size[1]) // 2)))
            out, left, top = padded, (padded.width - g['width']) / 2, (padded.height - g['height']) / 2
        left, top = int(round(left)), int(round(top))
        return out.crop((left, top, left + g['width'], top + g['height']))
    if g['resize'] == 'letterbox':
        frame = Image.new('RGB', (g['width'], g['height']), tuple(g['fill']))
        frame.paste(out, ((g['width'] - size[0]) // 2, (g['height'] - size[1]) // 2))
        return frame
    return out
