// The form of a new run: node new_run.mjs URL PROJECT
// PROJECT has images in colour of two classes and keeps a network that reads them as grey.
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { inStudio, until } from "./open.mjs";

const [url, project] = process.argv.slice(2);
const base = url.split("/?")[0];

await inStudio(url, async (page) => {
  const fieldOf = (key) => page.locator(".key", { hasText: key }).first();
  const learned = async () =>
    Number(
      (await page.textContent("#expected dd")).replaceAll(",", "").match(/\d+/),
    );
  await page.goto(`${base}/#/${project}/train`);
  await page.waitForSelector("#expected");
  same(await learned(), 80 + 18, "weights and biases of the network kept");
  const warned = await page.locator(".warning").allTextContents();
  holds(
    warned.some((text) => text.includes("the network has one channel")),
    `what the input loses: ${warned}`,
  );
  await page.locator("summary", { hasText: "Hyper-parameters" }).click();
  await fieldOf("learning_rate").locator(".reason").waitFor();

  await page.selectOption("#which-network", "designed");
  await page.locator("#expected").waitFor({ state: "detached" });
  const cancel = page.getByRole("button", {
    name: "Cancel: What Foveal would choose",
  });
  await cancel.click();
  await page.getByText("cancelled", { exact: true }).waitFor();
  same(await page.locator("#expected").count(), 0, "no design");
  same(await page.locator(".reason").count(), 0, "no reasons");
  same(await axeFaults(page), [], "axe without a design");
  await page.click("#design-again");
  await page.waitForSelector("#expected");
  holds((await learned()) > 10_000, "weights and biases of the design");
  holds(
    (await page.textContent(".learned")).endsWith(" biases"),
    "both are counted",
  );
  for (const key of ["batch_size", "learning_rate", "weight_decay"]) {
    await fieldOf(key).locator(".reason").waitFor();
    const value = fieldOf(key).locator("input");
    holds(Number(await value.getAttribute("placeholder")) > 0, `${key} chosen`);
  }
  await page.locator("summary", { hasText: "Why this network" }).click();
  await until(
    async () => (await page.locator(".reasons li").count()) > 3,
    true,
    "reasons of the design",
  );
  same(await axeFaults(page), [], "axe with a design");
  await fieldOf("batch_size").locator("input").fill("2");
  await page.getByText("Memory for batches of 2", { exact: true }).waitFor();
  await page.click("#language");
  await page.waitForSelector("text=이 신경망을 고른 이유");
  same(
    await page
      .locator(".reasons li")
      .evaluateAll((items) =>
        items
          .map((item) => item.textContent)
          .filter((text) => !/[가-힣]/.test(text)),
      ),
    [],
    "reasons in Korean",
  );
});
console.log("ok");
