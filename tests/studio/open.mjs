// Opens a running studio in chromium; notes errors, breaches of the policy and outside requests.
import { createRequire } from "node:module";

const { chromium } = createRequire(
  new URL("../../web/package.json", import.meta.url),
)("playwright-core");

/**
 * Runs `act(page)`; throws its errors, and what went wrong on the page meanwhile.
 * expected: what the console may say where the studio is killed.
 */
export async function inStudio(url, act, options = {}, expected = /^$/) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--use-fake-device-for-media-stream",
      "--use-fake-ui-for-media-stream",
    ],
  });
  const base = url.split("/?")[0];
  const faults = [];
  try {
    const context = await browser.newContext({
      locale: "en-US",
      viewport: { width: 1280, height: 850 },
      reducedMotion: "reduce",
      permissions: ["camera", "clipboard-read", "clipboard-write"],
      ...options,
    });
    context.setDefaultTimeout(120_000); // the first model is loaded in this time, on a busy machine
    const page = await context.newPage();
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on(
      "dialog",
      (dialog) =>
        faults.push(`dialog: ${dialog.message()}`) && dialog.dismiss(),
    );
    page.on("console", (message) => {
      const text = message.text();
      const known = /status of (410|422)/.test(text) || expected.test(text);
      if (message.type() === "error" && !known)
        faults.push(`console: ${text}`);
    });
    page.on("request", (request) => {
      if (
        !/^(blob|data):/.test(request.url()) &&
        !request.url().startsWith(`${base}/`)
      )
        faults.push(request.url());
    });
    await page.goto(url);
    await act(page);
    if (faults.length) throw new Error(faults.join("\n"));
  } finally {
    await browser.close();
  }
}

/** Presses keys one after the other. */
export async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
}

/** Waits until a dialog is gone and the focus is where it was before. */
export async function closed(page) {
  await page.waitForSelector("dialog", { state: "detached" });
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
}

/** Waits until `read()` gives `wanted`. */
export async function until(read, wanted, what, seconds = 120) {
  const end = Date.now() + 1000 * seconds;
  let got;
  while (JSON.stringify((got = await read())) !== JSON.stringify(wanted)) {
    if (Date.now() > end)
      throw new Error(
        `${what}: got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
