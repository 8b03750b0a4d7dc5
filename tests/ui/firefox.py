"""The page's main flow in Firefox: `make test-firefox`. Not among the tests of each change: Chromium's are.

Firefox is driven by WebDriver BiDi over its own port, so nothing but the browser is needed (Debian: firefox-esr). Screenshots are left in build/page.
"""
import base64
import itertools
import json
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading
import time

import fixtures
import specs
from server import Server
from tap import ROOT, check, dhow, done, says, skip

SHOTS = ROOT / "build" / "page"
FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PREFS = {"browser.shell.checkDefaultBrowser": False, "datareporting.policy.dataSubmissionEnabled": False, "app.update.enabled": False, "browser.aboutwelcome.enabled": False,
         "toolkit.telemetry.enabled": False, "network.captive-portal-service.enabled": False, "network.connectivity-service.enabled": False, "extensions.update.enabled": False,
         "ui.prefersReducedMotion": 1, "intl.accept_languages": "en-GB"}


class Firefox:
    def __init__(self, folder: str, dark: bool = False):
        import websocket  # comes with the kfp SDK
        profile = pathlib.Path(folder, "dark" if dark else "light")
        profile.mkdir()
        prefs = {**PREFS, "ui.systemUsesDarkTheme": int(dark), "layout.css.prefers-color-scheme.content-override": 0 if dark else 1}
        profile.joinpath("user.js").write_text("".join(f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in prefs.items()))
        self.process = subprocess.Popen([FIREFOX, "--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0", "--width", "1360", "--height", "860"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        url = next((m[1] for line in self.process.stderr if (m := re.search(r"listening on (ws://\S+)", line))), None)
        if not url:
            raise SystemExit("Bail out! Firefox does not start")
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.socket = websocket.create_connection(f"{url}/session", suppress_origin=True, timeout=120)
        self.ids, self.complaints, self.answers = itertools.count(1), [], queue.Queue()
        threading.Thread(target=self.listen, daemon=True).start()
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded", "network.responseCompleted"])
        self.context = self.call("browsingContext.getTree")["contexts"][0]["context"]
        self.call("browsingContext.setViewport", context=self.context, viewport={"width": 1360, "height": 860})

    def listen(self) -> None:
        try:
            while text := self.socket.recv():
                message = json.loads(text)
                params = message.get("params", {})
                if message.get("method") == "log.entryAdded" and params["level"] in ("error", "warn"):
                    self.complaints.append(params["text"])
                elif message.get("method") == "network.responseCompleted" and params["response"]["status"] >= 400:
                    self.complaints.append(f"{params['response']['status']} of {params['response']['url']}")
                elif "id" in message:
                    self.answers.put(message)
        except Exception as e:  # noqa: BLE001 - the browser is gone: whoever waits is told
            self.answers.put({"id": 0, "type": "error", "message": str(e)})

    def call(self, method: str, **params) -> dict:
        number = next(self.ids)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        answer = self.answers.get(timeout=120)
        if answer.get("type") == "error" or answer["id"] != number:
            raise RuntimeError(f"{method}: {answer.get('error')} {answer.get('message')}")
        return answer["result"]

    def js(self, expression: str):
        answer = self.call("script.evaluate", expression=f"(async () => JSON.stringify(await ({expression}) ?? null))()", target={"context": self.context}, awaitPromise=True)
        if answer["type"] != "success":
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']['text']}")
        return json.loads(answer["result"]["value"])

    def wait(self, expression: str, seconds: float = 30):
        """Until it is true; what it is then, or the last of what it was."""
        until = time.monotonic() + seconds
        while not (value := self.js(expression)) and time.monotonic() < until:
            time.sleep(0.05)
        return value

    def there(self, selector: str, text: str = "", seconds: float = 30):
        return self.wait(f"[...document.querySelectorAll({json.dumps(selector)})].some((e) => e.textContent.includes({json.dumps(text)}))", seconds)

    def visit(self, url: str, selector: str) -> bool:
        self.call("browsingContext.navigate", context=self.context, url=url, wait="complete")
        return self.there(selector)

    def click(self, selector: str, text: str = "") -> None:
        """With the mouse, in its middle."""
        self.there(selector, text)
        x, y = self.js(f"""(() => {{ const e = [...document.querySelectorAll({json.dumps(selector)})].find((e) => e.textContent.includes({json.dumps(text)}));
            e.scrollIntoView({{ block: 'center' }}); const r = e.getBoundingClientRect(); return [Math.round(r.x + r.width / 2), Math.round(r.y + r.height / 2)]; }})()""")
        self.call("input.performActions", context=self.context, actions=[{"type": "pointer", "id": "mouse", "actions": [
            {"type": "pointerMove", "x": x, "y": y}, {"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]}])

    def keys(self, *keys: str, hold: str = "") -> None:
        actions = [{"type": "keyDown", "value": hold}] if hold else []
        for key in keys:
            actions += [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self.call("input.performActions", context=self.context, actions=[{"type": "key", "id": "keyboard", "actions": actions + ([{"type": "keyUp", "value": hold}] if hold else [])}])

    def faults(self) -> str:
        if not AXE.exists():
            return ""
        self.call("script.evaluate", expression=AXE.read_text(), target={"context": self.context}, awaitPromise=False)
        found = self.js("window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'], iframes: false })"
                        ".then((r) => r.violations.map((v) => `${v.id}: ${v.nodes[0].target.join(' ')}`))")
        return "\n".join(found)

    def shot(self, name: str) -> None:
        data = self.call("browsingContext.captureScreenshot", context=self.context)["data"]
        SHOTS.joinpath(f"firefox-{name}.png").write_bytes(base64.b64decode(data))

    def close(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()


ENTER, ESCAPE, CONTROL = "\ue007", "\ue00c", "\ue009"


def places(fox: Firefox, url: str, run: str, form: str) -> None:
    for name, path, selector in (("runs", "#/runs", "tr.pick"), ("run", f"#/runs/details/{run}", ".dag-node"), ("timeline", f"#/runs/details/{run}?view=timeline", ".gantt-row"),
                                 ("task", f"#/runs/details/{run}?task=load&tab=outputs", ".artifact"), ("log", f"#/runs/details/{run}?task=load&tab=log", ".log-line"),
                                 ("pipelines", "#/pipelines", "tr.pick"), ("system", "#/system", ".meter")):
        fox.complaints.clear()
        check(fox.visit(f"{url}/{path}", selector), f"{name}, {form}: it is shown")
        fox.shot(f"{name}-{form}")
        said = fox.faults()
        check(said == "", f"{name}, {form}: axe has nothing to say", said)
        check(fox.js("document.documentElement.scrollWidth - innerWidth") <= 0, f"{name}, {form}: nothing sticks out sideways")
        check(fox.complaints == [], f"{name}, {form}: nothing in the console", "\n".join(fox.complaints))


def flow(fox: Firefox, url: str, run: str, pipeline: str) -> None:
    fox.visit(f"{url}/#/runs", "tr.pick")
    fox.keys("k", hold=CONTROL)
    check(fox.there(".palette"), "Ctrl-K")
    fox.keys(*"pipelines")
    fox.keys(ENTER)
    check(fox.wait("location.hash.startsWith('#/pipelines')"), "goes to a page by its name")
    fox.visit(f"{url}/#/runs", "tr.pick")
    fox.keys("j", "j")
    check(fox.there("tr.at"), "j goes down the list")
    fox.visit(f"{url}/#/pipelines/details/{pipeline}", ".dag-node")
    fox.click(".head-actions button", "Run…")
    fox.there("dialog .field")
    fox.click("dialog .dialog-foot button", "Start")
    check(fox.wait("location.hash.startsWith('#/runs/details/')"), "a run is started from its form")
    fox.click(".dag-face", "talk")
    fox.click("[role=tab]", "Log")
    check(fox.there(".log-line", "word 1"), "its log is read while it runs")
    check(fox.there(".head .badge", "Succeeded", 60), "and it is seen to end, without a reload")
    check(fox.there(".log-line", "word 20"), "with all of the log")
    fox.visit(f"{url}/#/runs/details/{run}", ".panel")
    fox.click(".panel button", "Tag")
    fox.there("input[aria-label='New tag']")
    fox.keys(*"seen=firefox", ENTER)
    check(fox.there(".head .tag", "seen: firefox"), "a tag is written")
    check(fox.complaints == [], "the flow: nothing in the console", "\n".join(fox.complaints))


def main() -> None:
    if not FIREFOX:
        skip("the page in Firefox", "there is no firefox here (Debian: apt-get install firefox-esr)")
        return
    SHOTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="dhow-firefox-", ignore_cleanup_errors=True) as home:
        path = specs.write(home, fixtures.everything())
        made = dhow("run", path, "--output", "json", home=home)
        check(made.returncode == 0, "a run to show", says(made))
        run = json.loads(made.stdout)["run_id"]
        talks = specs.pipeline("talks")
        specs.step(talks, "talk", "for i in $(seq 1 20); do echo word $i; sleep 0.1; done", cache=False)
        with Server(home) as server:
            status, uploaded, _ = server.ask("/apis/v2beta1/pipelines/upload?name=talks", f'--x\r\nContent-Disposition: form-data; name="uploadfile"; filename="t.json"\r\n\r\n{json.dumps(talks)}\r\n--x--\r\n'.encode(),
                                             headers={"Content-Type": "multipart/form-data; boundary=x"})
            check(status == 200, "a pipeline to run", str(uploaded))
            for dark in (False, True):
                fox = Firefox(home, dark)
                try:
                    places(fox, server.url, run, "dark" if dark else "light")
                    if not dark:
                        fox.complaints.clear()
                        flow(fox, server.url, run, uploaded["pipeline_id"])
                finally:
                    fox.close()


main()
done()
