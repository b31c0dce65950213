// From an empty workspace to an exported model by keyboard alone: node walk.mjs URL IMAGE_FOLDER
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { closed, inStudio, press, until } from "./open.mjs";

const [url, folder] = process.argv.slice(2);

/** Where the keyboard is: nothing has the focus, it cannot be seen, or it is well. */
const focusFault = (page) =>
  page.evaluate(() => {
    const { activeElement } = document;
    if (activeElement === document.body) return "nothing";
    const shown = activeElement.closest("label.button") ?? activeElement; // of a file the label is seen
    const { outlineStyle } = getComputedStyle(shown);
    return outlineStyle === "none" ? shown.outerHTML.slice(0, 200) : "";
  });

/** Tab until the element, once it is there and enabled, has the focus; what has it meanwhile is seen. */
async function tabTo(
  page,
  selector,
  { text = "", key = "Tab", most = 120 } = {},
) {
  const wanted = page.locator(`${selector}:not(:disabled)`, { hasText: text });
  await wanted.first().waitFor();
  for (let i = 0; i < most; i++) {
    const there = await page.evaluate(
      ([of, has]) =>
        document.activeElement.matches(of) &&
        document.activeElement.textContent.includes(has),
      [selector, text],
    );
    if (there) return;
    await press(page, key);
    const fault = await focusFault(page);
    holds(fault === "" || fault === "nothing", `no focus is seen on ${fault}`);
  }
  throw new Error(`${selector} ${text} is not reached by ${key}`);
}

/** Wait until an element has the focus that is seen, such as after a dialog or what had it is gone. */
async function focusOn(page, selector, what) {
  await until(
    () => page.evaluate((of) => document.activeElement.matches(of), selector),
    true,
    `${what}: the focus on ${selector}`,
  );
  same(await focusFault(page), "", `the focus that is seen ${what}`);
}

/** Open a dialog with Enter and close it with Escape: the focus is where it was. */
async function openAndEscape(page, selector) {
  await tabTo(page, selector);
  await press(page, "Enter");
  await page.waitForSelector("dialog[open]");
  await press(page, "Tab", "Shift+Tab");
  holds(
    await page.evaluate(() => document.activeElement.closest("dialog")),
    `the focus is outside of the dialog of ${selector}`,
  );
  await press(page, "Escape");
  await closed(page);
  await focusOn(page, selector, "after Escape");
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

/** As by its button; the focus stays where it is. */
const otherLanguage = (page) =>
  page.evaluate(() => document.querySelector("#language").click());

async function axeInBothLanguages(page, what) {
  same(await axeFaults(page), [], `axe on ${what}`);
  await otherLanguage(page);
  same(await axeFaults(page), [], `axe on ${what} in Korean`);
  same(await englishOn(page), [], `English on ${what} in Korean`);
  await otherLanguage(page);
}

async function addImages(page) {
  await tabTo(page, "#project-name");
  await page.keyboard.type("digits");
  await press(page, "Enter");
  await page.waitForSelector("#by-path");
  await focusOn(page, "main *", "in a new project");
  await axeInBothLanguages(page, "an empty project");
  await tabTo(page, "#by-path");
  await press(page, "Enter");
  await tabTo(page, "#path");
  await page.keyboard.type(folder);
  await press(page, "Enter");
  await page.waitForSelector("[role=gridcell]");
  await focusOn(page, "main *", "beside the added images");
  await axeInBothLanguages(page, "Data");
}

async function changeImagesAndClasses(page) {
  await openAndEscape(page, "#add");
  await tabTo(page, "[role=grid]");
  await press(page, "ArrowRight", "Enter");
  await page.waitForSelector("dialog[open]");
  await press(page, "Escape");
  await focusOn(page, "[role=grid]", "after an image was opened");
  await press(page, "Delete");
  await page.getByRole("button", { name: "Left out 1 images" }).waitFor();
  await tabTo(page, "#undo", { key: "Shift+Tab" });
  await press(page, "Enter");
  await page.getByText("Undone.").waitFor();
  await focusOn(page, "#undo", "after it was undone");
  await tabTo(page, ".classes input", { key: "Shift+Tab" });
  await page.keyboard.type("spare");
  await press(page, "Enter");
  await page.waitForSelector("[data-class=spare]");
  await tabTo(page, "[aria-label='Edit spare']", { key: "Shift+Tab" });
  await press(page, "Enter");
  await tabTo(page, "dialog .danger");
  await press(page, "Enter");
  await page.waitForSelector("[data-class=spare]", { state: "detached" });
  await focusOn(page, ".classes *", "after a class is removed");
}

async function mendAFinding(page) {
  await tabTo(page, "#findings");
  await press(page, "Enter");
  await tabTo(page, "#check");
  await press(page, "Enter");
  const card = page.locator("aside .card").first();
  await card.waitFor();
  await axeInBothLanguages(page, "findings");
  await focusOn(page, "#check", "after the check");
  await tabTo(page, "aside .card button", { text: "Leave out" });
  await press(page, "Enter");
  await page.getByRole("button", { name: "Left out 1 images" }).waitFor();
  await focusOn(page, "aside button", "after a finding is gone");
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
  await focusOn(page, "main *", "beside the run");
  await axeInBothLanguages(page, "a finished run");
}

async function look(page) {
  await openTab(page, "look");
  await page.waitForSelector("[data-cell]");
  await tabTo(page, "[data-cell]");
  const cells = await page.locator("[data-cell]").count();
  holds(cells > 1, "one cell only");
  const seen = new Set();
  for (const key of ["ArrowRight", "ArrowDown", "ArrowLeft", "ArrowUp"]) {
    await press(page, ...Array(10).fill(key));
    seen.add(await page.evaluate(() => document.activeElement.dataset.cell));
  }
  holds(seen.size > 1 && !seen.has(undefined), `arrows lead to ${[...seen]}`);
  await focusOn(page, "[data-cell][tabindex='0']", "in the matrix");
  same(await page.locator("[data-cell][tabindex='0']").count(), 1, "one stop");
  await press(page, "Enter");
  await page.waitForSelector("li [data-image]");
  await axeInBothLanguages(page, "Look");
  await tabTo(page, "main button", { text: "Report", key: "Shift+Tab" });
  await press(page, "Enter");
  await page.frameLocator("iframe").locator("#overview").waitFor();
  await axeInBothLanguages(page, "the report");
  await tabTo(page, "main button", { text: "Mistakes", key: "Shift+Tab" });
  await press(page, "Enter");
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
  await focusOn(page, "[data-export=onnx] button", "after the export");
  const download = page.waitForEvent("download");
  await press(page, "Shift+Tab");
  await focusOn(page, "[data-export=onnx] a[download]", "before the button");
  await press(page, "Enter");
  const name = (await download).suggestedFilename();
  holds(name.endsWith(".onnx"), name);
}

async function repeat(page) {
  await openAndEscape(page, "#repeat");
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
  await tabTo(page, "dialog .copy button");
  await press(page, "Enter");
  same(
    await page.evaluate(() => getSelection().toString()),
    await page.locator("dialog pre").first().textContent(),
    "a selected command",
  );
  await press(page, "Escape");
  await focusOn(page, "#repeat", "after the drawer");
}

async function removeProject(page) {
  await press(page, "Control+Home");
  await tabTo(page, ".brand");
  await press(page, "Enter");
  await openAndEscape(page, "main li .danger");
  await press(page, "Enter");
  await tabTo(page, "dialog .danger");
  await press(page, "Escape");
  await focusOn(page, "main li .danger", "after nothing was removed");
}

await inStudio(url, async (page) => {
  await page.waitForSelector("#project-name");
  await addImages(page);
  await changeImagesAndClasses(page);
  await mendAFinding(page);
  await train(page);
  await look(page);
  await retrainHead(page);
  await predictions(page);
  await exportModel(page);
  await repeat(page);
  await removeProject(page);
});
console.log("ok");
