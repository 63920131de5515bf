"""A window on the explorer, as a reader uses it."""

from urllib.parse import parse_qs, quote

PATIENCE = 180_000  # milliseconds: a machine that tests something else too is slow


class Window:
    """The page of a study, opened with a state in its address. Whatever it complains of or asks the
    network for is kept: `complaints`, `requests`."""

    def __init__(self, page, folder, state):
        self.page, self.folder = page, folder
        self.complaints, self.requests = [], []
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._hear)
        page.on("request", lambda request: self.requests.append(request.url))
        self.go(self.address(**state))

    def _hear(self, message):
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def address(self, **state):
        parts = "&".join(f"{key}={quote(str(value))}" for key, value in state.items())
        return f"file://{self.folder}/index.html" + (f"#{parts}" if parts else "")

    def go(self, address):
        self.page.goto(address, wait_until="load")
        self.drawn()

    def drawn(self):
        """Wait until the heat map, or the reason why there is none, is on the screen, and all that
        goes with it."""
        self.page.wait_for_function("document.documentElement.dataset.drawn === 'yes'")

    @property
    def state(self):
        """The state in the address."""
        fragment = self.page.evaluate("location.hash").removeprefix("#")
        return {key: values[0] for key, values in parse_qs(fragment).items()}

    def chosen(self, side):
        """The name of network `a` or `b`, which the address may leave out."""
        return self.page.evaluate(f"repatlas.about.runs.run[repatlas.state.get().{side}]")

    def text(self, selector):
        return " ".join(self.page.locator(selector).first.inner_text().split())

    def choose(self, selector, value):
        """Choose an option of a select by its text."""
        self.page.locator(selector).select_option(label=value)
        self.drawn()

    def click(self, selector):
        self.page.locator(selector).first.click()
        self.drawn()

    def press(self, key):
        self.page.keyboard.press(key)
        self.drawn()

    def values(self):
        """The numbers of the heat map, a row a layer of A; None where undefined."""
        return self.page.evaluate("document.getElementById('map').data[0].z")

    def profile(self, title):
        """Lines of the plot along the layers whose title starts so."""
        figure = self.page.locator("#profiles figure", has_text=title)
        return self.lines(figure.locator(".plot"))

    def lines(self, plot):
        """Each line of a plot as (x, y), of those that answer to the pointer."""
        script = """element => element.data.filter(t => t.hoverinfo !== 'skip')
                    .map(t => [Array.from(t.x), Array.from(t.y)])"""
        return plot.evaluate(script)

    def rows(self):
        """The texts of the table of networks, a list of cells a row."""
        return self.page.evaluate(
            "[...document.querySelectorAll('#runs tbody tr')]"
            ".map(row => [...row.cells].map(cell => cell.innerText.trim()))"
        )

    def cell(self, i, j):
        """The middle of a cell of the heat map on the screen, row i and column j from 0."""
        box = self.page.locator("#map .heatmaplayer image").bounding_box()
        rows, columns = self.page.evaluate(
            "(z => [z.length, z[0].length])(document.getElementById('map').data[0].z)"
        )
        return (
            box["x"] + (j + 0.5) * box["width"] / columns,
            box["y"] + box["height"] - (i + 0.5) * box["height"] / rows,
        )
