"""Opens reports in chromium and uses them as a person does: wheel, mouse, keys, search, clicks.

  drive_report.py <limelight> <folder> <report of a run>
  drive_report.py --open <report>     says after how long it is complete, five times

The traces of what was planted are made here: a slow rank, a slow queue, a slow operation, 250
requests. Needs chromium and chromedriver, which it talks to by WebDriver (W3C).
"""
import base64
import contextlib
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request


class Browser:
    def __init__(self):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE,
                                       text=True)
        for line in self.driver.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                break
        self.url = f"http://127.0.0.1:{found[1]}/session"
        options = {"args": ["--headless", "--no-sandbox", "--disable-gpu",
                            "--window-size=1280,900"]}
        session = self.call("", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.url += "/" + session["sessionId"]

    def call(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def close(self):
        with contextlib.suppress(OSError):
            self.call("", method="DELETE")
        self.driver.terminate()
        self.driver.wait()

    def run(self, script, *arguments):
        return self.call("/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition, seconds=30):
        until = time.monotonic() + seconds
        while not (value := self.run("return " + condition)):
            if time.monotonic() > until:
                raise AssertionError(f"never true: {condition}")
            time.sleep(0.03)
        return value

    def open(self, page):
        self.call("/url", {"url": pathlib.Path(page).resolve().as_uri()})
        self.wait('document.body.dataset.slices === "yes"')
        self.settle()

    def settle(self):
        """Two frames later all is drawn."""
        self.call("/execute/async", {"args": [], "script":
            "const done = arguments[0];"
            "requestAnimationFrame(() => requestAnimationFrame(() => done()));"})

    def act(self, *sources):
        self.call("/actions", {"actions": list(sources)})
        self.settle()

    def keys(self, *keys):
        presses = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.act({"type": "key", "id": "keys", "actions": presses})

    def mouse(self, *actions):
        self.act({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
                  "actions": list(actions)})

    def move(self, x, y):
        return {"type": "pointerMove", "duration": 0, "x": int(x), "y": int(y)}

    def click(self, selector):
        x, y = self.run("const e = document.querySelector(arguments[0]);"
                        "e.scrollIntoView({block: 'center'});"
                        "const b = e.getBoundingClientRect();"
                        "return [b.x + b.width / 2, b.y + b.height / 2];", selector)
        self.mouse(self.move(x, y), {"type": "pointerDown", "button": 0},
                   {"type": "pointerUp", "button": 0})

    def wheel(self, x, y, dx, dy):
        self.act({"type": "wheel", "id": "wheel", "actions": [
            {"type": "scroll", "x": int(x), "y": int(y), "deltaX": dx, "deltaY": dy,
             "duration": 0}]})

    def emulate(self, **what):
        self.call("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": what})

    def size(self, width, height=900):
        self.call("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}})
        self.settle()

    def picture(self, file):
        pathlib.Path(file).write_bytes(base64.b64decode(self.call("/screenshot")))

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def view(self):
        return [float(x) for x in self.run("return document.body.dataset.view").split()]

    def errors(self):
        return [entry["message"] for entry in self.call("/se/log", {"type": "browser"})
                if entry["level"] == "SEVERE"]


def event(name, begin_us, length_us, category="cpu_op", tid=1, **args):
    return {"ph": "X", "cat": category, "name": name, "pid": 1, "tid": tid, "ts": begin_us,
            "dur": length_us, "args": args}


def write(folder, rank, stage, events, of=2):
    folder.mkdir(parents=True, exist_ok=True)
    head = [{"ph": "M", "name": "process_name", "pid": 1, "tid": 0, "ts": 0,
             "args": {"name": f"rank {rank}: stage {stage}"}},
            {"ph": "M", "name": "thread_name", "pid": 1, "tid": 1, "ts": 0,
             "args": {"name": "worker"}}]
    (folder / f"1700000000000-rank-{rank}.json").write_text(json.dumps({
        "distributedInfo": {"rank": rank, "world_size": of}, "limelight_clock": "tsc",
        "baseTimeNanoseconds": 1700000000000000000, "traceEvents": head + events,
        "limelight": {"drops": 0, "session": "1700000000000"}, "traceName": "x"}, indent=0))
    return folder


def pipeline(folder, work=(100, 100), queue=20, operation="matmul", requests=250):
    """Requests one after another through two ranks. Times in microseconds."""
    ranks = ([], [])
    at = 1000.0
    for i in range(requests):
        name = f"request-{i:03d}"
        ranks[0].append(event("actor.submit", at, 1, request=name))
        ranks[1].append(event("actor.submit", at, 1, request=name))
        at += 5
        for rank in (0, 1):
            length = work[rank]
            step = {"request": name, "step of": ("thinker", "code2wav")[rank] + " step"}
            if rank == 1:
                ranks[1].append(event("ipc.take", at, 2, bytes=4096, channel=5, chunk=i))
                at += 3
            ranks[rank].append(event(operation if rank else "embed", at + 5, length * 0.8,
                                     request=name))
            if rank == 0:
                ranks[0].append(event("ipc.publish", at + length * 0.9, 4, bytes=4096, channel=5,
                                      chunk=i, request=name))
            ranks[rank].append(event(f"ProfilerStep#{i + 1}", at, length, "user_annotation",
                                     **step))
            at += length + (queue if rank == 0 else 10)
        ranks[1].append({"ph": "C", "name": "KV cache bytes", "pid": 1, "tid": 0, "ts": at,
                         "args": {"value": (i % 50) * 100000}})
    write(folder, 0, "0 thinker", ranks[0])
    return write(folder, 1, "1 code2wav", ranks[1])


def group(folder):
    """A stage of two ranks, the second of which comes late to each collective."""
    ranks = ([], [])
    for i in range(20):
        at, late = 1000 + 1000.0 * i, 600
        for rank in (0, 1):
            begin = at + 50 + (late if rank else 0)
            ranks[rank].append(event("slow_norm" if rank else "norm", at + 5, begin - at - 10,
                                     request="grouped"))
            ranks[rank].append(event("collective.all_reduce", begin, at + 50 + late + 20 - begin,
                                     bytes=64, request="grouped"))
            ranks[rank].append(event(f"ProfilerStep#{i}", at, 900 - rank, "user_annotation",
                                     request="grouped", **{"step of": "thinker step"}))
    write(folder, 0, "0 thinker", ranks[0])
    return write(folder, 1, "0 thinker", ranks[1])


def report(limelight, folder, page, *more):
    files = sorted(folder.glob("*.json*"))
    subprocess.run([limelight, "trace", "report", *files, "-o", page, "--force", *more],
                   check=True, stdout=subprocess.DEVNULL)
    return page


def terminal(limelight, folder, request):
    return subprocess.run([limelight, "trace", "summary", "--request", request,
                           *sorted(folder.glob("*.json*"))], check=True, capture_output=True,
                          text=True).stdout


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def moves_through_time(browser):
    whole = browser.view()
    box = browser.run("document.querySelector('#timeline').scrollIntoView();"
                      "const b = document.querySelector('#canvas').getBoundingClientRect();"
                      "return [b.x, b.y, b.width, b.height];")
    x, y = box[0] + box[2] / 2, box[1] + min(box[3], 200) / 2
    span = lambda: browser.view()[1] - browser.view()[0]
    browser.wheel(x, y, 0, -300)
    near = span()
    check(near < 0.8 * (whole[1] - whole[0]), "the wheel zooms in")
    before = browser.view()
    browser.mouse(browser.move(x, y), {"type": "pointerDown", "button": 0},
                  browser.move(x - 200, y), {"type": "pointerUp", "button": 0})
    moved = browser.view()
    check(moved[0] > before[0] and abs(span() - near) < 1e-6 * near, "a drag moves to later times")
    browser.wheel(x, y, -100, 0)
    check(browser.view()[0] < moved[0], "a wheel across moves back")
    for key, wanted in (("w", lambda a, b: b < a), ("s", lambda a, b: b > a),
                        ("+", lambda a, b: b < a), ("-", lambda a, b: b > a),
                        ("\ue013", lambda a, b: b < a), ("\ue015", lambda a, b: b > a)):
        was = span()
        browser.keys(key)
        check(wanted(was, span()), f"key {key!r} zooms")
    for later, earlier in (("d", "a"), ("\ue014", "\ue012")):
        was = browser.view()[0]
        browser.keys(later)
        check(browser.view()[0] > was, f"key {later!r} goes to later times")
        browser.keys(earlier)
        check(abs(browser.view()[0] - was) < 1, f"key {earlier!r} goes back")
    browser.click("#pan-right")
    browser.click("#zoom-in")
    check(span() < near, "a button zooms")
    check(browser.run("return document.querySelector('#axis').dataset.unit") in
          ("ns", "µs", "ms", "s"), "the axis has a unit")
    browser.keys("0")
    check(browser.view() == whole, "0 shows all")


def hovers_and_chooses(browser):
    """A slice of the second rank says its name, duration, request and bytes."""
    browser.keys("0")
    place = browser.run("""
        const run = runs[0], s = run.slice;
        const i = s.name.findIndex(id => run.names[id] === "ipc.publish");
        showRange(s.begin[i], s.begin[i] + s.length[i]);
        const track = trackOf(run, i), item = items.find(one => one.track === track);
        document.querySelector('#timeline').scrollIntoView();
        lanes.scrollTop = item.y - 50;
        const b = canvas.getBoundingClientRect();
        return [b.x + b.width / 2,
                b.y + item.y - lanes.scrollTop + labelHeight + s.row[i] * lineHeight + 7];""")
    browser.settle()
    browser.mouse(browser.move(*place))
    tip = browser.text("#tip")
    for word in ("ipc.publish", "4.000 µs", "request request-000", "4.0 KiB", "rank 0", "worker"):
        check(word in tip, f"{word!r} in {tip!r}")
    browser.mouse(browser.move(*place), {"type": "pointerDown", "button": 0},
                  {"type": "pointerUp", "button": 0})
    check("ipc.publish" in browser.text("#chosen"), "a click keeps what it says")
    browser.run("document.querySelectorAll('#chosen button')[2].click()")
    check("request request-000" in browser.text("#request"), "its request is shown")
    browser.keys("\ue00c")


def searches(browser):
    browser.click("#search")
    browser.keys(*"matmul")
    browser.wait("document.querySelector('#found').textContent.startsWith('250 slices')")
    browser.keys("\ue007")
    check(browser.text("#found").startswith("1 of 250"), "Enter goes to the first")
    browser.keys("\ue007")
    check("matmul" in browser.text("#chosen"), "the second is chosen")
    browser.run("search_box = document.querySelector('#search'); search_box.value = '';"
                "search_box.dispatchEvent(new Event('input'));")
    browser.wait("document.querySelector('#found').textContent === ''")
    browser.keys("\ue00c")


def lists_all_requests(browser, limelight, folder):
    check(browser.text("#request-list").startswith("250 requests"), "250 requests")
    seen = set()
    for step in range(60):
        names = browser.run("""
            const box = document.querySelector('.list');
            box.scrollTop = arguments[0];
            fillRequests();
            return [...box.querySelectorAll('button span')].map(e => e.textContent)""", step * 200)
        seen.update(names)
    check(len(seen) == 250, f"each request has a row, found {len(seen)}")
    browser.run("document.querySelector('.list').scrollTop = 0; fillRequests();")
    browser.click(".list button:nth-child(3)")
    chosen = re.search(r"request (request-\d+)", browser.text("#request"))[1]
    sentence = browser.text("#request .sentence")
    check(sentence in terminal(limelight, folder, chosen), "the terminal has the same sentence")


def fits(browser, folder):
    for width in (480, 1280):
        browser.size(width)
        wide = browser.run("return document.documentElement.scrollWidth")
        check(wide <= width, f"{wide} pixels in a window of {width}")
        for scheme, low, high in (("light", 200, 255), ("dark", 0, 60)):
            browser.emulate(features=[{"name": "prefers-color-scheme", "value": scheme}])
            browser.settle()
            shade = browser.run("return getComputedStyle(document.body).backgroundColor")
            check(low <= int(re.search(r"\d+", shade)[0]) <= high, f"{scheme}: {shade}")
            browser.run("scrollTo(0, 0)")
            browser.picture(folder / f"report-{width}-{scheme}.png")
    browser.emulate(media="", features=[])
    printed = browser.call("/print", {"background": True})
    check(len(printed) > 10000, "it prints")
    (folder / "report.pdf").write_bytes(base64.b64decode(printed))


def main(limelight, folder, own):
    folder = pathlib.Path(folder)
    browser = Browser()
    try:
        browser.open(own)
        check(browser.run("return runs[0].slice.begin.length") > 100, "the run has its slices")
        moves_through_time(browser)
        browser.run("document.querySelector('.list button').click()")
        check(browser.text("#request .sentence").startswith("Of "), "its request has a sentence")

        slow_operation = pipeline(folder / "operation", work=(100, 900))
        browser.open(report(limelight, slow_operation, folder / "operation.html"))
        moves_through_time(browser)
        hovers_and_chooses(browser)
        searches(browser)
        lists_all_requests(browser, limelight, slow_operation)
        for word in ("rank 1 (stage 1 code2wav)", "most of it in matmul"):
            check(word in browser.text("#request .sentence"), word)
        check("KV cache bytes" in browser.text("#counters"), "the counter has a chart")
        browser.run("document.querySelector('#flame-canvas').scrollIntoView({block: 'center'})")
        x, y = browser.run("const b = document.querySelector('#flame-canvas')"
                           ".getBoundingClientRect(); return [b.x + 10, b.y + 27]")
        browser.mouse(browser.move(x, y))
        check("calls" in browser.text("#tip"), "the flame graph says what the mouse is on")
        browser.mouse(browser.move(x, y), {"type": "pointerDown", "button": 0},
                      {"type": "pointerUp", "button": 0})
        check("rank 1" in browser.text("#flame-at"), "a click in the flame graph goes into a rank")

        slow_queue = pipeline(folder / "queue", queue=2000, requests=20)
        browser.open(report(limelight, slow_queue, folder / "queue.html"))
        browser.run("document.querySelector('.list button').click()")
        sentence = browser.text("#request .sentence")
        check("most went to the queue from rank 0 to rank 1" in sentence, sentence)

        slow_rank = group(folder / "rank")
        browser.open(report(limelight, slow_rank, folder / "rank.html"))
        browser.run("document.querySelector('.list button').click()")
        sentence = browser.text("#request .sentence")
        check("rank 1 (stage 0 thinker)" in sentence and "slow_norm" in sentence, sentence)
        check("rank 1: stage 0 thinker (slowest)" in browser.text("#collectives"), "slowest rank")

        fast = pipeline(folder / "fast", requests=250)
        browser.open(report(limelight, fast, folder / "beside.html", "--beside",
                            *sorted(slow_operation.glob("*.json"))))
        check("matmul changed most" in browser.text("#beside"), browser.text("#beside"))
        check(len(browser.run("return items.filter(item => !item.track)")) == 4, "four ranks")
        moves_through_time(browser)
        browser.run("document.querySelectorAll('#runs button')[1].click()")
        browser.run("document.querySelector('.list button').click()")
        check("matmul" in browser.text("#request .sentence"), "B's requests are shown")
        fits(browser, folder)
        check(browser.errors() == [], browser.errors())
    finally:
        browser.close()


def time_to_open(page):
    browser = Browser()
    try:
        for _ in range(5):
            browser.open(page)
            print(browser.run("return document.body.dataset.opened"), "ms")
    finally:
        browser.close()


if sys.argv[1] == "--open":
    time_to_open(sys.argv[2])
else:
    main(*sys.argv[1:])
