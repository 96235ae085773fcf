#!/usr/bin/env python3
"""Draw docs/scaling.png: what a frame costs each tracker, by the objects in it.

    CGO_ENABLED=0 go test -run '^$' -bench Objects ./track | python3 docs/scaling.py docs/scaling.png

Needs matplotlib (3.9).
"""

import re
import sys
from collections import defaultdict

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

ROW = re.compile(r"BenchmarkObjects/(\w+)/(\d+)\S*\s+\d+\s+([\d.]+) ns/op")


def main() -> None:
    """Read benchmark lines from standard input and write the plot named on the command line."""
    cost: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for line in sys.stdin:
        if match := ROW.match(line):
            cost[match[1]].append((int(match[2]), float(match[3]) / 1e6))
    if not cost:
        sys.exit("scaling: no BenchmarkObjects lines on standard input")
    figure, axes = pyplot.subplots(figsize=(7, 4.2), dpi=130)
    for name, points in sorted(cost.items()):
        axes.plot(*zip(*sorted(points)), marker="o", label=name, linewidth=2.4 if name == "tempo" else 1.4)
    start = min(points[0][1] / points[0][0] for points in cost.values())
    sizes = sorted({size for points in cost.values() for size, _ in points})
    axes.plot(sizes, [start * size for size in sizes], "k:", linewidth=1, label="linear")
    axes.set(xscale="log", yscale="log", xlabel="objects in the frame", ylabel="milliseconds a frame, one thread")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.grid(True, alpha=0.3)
    axes.legend()
    axes.set_title("Association cost in an equally dense crowd")
    figure.tight_layout()
    figure.savefig(sys.argv[1])


if __name__ == "__main__":
    main()
