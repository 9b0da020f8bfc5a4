const Metro = require("metro")

async function build() {
  // The settings for package resolution of React Native's own configuration.
  const resolver = {
    resolverMainFields: ["react-native", "browser", "main"],
    unstable_conditionNames: ["react-native"],
  }
  const config = await Metro.loadConfig({}, { projectRoot: __dirname, resolver })
  await Metro.runBuild(config, { entry: "entry.mjs", out: "dist/entry.js", platform: "ios", dev: false })
}

build().catch((error) => {
  console.error(error)
  process.exitCode = 1
})
