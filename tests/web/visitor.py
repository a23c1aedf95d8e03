"""A person before the page: what they do, and what they see."""

from __future__ import annotations

import re
from base64 import b64encode
from pathlib import Path
from typing import Any, Self

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

DESK, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
PATIENCE_MS = 90_000
IN_MEMORY = ("blob:", "data:")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

HAND_OVER = """([files, kind, target]) => {
  const data = new DataTransfer();
  for (const [name, type, text] of files) {
    data.items.add(new File([Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))], name, { type }));
  }
  const told = { bubbles: true, cancelable: true };
  const at = document.querySelector(target);
  if (kind === "paste") return at.dispatchEvent(new ClipboardEvent("paste", { ...told, clipboardData: data }));
  for (const step of ["dragenter", "dragover", "drop"]) {
    at.dispatchEvent(new DragEvent(step, { ...told, dataTransfer: data }));
  }
}"""

Files = dict[str, bytes]


class Visitor:
    """A page of its own, closed at the end, when it must have kept quiet. `expected`: console errors that a test
    causes, since a browser writes there every answer of 400 and above."""

    def __init__(self, browser: Browser, url: str, viewport: dict[str, int] = DESK, **context: Any) -> None:
        self._context = browser.new_context(viewport=viewport, accept_downloads=True, **context)
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.url, self.expected = url, ""
        self.requested: list[str] = []
        self.num_streams = 0
        self._errors: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self._errors.append(str(error)))
        self.page.on("request", self._follow)

    def __enter__(self) -> Self:
        self.page.goto(f"{self.url}/")
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._context.close()
        if kind is None:
            assert not [error for error in self._errors if not (self.expected and re.search(self.expected, error))]
            assert not [url for url in self.requested if not url.startswith((self.url, *IN_MEMORY))]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self._errors.append(message.text)

    def _follow(self, request: Request) -> None:
        self.requested.append(request.url)
        self.num_streams += request.headers.get("accept") == "text/event-stream"

    # -- doing ---------------------------------------------------------------------------------------

    def meets_service(self) -> Self:
        """Until the page knows what the service offers."""
        expect(self.page.locator("#model")).to_be_enabled(timeout=PATIENCE_MS)
        return self

    def chooses(self, files: Files) -> None:
        self.page.set_input_files(
            "#files", [{"name": name, "mimeType": "image/png", "buffer": data} for name, data in files.items()]
        )

    def drops(self, files: Files) -> None:
        self._hands_over(files, "drop", "main")

    def pastes(self, files: Files) -> None:
        self._hands_over(files, "paste", "body")

    def _hands_over(self, files: Files, kind: str, target: str) -> None:
        told = [(name, "image/png", b64encode(data).decode()) for name, data in files.items()]
        self.page.evaluate(HAND_OVER, [told, kind, target])

    def starts(self) -> None:
        self.page.locator("#start").click()

    def does(self, name: str, action: str) -> None:
        self.card(name).locator(f"[data-action={action}]").click()

    def fetched(self, name: str) -> None:
        """Until the result is in the tab, and no longer on the service."""
        self.sees(name, "completed")
        self.does(name, "fetch")
        self.sees(name, "held")
        expect(self.line(name)).to_contain_text("on the service it is deleted", timeout=PATIENCE_MS)

    def saved(self, name: str) -> tuple[str, bytes]:
        """The name and the bytes of the file that is saved."""
        with self.page.expect_download() as download:
            self.does(name, "save")
        return download.value.suggested_filename, Path(download.value.path()).read_bytes()

    # -- seeing --------------------------------------------------------------------------------------

    def card(self, name: str) -> Locator:
        return self.page.locator("article", has=self.page.get_by_role("heading", name=name, exact=True))

    def line(self, name: str) -> Locator:
        return self.card(name).locator("[data-part=line]")

    def sees(self, name: str, state: str) -> None:
        expect(self.card(name)).to_have_attribute("data-state", state, timeout=PATIENCE_MS)

    def reads(self, name: str, words: str | re.Pattern[str]) -> None:
        expect(self.line(name)).to_contain_text(words, timeout=PATIENCE_MS)

    def job_ids(self) -> list[str]:
        """Of the jobs that the page has asked about, in the order in which they came."""
        found = [re.search(r"/status/(\d{19})", url) for url in self.requested]
        return list(dict.fromkeys(match[1] for match in found if match))

    def can_all_use_it(self) -> None:
        """No rule of axe is broken, in light or dark: labels, landmarks, contrast of 4.5, sizes of targets."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            violations = Axe().run(self.page, options=RULES).response["violations"]
            assert not violations, [(found["id"], [node["html"] for node in found["nodes"]]) for found in violations]
