"""Figures of all rounds as an SVG picture: a bar to the median, and a line from the least to the most."""
from html import escape

from report import digits

COLUMNS, WIDTH, LINE, LABEL, VALUE, GAP = 4, 300, 17, 74, 66, 24
COLOURS = {"rebore": "#0b6e4f", "direct": "#b8b8b8"}
OTHERS = "#7a93ac"
STYLE = ("text{font:11px sans-serif;fill:#222}.title{font-weight:bold;font-size:12px}.note{fill:#666}"
         ".range{stroke:#222;stroke-width:1}")


def panels_of(results):
    """Title, where, key; in the order in which they are drawn."""
    congestions = list(dict.fromkeys(where[0] for where in results.figures if where[1] == "throughput"))
    first = next((where[0] for where in results.figures), None)
    kinds = [(f"{heading}, {congestion}", (congestion, "throughput"), key) for congestion in congestions
             for heading, key in (("1 stream, Gb/s", "gbps_1"), ("4 streams, Gb/s", "gbps_4"),
                                  ("1 stream, CPU s/GB", "cpu_1"), ("4 streams, CPU s/GB", "cpu_4"))]
    kinds += [("new connections/s, 16 at once", (first, "rate"), "rate_16"),
              ("their p99, ms", (first, "rate"), "p99_ms_16"),
              ("50 ms away: first byte, ms", (first, "far"), "p50_ms_1"),
              ("the same, 8 at once, ms", (first, "far"), "p50_ms_8"),
              ("16 KiB there and back, p50, µs", (first, "trips"), "p50_us_16384"),
              ("idle connection, whole system, KiB", (first, "memory"), "sum"),
              ("idle tunnel, wake-ups/s", (first, "idle"), "wakeups"),
              ("start to working tunnel, ms", (first, "start"), "sum_ms")]
    return [kind for kind in kinds if any(key[:2] == kind[1] for key in results.figures)]


def text(x, y, words, kind="", anchor="start"):
    return f'<text x="{x:.0f}" y="{y:.0f}" class="{kind}" text-anchor="{anchor}">{escape(words)}</text>'


def panel(results, titles, kind, left, top):
    title, where, key = kind
    parts = [text(left, top + 12, title, "title")]
    most = max((max(results.values(where, peer, key), default=0) for peer in titles), default=0) or 1
    room = WIDTH - LABEL - VALUE
    for index, (peer, name) in enumerate(titles.items()):
        y = top + 20 + index * LINE
        values = results.values(where, peer, key)
        parts.append(text(left + LABEL - 5, y + 11, name, "", "end"))
        if not values:
            parts.append(text(left + LABEL + 2, y + 11, "-", "note"))
            continue
        median, least, last = (value / most * room for value in (results.median(where, peer, key), min(values),
                                                                 max(values)))
        colour = COLOURS.get(peer, OTHERS)
        parts.append(f'<rect x="{left + LABEL}" y="{y + 2}" width="{median:.1f}" height="{LINE - 5}"'
                     f' fill="{colour}"/>')
        parts.append(f'<path class="range" d="M{left + LABEL + least:.1f} {y + LINE / 2:.1f}'
                     f'H{left + LABEL + last:.1f}"/>')
        parts.append(text(left + LABEL + max(median, last) + 4, y + 11, digits(results.median(where, peer, key))))
    return "\n".join(parts)


def svg(results, titles, notes):
    """titles: of the peers to be drawn, by name. notes: lines at the foot."""
    titles = {peer: title for peer, title in titles.items() if any(key[2] == peer for key in results.figures)}
    kinds = panels_of(results)
    height = 20 + len(titles) * LINE + GAP
    total_width = COLUMNS * (WIDTH + GAP) + GAP
    total_height = (len(kinds) + COLUMNS - 1) // COLUMNS * height + GAP + 14 * len(notes)
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{total_width}" height="{total_height}"'
             f' viewBox="0 0 {total_width} {total_height}">', f"<style>{STYLE}</style>",
             f'<rect width="{total_width}" height="{total_height}" fill="#fff"/>']
    for index, kind in enumerate(kinds):
        line, column = divmod(index, COLUMNS)
        parts.append(panel(results, titles, kind, GAP + column * (WIDTH + GAP), GAP + line * height))
    parts += [text(GAP, total_height - 14 * (len(notes) - index), note, "note") for index, note in enumerate(notes)]
    return "\n".join([*parts, "</svg>", ""])
