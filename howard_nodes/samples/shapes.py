"""Silhouettes drawn from nothing: heads on torsos, limbs, hair, holes, blobs and props."""

from __future__ import annotations

import cv2
import numpy as np

__all__ = ["draw_silhouette"]


def draw_silhouette(rng: np.random.Generator, size: int) -> np.ndarray:
    """Draw the coverage of one or more made-up subjects.

    Drawn at twice the size with anti-aliased lines, so that hairs thinner than a pixel have their coverage.

    Returns
    -------
    ndarray
        size size float32, 0 to 1.
    """
    canvas = np.zeros((2 * size, 2 * size), np.uint8)
    root = _body(rng, canvas) if rng.random() < 0.75 else _blobs(rng, canvas)
    if rng.random() < 0.8:
        np.maximum(canvas, _hair(rng, canvas.shape[0], root), out=canvas)
    if rng.random() < 0.15:
        for _ in range(rng.integers(1, 6)):
            center = rng.uniform(0, canvas.shape[0], 2)
            radius = rng.uniform(0.005, 0.06) * canvas.shape[0]
            cv2.circle(canvas, (int(center[0]), int(center[1])), max(1, int(radius)), 0, -1, cv2.LINE_AA)
    matrix = cv2.getRotationMatrix2D((size, size), rng.uniform(-30, 30), rng.uniform(0.7, 1.6))
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-0.5, 0.5, 2) * size
    border = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    moved = cv2.warpAffine(canvas, matrix, canvas.shape, flags=cv2.INTER_LINEAR, borderMode=border)
    return cv2.resize(moved, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0


def _body(rng: np.random.Generator, canvas: np.ndarray) -> tuple[float, float, float]:
    size = canvas.shape[0]
    x, y = rng.uniform(0.25, 0.75) * size, rng.uniform(0.35, 1.0) * size
    head = rng.uniform(0.08, 0.22) * size
    head_x, head_y = x + rng.normal(0, 0.03) * size, y - head * rng.uniform(1.2, 2.2)
    axes = (int(head * rng.uniform(0.65, 0.9)), int(head))
    cv2.ellipse(canvas, (int(head_x), int(head_y)), axes, rng.uniform(-25, 25), 0, 360, 255, -1, cv2.LINE_AA)
    width = head * rng.uniform(1.5, 2.8)
    outline = []
    for side, along in ((-1, np.linspace(0, 1, 7)), (1, np.linspace(1, 0, 7))):
        for t in along:
            reach = width * (0.25 + 0.75 * t**0.35) * rng.uniform(0.9, 1.1)
            outline.append((x + side * reach, head_y + head * 0.6 + t * size * 0.9))
    cv2.fillPoly(canvas, [np.array(outline, np.int32)], 255, cv2.LINE_AA)
    for _ in range(rng.integers(0, 3)):
        shoulder = np.array([x + rng.choice([-1, 1]) * width, head_y + head * 2])
        elbow = shoulder + rng.uniform(-1.5, 1.5, 2) * width
        hand = elbow + rng.uniform(-1, 1, 2) * width
        limb = np.array([shoulder, elbow, hand], np.int32)
        cv2.polylines(canvas, [limb], False, 255, max(1, int(head * rng.uniform(0.25, 0.6))), cv2.LINE_AA)
    return head_x, head_y, head


def _blobs(rng: np.random.Generator, canvas: np.ndarray) -> tuple[float, float, float]:
    size = canvas.shape[0]
    root = (size / 2, size / 2, size / 4)
    for _ in range(rng.integers(1, 5)):
        corners = int(rng.integers(3, 12))
        angle = np.sort(rng.uniform(0, 2 * np.pi, corners))
        radius = rng.uniform(0.08, 0.3) * size * rng.uniform(0.5, 1.3, corners)
        center = rng.uniform(0.2, 0.8, 2) * size
        outline = np.stack([center[0] + radius * np.cos(angle), center[1] + radius * np.sin(angle)], 1)
        cv2.fillPoly(canvas, [outline.astype(np.int32)], 255, cv2.LINE_AA)
        root = (float(center[0]), float(center[1]), float(radius.mean()))
    return root


def _hair(rng: np.random.Generator, size: int, root: tuple[float, float, float]) -> np.ndarray:
    x, y, radius = root
    strands = np.zeros((size, size), np.uint8)
    length = radius * rng.uniform(0.3, 1.6)
    upwards = rng.uniform(0, 2 * np.pi) if rng.random() < 0.3 else -np.pi / 2
    spread, curl = rng.uniform(0.6, 2.6), rng.normal(0, 0.5)
    thickest = max(2, size // 300)
    for _ in range(int(rng.integers(30, 500))):
        around = upwards + rng.uniform(-spread, spread)
        point = np.array([x + 0.85 * radius * np.cos(around), y + 0.85 * radius * np.sin(around)])
        direction, bend = around + rng.normal(0, 0.35), curl + rng.normal(0, 0.25)
        step = length * rng.uniform(0.3, 1.2) / 8
        points = [point]
        for _ in range(8):
            direction += bend / 4
            point = point + step * np.array([np.cos(direction), np.sin(direction)])
            points.append(point)
        line = (np.array(points) * 16).astype(np.int32)
        shade, thickness = int(rng.integers(90, 256)), int(rng.integers(1, thickest + 1))
        cv2.polylines(strands, [line], False, shade, thickness, cv2.LINE_AA, 4)
    return strands
