// What lies between projects and runs, in a page that is quicker than its server:
// node shell.mjs URL ONE OTHER RUNS FOLDER OUT
// ONE, OTHER: ids of projects without images of their own; OTHER shows FOLDER, of 1,200 images, one
// of which is gone.  RUNS: id of a project with two runs, "first" and "second"; a further project is
// damaged.  OUT: where nothing is yet.
import { axeFaults, same } from "../../web/tests/browser.mjs";
import { inStudio, until } from "./open.mjs";

const [url, one, other, runs, folder, out] = process.argv.slice(2);
const base = url.split("/?")[0];

const go = (page, hash) => page.evaluate((to) => void (location.hash = to), hash);
const shown = (page) => page.locator("header .project").textContent();
const count = (page, project) =>
  page.evaluate(
    async (id) => (await (await fetch(`/api/projects/${id}`)).json()).images,
    project,
  );

/** Requests to `pattern` wait until the function that is returned is called. */
async function hold(page, pattern) {
  let release;
  const released = new Promise((resolve) => (release = resolve));
  await page.route(pattern, async (route) => {
    await released;
    await route.continue();
  });
  return async () => {
    release();
    await page.unrouteAll({ behavior: "wait" });
  };
}

/** The page has taken an answer that it waited for. */
async function settled(page, answer) {
  await (await answer).finished();
  await page.evaluate(
    () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))),
  );
}

const file = (page, name) =>
  page.evaluate(async (text) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 20, height: 20 });
    canvas.getContext("2d").fillRect(0, 0, text.length, 9);
    const blob = await new Promise((resolve) => canvas.toBlob(resolve));
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, name).then((bytes) => ({ name, mimeType: "image/png", buffer: Buffer.from(bytes) }));

async function damaged(page) {
  await page.locator("li .error").waitFor();
  const text = await page.locator("li .error").textContent();
  same(text.endsWith("cannot be read; restore it from a copy"), true, "what is damaged");
  same(await axeFaults(page), [], "axe on a damaged project");
}

async function anotherIsChosenMeanwhile(page) {
  const release = await hold(page, `**/api/projects/${one}`);
  const late = page.waitForResponse(`${base}/api/projects/${one}`);
  const asked = page.waitForRequest(`${base}/api/projects/${one}`);
  await go(page, `#/${one}/data`);
  await asked;
  await go(page, `#/${other}/data`);
  await until(() => shown(page), "other", "the project that was chosen last");
  await release();
  await settled(page, late);
  same(await shown(page), "other", "what comes late is not shown");
}

async function filesGoWhereTheyWereDropped(page) {
  const before = [await count(page, one), await count(page, other)];
  const release = await hold(page, "**/uploads?*");
  await go(page, `#/${one}/data`);
  await until(() => shown(page), "one", "one project");
  await page.setInputFiles("#files", await file(page, "a.png"));
  await page.locator(".bar[role=status]").waitFor();
  await go(page, `#/${other}/data`);
  await until(() => shown(page), "other", "the other project");
  await page.click("#add");
  await page.setInputFiles("#files", await file(page, "bb.png"));
  await page.locator(".bar[role=status]", { hasText: "of 2" }).waitFor();
  await release();
  await until(
    async () => [await count(page, one), await count(page, other)],
    before.map((n) => n + 1),
    "one image in each project",
  );
}

async function allThatIsSkippedIsCounted(page) {
  await page.click("#add");
  await page.click("#by-path");
  await page.fill("#path", folder);
  await page.keyboard.press("Enter");
  await page.getByText("Not added: 1,199 files").waitFor();
  await page.locator(".told").getByRole("button", { name: "Close" }).click();
}

async function exported(page) {
  await page.click("#export");
  await page.fill("#export-folder", out);
  await page.keyboard.press("Enter");
  await page.getByText("1,200 images written.").waitFor();
  await page
    .getByText("1 image could not be read and was not written: first 7.png (")
    .waitFor();
}

async function workIsToldWhereItGoesOn(page) {
  await go(page, `#/${runs}/data`);
  await until(() => shown(page), "runs", "the project with runs");
  await page.click("#findings");
  await page.click("#check");
  await page.locator(".task").waitFor();
  await go(page, "#/");
  await page.waitForSelector("#project-name");
  same(await page.locator(".task").count(), 0, "work of no open project");
}

async function predictionsOfAnotherRun(page) {
  await go(page, `#/${runs}/data`);
  await page.locator("#predictions option").nth(2).waitFor({ state: "attached" });
  const [first, second] = await page
    .locator("#predictions option[value^='2']")
    .evaluateAll((options) => options.map((option) => option.value));
  await page.selectOption("#predictions", first);
  await page.selectOption("#predictions", second);
  await page.locator("#differing").waitFor();
  same(await page.locator("#predictions").inputValue(), second, "the run chosen last");
}

async function anotherRunIsChosenMeanwhile(page) {
  await go(page, `#/${runs}/train`);
  const item = (name) => page.locator(".runs button", { hasText: name });
  const title = () => page.locator(".content h2").textContent();
  await until(title, "second", "the newest run");
  same(
    await item("second").locator(".quiet span").last().textContent(),
    "2 h 0 min",
    "7,190 seconds",
  );
  const id = await page.evaluate(
    async (project) => (await (await fetch(`/api/projects/${project}/runs`)).json())[1].id,
    runs,
  );
  const path = `/api/projects/${runs}/runs/${id}`;
  const release = await hold(page, `**${path}`);
  const late = page.waitForResponse(`${base}${path}`);
  await item("first").click();
  await item("second").click();
  await release();
  await settled(page, late);
  same(await title(), "second", "the run that was chosen last");
}

await inStudio(url, async (page) => {
  await damaged(page);
  await anotherIsChosenMeanwhile(page);
  await filesGoWhereTheyWereDropped(page);
  await allThatIsSkippedIsCounted(page);
  await exported(page);
  await workIsToldWhereItGoesOn(page);
  await predictionsOfAnotherRun(page);
  await anotherRunIsChosenMeanwhile(page);
});
console.log("ok");
