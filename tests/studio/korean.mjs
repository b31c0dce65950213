// The Korean of the sentences in the JSON list on standard input, as the studio has it; null where there is none.
import { text } from "node:stream/consumers";
import { load } from "../learn/load.mjs";

const { translatorOf } = await load("../shared/korean.ts");
const { table } = await load("../studio/sentences/table.ts");
const sentences = JSON.parse(await text(process.stdin));
const translate = translatorOf(table);
console.log(
  JSON.stringify(sentences.map((sentence) => translate(sentence) ?? null)),
);
