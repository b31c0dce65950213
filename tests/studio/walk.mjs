// From an empty workspace to an exported model by keyboard alone: node walk.mjs URL IMAGE_FOLDER
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { inStudio, press, until } from "./open.mjs";

const [url, folder] = process.argv.slice(2);

/** Tab until the element, once it is there and enabled, has the focus. */
async function tabTo(page, selector, most = 120) {
  await page.waitForSelector(`${selector}:not(:disabled)`);
  for (let i = 0; i < most; i++) {
    const there = await page.evaluate(
      (wanted) => document.activeElement.matches(wanted),
      selector,
    );
    if (there) return;
    await press(page, "Tab");
  }
  throw new Error(`${selector} is not reached by Tab`);
}

async function openTab(page, name) {
  await press(page, "Control+Home");
  await tabTo(page, `nav a[href$="/${name}"]`);
  await press(page, "Enter");
  await page.waitForFunction(
    (wanted) =>
      document.querySelector("nav [aria-current]")?.href.endsWith(`/${wanted}`),
    name,
  );
}

/** Sentences that the Korean page shows in English: three words in a row, which no name or path has. */
async function englishOn(page) {
  const texts = await page
    .locator("[lang=en]:not(#language)")
    .allTextContents();
  return texts.filter((text) => /[a-z]+ [a-z]+ [a-z]+/.test(text));
}

async function axeInBothLanguages(page, what) {
  same(await axeFaults(page), [], `axe on ${what}`);
  await page.click("#language");
  same(await axeFaults(page), [], `axe on ${what} in Korean`);
  same(await englishOn(page), [], `English on ${what} in Korean`);
  await page.click("#language");
}

async function addImages(page) {
  await tabTo(page, "#project-name");
  await page.keyboard.type("digits");
  await press(page, "Enter");
  await page.waitForSelector("#by-path");
  await axeInBothLanguages(page, "an empty project");
  await tabTo(page, "#by-path");
  await press(page, "Enter");
  await tabTo(page, "#path");
  await page.keyboard.type(folder);
  await press(page, "Enter");
  await page.waitForSelector("[role=gridcell]");
  await axeInBothLanguages(page, "Data");
}

async function mendAFinding(page) {
  await tabTo(page, "#findings");
  await press(page, "Enter");
  await tabTo(page, "#check");
  await press(page, "Enter");
  const card = page.locator("aside .card").first();
  await card.waitFor();
  await axeInBothLanguages(page, "findings");
  const leaveOut = page.getByRole("button", { name: "Leave out" }).first();
  await leaveOut.press("Enter");
  await page.getByRole("button", { name: "Left out 1 images" }).waitFor();
}

async function train(page) {
  await openTab(page, "train");
  await tabTo(page, "#amount");
  await press(page, "Control+a");
  await page.keyboard.type("2");
  await press(page, "Tab", "e");
  same(await page.inputValue("#unit"), "epochs", "epochs by a key");
  await axeInBothLanguages(page, "Train");
  await tabTo(page, "#start");
  await press(page, "Enter");
  await page.waitForSelector("[data-state=finished]", { timeout: 180_000 });
  await axeInBothLanguages(page, "a finished run");
}

async function look(page) {
  await openTab(page, "look");
  await page.waitForSelector("[data-cell]");
  await tabTo(page, "[data-cell]");
  await press(page, "Enter");
  await page.waitForSelector("li [data-image]");
  await axeInBothLanguages(page, "Look");
  await page.getByRole("button", { name: "Report" }).press("Enter");
  await page.frameLocator("iframe").locator("#overview").waitFor();
  await axeInBothLanguages(page, "the report");
  await page.getByRole("button", { name: "Mistakes" }).press("Enter");
  await tabTo(page, "[data-cell]");
  await press(page, "Enter");
}

async function retrainHead(page) {
  await tabTo(page, "li [data-image]");
  await press(page, "2");
  await page.waitForSelector("#retrain-head");
  await tabTo(page, "#retrain-head");
  await press(page, "Enter");
  await until(
    () => page.locator("#run option").count(),
    2,
    "the run of the new head",
    120,
  );
  await page.getByText("The head is retrained").waitFor();
}

async function predictions(page) {
  await openTab(page, "data");
  await tabTo(page, "#predictions");
  await press(page, "ArrowDown");
  await tabTo(page, "#differing");
  await axeInBothLanguages(page, "Data with predictions");
  const caption = page.locator(".predicted").first();
  holds(
    /^\d \d+ %$/.test((await caption.textContent()).trim()),
    "no prediction",
  );
}

async function exportModel(page) {
  await openTab(page, "use");
  await page.waitForSelector("[data-export=onnx]");
  await tabTo(page, "[data-export=onnx] button");
  await press(page, "Enter");
  const entry = page.locator("[data-export=onnx]");
  await entry.locator(".verdict").waitFor();
  await axeInBothLanguages(page, "Use");
  const download = page.waitForEvent("download");
  await tabTo(page, "[data-export=onnx] a[download]");
  await press(page, "Enter");
  const name = (await download).suggestedFilename();
  holds(name.endsWith(".onnx"), name);
}

async function repeat(page) {
  await tabTo(page, "#repeat");
  await press(page, "Enter");
  await until(
    async () =>
      (await page.locator("dialog pre").allTextContents()).some((line) =>
        line.startsWith("foveal export "),
      ),
    true,
    "the command of the export",
  );
  // a page that another machine opens over HTTP has no clipboard: the text is selected
  await page.evaluate(() =>
    Object.defineProperty(navigator, "clipboard", { value: undefined }),
  );
  await page.locator("dialog .copy button").first().click();
  same(
    await page.evaluate(() => getSelection().toString()),
    await page.locator("dialog pre").first().textContent(),
    "a selected command",
  );
}

await inStudio(url, async (page) => {
  await page.waitForSelector("#project-name");
  await addImages(page);
  await mendAFinding(page);
  await train(page);
  await look(page);
  await retrainHead(page);
  await predictions(page);
  await exportModel(page);
  await repeat(page);
});
console.log("ok");
