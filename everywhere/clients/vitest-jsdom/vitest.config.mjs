import { defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    environment: "jsdom",
    environmentOptions: { jsdom: { url: JSON.parse(process.env.EVERYWHERE).url } },
    testTimeout: 60_000,
  },
})
