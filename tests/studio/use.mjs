// The tabs Look and Use of a project with one run: node use.mjs URL PROJECT IMAGE LABEL
// The run is called <i>one</i>; LABEL is what its model says of IMAGE.
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { closed, inStudio, press, until } from "./open.mjs";

const [url, project, image, label] = process.argv.slice(2);
const base = url.split("/?")[0];

async function axeInBothLanguages(page, what) {
  same(await axeFaults(page), [], `axe on ${what}`);
  await page.click("#language");
  await page.click("#theme");
  same(await axeFaults(page), [], `axe on ${what}, dark, in Korean`);
  await page.click("#language");
  await page.click("#theme");
}

async function relabelInACell(page) {
  await page.goto(`${base}/#/${project}/look`);
  await page.waitForSelector("#run");
  same(
    await page.locator("#run option").allTextContents(),
    ["<i>one</i> · 90.0 %"],
    "runs by name",
  );
  await page.locator("td .wrong").first().press("Enter");
  const first = page.locator("li [data-image]").first();
  const labelNow = () => first.locator(".label").textContent();
  const before = await labelNow();
  await axeInBothLanguages(page, "Look");
  await first.press(" ");
  await first.press("l");
  await page.waitForSelector("#label-name");
  await press(page, "Escape");
  await closed(page);
  same(await page.locator("#retrain-head").count(), 0, "nothing is relabelled");
  await first.press("y");
  await until(async () => (await labelNow()) !== before, true, "Y relabels");
  holds(await page.locator("#retrain-head").isEnabled(), "no head to retrain");
}

async function evaluateOnTest(page) {
  const accuracy = () => page.locator("#accuracy").textContent();
  await page.locator("#split-test").press("Enter");
  await page.waitForSelector("#evaluate-test");
  same(await page.locator("#accuracy").count(), 0, "no score before");
  await page.locator("#evaluate-test").press("Enter");
  await page.locator("#accuracy", { hasText: "Accuracy on test" }).waitFor();
  const before = await accuracy();
  await page.reload();
  await page.locator("#split-test").press("Enter");
  await page.waitForSelector("#accuracy");
  same(await accuracy(), before, "the score after a reload");
  same(await page.locator("#stale").count(), 0, "it holds");
  await axeInBothLanguages(page, "Look on test");
  await page
    .getByRole("button", { name: "Report", exact: true })
    .press("Enter");
  await page.frameLocator("iframe").locator("#overview").waitFor();
  await page
    .getByRole("button", { name: "Mistakes", exact: true })
    .press("Enter");
  await page.locator("td .wrong").first().press("Enter");
  await page.locator("li [data-image]").first().press("y");
  await page.waitForSelector("#stale");
  await page.locator("#split-val").press("Enter");
  await page.locator("#accuracy", { hasText: "Accuracy on val" }).waitFor();
}

async function noReport(page) {
  await page.getByRole("button", { name: "Report", exact: true }).press("Enter");
  same(
    await page.locator(".error").textContent(),
    "This run has no report yet: it is written when training ends",
    "a run without a report",
  );
}

async function lens(page) {
  await page
    .getByRole("button", { name: "Inside the network", exact: true })
    .press("Enter");
  await page.locator("li [data-image]").first().press("Enter");
  const frame = page.frameLocator("iframe");
  await frame.locator("#network").waitFor();
}

async function lensFromTheGrid(page) {
  await page.goto(`${base}/#/${project}/data`);
  const sheet = page.locator("dialog.full");
  const close = async () => {
    const head = sheet.locator(".head"); // a message above it can be closed too
    await head.getByRole("button", { name: "Close" }).press("Enter");
    await sheet.waitFor({ state: "detached" });
  };
  await page.locator("[data-position='2']").click();
  await page.locator("#lens").press("Enter");
  await sheet.waitFor();
  await page.frameLocator("dialog.full iframe").locator("#network").waitFor();
  await close();
  await page.locator("[role=grid]").press("i");
  await sheet.waitFor();
  await close();
  await page.locator("[role=grid]").press("Enter");
  await page.waitForSelector("dialog.wide #lens");
  same(await axeFaults(page), [], "axe on an image");
  await press(page, "i");
  await sheet.waitFor();
  await close();
}

async function tryImages(page) {
  await page.goto(`${base}/#/${project}/use`);
  await page.setInputFiles("#try-files", image);
  await page.waitForSelector("#label");
  holds(
    (await page.textContent("#label")).includes(label),
    `the prediction is not ${label}`,
  );
  await page.setInputFiles("#try-files", {
    name: "broken.png",
    mimeType: "image/png",
    buffer: Buffer.from("no image"),
  });
  await page.waitForSelector("#try-error");
}

async function liveWebcam(page) {
  await page.locator("#live").press("Enter");
  await page.waitForFunction(() =>
    /answers\/s/.test(document.querySelector(".result")?.textContent ?? ""),
  );
  await axeInBothLanguages(page, "Use with the webcam");
  await page.getByRole("button", { name: "Stop the webcam" }).press("Enter");
  await page.waitForSelector("video", { state: "detached" });
}

async function exportModel(page) {
  for (const kind of ["page", "onnx"]) {
    const entry = page.locator(`[data-export=${kind}]`);
    await entry.getByRole("button").press("Enter");
    await entry.locator(".verdict").waitFor();
    holds(
      (await entry.locator(".verdict").textContent()).includes("Passed on"),
      `the export ${kind} failed: ${await entry.textContent()}`,
    );
    const download = page.waitForEvent("download");
    await entry.getByRole("link", { name: "Download" }).click();
    holds((await (await download).path()) !== null, `${kind} is downloaded`);
  }
  await axeInBothLanguages(page, "Use with exports");
}

async function serve(page) {
  await page.locator("#start-server").press("Enter");
  await page.waitForSelector("#stop-server");
  holds(
    (await page.locator(".facts pre").first().textContent()).startsWith("curl"),
    "no curl line",
  );
  await page.locator("#stop-server").press("Enter");
  await page.waitForSelector("#start-server");
}

async function faultAboveTheContent(page) {
  await page.getByRole("button", { name: "File of this machine" }).press("Enter");
  await page.locator("#try-path").fill("/nowhere.png");
  await page.keyboard.press("Enter");
  const fault = page.getByRole("alert");
  await fault.waitFor();
  same(
    await fault.locator("span").textContent(),
    "There is no /nowhere.png on the machine that runs the studio; type the whole path of what lies there",
    "the fault",
  );
  const [above, main] = await Promise.all(
    [fault, page.locator("main")].map((one) => one.boundingBox()),
  );
  holds(above.y + above.height <= main.y, "it lies over the content");
  await fault.getByRole("button", { name: "Close" }).press("Enter");
  await fault.waitFor({ state: "detached" });
}

async function repeatAfterReload(page) {
  const lines = async () => {
    await page.locator("#repeat").press("Enter");
    await page.locator("dialog pre").nth(2).waitFor();
    const texts = await page.locator("dialog pre").allTextContents();
    await page.keyboard.press("Escape");
    return texts;
  };
  const before = await lines();
  for (const word of ["export", "serve", "evaluate", "explain", "predict"])
    holds(
      before.some((line) => line.startsWith(`foveal ${word} `)),
      `no line of ${word} in ${before}`,
    );
  await page.reload();
  await page.waitForSelector("#try-files", { state: "attached" });
  same(await lines(), before, "the lines after a reload");
}

async function card(page) {
  await page.locator("#open-card").press("Enter");
  await page.waitForSelector("article");
  holds(
    (await page.locator("#card-test").textContent()).includes(
      "Accuracy on test",
    ),
    "no score of test on the card",
  );
  await axeInBothLanguages(page, "the model card");
  await page.click("#theme");
  await page.emulateMedia({ media: "print" });
  same(
    await page.locator("header >> visible=true").count(),
    1, // of the card itself; the page's is not printed
    "what is printed",
  );
  same(
    await page.evaluate(() => getComputedStyle(document.documentElement).color),
    "rgb(27, 28, 30)",
    "dark ink on paper in the dark theme",
  );
  await page.emulateMedia({ media: "screen" });
}

await inStudio(url, async (page) => {
  await relabelInACell(page);
  await evaluateOnTest(page);
  await noReport(page);
  await lens(page);
  await lensFromTheGrid(page);
  await tryImages(page);
  await liveWebcam(page);
  await exportModel(page);
  await serve(page);
  await faultAboveTheContent(page);
  await repeatAfterReload(page);
  await card(page);
  await press(page, "Escape");
});
console.log("ok");
