import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    environment: "happy-dom",
    environmentOptions: { happyDOM: { url: JSON.parse(process.env.EVERYWHERE).url } },
    testTimeout: 60_000,
  },
})
