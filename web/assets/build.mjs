// Builds everything the browser gets into web/dist: `npm run build`.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { drawIcons } from "./icons/draw.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "dist");

mkdirSync(dist, { recursive: true });
for (const old of readdirSync(dist)) {
  if (old !== ".keep") rmSync(join(dist, old), { recursive: true });
}

execFileSync(
  join(here, "node_modules", ".bin", "tailwindcss"),
  ["--input", join(here, "css", "app.css"), "--output", join(dist, "app.css"), "--minify"],
  { stdio: ["ignore", "ignore", "inherit"] },
);
await build({
  entryPoints: ["app.js", "chart.js", "confetti.js", "offline.js", "sw.js"].map((name) => join(here, "scripts", name)),
  outdir: dist,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  legalComments: "eof",
  logLevel: "warning",
});
copyFileSync(join(here, "icons", "icon.svg"), join(dist, "icon.svg"));
drawIcons(dist);
