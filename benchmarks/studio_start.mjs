// node studio_start.mjs paint : reads URLs, prints when the first content of each was painted
// node studio_start.mjs frames URL PREDICT COUNT : prints the milliseconds of each webcam frame
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { inStudio } from "../tests/studio/open.mjs";

const { chromium } = createRequire(
  new URL("../web/package.json", import.meta.url),
)("playwright-core");

/** The time of the first contentful paint, in seconds since 1970. */
async function firstPaint(page, url) {
  await page.goto(url, { waitUntil: "commit" });
  return page.evaluate(async () => {
    const entry = await new Promise((resolve) => {
      new PerformanceObserver((list) => {
        const found = list.getEntriesByName("first-contentful-paint")[0];
        if (found) resolve(found);
      }).observe({ type: "paint", buffered: true });
    });
    return (performance.timeOrigin + entry.startTime) / 1000;
  });
}

async function paint() {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox"],
  });
  try {
    const page = await browser.newPage({
      viewport: { width: 1280, height: 850 },
    });
    await page.goto("about:blank");
    console.log("ready");
    for await (const url of createInterface({ input: process.stdin }))
      console.log(await firstPaint(page, url));
  } finally {
    await browser.close();
  }
}

/** A frame of the fake camera is drawn, encoded, sent and answered, one after the other. */
async function frames(url, path, count) {
  await inStudio(url, async (page) => {
    const times = await page.evaluate(
      async ([path, count]) => {
        const video = document.createElement("video");
        video.srcObject = await navigator.mediaDevices.getUserMedia({
          video: true,
        });
        await video.play();
        const canvas = document.createElement("canvas");
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        const context = canvas.getContext("2d");
        const times = [];
        for (let frame = 0; frame < count; frame++) {
          const began = performance.now();
          context.drawImage(video, 0, 0);
          const body = await new Promise((done) =>
            canvas.toBlob(done, "image/jpeg", 0.9),
          );
          const answer = await fetch(path, {
            method: "POST",
            headers: { "content-type": "application/octet-stream" },
            body,
          });
          const { label, error } = await answer.json();
          if (label === undefined) throw new Error(error);
          times.push(performance.now() - began);
        }
        return times;
      },
      [path, Number(count)],
    );
    console.log(JSON.stringify(times));
  });
}

const [action, ...values] = process.argv.slice(2);
await (action === "paint" ? paint() : frames(...values));
