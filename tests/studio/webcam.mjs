// Classes filled from the webcam, chromium's test image: node webcam.mjs URL PROJECT
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { inStudio, press, until } from "./open.mjs";

const [url, project] = process.argv.slice(2);
const taken = (page, name) =>
  page.locator(`[data-hold="${name}"] .quiet`).textContent();

await inStudio(url, async (page) => {
  await page.goto(`${url.split("/?")[0]}/#/${project}/data`);
  await page.click("#webcam");
  const field = page.getByRole("textbox", { name: "Name of the class" }).last();
  for (const name of ["cup", "hand"]) {
    await field.fill(name);
    await press(page, "Enter");
    await page.waitForSelector(`[data-hold="${name}"]:enabled`);
  }
  await page.waitForFunction(
    () => document.querySelector("video")?.videoWidth > 0,
  );
  same(await axeFaults(page), [], "axe with the webcam");
  await page.evaluate(() => document.activeElement.blur());

  await page.keyboard.down("1");
  await until(
    async () => Number.parseInt(await taken(page, "cup")) >= 3,
    true,
    "a key that is held",
  );
  await page.keyboard.up("1");

  await page.hover('[data-hold="hand"]');
  await page.mouse.down();
  await until(
    async () => Number.parseInt(await taken(page, "hand")) >= 3,
    true,
    "a button that is held",
  );
  await page.mouse.up();

  const all = async () =>
    Number.parseInt(await taken(page, "cup")) +
    Number.parseInt(await taken(page, "hand"));
  const rests = async () => {
    const before = await all();
    await page.waitForTimeout(1000); // a hold that went on would give eight more
    return (await all()) === before;
  };
  await until(rests, true, "it ends with the release");
  const count = await all();
  await press(page, "Escape");
  const shown = () => page.locator("[role=gridcell]").count();
  await until(shown, count, "all that was taken is shown");
  holds(
    await page.evaluate(() => !document.querySelector("video")),
    "the webcam stays on",
  );
});
console.log("ok");
