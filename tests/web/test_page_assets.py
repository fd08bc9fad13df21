"""Promises of the page's files: everything that they load exists, is ours or unchanged, and is on the same host."""

import hashlib
import re
from importlib.resources import files

import pytest

PAGE = files("hydrochat_otel").joinpath("assets", "page")
VENDORED = {  # uPlot 1.6.32, MIT: dist/uPlot.iife.min.js and dist/uPlot.min.css of the package on npm
    "uplot.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f",
    "uplot.css": "df630c6a8d6f8eeaff264b50f73ce5b114f646ffd9a0bb74f049b0a00135fa04",
}
OURS = sorted(one.name for one in PAGE.iterdir() if one.name not in VENDORED and not one.name.endswith(".LICENSE"))


@pytest.mark.parametrize("name", VENDORED)
def test_what_is_vendored_is_unchanged(name):
    """The chart library is the published file, byte for byte, beside its licence."""
    assert hashlib.sha256(PAGE.joinpath(name).read_bytes()).hexdigest() == VENDORED[name]
    assert "MIT" in PAGE.joinpath("uplot.LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", OURS)
def test_what_a_file_loads_exists(name):
    """Every script, style sheet and image that a file of the page names is one of them."""
    text = PAGE.joinpath(name).read_text(encoding="utf-8")
    named = re.findall(r'(?:src|href)="page/([^"]+)"', text) + re.findall(r'from "\./([^"]+)"', text)
    assert [one for one in named if not PAGE.joinpath(one).is_file()] == []


@pytest.mark.parametrize("name", OURS)
def test_no_file_names_another_host(name):
    """No address of another host occurs in the page, except the name of the drawings' format."""
    text = PAGE.joinpath(name).read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert re.findall(r"https?://", text) == []


@pytest.mark.parametrize("name", OURS)
def test_no_file_makes_code_of_text(name):
    """No markup is built from text, no style or script is in an attribute: the strict policy would refuse it."""
    text = PAGE.joinpath(name).read_text(encoding="utf-8")
    assert re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|\bstyle=|\bon[a-z]+=", text) == []


def test_no_element_has_the_name_of_a_view():
    """The address of a view leads to no element: the browser would take the focus from the tabs and scroll there."""
    html = PAGE.joinpath("index.html").read_text(encoding="utf-8")
    views = set(re.findall(r'id="view-([a-z]+)"', html))
    assert len(views) == 5
    assert views & set(re.findall(r'id="([a-z-]+)"', html)) == set()
