// Amounts as the page writes them, as JSON: node numbers.mjs
import { load } from "../learn/load.mjs";

const { bytes, shortDuration } = await load("../shared/numbers.ts");
const brief = (seconds) => {
  const { unit, n } = shortDuration(seconds) ?? { unit: "long", n: "" };
  return `${unit} ${n}`.trim();
};
console.log(
  JSON.stringify({
    memory: [0, 999_999, 1e6, 3_440_000, 9_960_000, 240e6, 1.25e9].map(
      (value) => bytes(value),
    ),
    files: [0, 240_400, 27_300_000].map((value) => bytes(value, true)),
    durations: [0, 3.6e-6, 0.001, 0.0347, 0.994, 0.996, 3.44, 9.96].map(
      brief,
    ),
  }),
);
