"""browser.py: Chromium without a window, over the pipe of its DevTools protocol. Standard library only; used by test_page.py."""
import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


def chromium():
    """The program, or None: Ubuntu's package may be a mere signpost to another one."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        path = shutil.which(name)
        if path and subprocess.run([path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0:
            return path
    return None


class Browser:
    """One process; `page` opens a tab."""

    def __init__(self, program, *flags):
        self.profile = tempfile.mkdtemp(prefix="regbench-page-")
        to_read, self.to = os.pipe()
        self.answers, from_write = os.pipe()

        def wire():  # the protocol's ends are descriptors 3 and 4
            a, b = os.dup(to_read), os.dup(from_write)
            os.dup2(a, 3)
            os.dup2(b, 4)

        command = [program, "--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--no-first-run",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
                   "--hide-scrollbars", "--user-data-dir=" + self.profile, *flags, "about:blank"]
        self.process = subprocess.Popen(command, preexec_fn=wire, close_fds=False, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(to_read)
        os.close(from_write)
        self.buffer, self.next_id, self.events = b"", 0, []

    def receive(self, deadline):
        while b"\0" not in self.buffer:
            if not select.select([self.answers], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError("no answer from Chromium")
            data = os.read(self.answers, 1 << 20)
            if not data:
                raise EOFError("Chromium ended")
            self.buffer += data
        message, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, session=None, timeout=60, **parameters):
        self.next_id += 1
        message = {"id": self.next_id, "method": method, "params": parameters}
        if session:
            message["sessionId"] = session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + timeout
        while True:
            answer = self.receive(deadline)
            if answer.get("id") == self.next_id:
                if "error" in answer:
                    raise RuntimeError(method + ": " + answer["error"]["message"])
                return answer["result"]
            self.events.append(answer)

    def page(self, width=1280, height=900, dark=False, media=None):
        return Page(self, width, height, dark, media)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.to)
        os.close(self.answers)
        shutil.rmtree(self.profile, ignore_errors=True)


class Page:
    """A tab: records console messages, exceptions and requests from before the document is read."""

    def __init__(self, browser, width, height, dark, media):
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self.target = target
        self.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(domain + ".enable")
        self.size(width, height)
        self.media(dark, media)

    def call(self, method, **parameters):
        return self.browser.call(method, session=self.session, **parameters)

    def size(self, width, height=900, scale=1):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False)

    def media(self, dark=False, media=None):
        self.call("Emulation.setEmulatedMedia", media=media or "",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def wait_event(self, method, timeout=60):
        deadline = time.monotonic() + timeout
        while True:
            for event in self.browser.events:
                if event.get("method") == method and event.get("sessionId") == self.session:
                    return event
            self.browser.events.append(self.browser.receive(deadline))

    def open(self, path, fragment=""):
        for url in ("about:blank", "file://" + os.path.abspath(path) + fragment):  # by way of blank: another fragment alone loads nothing
            self.forget()
            self.call("Page.navigate", url=url)
            self.wait_event("Page.loadEventFired")
        self.settle()

    def forget(self):
        self.browser.events = [e for e in self.browser.events if e.get("sessionId") != self.session]

    def settle(self):
        """Waits for two frames: observers have reported, what they drew is drawn."""
        self.run("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(r, 30))))")

    def run(self, expression):
        """The value of an expression in the page; promises are awaited, exceptions are raised here."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True, userGesture=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return answer["result"].get("value")

    def key(self, key, code=None, text=None, number=0):
        """Presses a key for real."""
        common = {"key": key, "code": code or key, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def troubles(self):
        """Console errors and warnings, exceptions, refusals of the security policy."""
        self.run("0")
        found = []
        for event in self.browser.events:
            if event.get("sessionId") != self.session:
                continue
            method, p = event["method"], event["params"]
            if method == "Runtime.exceptionThrown":
                found.append(p["exceptionDetails"].get("exception", {}).get("description") or p["exceptionDetails"]["text"])
            elif method == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning", "assert"):
                found.append(p["type"] + ": " + " ".join(str(a.get("value", a.get("description"))) for a in p["args"]))
            elif method == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
                found.append(p["entry"]["text"])
        return found

    def requests(self):
        """Addresses that were asked for, but the document's own and data: ones."""
        self.run("0")
        urls = [e["params"]["request"]["url"] for e in self.browser.events
                if e.get("sessionId") == self.session and e["method"] == "Network.requestWillBeSent"
                and e["params"].get("type") != "Document"]
        return [url for url in urls if not url.startswith("data:")]

    def picture(self, path, whole=False):
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        with open(path, "wb") as out:
            out.write(base64.b64decode(data))

    def pdf(self):
        """The page on paper, A4."""
        return base64.b64decode(self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, printBackground=True,
                                          preferCSSPageSize=True)["data"])

    def close(self):
        self.browser.call("Target.closeTarget", targetId=self.target)
        self.browser.events = [e for e in self.browser.events if e.get("sessionId") != self.session]
