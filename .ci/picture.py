"""A dashboard's widgets drawn with sample figures, on CloudWatch's grid of 24 columns."""

import re
from html import escape

from samples import seeded, series

COLUMN, ROW, GAP = 50, 38, 8
COLOURS = ["#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf"]
STYLE = (
    "text{font-family:Helvetica,Arial,'DejaVu Sans',sans-serif;font-size:11px;fill:#16191f}"
    ".t{font-size:13px;font-weight:bold}.h{font-size:20px;font-weight:bold}.n{font-size:26px}.s{fill:#687078;font-size:10px}"
    ".m{font-size:10px}.c{fill:#fff;stroke:#d5dbdb}.g{stroke:#eaeded}.a{stroke:#d13212;stroke-dasharray:5 3}.l{fill:none;stroke-width:1.5}"
)
TIMES = ["09:00", "10:00", "11:00", "12:00"]


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "") -> str:
    attributes = (f' class="{kind}"' if kind else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x:g}" y="{y:g}"{attributes}>{escape(words, quote=False)}</text>'


def width_of(words: str, size: float = 11) -> float:
    """About as wide as the widest of the fonts draws it."""
    return len(words) * size * 0.6


def shown(figure: float) -> str:
    if figure >= 10_000:
        return f"{figure / 1000:.0f}k"
    return f"{figure:.0f}" if figure >= 10 or figure == int(figure) else f"{figure:.2g}"


def round_up(figure: float) -> float:
    """A round figure that is no less, for the end of an axis."""
    for exponent in range(-3, 9):
        for step in (1, 2, 4, 5, 8):
            if step * 10**exponent >= figure:
                return step * 10**exponent
    return figure


class Line:
    """One series of a widget: its label, its figures, its colour and its axis."""

    def __init__(self, label: str, figures: list[float], colour: str, right: bool = False):
        self.label, self.figures, self.colour, self.right = label, figures, colour, right


def lines_of(widget: dict) -> list[Line]:
    """The series that a widget shows. A search stands for several, which its label names by their dimensions."""
    properties = widget["properties"]
    if widget["type"] == "log":
        return [Line(name, series(name), COLOURS[0]) for name in re.findall(r" as (\w+) by", properties["query"])]
    lines = []
    for row in properties["metrics"]:
        options = row[-1] if isinstance(row[-1], dict) else {}
        if options.get("visible") is False:
            continue
        # The sample's database is an instance, so a search for a cluster finds nothing.
        if "DBClusterIdentifier" in options.get("expression", ""):
            continue
        words = options.get("expression") or " ".join(part for part in row if isinstance(part, str))
        label = options.get("label", words)
        stat = options.get("stat", "")
        for named in [label] if "${" not in label else SEARCHED:
            key = f"{words} {named} {stat}"
            colour = options.get("color", COLOURS[len(lines) % len(COLOURS)])
            lines.append(Line(named, series(key), colour, options.get("yAxis") == "right"))
    return lines


# What the search for failures could find.
SEARCHED = [
    "tower-persister Download", "tower-persister Archive", "manifest-importer Conflict", "manifest-importer Signature",
    "manifest-exporter Owner", "upstream-consumer Database",
]  # fmt: skip


def legend(lines: list[Line], width: float) -> list[list[tuple[float, int]]]:
    """Rows of (x, series), as many as it takes."""
    rows, x = [[]], 0.0
    for number, line in enumerate(lines):
        needed = 24 + width_of(line.label, 10)
        if rows[-1] and x + needed > width:
            rows.append([])
            x = 0.0
        rows[-1].append((x, number))
        x += needed
    return rows


class Plot:
    """The area of a chart and its axes."""

    def __init__(self, x: float, y: float, width: float, height: float):
        self.x, self.y, self.width, self.height = x, y, width, height

    def point(self, number: int, count: int, share: float) -> str:
        return f"{self.x + self.width * number / (count - 1):.1f},{self.y + self.height * (1 - share):.1f}"

    def axes(self, left: float, right: float | None) -> list[str]:
        out = []
        for step in range(5):
            y = self.y + self.height * (1 - step / 4)
            out.append(f'<path class="g" d="M{self.x:g} {y:g}h{self.width:g}"/>')
            if step % 2 == 0:
                out.append(text(self.x - 5, y + 3, shown(left * step / 4), "s", "end"))
                if right is not None:
                    out.append(text(self.x + self.width + 5, y + 3, shown(right * step / 4), "s"))
        for number, time in enumerate(TIMES):
            x = self.x + self.width * number / (len(TIMES) - 1)
            anchor = ["start", "middle", "middle", "end"][number]
            out.append(text(x, self.y + self.height + 13, time, "s", anchor))
        return out


def stacked(plot: Plot, lines: list[Line], top: float) -> list[str]:
    out, below = [], [0.0] * len(lines[0].figures)
    for line in lines:
        above = [low + figure for low, figure in zip(below, line.figures, strict=True)]
        count = len(above)
        forth = [plot.point(i, count, figure / top) for i, figure in enumerate(above)]
        back = [plot.point(i, count, figure / top) for i, figure in reversed(list(enumerate(below)))]
        out.append(f'<polygon fill="{line.colour}" fill-opacity=".75" points="{" ".join(forth + back)}"/>')
        below = above
    return out


def drawn(plot: Plot, lines: list[Line], left: float, right: float) -> list[str]:
    out = []
    for line in lines:
        top = right if line.right else left
        points = " ".join(plot.point(i, len(line.figures), figure / top) for i, figure in enumerate(line.figures))
        out.append(f'<polyline class="l" stroke="{line.colour}" points="{points}"/>')
    return out


def chart(widget: dict, x: float, y: float, width: float, height: float) -> list[str]:
    properties, lines = widget["properties"], lines_of(widget)
    rows = legend(lines, width - 24)
    unit = properties.get("yAxis", {}).get("left", {}).get("label", "")
    on_right = [line for line in lines if line.right]
    plot = Plot(x + 44, y + 48, width - 60 - (26 if on_right else 0), height - 48 - 22 - 16 * len(rows) - 4)
    marks = properties.get("annotations", {}).get("horizontal", [])
    on_left = [line for line in lines if not line.right]
    peaks = [sum(at) for at in zip(*(line.figures for line in on_left), strict=True)] if properties.get("stacked") else [
        figure for line in on_left for figure in line.figures
    ]  # fmt: skip
    left = round_up(max([*peaks, 0.001, *(mark["value"] for mark in marks)]) * 1.02) if max(peaks) or marks else 1
    right = round_up(max(figure for line in on_right for figure in line.figures)) if on_right else None
    out = [text(x + 12, y + 40, unit, "s"), *plot.axes(left, right)]
    out += stacked(plot, lines, left) if properties.get("stacked") else drawn(plot, lines, left, right or left)
    for mark in marks:
        level = plot.y + plot.height * (1 - mark["value"] / left)
        out.append(f'<path class="a" d="M{plot.x:g} {level:.1f}h{plot.width:g}"/>')
        out.append(text(plot.x + plot.width - 4, level - 4, f"{mark['label']} ({shown(mark['value'])})", "s", "end"))
    for row_number, row in enumerate(rows):
        at = y + height - 10 - 16 * (len(rows) - 1 - row_number)
        for offset, number in row:
            out.append(f'<rect x="{x + 12 + offset:.1f}" y="{at - 8:g}" width="9" height="9" fill="{lines[number].colour}"/>')
            out.append(text(round(x + 25 + offset, 1), at, lines[number].label, "s"))
    return out


def figures(widget: dict, x: float, y: float, width: float, height: float) -> list[str]:
    """A number for each metric, its last."""
    lines = lines_of(widget)
    share = (width - 24) / len(lines)
    out = []
    for number, line in enumerate(lines):
        at = x + 12 + share * number
        out.append(f'<rect x="{at:g}" y="{y + 38:g}" width="3" height="{height - 52:g}" fill="{line.colour}"/>')
        out.append(text(round(at + 12, 1), y + 64, shown(round(line.figures[-1])), "n"))
        out.append(text(round(at + 12, 1), y + 84, line.label, "s"))
    return out


def alarms(widget: dict, x: float, y: float, width: float, height: float) -> list[str]:
    """A field for each alarm. One is raised, or nobody would see what that looks like."""
    names = [arn.rsplit(":", 1)[1] for arn in widget["properties"]["alarms"]]
    across = 5
    down = -(-len(names) // across)
    wide, high = (width - 24) / across, (height - 40) / down
    out = []
    for number, name in enumerate(names):
        raised = name.endswith("certificates-expire")
        at_x, at_y = x + 12 + wide * (number % across), y + 34 + high * (number // across)
        fill, edge = ("#fdf3f1", "#d13212") if raised else ("#f2f8f0", "#1d8102")
        out.append(f'<rect x="{at_x:.1f}" y="{at_y:.1f}" width="{wide - 8:.1f}" height="{high - 5:.1f}" fill="{fill}" stroke="{edge}"/>')
        middle = round(at_y + (high - 5) / 2 + 4, 1)
        out.append(f'<circle cx="{at_x + 12:.1f}" cy="{middle - 4:.1f}" r="4" fill="{edge}"/>')
        out.append(text(round(at_x + 22, 1), middle, name, "m"))
    return out


def table(widget: dict, x: float, y: float, width: float, height: float) -> list[str]:
    """A row for each log group that the query reads."""
    query = widget["properties"]["query"]
    groups, columns = re.findall(r"SOURCE '([^']+)'", query), re.findall(r" as (\w+)", query.split("| stats", 1)[1])
    at = [x + width - 12 - 72 * (len(columns) - 1 - number) for number in range(len(columns))]
    out = [text(x + 12, y + 48, "@log", "s")]
    out += [text(place, y + 48, name, "s", "end") for place, name in zip(at, columns, strict=True)]
    for number, group in enumerate(groups):
        line = y + 72 + 24 * number
        mean = 14 + 22 * seeded(group).random()
        sample = [3 + int(30 * seeded(group + "count").random()), mean, mean * 1.9]
        out.append(f'<path class="g" d="M{x + 12:g} {line - 16:g}h{width - 24:g}"/>')
        out.append(text(x + 12, line, group.rsplit("/", 1)[1]))
        out += [text(place, line, f"{figure:.0f}", "", "end") for place, figure in zip(at, sample, strict=True)]
    return out


def words(widget: dict, x: float, y: float, width: float, height: float) -> list[str]:
    lines = widget["properties"]["markdown"].replace("`", "").split("\n")
    out, at = [], y + 12
    for line in lines:
        heading = line.startswith("# ")
        at += 22 if heading else 20
        out.append(text(x + 12, at, line.removeprefix("# "), "h" if heading else ""))
    return out


def draw(widget: dict) -> list[str]:
    x, y = widget["x"] * COLUMN + GAP, widget["y"] * ROW + GAP
    width, height = widget["width"] * COLUMN - GAP, widget["height"] * ROW - GAP
    view = widget["properties"].get("view")
    draws = {"text": words, "alarm": alarms}.get(widget["type"]) or {"singleValue": figures, "table": table}.get(view, chart)
    title = widget["properties"].get("title")
    out = [f'<rect class="c" x="{x}" y="{y}" width="{width}" height="{height}" rx="3"/>']
    out += [text(x + 12, y + 22, title, "t")] if title else []
    return out + draws(widget, x, y, width, height)


def picture(widgets: list[dict]) -> str:
    """The whole dashboard, as SVG."""
    width, height = 24 * COLUMN + GAP, max(w["y"] + w["height"] for w in widgets) * ROW + GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    parts = [head, f"<style>{STYLE}</style>", f'<rect width="{width}" height="{height}" fill="#f2f3f3"/>']
    for widget in widgets:
        parts += draw(widget)
    return "\n".join([*parts, "</svg>"]) + "\n"
