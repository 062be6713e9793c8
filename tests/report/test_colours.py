"""Palettes as people of reduced colour vision see them, and as a grey print shows them.

Simulated by the matrices of Machado, Oliveira and Fernandes (2009), "A physiologically-based model for
simulation of color vision deficiency" (IEEE TVCG 15(6), table 1, severity 1), on linear RGB. Distances are
CIE 1976 in L*a*b* under D65.
"""

import itertools
import re
from pathlib import Path

import numpy as np
import pytest

from socialrl.report import figures, maps
from socialrl.report.figures import arm_styles, source_colours

SEEN_AS = {
    "usual": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
}
TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.072175], [0.0193339, 0.119192, 0.9503041]]
)
WHITE = TO_XYZ.sum(axis=1)
APART = 15.0  # of two areas that a legend tells apart


def linear(colour):
    """ "#rrggbb" as linear RGB."""
    part = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """L*a*b* of linear RGB."""
    x, y, z = np.cbrt(np.maximum(TO_XYZ @ rgb / WHITE, 216 / 24389))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distances(colours, eyes):
    """Of every pair of colours, by their places."""
    seen = [lab(np.clip(SEEN_AS[eyes] @ linear(colour), 0, 1)) for colour in colours]
    return {
        (i, j): float(np.linalg.norm(seen[i] - seen[j]))
        for i, j in itertools.combinations(range(len(colours)), 2)
    }


def test_lab_of_known_colours():
    np.testing.assert_allclose(lab(linear("#ffffff")), [100, 0, 0], atol=0.02)
    np.testing.assert_allclose(lab(linear("#ff0000")), [53.24, 80.09, 67.20], atol=0.05)


def test_red_and_green_of_one_lightness_are_one_to_the_simulated_eye():
    assert (
        distances(["#c00000", "#6b6b00"], "deuteranopia")[0, 1]
        < distances(["#c00000", "#6b6b00"], "usual")[0, 1] / 3
    )


@pytest.mark.parametrize("eyes", SEEN_AS)
def test_arms_are_told_apart(eyes):
    """By colour; and whatever the colour, the arms of one figure differ in marker, and neighbours in line."""
    looks = list(arm_styles({str(i): str(i) for i in range(8)}).values())
    close = {pair: d for pair, d in distances([look.colour for look in looks[:7]], eyes).items() if d < APART}
    assert close == {}
    assert len({look.marker for look in looks}) == 8
    assert all(a.dashes != b.dashes for a, b in itertools.pairwise(looks))


@pytest.mark.parametrize("eyes", SEEN_AS)
def test_sources_are_told_apart(eyes):
    """By colour; by hatching too, for areas of neighbours in a stack."""
    colours = source_colours([f"expert_{i}" for i in range(6)])
    close = {pair: d for pair, d in distances(list(colours.values()), eyes).items() if d < APART}
    assert close == {}
    hatches = [figures.fill(source, colours)["hatch"] for source in colours]
    assert len(set(hatches)) == len(hatches)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_shades_of_a_map_are_told_apart_in_grey(scheme):
    """Lightness goes one way from shade to shade, in steps that are seen; cells of no shade stand out from
    the paper.
    """
    inks = page_colours()[scheme]
    for colour in (inks["ink"], inks["shade"]):
        opacities = [maps.opacity(k) for k in range(1, maps.SHADES + 1)]
        cells = [inks["lines"], *(laid_over(inks["lines"], colour, opacity) for opacity in opacities)]
        steps = np.diff([lab(linear(one))[0] for one in cells])
        assert (abs(steps) > 3).all()
        assert len(set(np.sign(steps))) == 1
    assert abs(lab(linear(inks["paper"]))[0] - lab(linear(inks["lines"]))[0]) > 5


def page_colours():
    """What the style sheet's colours are, by scheme and name."""
    sheet = (Path(figures.__file__).with_name("page.css")).read_text()
    blocks = re.findall(r":root \{([^}]*)\}", sheet)
    return {
        scheme: dict(re.findall(r"--(\w+): (#\w{6});", block))
        for scheme, block in zip(("light", "dark"), blocks, strict=False)
    }


def laid_over(below, above, opacity):
    """A colour over another, mixed in sRGB as browsers do it."""
    parts = [(int(below[i : i + 2], 16), int(above[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round((1 - opacity) * a + opacity * b):02x}" for a, b in parts)
