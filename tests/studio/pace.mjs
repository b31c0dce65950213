// The pace of live views by a clock of its own: node pace.mjs
import { same } from "../../web/tests/browser.mjs";
import { load } from "../learn/load.mjs";

let now = 0;
let timers = [];
const listeners = [];
const define = (name, value) =>
  Object.defineProperty(globalThis, name, { value, configurable: true });
define("document", {
  hidden: false,
  addEventListener: (_, listener) => listeners.push(listener),
});
define("navigator", { hardwareConcurrency: 2 });
define("performance", { now: () => now });
define("requestAnimationFrame", (frame) => frame());
define("MessageChannel", function () {
  this.port1 = { close() {} };
  this.port2 = { postMessage: () => this.port1.onmessage() };
});

const { Pace } = await load("../studio/train/pace.ts");
define("setTimeout", (work, after) => {
  const timer = { work, at: now + after };
  timers.push(timer);
  return timer;
});
define("clearTimeout", (timer) => {
  timers = timers.filter((each) => each !== timer);
});

/** Let the clock run, and do what becomes due until then. */
function run(until) {
  for (;;) {
    const next = timers.sort((a, b) => a.at - b.at)[0];
    if (!next || next.at > until) break;
    timers.shift();
    now = Math.max(now, next.at);
    next.work();
  }
  now = Math.max(now, until);
}

let done = [];
const work =
  (name, cost = 0) =>
  () => {
    done.push(`${name} ${now}`);
    now += cost;
  };
function expect(wanted, what) {
  same(done, wanted, what);
  done = [];
}
function show(hidden) {
  document.hidden = hidden;
  for (const listener of listeners) listener();
}

const curves = new Pace();
const maps = new Pace();
curves.plan(work("old"));
curves.plan(work("curves"));
maps.plan(work("maps"));
run(10);
expect(["curves 0", "maps 0"], "the newest work of each view in one frame");

curves.plan(work("curves", 20));
run(2999);
expect([], "no frame within three seconds");
run(3000);
expect(["curves 3000"], "then the next");
maps.plan(work("maps", 10_000));
run(8019);
expect([], "after a frame of 20 ms, of two cores 0.4 % are taken: 5 s pass");
run(8020);
expect(["maps 8020"], "and then the next");

curves.plan(work("curves"));
run(18_020 + 59_999);
expect([], "a frame of 10 s is followed by a minute");
run(18_020 + 60_000);
expect(["curves 78020"], "and by no more than that");

const loads = new Pace(false);
loads.plan(work("loads"));
run(now);
expect(["loads 78020"], "what draws nothing waits for no frame");
loads.notBefore(2);
loads.plan(work("loads"));
run(80_019);
expect([], "not before it is due");
run(80_020);
expect(["loads 80020"], "but then");

show(true);
curves.plan(work("curves"));
run(200_000);
expect([], "nothing is drawn in a hidden page");
show(false);
run(200_000);
expect(["curves 200000"], "what was planned is drawn once it is seen");

maps.plan(work("maps"));
maps.flush();
expect(["maps 200000"], "a person does not wait");
maps.plan(work("maps"));
maps.close();
run(400_000);
expect([], "a closed view draws nothing");
