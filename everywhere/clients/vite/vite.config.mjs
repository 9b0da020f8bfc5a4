import { defineConfig } from "vite"

export default defineConfig({
  build: { rollupOptions: { input: "entry.mjs", output: { entryFileNames: "[name].js" } } },
})
