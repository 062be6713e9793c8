"""Replays, runs and agents show themselves in notebooks: the player with anywidget, pictures without."""

import base64
import json

import pytest

from socialrl.record.replay import save
from socialrl.results import Run
from socialrl.web import notebook
from socialrl.web.data import unpack
from tests.record.synthetic import make_replay
from tests.report import browser
from tests.report.fake_run import line, write_replay, write_run

VIEW = "application/vnd.jupyter.widget-view+json"
CELLS = """
from socialrl.record.replay import load
from socialrl.results import Run
---
load("a.npz")
---
Run("run")
---
load("a.npz").picture(0, 2)
"""


@pytest.fixture
def run(tmp_path):
    folder = write_run(tmp_path / "run", [line("a", "final", 5, [1.0, 3.0])], ("a",))
    for seed in (0, 1):
        write_replay(folder / "replays" / f"a-seed{seed}.npz", steps=6, seed=seed)
    return Run(folder)


def test_without_anywidget_there_are_pictures(monkeypatch, run):
    monkeypatch.setattr(notebook, "installed", lambda: False)
    replay = make_replay((5,))
    for shown in (replay, run):
        assert shown._repr_mimebundle_() is None
        assert shown._display_()._repr_html_() == shown._repr_html_()
    assert "<img" in replay._repr_html_()


def test_with_anywidget_there_is_the_player(run):
    pytest.importorskip("anywidget")
    replay = make_replay((5,))
    for shown, count in ((replay, 1), (run, 2)):
        data, _ = shown._repr_mimebundle_(include=None, exclude=None)
        assert VIEW in data
        widget = shown._display_()
        assert len(widget.packed) == count
    assert [list(row) for row in widget.facts["rows"]] == [["arm", "steps", "return"], ["a", "5", "2.00"]]
    assert unpack(base64.b64decode(widget.packed[0]))[0]["arm"] == run.replays()[0].arm
    assert len(json.dumps(widget.packed)) < notebook.MOST
    (run.path / "replays" / "a-seed0.npz").write_bytes(b"damaged")
    assert len(run._display_().packed) == 1


def test_a_notebook_is_executed_with_the_player_in_it(tmp_path, run, monkeypatch):
    """In a real kernel; what a page without widgets shows is there, too."""
    pytest.importorskip("anywidget")
    pytest.importorskip("ipykernel")
    nbformat, client = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    save(tmp_path / "a.npz", make_replay((5,)))
    cells = [nbformat.v4.new_code_cell(text.strip()) for text in CELLS.split("---")]
    made = nbformat.v4.new_notebook(cells=cells)
    client.NotebookClient(made, timeout=120, resources={"metadata": {"path": str(tmp_path)}}).execute()
    _, replay, shown, picture = ([one.data for one in cell.outputs if "data" in one] for cell in made.cells)
    assert {VIEW, "text/html", "image/png"} <= replay[0].keys()
    assert {VIEW, "text/html"} <= shown[0].keys()
    assert "image/png" in picture[0]
    (state,) = made.metadata["widgets"].values()
    scripts = [one["state"]["_esm"] for one in state["state"].values() if "_esm" in one["state"]]
    assert all("renderWidget" in text for text in scripts)


@pytest.mark.skipif(browser.find() is None, reason="no Chromium here")
def test_the_widget_works_in_a_browser_beside_others(tmp_path, run):
    pytest.importorskip("anywidget")
    found, widget = browser.find(), run._display_()
    assert found is not None
    host = tmp_path / "host.html"
    host.write_text("<!DOCTYPE html><style id=s></style><div id=a></div><div id=b></div>", encoding="utf-8")
    given = {"settings": widget.settings, "packed": widget.packed, "facts": widget.facts}
    with browser.tab(found, tmp_path / "profile") as tab:
        tab.open(host, 900)
        tab.ask(f"""(async () => {{
          document.getElementById('s').textContent = {json.dumps(widget._css)};
          const script = new Blob([{json.dumps(str(widget._esm))}], {{type: 'text/javascript'}});
          const url = URL.createObjectURL(script);
          const {{ default: made }} = await import(url), given = {json.dumps(given)};
          const model = {{ get: name => given[name] }};
          window.ends = ['a', 'b'].map(id => made.render({{ model, el: document.getElementById(id) }}));
          const shown = () => document.querySelectorAll('.srl-total').length;
          while (shown() < 2) await new Promise(go => setTimeout(go, 10));
        }})()""")
        press = "dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))"
        tab.ask(f"document.querySelector('#b [role=slider]').{press}")
        tab.ask("new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))")
        assert tab.ask("[...document.querySelectorAll('.srl-pill')].map(one => one.textContent)") == [
            "step 0",
            "step 1",
        ]
        assert tab.ask("document.querySelector('.srl-facts table').textContent").startswith("armstepsreturn")
        tab.ask("window.ends[0]()")
        assert tab.ask("document.querySelectorAll('.srl-body').length") == 1
        assert [event for method, event in tab.events if method == "Runtime.exceptionThrown"] == []
