"""Replays in a browser: one HTML page that needs no network, and a component for other pages and notebooks.

data.py      replays as the page reads them: compressed, and base64, so that nothing in a file is markup
page.py      the whole page, and the component for the report
notebook.py  how replays show themselves in notebooks
player/      the component in plain JavaScript, and its style

It reads recorded files and needs no learner, no screen and no package beyond NumPy.
"""
