// The tabs Look and Use of a project with one run: node use.mjs URL PROJECT IMAGE LABEL
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { inStudio } from "./open.mjs";

const [url, project, image, label] = process.argv.slice(2);
const base = url.split("/?")[0];

await inStudio(url, async (page) => {
  await page.goto(`${base}/#/${project}/use`);
  await page.setInputFiles("#try-files", image);
  await page.waitForSelector("#label");
  holds(
    (await page.textContent("#label")).includes(label),
    `the prediction is not ${label}`,
  );
  same(await axeFaults(page), [], "axe on Use");
  await page.click("#open-card");
  await page.waitForSelector("article");
  same(await axeFaults(page), [], "axe on the model card");

  await page.goto(`${base}/#/${project}/look`);
  await page.locator("[data-cell]").first().press("Enter");
  await page.waitForSelector("li [data-image]");
  same(await axeFaults(page), [], "axe on Look");
  await page.click("#theme");
  await page.click("#language");
  same(await axeFaults(page), [], "axe on Look, dark, in Korean");
});
console.log("ok");
