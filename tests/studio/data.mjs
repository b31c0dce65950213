// The Data tab by keyboard: node data.mjs URL IMAGE_FOLDER HOSTILE_FILE SPLIT_FOLDER TABLE_FOLDER
// IMAGE_FOLDER holds 3 images in folder a and 2 in folder b; HOSTILE_FILE has markup in its name.
// SPLIT_FOLDER holds train/a, validation/a, test/b with an image each, and one file that is no image.
// TABLE_FOLDER holds images/1.png and labels.csv, which gives it class table, split val and a group.
import { readFileSync } from "node:fs";
import { axeFaults, holds, same } from "../../web/tests/browser.mjs";
import { closed, inStudio, press, until } from "./open.mjs";

const [url, folder, hostile, split, table] = process.argv.slice(2);
const HOSTILE_CLASS = '"><img src=x onerror=alert(1)>';

const LOOSE = "path,label,split\n1.png,loose,val\n";

const captions = (page) =>
  page.$$eval("[role=gridcell]", (cells) =>
    cells.map((cell) => cell.innerText.trim()).sort(),
  );
const showClass = (page, name) =>
  page.locator(`[data-class="${name}"]`).press("Enter");
const classes = (page) =>
  page.$$eval("[data-class]", (entries) =>
    entries
      .map(
        (entry) =>
          `${entry.dataset.class} ${entry.querySelector(".count").firstChild.textContent}`,
      )
      .sort(),
  );
const focusGrid = (page) => page.focus("[role=grid]");

async function makeProject(page) {
  await page.waitForSelector("#project-name");
  same(await axeFaults(page), [], "axe on the empty workspace");
  while (
    (await page.evaluate(() => document.activeElement.id)) !== "project-name"
  )
    await press(page, "Tab");
  await page.keyboard.type("Fruit <b>1</b>");
  await press(page, "Enter");
  await page.waitForSelector("#files", { state: "attached" });
  same(await axeFaults(page), [], "axe on the empty project");
}

async function addImages(page) {
  await page.setInputFiles("#folder", folder);
  await until(() => classes(page), ["a 3", "b 2"], "classes of a folder");
  await until(
    () => captions(page),
    ["a", "a", "a", "b", "b"],
    "images of a folder",
  );
  await page.click("#add");
  await page.setInputFiles("#files", hostile);
  await until(
    () => captions(page),
    ["Unlabelled", "a", "a", "a", "b", "b"],
    "an image without a folder",
  );
  same(await axeFaults(page), [], "axe with images");
}

async function relabelByKeys(page) {
  await focusGrid(page);
  await press(page, "End", "2");
  await until(() => classes(page), ["a 3", "b 3"], "the key 2 labels");
  await showClass(page, "a");
  await focusGrid(page);
  await press(page, "Home", "Shift+ArrowRight", "2");
  await until(
    () => classes(page),
    ["a 1", "b 5"],
    "two selected images are labelled",
  );
  await until(() => captions(page), ["a"], "they leave the view");
  await press(page, "Control+z");
  await until(() => classes(page), ["a 3", "b 3"], "undo");
  await press(page, "Control+z");
  await until(() => classes(page), ["a 3", "b 2"], "undo of the one before");
  await press(page, "Control+Shift+Z");
  await until(() => classes(page), ["a 3", "b 3"], "redo");
  await page
    .getByRole("button", { name: "All images 6 images" })
    .press("Enter");
  await focusGrid(page);
  await press(page, "End", "0");
  await until(
    () => classes(page),
    ["a 3", "b 2"],
    "the key 0 removes the label",
  );
}

async function newClassByName(page) {
  await focusGrid(page);
  await press(page, "End", "l");
  await page.waitForSelector("#label-name");
  same(await axeFaults(page), [], "axe in the chooser of a class");
  await page.focus("#label-name");
  await page.keyboard.type(HOSTILE_CLASS);
  await press(page, "Enter");
  await until(
    () => classes(page),
    [`${HOSTILE_CLASS} 1`, "a 3", "b 2"],
    "a new class of any name",
  );
  await closed(page);
}

async function leaveOut(page) {
  await showClass(page, "a");
  await focusGrid(page);
  await press(page, "Home", "Delete");
  await until(
    () => classes(page),
    [`${HOSTILE_CLASS} 1`, "a 2", "b 2"],
    "Delete leaves out",
  );
  await page.getByRole("button", { name: "Left out 1 images" }).press("Enter");
  await until(() => captions(page), ["a"], "what is left out");
  await focusGrid(page);
  await press(page, "Delete");
  await until(
    () => classes(page),
    [`${HOSTILE_CLASS} 1`, "a 3", "b 2"],
    "Delete takes back",
  );
  await page
    .getByRole("button", { name: "All images 6 images" })
    .press("Enter");
}

async function editClasses(page) {
  await page
    .getByRole("button", { name: `Edit ${HOSTILE_CLASS}` })
    .press("Enter");
  same(await axeFaults(page), [], "axe in the form of a class");
  await page.fill("#class-name", "pear");
  await press(page, "Enter");
  await until(() => classes(page), ["a 3", "b 2", "pear 1"], "renamed");
  await closed(page);
  await page.getByRole("button", { name: "Edit pear" }).press("Enter");
  await page.selectOption("#merge-into", "b");
  await page.getByRole("button", { name: "Merge", exact: true }).press("Enter");
  await until(() => classes(page), ["a 3", "b 3"], "merged");
  await closed(page);
  await page.getByRole("button", { name: "Edit b" }).press("Enter");
  await page.getByRole("button", { name: "Remove the class" }).press("Enter");
  await until(() => classes(page), ["a 3"], "removed");
  await closed(page);
  for (const wanted of [
    ["a 3", "b 3"],
    ["a 3", "b 2", "pear 1"],
  ]) {
    await press(page, "Control+z");
    await until(() => classes(page), wanted, "undo of a class");
  }
}

async function dragOntoClass(page) {
  await showClass(page, "b");
  await page
    .locator('[data-position="0"]')
    .dragTo(page.locator("[data-class=pear]"));
  await until(
    () => classes(page),
    ["a 3", "b 1", "pear 2"],
    "dragged onto a class",
  );
  await press(page, "Control+z");
  await until(() => classes(page), ["a 3", "b 2", "pear 1"], "undo of a drag");
}

const drop = (page, selector, name) =>
  page.evaluate(
    async ([selector, name]) => {
      const canvas = Object.assign(document.createElement("canvas"), {
        width: 20,
        height: 20,
      });
      canvas.getContext("2d").fillRect(0, 0, name.length, 9);
      const blob = await new Promise((resolve) => canvas.toBlob(resolve));
      const transfer = new DataTransfer();
      transfer.items.add(new File([blob], name));
      const event = new DragEvent("drop", {
        dataTransfer: transfer,
        bubbles: true,
        cancelable: true,
      });
      document.querySelector(selector).dispatchEvent(event);
    },
    [selector, name],
  );

async function dropFiles(page) {
  await page
    .getByRole("button", { name: "All images 6 images" })
    .press("Enter");
  await drop(page, "[data-class=pear]", "one.png");
  await until(
    () => classes(page),
    ["a 3", "b 2", "pear 2"],
    "dropped onto a class",
  );
  await drop(page, "main", "another.png");
  await page.getByRole("button", { name: "Unlabelled 1 images" }).waitFor();
  await drop(page, "main", "third.png.txt"); // an image, whatever its name says
  await page.getByRole("button", { name: "Unlabelled 2 images" }).waitFor();
}

async function detail(page) {
  await focusGrid(page);
  await press(page, "Home", "Enter");
  await page.waitForSelector("dialog[open] .image img");
  await page.waitForFunction(
    () => document.querySelector("dialog[open] .image img").naturalWidth > 0,
  );
  same(await axeFaults(page), [], "axe on one image");
  const title = () => page.textContent("dialog[open] h2");
  await until(async () => (await title()).length > 0, true, "name");
  const first = await title();
  await press(page, "ArrowRight");
  await until(async () => (await title()) !== first, true, "the next image");
  await press(page, "Escape");
  holds((await page.locator("dialog[open]").count()) === 0, "Escape closes");
  same(
    await page.evaluate(() => document.activeElement.getAttribute("role")),
    "grid",
    "focus comes back",
  );
}

async function folderOfSplits(page) {
  await page.click("#add");
  await page.setInputFiles("#folder", split);
  await until(
    () => classes(page),
    ["a 5", "b 3", "pear 2"],
    "classes of splits",
  );
  for (const [number, name] of [
    ["1", "train a"],
    ["2", "val a"],
    ["3", "test b"],
  ]) {
    await page.selectOption("#split", number);
    await until(
      async () =>
        (await captions(page)).map((text) => text.replace(/\s+/, " ")),
      [name],
      "an image shows its split",
    );
  }
  await page.selectOption("#split", "");
  const notes = () =>
    page.$$eval(".told p", (texts) => texts.map((text) => text.textContent));
  await until(
    notes,
    [
      "1 file ignored: not an image in a class folder",
      "Folders are read as splits: 'test' as test, 'train' as train, 'validation' as val",
    ],
    "how the folders were read",
  );
  same(await axeFaults(page), [], "axe with what is told of an upload");
  await page.locator(".told").getByRole("button", { name: "Close" }).click();
  await until(notes, [], "closed");
  await press(page, "Control+z");
  await until(
    () => classes(page),
    ["a 3", "b 2", "pear 2"],
    "undone in one step",
  );
}

async function filesWithTable(page) {
  const one = {
    name: "1.png",
    mimeType: "image/png",
    buffer: readFileSync(`${table}/images/1.png`),
  };
  const imported = async (label) => {
    await until(
      () => classes(page),
      ["a 3", "b 2", "pear 2", label].sort(),
      "the class of a table",
    );
    await page.selectOption("#split", "2");
    await until(
      async () =>
        (await captions(page)).map((text) => text.replace(/\s+/, " ")),
      [`val ${label.split(" ")[0]}`],
      "its split",
    );
    await page.selectOption("#split", "");
    await press(page, "Control+z");
    await until(
      () => classes(page),
      ["a 3", "b 2", "pear 2"],
      "undone in one step",
    );
  };
  await page.click("#add");
  await page.setInputFiles("#folder", table);
  await imported("table 1");
  await page.click("#add");
  await page.setInputFiles("#files", [
    one,
    { name: "t.csv", mimeType: "text/csv", buffer: Buffer.from(LOOSE) },
  ]);
  await imported("loose 1");
  await page.click("#add");
  await page.setInputFiles("#files", [
    one,
    { name: "t.csv", mimeType: "text/csv", buffer: Buffer.from("a,b\n1,2") },
  ]);
  await page
    .getByText("t.csv has no column 'path' and no column 'label'")
    .waitFor();
  await until(() => classes(page), ["a 3", "b 2", "pear 2"], "nothing added");
  await page.keyboard.press("Escape");
  await closed(page);
}

async function messageAboveADialog(page) {
  await page.click("#export");
  await page.fill("#export-folder", "no whole path");
  await press(page, "Enter");
  const message = page.getByText("'no whole path' is not a whole path");
  await message.waitFor();
  holds(
    await message.evaluate((node) => {
      const { x, y, width, height } = node.getBoundingClientRect();
      const top = document.elementFromPoint(x + width / 2, y + height / 2);
      return node.contains(top);
    }),
    "the message does not lie behind the dialog",
  );
  same(await axeFaults(page), [], "axe on a message in a dialog");
  await page
    .locator("dialog .message", { has: message })
    .getByRole("button", { name: "Close" })
    .click();
  await until(() => message.count(), 0, "it is closed inside the dialog");
  await page.fill("#export-folder", "also no whole path");
  await press(page, "Enter");
  await page.locator("dialog").getByText("'also no whole path'").waitFor();
  await press(page, "Escape");
  await closed(page);
  await page.locator(".above").getByText("'also no whole path'").waitFor();
}

async function otherLanguageAndReload(page) {
  await page.click("#language");
  same(
    await page.locator("nav [aria-current]").textContent(),
    "데이터",
    "Korean",
  );
  same(await axeFaults(page), [], "axe in Korean");
  await page.click("#theme");
  same(await axeFaults(page), [], "axe in the dark");
  await page.reload();
  await until(() => classes(page), ["a 3", "b 2", "pear 2"], "after a reload");
}

async function twoPages(page) {
  const other = await page.context().newPage();
  await other.goto(page.url());
  await until(() => classes(other), ["a 3", "b 2", "pear 2"], "another page");
  await showClass(other, "a");
  await focusGrid(other);
  await press(other, "Home", "2");
  await until(
    () => classes(page),
    ["a 2", "b 3", "pear 2"],
    "a change of another page",
  );
  await showClass(page, "b");
  await focusGrid(page);
  await focusGrid(other);
  await press(page, "Home", "1");
  await press(other, "Home", "3"); // at nearly the same moment
  for (const each of [page, other])
    await until(
      () => classes(each),
      ["a 2", "b 2", "pear 3"],
      "changes of both pages",
    );
  await other.close();
}

/** An undo that is asked for while a change is on its way takes back that one. */
async function undoWhileItChanges(page) {
  const before = await classes(page);
  let go;
  const held = new Promise((resolve) => (go = resolve));
  const hold = (route) => held.then(() => route.continue());
  await page.route("**/changes", hold, { times: 1 });
  const asked = page.waitForRequest("**/changes");
  await focusGrid(page);
  await press(page, "Home", "Delete");
  const left = await asked;
  const undone = page.waitForResponse(
    (response) =>
      response.url().endsWith("/changes") &&
      response.request().postDataJSON().op === "undo",
  );
  await press(page, "Control+z");
  go();
  await (await left.response()).finished();
  await (await undone).finished();
  await until(() => classes(page), before, "the change is taken back");
  await page.getByRole("button", { name: "Left out 0 images" }).waitFor();
}

/** end: how the upload ends that is cancelled, "aborted" or "sent"; images of other lengths of names differ. */
async function dropAfterCancel(page, end, added) {
  const count = async () =>
    Number((await classes(page)).find((text) => /^pear /.test(text)).slice(5));
  const before = await count();
  await page.evaluate(() => {
    const send = window.fetch;
    window.fetch = (path, { signal, ...options }) => {
      if (!path.includes("/uploads?"))
        return send(path, { signal, ...options });
      window.fetch = send;
      return new Promise((resolve, reject) => {
        window.endUpload = {
          aborted: () => reject(new DOMException("", "AbortError")),
          sent: () => resolve(send(path, options)),
        };
      });
    };
  });
  await drop(page, "[data-class=pear]", `${end}.png`);
  await page.getByText("Adding images: 0 of 1").waitFor();
  await page.getByRole("button", { name: "Cancel", exact: true }).click();
  await drop(page, "[data-class=pear]", `${end}, then.png`);
  await page.getByText("Adding images: 0 of 2").waitFor();
  await page.evaluate((end) => window.endUpload[end](), end);
  await until(count, before + added, `dropped behind a cancel, ${end}`);
}

await inStudio(url, async (page) => {
  await makeProject(page);
  await addImages(page);
  await relabelByKeys(page);
  await newClassByName(page);
  await leaveOut(page);
  await editClasses(page);
  await dragOntoClass(page);
  await dropFiles(page);
  await folderOfSplits(page);
  await filesWithTable(page);
  await detail(page);
  await messageAboveADialog(page);
  await otherLanguageAndReload(page);
  await twoPages(page);
  await undoWhileItChanges(page);
  await dropAfterCancel(page, "aborted", 1);
  await dropAfterCancel(page, "sent", 2);
  await page.setViewportSize({ width: 360, height: 740 });
  same(await axeFaults(page), [], "axe on a phone");
  const wide = await page.evaluate(
    () => document.documentElement.scrollWidth - innerWidth,
  );
  holds(wide <= 0, `the page is ${wide} px wider than a phone`);
});
console.log("ok");
