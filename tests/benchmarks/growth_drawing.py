"""The drawing of growth curves: panels with axes, as SVG."""

import math
from collections.abc import Callable, Iterator, Sequence
from html import escape
from typing import NamedTuple

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP, _COLUMNS = 380, 220, 60, 46, 70, 2
_COLOURS = ("#2563eb", "#059669", "#d97706", "#7c3aed")
_PEER = "#6b7280"


class Curve(NamedTuple):
    """Points of one curve by x; a peer's is dashed."""

    name: str
    points: list[tuple[float, float]]
    is_peer: bool = False


class Panel(NamedTuple):
    """One panel; x is logarithmic unless `is_linear`, and y is unless `has_floor`, with which it begins at zero."""

    title: str
    x_name: str
    unit: str
    curves: list[Curve]
    has_floor: bool = False
    is_linear: bool = False


def drawn(panels: Sequence[Panel]) -> str:
    """Return the panels side by side, two in a row, as SVG."""
    rows = math.ceil(len(panels) / _COLUMNS)
    width, height = _COLUMNS * (_LEFT + _WIDTH + 20), rows * (_TOP + _HEIGHT + _GAP)
    parts: list[str] = []
    for number, panel in enumerate(panels):
        left = _LEFT + number % _COLUMNS * (_LEFT + _WIDTH + 20)
        top = _TOP + number // _COLUMNS * (_TOP + _HEIGHT + _GAP)
        parts += _panel(panel, left, top)
    inside = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12" role="img" '
        'aria-label="Costs as entries, series, threads and calls grow">'
        f'<rect width="100%" height="100%" fill="white"/>\n{inside}\n</svg>\n'
    )


def _panel(panel: Panel, left: int, top: int) -> Iterator[str]:
    xs = [x for curve in panel.curves for x, _ in curve.points]
    ys = [y for curve in panel.curves for _, y in curve.points]
    place_x, ticks_x = _axis(min(xs), max(xs), is_log=not panel.is_linear)
    place_y, ticks_y = _axis(0 if panel.has_floor else min(ys), max(ys), is_log=not panel.has_floor)
    yield f'<text x="{left}" y="{top - 24}" font-weight="bold">{escape(panel.title)}</text>'
    yield f'<rect x="{left}" y="{top}" width="{_WIDTH}" height="{_HEIGHT}" fill="none" stroke="#d1d5db"/>'
    for value in ticks_x:
        x = left + _WIDTH * place_x(value)
        yield f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top}" y2="{top + _HEIGHT}" stroke="#f3f4f6"/>'
        yield f'<text x="{x:.1f}" y="{top + _HEIGHT + 16}" text-anchor="middle">{_written(value)}</text>'
    for value in ticks_y:
        y = top + _HEIGHT * (1 - place_y(value))
        yield f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#f3f4f6"/>'
        yield f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{_written(value)}</text>'
    middle = left + _WIDTH / 2
    yield f'<text x="{middle:.0f}" y="{top + _HEIGHT + 34}" text-anchor="middle">{escape(panel.x_name)}</text>'
    at = left
    for number, curve in enumerate(panel.curves):
        colour = _PEER if curve.is_peer else _COLOURS[number % len(_COLOURS)]
        dash = ' stroke-dasharray="5 4"' if curve.is_peer else ""
        points = " ".join(
            f"{left + _WIDTH * place_x(x):.1f},{top + _HEIGHT * (1 - place_y(y)):.1f}" for x, y in curve.points
        )
        yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
        name = f"{curve.name}, {panel.unit}" if panel.unit and number == 0 else curve.name
        yield f'<text x="{at}" y="{top - 7}" fill="{colour}">{escape(name)}</text>'
        at += 7 * len(name) + 14


def _axis(least: float, most: float, *, is_log: bool) -> tuple[Callable[[float], float], list[float]]:
    """Return the function from a value to its place from 0 to 1, and the values that are written beside the axis."""
    if is_log:
        low, high = math.log10(least), max(math.log10(most), math.log10(least) + 0.1)
        spare = (high - low) * 0.05
        low, high = low - spare, high + spare
        decades = [10.0**power for power in range(math.ceil(low), math.floor(high) + 1)]
        ticks = decades if len(decades) > 1 else [value * 10.0 ** math.floor(low) for value in (1, 2, 5, 10, 20, 50)]
        return lambda value: (math.log10(value) - low) / (high - low), [
            tick for tick in ticks if low <= math.log10(tick) <= high
        ]
    top = most * 1.15
    step = 10.0 ** math.floor(math.log10(top))
    step = next(one for one in (step, step / 2, step / 5, step / 10) if top / one >= 4)
    return lambda value: value / top, [number * step for number in range(int(top / step) + 1)]


def _written(value: float) -> str:
    for scale, suffix in ((1e6, " M"), (1e3, " k")):
        if value >= scale:
            return f"{value / scale:g}{suffix}"
    return f"{value:.3g}"
