// Look at a model of 30 classes: node many.mjs URL PROJECT PAIRS
// PAIRS: how many pairs of classes it confuses.
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { inStudio, press, until } from "./open.mjs";

const [url, project, pairs] = process.argv.slice(2);
const base = url.split("/?")[0];

await inStudio(url, async (page) => {
  await page.goto(`${base}/#/${project}/look`);
  await page.waitForSelector("[data-cell]");
  const rows = () => page.locator("tbody th").allTextContents();
  const listed = () => page.locator("[data-pair]").count();
  same((await rows()).length, 24, "classes of the matrix");
  same(
    await page.locator(".filters [role=status]").textContent(),
    `${pairs} pairs`,
    "all pairs",
  );
  while (await page.locator("#more-pairs").count())
    await page.locator("#more-pairs").press("Enter");
  same(await listed(), Number(pairs), "every pair is reached");
  await page.locator("td .wrong").first().press("Enter");
  await page.waitForSelector("li [data-image]");
  const at = () => page.evaluate(() => document.activeElement.dataset.cell);
  const seen = new Set([await at()]);
  for (const key of ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"]) {
    await press(page, key);
    seen.add(await at());
  }
  holds(seen.size > 1 && !seen.has(undefined), `arrows lead to ${[...seen]}`);

  const outside = await page.evaluate(() => {
    const shown = new Set(
      [...document.querySelectorAll("tbody th")].map((one) => one.textContent),
    );
    return [...document.querySelectorAll("#filter-true option")]
      .filter((one) => one.value && !shown.has(one.textContent))
      .map((one) => one.value);
  });
  same(outside.length, 6, "classes that the matrix lacks at first");
  await page.selectOption("#filter-true", outside[0]);
  const name = await page.locator("#filter-true option:checked").textContent();
  await until(async () => (await rows()).includes(name), true, "the class");
  const words = await page.locator("[data-pair]").allTextContents();
  same(
    words.filter((text) => !text.startsWith(`Label ${name}, `)),
    [],
    "pairs of the class alone",
  );
  await page.locator("[data-pair]").first().press("Enter");
  await page.locator("h2", { hasText: `Label ${name}, ` }).waitFor();
  await page.waitForSelector("li [data-image]");
  for (const change of ["", "#language", "#theme"]) {
    if (change) await page.click(change);
    same(await axeFaults(page), [], `axe ${change}`);
  }
});
console.log("ok");
