// A page of a run that goes on while its page sleeps and its studio is killed:
// node survive.mjs URL PROJECT. Prints "killed?" where the studio is to be killed and started
// again at the same address, and ends when the run is finished.
import { holds, same } from "../../web/tests/browser.mjs";
import { inStudio, until } from "./open.mjs";

const [url, project] = process.argv.slice(2);

const stepOf = (page) =>
  page
    .locator(".bar dt")
    .textContent()
    .then((text) => Number(text.replaceAll(",", "").match(/\d+/)[0]));
const stepIs = (page, least) =>
  until(async () => (await stepOf(page)) > least, true, `a step after ${least}`, 120);

/** Freeze the page as a browser does with a tab that is hidden for long. */
async function sleep(page, context) {
  const devtools = await context.newCDPSession(page);
  const before = await stepOf(page);
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  const other = await context.newPage();
  await other.goto(page.url());
  await other.waitForSelector(".bar dt");
  await stepIs(other, before + 20);
  const meanwhile = await stepOf(other);
  await other.close();
  await devtools.send("Page.setWebLifecycleState", { state: "active" });
  await stepIs(page, meanwhile);
}

const expected = /ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/;
await inStudio(
  url,
  async (page) => {
    const context = page.context();
    let checks = 0;
    page.on("request", (request) => {
      if (request.url().endsWith("/network/check")) checks += 1;
    });
    await page.goto(`${url.split("/?")[0]}/#/${project}/train`);
    await page.waitForSelector("[data-state=running]");
    await page.waitForSelector(".bar dt");
    await sleep(page, context);
    const before = await stepOf(page);
    console.log("killed?");
    await page.waitForSelector(".lost");
    await page.waitForSelector(".lost", { state: "detached" });
    same(
      await page.locator("#state").getAttribute("data-state"),
      "running",
      "after the studio was killed",
    );
    await stepIs(page, before + 20);
    await page.waitForSelector("#stop:not([disabled])");
    await page.click("#stop");
    await page.waitForSelector("[data-state=finished]");
    holds((await stepOf(page)) > before, "the finished run keeps its steps");
    same(checks, 1, "its network is checked once, not with every step");
  },
  {},
  expected,
);
console.log("ok");
