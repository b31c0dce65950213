// Scrolls the studio's grid for some seconds and prints frames/s: node studio_grid.mjs URL PROJECT SECONDS
import { inStudio } from "../tests/studio/open.mjs";

const [url, project, seconds] = process.argv.slice(2);

await inStudio(url, async (page) => {
  await page.goto(`${url.split("/?")[0]}/#/${project}/data`);
  await page.waitForSelector("[role=gridcell]");
  await page.waitForTimeout(2000);
  const measured = await page.evaluate(
    async (milliseconds) => {
      const grid = document.querySelector("[role=grid]");
      const times = [];
      const start = performance.now();
      let most = 0;
      await new Promise((resolve) => {
        function frame(now) {
          times.push(now);
          const t = (now - start) / milliseconds;
          grid.scrollTop += t < 0.5 ? 120 : 4000; // px a frame: reading speed, then a fling
          if (times.length % 30 === 0)
            most = Math.max(
              most,
              document.querySelectorAll("[role=gridcell]").length,
            );
          if (t < 1) requestAnimationFrame(frame);
          else resolve();
        }
        requestAnimationFrame(frame);
      });
      const gaps = times.slice(1).map((time, i) => time - times[i]);
      gaps.sort((a, b) => a - b);
      return {
        frames_per_second: (1000 * gaps.length) / (times.at(-1) - times[0]),
        p95_frame_ms: gaps[Math.floor(0.95 * gaps.length)],
        longest_frame_ms: gaps.at(-1),
        frames: gaps.length,
        cells_in_the_page: most,
      };
    },
    1000 * Number(seconds),
  );
  console.log(JSON.stringify(measured));
});
