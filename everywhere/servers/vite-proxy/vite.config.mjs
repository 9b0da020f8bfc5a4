import { defineConfig } from "vite"

export default defineConfig({
  server: {
    proxy: {
      "/everwire": { target: process.env.HUB ?? "http://localhost:8080", ws: true },
    },
  },
})
