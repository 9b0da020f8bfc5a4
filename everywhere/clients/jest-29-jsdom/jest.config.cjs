const { url } = JSON.parse(process.env.EVERYWHERE)

module.exports = {
  testMatch: ["**/suite.test.cjs"],
  testTimeout: 60_000,
  testEnvironment: "jsdom",
  testEnvironmentOptions: { url },
}
