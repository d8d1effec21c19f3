# SPDX-License-Identifier: MIT
"""html_page_browser_test.py SOURCE BIN: the page of `report --html` in a headless Chromium: every column of every table sorts on
clicks, plots have a size, nothing is said on the console and nothing is asked of the network; pages that do are found out.
Exit code 77 where there is no Chromium. The browser is spoken to by its DevTools protocol over a pipe."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

os.environ["HDF5_USE_FILE_LOCKING"] = "FALSE"

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "chrome-headless-shell")
PLOTS = ["Training loss", "MFU over time", "Step time by phase", "Predicted against measured"]


class Browser:
    """One page; `events` holds all that the browser said since the last open()."""

    def __init__(self, program, folder):
        to_browser, self._out = os.pipe()
        self._in, from_browser = os.pipe()

        def place_pipes():
            spare = [os.dup(to_browser), os.dup(from_browser)]
            while min(spare) <= 4:
                spare = [os.dup(end) for end in spare]
            os.dup2(spare[0], 3)
            os.dup2(spare[1], 4)

        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--disable-background-networking"]
        self._process = subprocess.Popen(
            [program, *options, f"--user-data-dir={folder}/profile", "about:blank"],
            stderr=subprocess.DEVNULL, close_fds=False, preexec_fn=place_pipes)
        os.close(to_browser)
        os.close(from_browser)
        self._buffer = b""
        self._last_id = 0
        self._session = None
        self.events = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def close(self):
        self._process.kill()
        self._process.wait()

    def _message(self):
        while b"\0" not in self._buffer:
            data = os.read(self._in, 1 << 16)
            if not data:
                raise RuntimeError("the browser ended")
            self._buffer += data
        text, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(text)

    def call(self, method, **parameters):
        self._last_id += 1
        request = {"id": self._last_id, "method": method, "params": parameters}
        if self._session:
            request["sessionId"] = self._session
        os.write(self._out, json.dumps(request).encode() + b"\0")
        while True:
            message = self._message()
            if message.get("id") == self._last_id:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]
            self.events.append(message)

    def open(self, path):
        self.events = []
        self.call("Page.navigate", url="file://" + path)
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._message())

    def value(self, expression):
        result = self.call("Runtime.evaluate", expression=f"JSON.stringify({expression})")
        if "exceptionDetails" in result:
            raise RuntimeError(f"{expression}: {result['exceptionDetails']}")
        return json.loads(result["result"]["value"])

    def click(self, element):
        """With the mouse, where the element is."""
        place = self.value(f"(e => {{ e.scrollIntoView({{block: 'center', inline: 'center'}}); const r = e.getBoundingClientRect();"
                           f" return [r.x + r.width / 2, r.y + r.height / 2]; }})({element})")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)


def complaints(browser):
    """What was said on the console, and what was asked of anyone but the page itself."""
    said = []
    for event in browser.events:
        parameters = event.get("params", {})
        if event["method"] == "Runtime.exceptionThrown":
            said.append("exception: " + parameters["exceptionDetails"]["text"])
        if event["method"] == "Runtime.consoleAPICalled":
            said.append("console: " + parameters["type"])
        if event["method"] == "Log.entryAdded":
            said.append("log: " + parameters["entry"]["text"])
        if event["method"] == "Network.requestWillBeSent" and parameters["type"] != "Document":
            said.append("request: " + parameters["request"]["url"][:80])
    return said


def sort_key(value):
    try:
        return (0, float(value), "")
    except ValueError:
        return (1, 0, value.casefold())


def is_sorted(values, descending):
    """Unknown values last whatever the order; the browser sorts texts by its language: equal but for that."""
    known = [value for value in values if value != ""]
    keys = [sort_key(value) for value in known]
    return values[len(known):] == [""] * (len(values) - len(known)) and keys == sorted(keys, reverse=descending)


def check_sorting(browser, problems):
    """Returns how many columns were clicked."""
    tables = browser.value("[...document.querySelectorAll('table')].map(t => [t.id, t.tHead.rows[0].cells.length, t.tBodies[0].rows.length])")
    for name, n_column, n_row in tables:
        table = f"document.getElementById('{name}')"
        for column in range(n_column):
            cells = f"[...{table}.tBodies[0].rows].map(row => row.cells[{column}].dataset.v)"
            before = sorted(browser.value(cells))
            for descending in (False, True):
                browser.click(f"{table}.tHead.rows[0].cells[{column}]")
                values = browser.value(cells)
                if sorted(values) != before or not is_sorted(values, descending):
                    problems.append(f"table {name}, column {column}, {n_row} rows: not sorted by a click: {values}")
    return sum(n_column for _, n_column, _ in tables), len(tables)


def check_plots(browser, problems):
    pictures = browser.value(
        "[...document.querySelectorAll('svg')].map(s => [s.previousElementSibling.textContent, s.getBoundingClientRect().width,"
        " s.querySelectorAll('path, rect, polygon').length])")
    if [title for title, _, _ in pictures] != PLOTS:
        problems.append(f"plots are {[title for title, _, _ in pictures]}")
    for title, width, n_shape in pictures:
        if width < 300 or n_shape < 10:
            problems.append(f"plot {title}: {width} pixels wide with {n_shape} shapes")
    return len(pictures)


def check_page(browser, path):
    problems = []
    browser.open(path)
    n_column, n_table = check_sorting(browser, problems)
    n_plot = check_plots(browser, problems)
    problems += complaints(browser)
    return problems, f"{n_table} tables, {n_column} columns sorted both ways by clicks, {n_plot} plots, {len(complaints(browser))} complaints"


def write_runs(stored, folder):
    """Runs of several sizes; numbers of other lengths, so that sorting as text would show, and unknown values."""
    import h5py
    import numpy

    for index, n_params in enumerate((9_000_000, 1_200_000, 10_500_000, 800_000)):
        path = f"{folder}/run{index}.h5"
        shutil.copy(stored, path)
        os.chmod(path, 0o644)
        with h5py.File(path, "r+") as file:
            for group, key, value in (("/", "run_id", f"Run {index} <b>"), ("/config", "n_params", n_params)):
                del file[group].attrs[key]
                file[group].attrs[key] = numpy.bytes_(value) if isinstance(value, str) else numpy.int64(value)
            rows = file["/metrics/train"][:]
            rows["time"] += rows["step"]
            rows["forward_s"], rows["backward_s"] = 0.08, 0.15
            rows["mfu"] = numpy.nan if index == 2 else 0.1 * (index + 1)
            file["/metrics/train"][:] = rows


def damaged_pages(page):
    """Pages that must not pass, by what is wrong with them."""
    return {
        "request": page.replace("<h1>", '<img src="http://127.0.0.1:9/x.png"><h1>', 1),
        "exception": page.replace("<script>", "<script>nothing_of_that_name();", 1),
        "console": page.replace("<script>", "<script>console.error('x');", 1),
        "not sorted": page.replace("return sign * (isNaN(a) ?", "return 0 * (isNaN(a) ?", 1),
        "plots are": page.replace("<svg", "<p", 1),
    }


def main():
    source, binaries = sys.argv[1:]
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        print(f"skipped: none of {', '.join(BROWSERS)} is on PATH; scripts/setup.sh --full installs one")
        sys.exit(77)
    failures = []
    with tempfile.TemporaryDirectory() as folder:
        write_runs(source + "/tests/core/run/data/v1.2.h5", folder)
        runs = [f"{folder}/run{index}.h5" for index in range(4)]
        subprocess.run([binaries + "/report", *runs, "--html", folder + "/page.html"], check=True)
        browser = Browser(program, folder)
        try:
            failures, summary = check_page(browser, folder + "/page.html")
            print(summary)
            with open(folder + "/page.html", encoding="utf-8") as file:
                page = file.read()
            for what, damaged in damaged_pages(page).items():
                with open(folder + "/damaged.html", "w", encoding="utf-8") as file:
                    file.write(damaged)
                found, _ = check_page(browser, folder + "/damaged.html")
                print(f"a page with {what}: {found[0] if found else 'passed'}"[:160])
                if not any(what in problem for problem in found):
                    failures.append(f"a page passed although: {what}")
        finally:
            browser.close()
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


main()
