// The grid of the Data tab over thousands of images: node thousands.mjs URL PROJECT COUNT
// The image of id N is of one colour: its digits to the base 18 as red, green and blue, 14 apart.
import { holds, same } from "../../web/tests/browser.mjs";
import { inStudio, press, until } from "./open.mjs";

const [url, project, number] = process.argv.slice(2);
const count = Number(number);
const base = url.split("/?")[0];
const MOST_CELLS = 200;
const MOST_NODES = 1500;

/** Waits until the images in sight are there; what stands where, in the order of the eye. */
async function inSight(page) {
  await page.waitForFunction(() =>
    [...document.querySelectorAll("[role=gridcell] img")].every(
      (image) => image.complete && image.naturalWidth > 0,
    ),
  );
  return page.evaluate(() => {
    const grid = document.querySelector("[role=grid]");
    const { top, bottom } = grid.getBoundingClientRect();
    const canvas = new OffscreenCanvas(1, 1).getContext("2d", {
      willReadFrequently: true,
    });
    const cells = [...grid.querySelectorAll("[role=gridcell]")].map((cell) => {
      const image = cell.querySelector("img");
      canvas.drawImage(image, 0, 0, 1, 1);
      const [red, green, blue] = canvas
        .getImageData(0, 0, 1, 1)
        .data.slice(0, 3)
        .map((value) => Math.round(value / 14));
      const box = cell.getBoundingClientRect();
      return {
        position: Number(cell.dataset.position),
        id: Number(cell.dataset.image),
        drawn: (red * 18 + green) * 18 + blue,
        top: Math.round(box.top),
        left: Math.round(box.left),
        inside: box.top < bottom && box.bottom > top,
      };
    });
    return {
      cells: cells.length,
      nodes: grid.querySelectorAll("*").length,
      columns: Number(grid.ariaColCount),
      rows: Number(grid.ariaRowCount),
      shown: cells
        .filter((cell) => cell.inside)
        .sort((a, b) => a.top - b.top || a.left - b.left),
    };
  });
}

/** Holds that a bounded number of nodes shows the right images at the right places. */
async function rightPlaces(page, what) {
  const found = await inSight(page);
  holds(found.cells <= MOST_CELLS, `${what}: ${found.cells} cells`);
  holds(found.nodes <= MOST_NODES, `${what}: ${found.nodes} nodes`);
  same(found.rows, Math.ceil(count / found.columns), `${what}: rows`);
  const first = found.shown[0].position;
  holds(found.shown.length >= 3 * found.columns, `${what}: a full screen`);
  found.shown.forEach((cell, i) => {
    same(
      [cell.position, cell.id, cell.drawn],
      [first + i, first + i, first + i],
      `${what}: the ${i}th image in sight`,
    );
  });
  return found.shown;
}

/** Scrolls as the mouse does: the place of the keyboard stays. */
const scrollTo = (page, share) =>
  page.evaluate((wanted) => {
    const grid = document.querySelector("[role=grid]");
    grid.scrollTop = wanted * grid.scrollHeight;
  }, share);

await inStudio(url, async (page) => {
  const at = (position) => page.locator(`[data-position="${position}"]`);
  await page.goto(`${base}/#/${project}/data`);
  await page.waitForSelector("[role=gridcell]");
  const start = await rightPlaces(page, "at the start");
  same(start[0].position, 0, "the first image");
  await page.focus("[role=grid]");
  await press(page, "End");
  await at(count - 1).waitFor();
  const end = await rightPlaces(page, "at the end");
  same(end.at(-1).position, count - 1, "the last image");
  for (const share of [0.5, 0.123, 0.87]) {
    await scrollTo(page, share);
    await until(
      () =>
        page.evaluate(
          ([wanted, all]) => {
            const cell = document.querySelector("[role=gridcell]");
            return Math.abs(cell.dataset.position / all - wanted) < 0.02;
          },
          [share, count],
        ),
      true,
      `the rows at ${share}`,
    );
    await rightPlaces(page, `at ${share}`);
  }

  await page.focus("[role=grid]");
  await press(page, "Home");
  await at(7).click();
  await scrollTo(page, 1);
  const last = count - 12;
  await at(last).click({ modifiers: ["Shift"] });
  const selected = await page.evaluate(() =>
    [...document.querySelectorAll("[aria-selected=true]")].map((cell) =>
      Number(cell.dataset.position),
    ),
  );
  same(Math.max(...selected), last, "the end of the range");
  await press(page, "Delete");
  const leftOut = () =>
    page.evaluate(async (path) => {
      const { left_out } = await (await fetch(path)).json();
      return left_out;
    }, `/api/projects/${project}/images`);
  await until(
    async () => (await leftOut()).length,
    last - 7 + 1,
    "the range of the selection",
  );
  const ids = await leftOut();
  same([ids[0], ids.at(-1)], [7, last], "its first and last image");
});
console.log("ok");
