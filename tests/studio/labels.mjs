// Names, groups, findings and undo in the Data tab, and names in Use: node labels.mjs URL PROJECT IMAGE
// The project has digits 0 to 9 and one run, whose model knows them; IMAGE is a 3 to it.
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { closed, inStudio, press, until } from "./open.mjs";

const [url, project, image] = process.argv.slice(2);
const base = url.split("/?")[0];

const counts = (page) =>
  page.$$eval("[data-class]", (entries) =>
    entries.map((entry) =>
      Number(entry.querySelector(".count").firstChild.textContent),
    ),
  );
const focusGrid = (page) => page.focus("[role=grid]");
const differing = async (page) => {
  await page.click("#differing");
  return page.locator("[role=gridcell]").count();
};

async function severalLabelsAreOneStep(page) {
  await page.goto(`${base}/#/${project}/data`);
  await page.waitForSelector("#predictions");
  const run = await page
    .locator("#predictions option")
    .nth(1)
    .getAttribute("value");
  await page.selectOption("#predictions", run);
  await page.waitForSelector("#differing");
  const before = await counts(page);
  const n = await differing(page);
  holds(n > 1, `${n} images differ`);
  await focusGrid(page);
  await press(page, "Control+a", "y");
  await until(
    async () => JSON.stringify(await counts(page)) !== JSON.stringify(before),
    true,
    "Y relabels",
  );
  await page.click("#undo");
  await until(() => counts(page), before, "one undo takes all back");
  return n;
}

async function toolbarInOneLine(page) {
  const height = async () =>
    (await page.locator(".toolbar").boundingBox()).height;
  const english = await height();
  await page.click("#language");
  const korean = await height();
  await page.click("#language");
  holds(
    Math.max(english, korean) < 70,
    `the toolbar is ${english} and ${korean} px high at 1280 px`,
  );
}

async function renameAClass(page, n) {
  await page
    .getByRole("button", { name: "Edit 3", exact: true })
    .press("Enter");
  await page.fill("#class-name", "three");
  await press(page, "Enter");
  await closed(page);
  await page.click('[data-class="three"]');
  await until(
    async () =>
      (await page.locator(".caption.predicted").allTextContents()).some(
        (text) => text.startsWith("three "),
      ),
    true,
    "predictions say the new name",
  );
  same(await differing(page), n, "images that differ after a renaming");
}

async function groupByKeys(page) {
  await page.getByRole("button", { name: /^All images/ }).press("Enter");
  await focusGrid(page);
  await press(page, "Home", "Shift+ArrowRight", "g");
  await page.waitForSelector("#group-name");
  same(await axeFaults(page), [], "axe in the chooser of a group");
  await page.focus("#group-name");
  await page.keyboard.type("page 1");
  await press(page, "Enter");
  await closed(page);
  await press(page, "g");
  await page.getByRole("button", { name: "page 1 2", exact: true }).waitFor();
  await press(page, "Escape");
  await closed(page);
}

async function keepAFinding(page) {
  await page.click("#findings");
  await page.click("#check");
  const keep = page
    .getByRole("button", { name: "Keep as they are", exact: true })
    .first();
  await keep.waitFor();
  const cards = () => page.locator("aside article").count();
  const before = await cards();
  await keep.press("Enter");
  await until(cards, before - 1, "a finding that is kept goes");
  await page.reload();
  await page.click("#findings");
  await page.waitForSelector("aside article, #check:enabled");
  await until(cards, before - 1, "and stays away after a reload");
  await page.click("#undo");
  await until(cards, before, "undo brings it back");
}

async function aFindingInAnotherLanguage(page) {
  await page.locator("aside .row button").first().click(); // shows the images of a finding
  const title = () => page.textContent(".note .wrap");
  const english = await title();
  holds(!/[가-힣]/.test(english), `${english} is English`);
  await page.click("#language");
  await until(async () => /[가-힣]/.test(await title()), true, "its Korean");
  await page.click("#language");
  await until(title, english, "and English again");
  await page.locator(".show-all").press("Enter");
}

async function foldFindingsOnAPhone(page) {
  const panel = () => page.locator("aside").boundingBox();
  await page.setViewportSize({ width: 390, height: 844 });
  await page.locator("aside .row button").first().click(); // shows the images of a finding
  await until(async () => (await panel()).height < 100, true, "it is folded");
  const cell = page.locator("[role=gridcell]").first();
  await until(
    async () => {
      const { y, height } = await cell.boundingBox();
      return y >= 0 && y + height <= (await panel()).y;
    },
    true,
    "the images are in sight",
  );
  same(await axeFaults(page), [], "axe with a folded panel");
  await page.click("#fold");
  await page.locator("aside .row button").first().waitFor();
  await page.setViewportSize({ width: 1280, height: 850 });
  await page.locator(".show-all").press("Enter");
}

async function useTheNewName(page) {
  await page.goto(`${base}/#/${project}/use`);
  await page.waitForSelector("#renamed");
  holds(
    (await page.textContent("#renamed")).includes("3 → three"),
    "the page says which class was renamed",
  );
  await page.setInputFiles("#try-files", image);
  await page.waitForSelector("#label");
  holds(
    (await page.textContent("#label")).includes("three"),
    "the prediction has the new name",
  );
  same(await axeFaults(page), [], "axe on Use");
  await page.click("#language");
  holds(
    (await page.textContent("#renamed")).includes("이름이 바뀐 클래스"),
    "in Korean",
  );
  same(await axeFaults(page), [], "axe on Use in Korean");
  await page.click("#language");
}

async function bringBackARun(page) {
  await page.goto(`${base}/#/${project}/train`);
  const run = page.locator(".runs .run");
  await run.first().waitFor();
  const name = () => run.first().locator("b").textContent();
  same(await name(), "copied, new head", "the name that the studio made");
  await page.click("#language");
  same(await name(), "copied, 새 출력층", "in Korean");
  await page.click("#language");
  await page.evaluate(
    async ([path]) => {
      const [one] = await (await fetch(path)).json();
      const init = {
        method: "DELETE",
        headers: { "content-type": "application/json" },
        body: "{}",
      };
      await fetch(`${path}/${one.id}`, init);
    },
    [`/api/projects/${project}/runs`],
  );
  await page.locator("#trash").press("Enter"); // of a run that another page has removed
  await page.getByRole("button", { name: "Bring back: copied" }).waitFor();
  same(await axeFaults(page), [], "axe on removed runs");
  await page.getByRole("button", { name: "Bring back: copied" }).press("Enter");
  await run.first().waitFor();
  await closed(page);
}

async function remove(page, name) {
  await page
    .getByRole("group", { name: `Options of ${name}` })
    .getByRole("button", { name: "Remove" })
    .press("Enter");
  const slow = async (route) => {
    await until(() => page.locator("#trash").count(), 1, "what was removed");
    await page.focus("#trash");
    await route.continue();
  };
  await page.route("**/api/studio", slow, { times: 1 });
  const projects = page.waitForResponse("**/api/studio");
  await page.locator("dialog .danger").press("Enter");
  await (await projects).finished();
  await page.getByRole("link", { name }).waitFor({ state: "detached" });
  const focused = await page.evaluate(() => document.activeElement.id);
  same(focused, "trash", "the focus once the projects are listed again");
  await press(page, "Enter");
}

async function bringBackAProject(page) {
  await page.goto(`${base}/#/`);
  await remove(page, "digits");
  same(await axeFaults(page), [], "axe on the trash");
  await page.getByRole("button", { name: "Bring back: digits" }).press("Enter");
  await page.getByRole("link", { name: "digits" }).waitFor();
  await closed(page);
  await page.fill("#project-name", "unwanted");
  await press(page, "Enter");
  await page.waitForSelector("#files", { state: "attached" });
  await page.goto(`${base}/#/`);
  await remove(page, "unwanted");
  await page.locator("#ask-empty").press("Enter");
  same(await axeFaults(page), [], "axe before the trash is emptied");
  await page.locator("#empty-trash").press("Enter");
  await closed(page);
  await page.waitForSelector("#trash", { state: "detached" });
}

await inStudio(url, async (page) => {
  const n = await severalLabelsAreOneStep(page);
  await toolbarInOneLine(page);
  await renameAClass(page, n);
  await groupByKeys(page);
  await keepAFinding(page);
  await foldFindingsOnAPhone(page);
  await aFindingInAnotherLanguage(page);
  await useTheNewName(page);
  await bringBackARun(page);
  await bringBackAProject(page);
});
console.log("ok");
