"""Draws an SVG chart of throughput by number of clients."""

from collections.abc import Iterator, Mapping
from html import escape
from itertools import count
from math import log2

Curve = Mapping[int, float]
"""Sales per second by number of clients."""

_WIDTH, _HEIGHT = 760, 440
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 24, 64, 58
_COLOURS = ("#1a5fb4", "#c64600", "#5e5c64")
_MAX_STEPS = 6
_HEAD = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    ' font-family="system-ui, sans-serif" font-size="13" fill="#241f31">'
)


class _Scale:
    """Converts values of the curves to coordinates of the chart."""

    def __init__(self, curves: Mapping[str, Curve]) -> None:
        self.clients = sorted({clients for curve in curves.values() for clients in curve})
        highest = max(rate for curve in curves.values() for rate in curve.values())
        self.step = _step(highest)
        self.steps = int(highest // self.step) + 1

    def x(self, clients: int) -> float:
        low, high = log2(self.clients[0]), log2(self.clients[-1])
        return _LEFT + (log2(clients) - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT)

    def y(self, rate: float) -> float:
        return _HEIGHT - _BOTTOM - rate / (self.step * self.steps) * (_HEIGHT - _TOP - _BOTTOM)


def _step(highest: float) -> int:
    """Return the distance between grid lines: a round number, at least a sixth of ``highest``."""
    for power in count():
        for digit in (1, 2, 5):
            if highest <= digit * 10**power * _MAX_STEPS:
                return int(digit * 10**power)
    raise AssertionError


def draw(curves: Mapping[str, Curve], title: str) -> str:
    """Return an SVG chart of the named ``curves``; the axis of clients is logarithmic."""
    scale = _Scale(curves)
    parts = [
        _HEAD,
        f"<title>{escape(title)}</title>",
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
        _text(_LEFT, 24, title, 'font-size="15" font-weight="600"'),
        *_axes(scale),
    ]
    for index, (name, curve) in enumerate(curves.items()):
        colour = _COLOURS[index % len(_COLOURS)]
        parts += [*_line(scale, curve, colour), *_legend(index, name, colour)]
    return "\n".join([*parts, "</svg>", ""])


def _axes(scale: _Scale) -> Iterator[str]:
    for number in range(scale.steps + 1):
        y = scale.y(number * scale.step)
        stroke = "#77767b" if number == 0 else "#deddda"
        yield f'<path d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{stroke}"/>'
        yield _text(_LEFT - 8, y + 4, f"{number * scale.step:,}", 'text-anchor="end"')
    for clients in scale.clients:
        x = scale.x(clients)
        yield _text(x, _HEIGHT - _BOTTOM + 20, str(clients), 'text-anchor="middle"')
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    yield _text(middle, _HEIGHT - 14, "clients", 'text-anchor="middle"')
    rotated = f'text-anchor="middle" transform="rotate(-90 18 {_HEIGHT / 2:.0f})"'
    yield _text(18, _HEIGHT / 2, "sales per second", rotated)


def _line(scale: _Scale, curve: Curve, colour: str) -> Iterator[str]:
    points = [(scale.x(clients), scale.y(rate)) for clients, rate in sorted(curve.items())]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
    for x, y in points:
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'


def _legend(index: int, name: str, colour: str) -> Iterator[str]:
    x = _LEFT + index * 180
    yield f'<path d="M{x} 44h24" stroke="{colour}" stroke-width="2.5"/>'
    yield f'<circle cx="{x + 12}" cy="44" r="3.5" fill="{colour}"/>'
    yield _text(x + 32, 48, name)


def _text(x: float, y: float, text: str, attributes: str = "") -> str:
    space = " " if attributes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{space}{attributes}>{escape(text)}</text>'
