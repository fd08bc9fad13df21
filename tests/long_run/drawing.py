"""The drawing of a long run: memory, threads and descriptors over time with every event, as SVG."""

WIDTH, HEIGHT, LEFT, GAP = 900, 150, 90, 40
CURVES = (("memory", "MB", 1e6, "#2563eb"), ("threads", "", 1, "#059669"), ("descriptors", "", 1, "#d97706"))


def drawn(report):
    """Return the SVG."""
    samples = report.survivor
    end_s = max(1.0, samples[-1].at_s)

    def x(at_s):
        return LEFT + (WIDTH - LEFT - 20) * at_s / end_s

    parts = []
    for row, (name, unit, scale, colour) in enumerate(CURVES):
        top = 30 + row * (HEIGHT + GAP)
        values = [getattr(one, name) / scale for one in samples]
        most = max(values) * 1.1
        points = " ".join(
            f"{x(one.at_s):.1f},{top + HEIGHT - HEIGHT * value / most:.1f}"
            for one, value in zip(samples, values, strict=True)
        )
        parts += [
            f'<text x="{LEFT}" y="{top - 8}">{name} {unit} of the worker that lived all along</text>',
            f'<text x="{LEFT - 8}" y="{top + 10}" text-anchor="end">{most:.0f}</text>',
            f'<text x="{LEFT - 8}" y="{top + HEIGHT}" text-anchor="end">0</text>',
            f'<rect x="{LEFT}" y="{top}" width="{WIDTH - LEFT - 20}" height="{HEIGHT}" fill="none" stroke="#ccc"/>',
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
        ]
        parts += [
            f'<line x1="{x(at_s):.1f}" x2="{x(at_s):.1f}" y1="{top}" y2="{top + HEIGHT}" stroke="#bbb">'
            f"<title>{at_s:.0f} s: {event}</title></line>"
            for at_s, event in report.events
        ]
    below = 30 + len(CURVES) * (HEIGHT + GAP)
    for number, line in enumerate(report.lines):
        parts.append(f'<text x="{LEFT}" y="{below + 18 * number}">{line}</text>')
    height = below + 18 * len(report.lines) + 10
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" font-family="sans-serif" '
        f'font-size="12"><rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n'
    )
